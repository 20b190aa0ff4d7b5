//! A program that finds files which are no sockets.

use super::fdtable::FileTables;
use std::os::fd::OwnedFd;

/// A program that finds io_urings, or namespaces. It is loaded when the first are looked for, and kept as long as that which
/// finds sockets.
#[derive(Debug, Default)]
pub(super) enum FileProgram {
    #[default]
    NotLoaded,
    Tables(FileTables),
    TaskFiles(OwnedFd),
    Refused,
}
