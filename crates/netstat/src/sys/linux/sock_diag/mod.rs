//! `NETLINK_SOCK_DIAG`, sock_diag(7): tables of sockets dumped, single sockets looked up and closed.

mod bytecode;
pub(super) mod counts;
pub(super) mod datagram_queue;
pub(crate) mod destroy;
pub(super) mod details;
pub(super) mod dumps;
pub(super) mod netlink;
pub(super) mod pipeline;
pub(super) mod recheck;
pub(super) mod request;
