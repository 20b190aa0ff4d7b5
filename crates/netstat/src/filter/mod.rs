//! What lets a row through: the one filter mechanism. A query's own terms build it, `ss`-like text is read
//! into it, back ends read from it what they may leave out, and its predicate decides, whatever the kernel has
//! filtered already.

mod base;
mod build;
mod decide;
mod display;
mod error;
mod expr;
mod host;
mod lex;
mod net;
mod parse;
mod pushdown;
#[cfg(test)]
pub(crate) mod random;
mod states;
mod term;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
mod value;
mod words;

pub use base::Filter;
pub use error::FilterError;

#[allow(unused_imports, reason = "of use where the kernel takes filters")]
pub(crate) use {
    decide::{Facts, listening as listening_state},
    expr::Expr,
    net::Net,
    parse::{Lookups, parse},
    term::{End, Term},
};
