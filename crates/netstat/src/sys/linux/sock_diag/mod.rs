//! `NETLINK_SOCK_DIAG`, sock_diag(7): tables of sockets dumped, single sockets looked up and closed.
//!
//! [`request`] decides which dumps a query needs, [`dumps`] reads them over one socket, [`netlink`] implements the
//! exchange itself. [`lookup`], [`recheck`] and [`destroy`] are requests about single sockets.

mod bytecode;
pub(super) mod counts;
pub(crate) mod destroy;
pub(super) mod dumps;
mod lookup;
pub(super) mod netlink;
pub(super) mod recheck;
pub(super) mod request;
pub(super) mod selection;
