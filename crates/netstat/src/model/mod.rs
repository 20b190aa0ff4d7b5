//! The types of a query's answer. They make no system call and start no thread.

pub(crate) mod counts;
pub mod details;
pub(crate) mod error;
pub(crate) mod flags;
pub(crate) mod gap;
pub(crate) mod owner;
pub(crate) mod owner_source;
pub(crate) mod process;
pub(crate) mod snapshot;
pub(crate) mod socket;
pub(crate) mod support;
pub(crate) mod tcp_state;
