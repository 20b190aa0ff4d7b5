//! The descriptors of a process: `proc_pidinfo` with `PROC_PIDLISTFDS`, and its files held by Mach ports:
//! `PROC_PIDLISTFILEPORTS`. Both return an array of pairs of numbers.
//!
//! Sources: `bsd/sys/proc_info.h` (`struct proc_fdinfo`, `struct proc_fileportinfo`).

use crate::reader::Reader;

/// The bytes of one entry.
pub const PROC_FDINFO_BYTES: usize = 8;

/// The type of a descriptor that is a socket, `PROX_FDTYPE_SOCKET`.
pub const PROX_FDTYPE_SOCKET: u32 = 2;

/// `struct proc_fdinfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcFdinfo {
    /// `proc_fd`: the descriptor.
    pub fd: i32,
    /// `proc_fdtype`.
    pub kind: u32,
}

/// `struct proc_fileportinfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcFileportinfo {
    /// `proc_fileport`: the name of the Mach port.
    pub port: u32,
    /// `proc_fdtype`.
    pub kind: u32,
}

/// The descriptors in the kernel's answer. An incomplete entry at the end is ignored.
pub fn descriptors(bytes: &[u8]) -> impl Iterator<Item = ProcFdinfo> {
    bytes.chunks_exact(PROC_FDINFO_BYTES).filter_map(|entry| {
        let mut reader = Reader::new("proc_fdinfo", entry);
        Some(ProcFdinfo { fd: reader.i32_ne().ok()?, kind: reader.u32_ne().ok()? })
    })
}

/// The file ports in the kernel's answer. An incomplete entry at the end is ignored.
pub fn fileports(bytes: &[u8]) -> impl Iterator<Item = ProcFileportinfo> {
    bytes.chunks_exact(PROC_FDINFO_BYTES).filter_map(|entry| {
        let mut reader = Reader::new("proc_fileportinfo", entry);
        Some(ProcFileportinfo { port: reader.u32_ne().ok()?, kind: reader.u32_ne().ok()? })
    })
}

/// The process ids in the answer of `proc_listpids`. An incomplete one at the end is ignored. Zero is the kernel.
pub fn pids(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).filter_map(|entry| Reader::new("pid", entry).u32_ne().ok())
}
