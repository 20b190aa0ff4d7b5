//! The requests of [`inet_diag`](super), as netlink messages.

use super::{
    INET_DIAG_REQ_BYTECODE, INET_DIAG_REQ_PROTOCOL, SOCK_DESTROY, SOCK_DIAG_BY_FAMILY, SockId,
    TCPDIAG_GETSOCK,
};
use crate::linux::netlink::{Header, NLM_F_REQUEST, put_attribute};

/// `struct inet_diag_req_v2`: a request for one family and one protocol. Since 3.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestV2 {
    /// `sdiag_family`: [`AF_INET`](super::AF_INET) or [`AF_INET6`](super::AF_INET6). 0
    /// is refused with `ENOENT`.
    pub family: u8,
    /// `sdiag_protocol`: [`IPPROTO_TCP`](super::IPPROTO_TCP) ...
    pub protocol: u8,
    /// `idiag_ext`: which attributes to add, bit `n - 1` for attribute `n` up to 8.
    pub ext: u8,
    /// `idiag_states`: which states, bit `n` for state `n` ([`mask`](crate::linux::tcp_states::mask)).
    pub states: u32,
    /// `id`: in a dump the ports, or 0; in an exact lookup the socket.
    pub id: SockId,
}

impl RequestV2 {
    /// The whole netlink message, type [`SOCK_DIAG_BY_FAMILY`]; `NLM_F_REQUEST` is added to `flags`.
    pub fn encode(&self, flags: u16, seq: u32) -> Vec<u8> {
        self.message(SOCK_DIAG_BY_FAMILY, flags, seq)
    }

    /// The same with a program that the kernel runs over each socket of a dump ([`INET_DIAG_REQ_BYTECODE`]).
    ///
    /// An empty program, which the kernel would refuse and which refuses nothing, is left out. `None`: the
    /// program is too long for an attribute (65,531 bytes).
    pub fn encode_with(&self, flags: u16, seq: u32, bytecode: &[u8]) -> Option<Vec<u8>> {
        with_bytecode(self.encode(flags, seq), bytecode)
    }

    /// The message that closes the socket [`id`](Self::id), type [`SOCK_DESTROY`]; `NLM_F_REQUEST` is added to
    /// `flags`. The kernel acknowledges success only with `NLM_F_ACK` in them.
    ///
    /// The owner's calls then fail with `ECONNABORTED`. `id` needs the cookie of that very socket: with "any", a
    /// new one that has taken the same ends is closed instead. A UDP socket is named with its local end in `src`,
    /// other than in a lookup. `ext` and `states` are ignored.
    ///
    /// Answered with `EPERM` without `CAP_NET_ADMIN` over the network namespace, with `ENOENT` if there is no
    /// such socket, with `EOPNOTSUPP` by kernels built without it, and for MPTCP. TCP since 4.5, UDP since
    /// 4.9, raw sockets since 4.10.
    pub fn encode_destroy(&self, flags: u16, seq: u32) -> Vec<u8> {
        self.message(SOCK_DESTROY, flags, seq)
    }

    fn message(&self, kind: u16, flags: u16, seq: u32) -> Vec<u8> {
        let mut body = Vec::with_capacity(56);
        body.extend_from_slice(&[self.family, self.protocol, self.ext, 0]);
        body.extend_from_slice(&self.states.to_ne_bytes());
        self.id.encode_into(&mut body);
        request_header(kind, flags, seq).encode(&body)
    }
}

/// `struct inet_diag_req`, the older request: as a dump it is answered for IPv4 and IPv6 together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `idiag_ext`: as in [`RequestV2`].
    pub ext: u8,
    /// `idiag_states`: as in [`RequestV2`].
    pub states: u32,
    /// `id`: as in [`RequestV2`].
    pub id: SockId,
    /// The attribute [`INET_DIAG_REQ_PROTOCOL`]: without it TCP. Kernels before 5.9 ignore it and always answer
    /// with TCP.
    pub protocol: Option<u32>,
}

impl Request {
    /// The whole netlink message, type [`TCPDIAG_GETSOCK`]; `NLM_F_REQUEST` is added to `flags`.
    ///
    /// `idiag_family` is 0: a dump ignores it.
    pub fn encode(&self, flags: u16, seq: u32) -> Vec<u8> {
        let mut body = Vec::with_capacity(60);
        // idiag_family, idiag_src_len and idiag_dst_len, which the kernel ignores in a dump.
        body.extend_from_slice(&[0, 0, 0, self.ext]);
        self.id.encode_into(&mut body);
        body.extend_from_slice(&self.states.to_ne_bytes());
        // idiag_dbs, which no kernel reads.
        body.extend_from_slice(&[0; 4]);
        let mut message = request_header(TCPDIAG_GETSOCK, flags, seq).encode(&body);
        if let Some(protocol) = self.protocol {
            put_attribute(&mut message, INET_DIAG_REQ_PROTOCOL, &protocol.to_ne_bytes());
        }
        message
    }

    /// The same with a program, as [`RequestV2::encode_with`].
    pub fn encode_with(&self, flags: u16, seq: u32, bytecode: &[u8]) -> Option<Vec<u8>> {
        with_bytecode(self.encode(flags, seq), bytecode)
    }
}

fn with_bytecode(mut message: Vec<u8>, bytecode: &[u8]) -> Option<Vec<u8>> {
    let whole = bytecode.is_empty() || put_attribute(&mut message, INET_DIAG_REQ_BYTECODE, bytecode);
    whole.then_some(message)
}

fn request_header(kind: u16, flags: u16, seq: u32) -> Header {
    Header { kind, flags: flags | NLM_F_REQUEST, seq, port_id: 0 }
}
