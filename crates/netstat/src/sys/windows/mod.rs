//! Windows.
//!
//! # How sockets are listed
//! By `GetExtendedTcpTable` and `GetExtendedUdpTable` ([`sockets`]): four tables (two protocols, two
//! families), each a snapshot of its own, in the form that tells the process, the time of the bind and the
//! tag of the service. No right is needed; every user sees every socket. An AppContainer is refused.
//!
//! # How owners are found
//! A row names one process, the one that bound the endpoint: [`OwnerRole::Binder`]. Processes that inherited
//! or were given the socket are never told, so no list of owners is complete. The binder may have ended,
//! while a child goes on with the socket, and its pid may have been given to another process. So the
//! processes of the machine are read after the tables ([`owners`]): a binder that is not among them, or that
//! started after the bind, is told as [`OwnerRole::EndedBinder`].
//!
//! # How processes are described
//! By one `NtQuerySystemInformation` for names, parents, sessions and start times of all of them, without
//! opening one ([`processes`]); by another for the path of each that is shown ([`paths`]), or where that
//! fails by opening it with the limited right. The user comes from the token ([`users`]), which is open to
//! the same user and to administrators. The service is asked of the service manager by its tag
//! ([`services`]), once for all sockets of one.
//!
//! # What can race
//! The tables grow while they are read: [`sizing`]. A process may end between the tables and the list of
//! processes; it is then told as ended, which it is.
//!
//! # What is never seen
//! Queues, users and identities of sockets; the remote end of a connected UDP socket; other holders than the
//! binder; sockets inside the virtual machine of WSL 2 and in other network compartments. TCP sockets that
//! are bound but idle are listed on Windows 10 1809 and later when CLOSED sockets are asked for.
//!
//! # The seam
//! [`kernel`] is every call of the system, as one trait; `ffi` makes them, and everything else here is
//! compiled and tested on every system against a scripted one.
//!
//! Sources: iphlpapi.h, iprtrmib.h, tcpmib.h, udpmib.h, winternl.h, and the pages of these calls on
//! learn.microsoft.com; what is undocumented is as System Informer uses it.

pub(super) mod ffi;
mod kernel;
mod owners;
mod paths;
mod processes;
mod request;
mod row;
mod services;
mod sizing;
mod sockets;
mod system;
#[cfg(test)]
mod tests;
mod users;

pub(crate) use row::tcp_state;
