//! The JSON. Its fields are a promise (`"schema":"lsock/1"`): fields may be added, never changed.

mod detail_records;
mod document;
pub(crate) mod event;
mod family_records;
mod groups;
mod lines;
mod records;
mod row;
mod why;
mod workload_records;
mod writer;

pub(super) use document::write_document;
pub(super) use groups::{groups_document, groups_lines};
pub(super) use lines::write_lines;
pub use why::why_document;
