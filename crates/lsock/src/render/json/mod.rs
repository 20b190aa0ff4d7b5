//! The JSON. Its fields are a promise (`"schema":"lsock/1"`): fields may be added, never changed.

mod connection;
mod detail_records;
mod document;
pub(crate) mod event;
mod family_records;
mod lines;
mod owner_record;
mod records;
mod row;
mod why;
mod writer;

pub(super) use document::write_document;
pub(super) use lines::write_lines;
pub use why::why_document;
