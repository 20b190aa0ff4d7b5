//! Decoders for macOS: one file per kernel interface, named as XNU names it.
//!
//! Two interfaces describe sockets. The `pcblist_n` nodes of sysctl return whole tables, in which a socket is a set of
//! records ([`records`], [`pcblist_n`], [`unpcblist_n`]). libproc returns the descriptors of one process
//! ([`proc_fdinfo`]) and the socket behind one descriptor ([`socket_fdinfo`]). Both have the same form of addresses
//! ([`address`]), the same numbers of TCP states ([`tcp_states`]), and the same handle for a socket. [`proc_pidinfo`]
//! describes processes, and [`csops`] their signatures.
//!
//! Layouts are those of XNU 11417 (macOS 15), 64 bits; differences of other versions are noted with the structure.

pub mod address;
pub mod csops;
pub mod pcblist_n;
pub mod proc_fdinfo;
pub mod proc_pidinfo;
pub mod records;
pub mod socket_fdinfo;
pub mod socket_state;
pub mod tcp_states;
pub mod unpcblist_n;

mod sockaddr_un;
