//! The tables of the families beside IP: unix, netlink, packet, vsock, XDP and TIPC sockets. A further family is an entry
//! in [`FAMILIES`].
//!
//! Each family has a dump of its own over `NETLINK_SOCK_DIAG`, without a filter program, and some have a file in
//! `/proc/net`. A table is read to its end before its rows are emitted, for three reasons: the name of a unix socket's peer
//! is in the row of the peer; netlink and packet sockets are grouped by protocol, which the kernel does not do; and a dump
//! that fails half-way leaves nothing behind, so that the file can take its place.
//!
//! Sources: sock_diag(7), linux/{unix,netlink,packet,vm_sockets,xdp}_diag.h, linux/tipc_sockets_diag.h.

mod dump;
mod info;
mod names;
mod netlink;
mod packet;
mod proc_file;
mod still_open;
mod tables;
mod tipc;
mod unix;
mod vsock;
mod xdp;

pub(crate) use info::{FamilyTable, socket_type};
pub(crate) use still_open::still_open;
#[cfg(test)]
pub(crate) use tables::FAMILIES;
pub(crate) use tables::{list, tables_of};
