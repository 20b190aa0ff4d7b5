//! What the commands of the program `lsock` share: arguments, columns, sorting, escaping, output.
//!
//! **Internal.** This library exists for the program of the same package. Any release may change or remove anything in
//! it. To list sockets from Rust, use the crate `netstat`.
//!
//! From arguments to output: [`list_args`] (with [`filter_args`]) is what was typed, [`plan`] what to query and how to
//! show it, the crate `netstat` answers with a snapshot, [`view`] prepares its names, [`sort`] sorts its rows,
//! [`render`] writes them, fitted to a [`screen`] if that is where they go; [`overview`] folds them. [`columns`] is the one
//! list of what can be shown.

#[cfg(feature = "top")]
pub mod alternate_screen;
pub mod bare_word;
pub mod columns;
mod counts;
mod digits;
pub mod duration;
pub mod escape;
pub mod events;
mod family_args;
pub mod filter_args;
pub mod gaps;
mod holders;
pub mod host_names;
pub mod list_args;
pub mod overview;
mod parallel;
pub mod plan;
pub mod processes;
mod protocol_args;
pub mod render;
pub mod rights;
pub mod screen;
mod service_names;
pub mod sort;
pub mod targets;
mod time;
#[cfg(feature = "top")]
pub mod top;
pub mod usage;
pub mod users;
pub mod view;
pub mod why;

#[cfg(test)]
mod screen_tests;
