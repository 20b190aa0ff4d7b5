//! What macOS says: one file an interface, named as XNU names it.
//!
//! Two interfaces tell of sockets. The `pcblist_n` nodes of sysctl hand out whole tables, a socket being a
//! set of records ([`records`], [`pcblist_n`], [`unpcblist_n`]); libproc is asked for the descriptors of one
//! process ([`proc_fdinfo`]) and for the socket behind one descriptor ([`socket_fdinfo`]). They share the
//! way addresses are kept ([`address`]), the numbers of the TCP states ([`tcp_states`]), and the handle by
//! which a socket is known in both. Of processes tells [`proc_pidinfo`].
//!
//! Layouts are those of XNU 11417 (macOS 15), 64 bits; what differs in other versions is told where it does.

pub mod address;
pub mod pcblist_n;
pub mod proc_fdinfo;
pub mod proc_pidinfo;
pub mod records;
pub mod socket_fdinfo;
pub mod socket_state;
pub mod tcp_states;
pub mod unpcblist_n;

mod sockaddr_un;
