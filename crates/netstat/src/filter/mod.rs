//! The filter of a query, the only one there is: built from terms or parsed from `ss`-like text, pushed down to back ends
//! as far as they can use it, and applied to every row at the end, whatever the kernel has filtered already.

mod base;
mod build;
mod decide;
mod display;
mod error;
mod expr;
mod host;
mod lex;
mod net;
mod other_ends;
mod parse;
mod protocol_set;
mod pushdown;
#[cfg(test)]
pub(crate) mod random;
mod states;
mod term;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
mod unix_pattern;
mod value;
mod words;

pub use base::Filter;
pub use error::FilterError;

#[allow(unused_imports, reason = "of use where the kernel takes filters")]
pub(crate) use {
    decide::{Facts, OwnerFacts, PeerRow, Verdict, listening as listening_state},
    expr::Expr,
    net::Net,
    parse::{Lookups, parse},
    protocol_set::ProtocolSet,
    term::{End, Term},
};
