//! One exchange over `NETLINK_SOCK_DIAG`: a request, and its answer read record by record.
//!
//! A dump is requested with one datagram and answered with many. Each receive copies out one chunk that the
//! kernel prepared earlier and prepares the next: at most 32 KiB, and never more than the largest buffer
//! this socket has received with. The end is `NLMSG_DONE`, whose payload is the error code: a protocol
//! without a handler in this kernel ends at once with `-ENOENT`, and a reader that ignores the code takes "not
//! supported" for "no sockets". A missing family handler, a refused filter or a busy socket is reported as
//! `NLMSG_ERROR`.
//!
//! Sources: netlink(7), sock_diag(7), include/uapi/linux/netlink.h, net/netlink/af_netlink.c.

mod answer;
mod fault;
mod peer;
mod pipeline;

pub(crate) use answer::Answer;
pub(crate) use fault::Fault;
pub(crate) use peer::{BUFFER_BYTES, Peer, SockDiag, receive};

#[cfg(test)]
pub(crate) use peer::{Received, Receiver};
