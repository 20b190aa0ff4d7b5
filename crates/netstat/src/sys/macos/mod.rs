//! macOS, and what can be had on the other systems of Apple.
//!
//! # How sockets are listed
//! By sysctl `net.inet.{tcp,udp}.pcblist_n` ([`sockets`]): the kernel copies its tables out in binary records,
//! as it does for `netstat`. Up to macOS 26 no right is needed. A record names the user who made the socket,
//! the process that used it last and the one on whose behalf it is used: they appear as owners in roles of
//! their own, since none of them need hold it.
//!
//! # How owners are found
//! By libproc ([`owners`]): every process's descriptors are listed, and each socket among them is asked for. A
//! socket has the same handle in both answers; a handle is used again, so its generation must be the same
//! too. Sockets are also parked in Mach ports without a descriptor, and looked for there.
//! A user can read the processes of the same effective user, root all. What is not read is counted.
//!
//! # What macOS 27 changed
//! The tables then show a program that is not Apple's only part of what there is, and still tell how many
//! there are. That is noticed ([`listed`]), told as a gap, and made up for by what libproc has seen: the
//! sockets of the caller's own processes.
//!
//! # How processes are described
//! [`processes`]: name, parent and user of every process; the path too; the start of those that can be read. A
//! number that no other process ever has tells a process from a later one with the same pid.
//!
//! # What can race
//! The tables are consistent in themselves: they are locked while they are copied. Descriptors are closed and
//! used again, processes end, while they are walked: such are passed over and counted. What was opened after
//! its table was read is in the walk alone, and listed.
//!
//! # What is never seen
//! The descriptors behind the subflows of multipath TCP (the row says who used it last), and of connections in
//! a process's own network stack. Connections that have ended but are still held by a descriptor.
//!
//! In a sandbox (App Sandbox, and every program on iOS) the tables may be refused and libproc may show no other
//! process: what is left are the caller's own sockets, and gaps that say so.
//!
//! Sources: `bsd/netinet/in_pcblist.c`, `bsd/kern/proc_info.c`, `bsd/kern/socket_info.c` of XNU.

mod calls;
// Empty where there is no libSystem.
pub(crate) mod ffi;
mod kernel;
mod listed;
mod owners;
mod processes;
mod row;
mod sockets;
mod system;
#[cfg(test)]
mod tests;
mod users;

#[cfg(any(test, netstat_scripted))]
pub(crate) use {
    kernel::{Kernel, Returned},
    system::Macos,
};
