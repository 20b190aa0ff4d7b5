//! Decoders of kernel interfaces that report sockets and processes: bytes in, records out.
//!
//! The crate does no I/O, does not depend on the system it runs on, and has no `unsafe`; so the formats of every
//! system are tested and fuzzed on any one of them. Features select the formats: `linux`,
//! `macos`, `windows`, or all by `all-systems`. Bytes whose order or width belongs to a kernel are read in the
//! order of the machine that runs this code (`_ne`): a kernel and its callers share it.
//!
//! What every decoder promises:
//! - No bytes make it panic, and the time it takes is linear in their number.
//! - A truncated record is an error or is seen to be missing, never a record with other values.
//! - A record that is longer than this crate knows is accepted, since kernels append fields; an unknown attribute
//!   is skipped by its length; an unknown number (a state, a family, a protocol) is returned unchanged.
//! - Zero means what it means to the kernel. Whether a zero stands for "none" depends on the state of the socket,
//!   and is decided by the caller.
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
