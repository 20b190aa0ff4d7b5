//! The types of a query's answer. They make no system call and start no thread.

pub(crate) mod counts;
pub mod details;
pub(crate) mod endpoint;
pub(crate) mod error;
pub(crate) mod escape;
pub(crate) mod event;
pub(crate) mod family;
pub(crate) mod flags;
pub(crate) mod gap;
pub(crate) mod identity;
pub(crate) mod namespace;
pub(crate) mod owner;
pub(crate) mod owner_source;
pub(crate) mod process;
pub(crate) mod process_id;
pub(crate) mod protocol;
pub(crate) mod protocol_kind;
pub(crate) mod queues;
pub(crate) mod scope;
pub(crate) mod snapshot;
pub(crate) mod socket;
pub(crate) mod socket_key;
pub(crate) mod spelling;
pub(crate) mod state;
pub(crate) mod support;
