//! Windows.
//!
//! # How sockets are listed
//! By `GetExtendedTcpTable` and `GetExtendedUdpTable` ([`sockets`]): four tables (two protocols, two
//! families), each a separate snapshot, in the class that has the process, the time of the bind and the tag of
//! the service. No right is needed; every user sees every socket. An AppContainer is denied access.
//!
//! # How owners are found
//! A row names one process, the one that bound the endpoint: [`OwnerRole::Binder`]. Windows does not report the
//! processes that inherited the socket or received a duplicate, so no list of owners is complete. The binder may
//! have ended while a child keeps the socket open, and its pid may have been reused. So the processes of the
//! machine are read after the tables ([`owners`]): if the pid is not among them, or belongs to a process that
//! started after the bind, the owner is an [`OwnerRole::EndedBinder`].
//!
//! # How processes are described
//! One `NtQuerySystemInformation` returns names, parents, sessions and start times of all processes without
//! opening any ([`process_list`]). Another returns the path of each process that is shown ([`paths`]); if it fails,
//! the process is opened with the limited right. The user comes from the token, or from one
//! `WTSEnumerateProcessesExW` if the token is denied ([`users`]). The service control manager names the service of a
//! tag ([`services`]), once for all sockets of the service, and all services of a process with its package
//! ([`workloads`]). Calls to services of the system are bounded in time
//! ([`bounded`]).
//!
//! # What can race
//! The tables grow while they are read: [`sizing`]. A process that ends between the tables and the list of
//! processes is an ended binder.
//!
//! # What is not available
//! Queues, users and identities of sockets; the remote end of a connected UDP socket; holders other than the
//! binder; unix and Hyper-V sockets, which no documented interface lists; sockets inside the virtual machine of
//! WSL 2 and in other network compartments. TCP sockets that
//! are bound but idle are listed on Windows 10 1809 and later when CLOSED sockets are asked for.
//!
//! # The seam
//! [`kernel`] is one trait with every call of the system. `ffi` implements it; all other files are compiled and
//! tested on every system over a scripted machine.
//!
//! Sources: iphlpapi.h, iprtrmib.h, tcpmib.h, udpmib.h, winternl.h, and the pages of these calls on
//! learn.microsoft.com; for what is undocumented, the headers of System Informer.

mod bounded;
pub(super) mod ffi;
mod kernel;
mod owners;
mod paths;
mod process_list;
mod processes;
mod request;
mod row;
mod services;
mod shared;
mod sizing;
mod sockets;
mod system;
#[cfg(test)]
mod tests;
mod users;
mod workloads;

pub(crate) use row::tcp_state;
