//! macOS, and as far as a sandbox allows the other systems of Apple.
//!
//! # Sockets
//! sysctl `net.inet.{tcp,udp}.pcblist_n` ([`sockets`]): the kernel copies its tables out in binary records, as for
//! `netstat`. Up to macOS 26 this needs no right. A record names the user who created the socket, the process that used
//! it last, and the process that another one uses it for. These processes become owners in roles of their own, since they
//! need not hold the socket. Unix sockets have tables of their own ([`local_sockets`]).
//!
//! # Owners
//! libproc ([`owners`]): each process's descriptors are listed, and each socket among them is read. A socket has the same
//! handle in both interfaces. Handles are reused, so the generation must be equal too. Sockets can also be held by Mach
//! ports without a descriptor, which are listed likewise. A user can read the processes of the same effective user, root
//! all. Others are counted. libproc has no generation of unix sockets: [`unix_holders`] verifies theirs.
//!
//! # macOS 27
//! The tables omit the sockets of other processes. The back end detects this ([`listed`]), reports a gap, and adds the
//! sockets that libproc shows: those of the caller's processes.
//!
//! # Processes
//! [`processes`]: name, parent, user and path of every process; the start of those that can be read. A number that no
//! other process has distinguishes a process from a later one with the same pid.
//!
//! # Races
//! A table is consistent in itself: it is locked while it is copied. During the scan descriptors are closed and reused,
//! and processes end: these are skipped and counted. A socket that was created after its table was read is seen by the
//! scan alone, and listed if it is still open after the tables were read.
//!
//! # Not visible
//! The descriptors of multipath TCP connections (the rows of their subflows name the last user), and of connections in a
//! process's own network stack. Connections that have ended while a descriptor still refers to them.
//!
//! In a sandbox (App Sandbox, and every program on iOS) the tables may be refused and libproc may show no other process:
//! the caller's own sockets remain, with gaps.
//!
//! Sources: `bsd/netinet/in_pcblist.c`, `bsd/kern/uipc_usrreq.c`, `bsd/kern/proc_info.c`, `bsd/kern/socket_info.c` of XNU.

mod calls;
// Empty on systems without libSystem.
pub(crate) mod ffi;
mod kernel;
mod listed;
mod local_sockets;
mod owners;
mod processes;
mod row;
mod sockets;
mod system;
mod table_fault;
#[cfg(test)]
mod tests;
mod unix_holders;
mod users;
mod workload;

#[cfg(test)]
pub(crate) use {
    kernel::{Kernel, Returned},
    system::Macos,
};
