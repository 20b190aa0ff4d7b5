//! Raw sockets over netlink (`struct inet_diag_req_raw` of `linux/inet_diag.h`, `net/ipv4/raw_diag.c`), since
//! 4.10.
//!
//! The request is `struct inet_diag_req_v2` with a meaning for the last byte before the states, the answer
//! [`InetDiagMsg`](super::inet_diag::InetDiagMsg):
//!
//! | offset | field                |                                                |
//! |-------:|----------------------|------------------------------------------------|
//! |      0 | `sdiag_family`       | u8                                             |
//! |      1 | `sdiag_protocol`     | u8, [`IPPROTO_RAW`] for every raw socket       |
//! |      2 | `idiag_ext`          | u8                                             |
//! |      3 | `sdiag_raw_protocol` | u8, in an exact lookup the IP protocol         |
//! |      4 | `idiag_states`       | u32                                            |
//! |      8 | `id`                 | 48 bytes                                       |
//!
//! Traps:
//! - The kernel needs `CONFIG_INET_RAW_DIAG`, which many do not have: the dump then ends with `ENOENT` in its
//!   `NLMSG_DONE`. `/proc/PID/net/raw` and `raw6` are always there ([`proc_net`](super::proc_net)).
//! - The older request (both families in one walk) has an empty answer and no error.
//! - Local "ports" are IP protocols: [`sport`](super::inet_diag::SockId::sport) of an answer, and in a dump's
//!   request the wanted one. [`INET_DIAG_PROTOCOL`](super::inet_diag::INET_DIAG_PROTOCOL) has the same. There is no
//!   remote one: 0.
//! - States of a request are ignored. In answers they are ESTABLISHED for a connected socket and CLOSE for all
//!   others.
//! - An exact lookup, and the closing of a socket, take the first socket that *receives* from these addresses:
//!   one that is bound to no address matches too, and **the cookie is not compared**. So this module has no
//!   request that closes one.
//! - Ping sockets (`SOCK_DGRAM` with ICMP) are no raw sockets, and no netlink interface lists them:
//!   `/proc/PID/net/icmp` and `icmp6` do.

use super::inet_diag::{INET_DIAG_REQ_BYTECODE, RequestV2, SockId};
use super::netlink::put_attribute;

/// In a request every raw socket, with any IP protocol. As the IP protocol of a socket: one that only sends, with
/// headers of its own.
pub const IPPROTO_RAW: u8 = 255;

/// Where `sdiag_raw_protocol` is in the message.
const RAW_PROTOCOL: usize = 16 + 3;

/// `struct inet_diag_req_raw`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestRaw {
    /// `sdiag_family`: [`AF_INET`](super::inet_diag::AF_INET) or [`AF_INET6`](super::inet_diag::AF_INET6). With
    /// any other a dump is empty.
    pub family: u8,
    /// `idiag_ext`: as in [`RequestV2`]; of the memory only.
    pub ext: u8,
    /// `sdiag_raw_protocol`: in an exact lookup the IP protocol. A dump ignores it.
    pub raw_protocol: u8,
    /// `id`: in a dump the IP protocol as [`sport`](SockId::sport), or 0; in an exact lookup the addresses.
    pub id: SockId,
}

impl RequestRaw {
    /// The whole netlink message; `NLM_F_REQUEST` is added to `flags`.
    pub fn encode(&self, flags: u16, seq: u32) -> Vec<u8> {
        let Self { family, ext, raw_protocol, id } = *self;
        // All states, in case a later kernel filters by them.
        let v2 = RequestV2 { family, protocol: IPPROTO_RAW, ext, states: u32::MAX, id };
        let mut message = v2.encode(flags, seq);
        if let Some(byte) = message.get_mut(RAW_PROTOCOL) {
            *byte = raw_protocol;
        }
        message
    }

    /// The same with a program that the kernel runs over each socket of a dump, as [`RequestV2::encode_with`].
    pub fn encode_with(&self, flags: u16, seq: u32, bytecode: &[u8]) -> Option<Vec<u8>> {
        let mut message = self.encode(flags, seq);
        let whole = bytecode.is_empty() || put_attribute(&mut message, INET_DIAG_REQ_BYTECODE, bytecode);
        whole.then_some(message)
    }
}
