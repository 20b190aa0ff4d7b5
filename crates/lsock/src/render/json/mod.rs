//! The JSON. Its fields are a promise (`"schema":"lsock/1"`): fields may be added, never changed.

mod connection;
mod counts;
mod detail_records;
mod document;
pub(crate) mod event;
mod family_records;
mod groups;
mod lines;
mod owner_record;
mod records;
mod row;
mod why;
mod workload_records;
mod writer;

pub(super) use counts::{Count, counts_document, counts_lines};
pub(super) use document::write_document;
pub(super) use groups::{groups_document, groups_lines};
pub(super) use lines::write_lines;
pub use why::why_document;
