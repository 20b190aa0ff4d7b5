//! Decoders of what kernels say about sockets and processes: bytes in, records out.
//!
//! Nothing here does I/O, knows which system it runs on, or uses `unsafe`; so the formats of every
//! system are tested and fuzzed on any one of them. Which formats are built is told by features, `linux`,
//! `macos`, `windows`, or all by `all-systems`. Bytes whose order or width belongs to a kernel
//! are read in the order of the machine that runs this code (`_ne`): a kernel and its callers share it.
//!
//! What every decoder promises:
//! - No bytes make it panic, and the time it takes is linear in their number.
//! - A record that is cut short is an error or is seen to be missing, never a record with other values.
//! - A record that is longer than this crate knows is accepted, since kernels append fields; an
//!   attribute that it does not know is skipped by its length; a number that it does not know (a state,
//!   a family, a protocol) is handed on as it came.
//! - Zero means here what it means to the kernel. Whether a zero stands for "none" depends on the
//!   state of the socket, and is decided by the reader of the record.
//!
//! This crate is an internal part of `netstat`: the two are released together, and its interface
//! changes without notice.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
    )
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(any(feature = "linux", doc))]
pub mod linux;
#[cfg(any(feature = "macos", doc))]
pub mod macos;
pub mod reader;
#[cfg(any(feature = "windows", doc))]
pub mod windows;

pub use reader::{DecodeError, Reader};
