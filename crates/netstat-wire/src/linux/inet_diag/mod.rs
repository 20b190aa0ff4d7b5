//! IP sockets over netlink (`linux/inet_diag.h`, `linux/sock_diag.h`): requests and answers.
//!
//! A process sends one request on a `NETLINK_SOCK_DIAG` socket; the kernel answers a dump with one
//! `struct inet_diag_msg` per socket, each a netlink message of the request's own type. No privileges are needed;
//! the sockets are those of the network namespace in which the netlink socket was made.
//!
//! Three structures share `struct inet_diag_sockid`, 48 bytes ([`SockId`]):
//!
//! | offset | field          |                                                                  |
//! |-------:|----------------|------------------------------------------------------------------|
//! |      0 | `idiag_sport`  | big endian                                                       |
//! |      2 | `idiag_dport`  | big endian                                                       |
//! |      4 | `idiag_src`    | 16 bytes, network order; IPv4 in the first four                  |
//! |     20 | `idiag_dst`    | the same                                                         |
//! |     36 | `idiag_if`     | u32 of the machine's order, as everything that is not on the wire |
//! |     40 | `idiag_cookie` | two u32, the low half first on every machine                     |
//!
//! - [`RequestV2`], `struct inet_diag_req_v2`, 56 bytes, type [`SOCK_DIAG_BY_FAMILY`] (3.3): one family,
//!   one protocol.
//! - [`Request`], `struct inet_diag_req`, 60 bytes, type [`TCPDIAG_GETSOCK`] (2.6.14): as a dump it is answered for
//!   both families in one walk of the tables; TCP, or since 5.9 the protocol in [`INET_DIAG_REQ_PROTOCOL`].
//! - [`InetDiagMsg`], `struct inet_diag_msg`, 72 bytes, then attributes: those that a list of sockets needs
//!   are read with it, the others by [`Details`](super::inet_diag_details::Details).
//!
//! Traps:
//! - A kernel before 5.9 skips [`INET_DIAG_REQ_PROTOCOL`] and answers the older request with TCP sockets.
//! - A dump is filtered by family, protocol, states and the two ports (0 is any). Addresses and interface are
//!   ignored: they, and ranges, take [`INET_DIAG_REQ_BYTECODE`].
//! - A cookie of zeros matches no socket in an exact lookup: "any" is all ones, as [`SockId::default`]
//!   has it.
//! - The family is the socket's: IPv4 traffic of an IPv6 socket has family 10 and addresses `::ffff:a.b.c.d`.
//! - `TIME_WAIT` and `SYN_RECV` entries are minisocks: their user, inode and queues are 0, which is not a value. A
//!   connection in an accept queue and an orphan (closed, still sending) are sockets without a holder: their inode
//!   is 0 and their queues are valid. Their user is the socket's in 6.18; older kernels take it from the inode and
//!   report 0, so that only another number than 0 is a value.
//! - `TIME_WAIT` and `SYN_RECV` entries have no attributes, but for the mark.
//! - [`INET_DIAG_SKV6ONLY`] comes with IPv6 sockets in LISTEN and CLOSE only.

mod request;

pub use request::{Request, RequestV2};

use super::netlink::Attributes;
use crate::reader::{DecodeError, Reader};

/// Message type of the older request (and of its answers): [`Request`].
pub const TCPDIAG_GETSOCK: u16 = 18;
/// Message type of the newer request (and of its answers), since 3.3: [`RequestV2`].
pub const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// Message type of a request to close a socket from outside, since 4.5: [`RequestV2::encode_destroy`].
pub const SOCK_DESTROY: u16 = 21;

/// Address family IPv4, as Linux numbers it.
pub const AF_INET: u8 = 2;
/// Address family IPv6, as Linux numbers it.
pub const AF_INET6: u8 = 10;

/// TCP, the same number everywhere.
pub const IPPROTO_TCP: u8 = 6;
/// UDP, the same number everywhere.
pub const IPPROTO_UDP: u8 = 17;

/// Attribute of a request: a program that the kernel runs over each socket
/// ([`Bytecode`](super::inet_diag_bytecode::Bytecode)).
pub const INET_DIAG_REQ_BYTECODE: u16 = 1;
/// Attribute of a request (5.7): which storages of BPF programs to report.
pub const INET_DIAG_REQ_SK_BPF_STORAGES: u16 = 2;
/// Attribute of a request (5.9): the protocol, u32, instead of the one in the structure.
pub const INET_DIAG_REQ_PROTOCOL: u16 = 3;

/// Attribute: `struct inet_diag_meminfo`. Requested by bit 0 of `ext`.
pub const INET_DIAG_MEMINFO: u16 = 1;
/// Attribute: `struct tcp_info`, or what the protocol has. Requested by bit 1.
pub const INET_DIAG_INFO: u16 = 2;
/// Attribute: state of the Vegas congestion control. Requested by bit 2.
pub const INET_DIAG_VEGASINFO: u16 = 3;
/// Attribute: name of the congestion control, with a NUL. Requested by bit 3.
pub const INET_DIAG_CONG: u16 = 4;
/// Attribute: type of service, u8. Requested by bit 4.
pub const INET_DIAG_TOS: u16 = 5;
/// Attribute: traffic class of IPv6, u8. Requested by bit 5.
pub const INET_DIAG_TCLASS: u16 = 6;
/// Attribute: memory of the socket, u32 each. Requested by bit 6.
pub const INET_DIAG_SKMEMINFO: u16 = 7;
/// Attribute: which directions are shut down, u8; see [`InetDiagMsg::shutdown`].
pub const INET_DIAG_SHUTDOWN: u16 = 8;
/// Attribute (3.18): state of the DCTCP congestion control. Requested by bit 2.
pub const INET_DIAG_DCTCPINFO: u16 = 9;
/// Attribute (4.2): IP protocol, u8; of raw sockets and in events of destruction.
pub const INET_DIAG_PROTOCOL: u16 = 10;
/// Attribute (4.2): whether an IPv6 socket leaves IPv4 alone, u8.
pub const INET_DIAG_SKV6ONLY: u16 = 11;
/// Attribute (4.7): local addresses, SCTP.
pub const INET_DIAG_LOCALS: u16 = 12;
/// Attribute (4.7): remote addresses, SCTP.
pub const INET_DIAG_PEERS: u16 = 13;
/// Attribute (4.7): nothing; aligns the next one where the machine needs it.
pub const INET_DIAG_PAD: u16 = 14;
/// Attribute (4.9): the mark, u32, for those with `CAP_NET_ADMIN`.
pub const INET_DIAG_MARK: u16 = 15;
/// Attribute (4.9): state of the BBR congestion control. Requested by bit 2.
pub const INET_DIAG_BBRINFO: u16 = 16;
/// Attribute (4.14): traffic control class, u32. Requested by bit 5.
pub const INET_DIAG_CLASS_ID: u16 = 17;
/// Attribute (4.14): TCP MD5 signatures, the keys in clear, for those with `CAP_NET_ADMIN`. Never read.
pub const INET_DIAG_MD5SIG: u16 = 18;
/// Attribute (5.4): the upper layer protocol (TLS, MPTCP), nested.
pub const INET_DIAG_ULP_INFO: u16 = 19;
/// Attribute (5.7): storages of BPF programs, nested.
pub const INET_DIAG_SK_BPF_STORAGES: u16 = 20;
/// Attribute (5.8): control group of the socket, u64.
pub const INET_DIAG_CGROUP_ID: u16 = 21;
/// Attribute (5.10): socket options, two bytes of bit fields.
pub const INET_DIAG_SOCKOPT: u16 = 22;

const RECORD: &str = "inet_diag_msg";
/// `sizeof(struct inet_diag_msg)`.
const FIXED_PART: usize = 72;

/// `struct inet_diag_sockid`: the two ends and the name of a socket.
///
/// The default is all zero, with the cookie that matches any: what a dump request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SockId {
    /// `idiag_sport`: the local port. For a raw socket its IP protocol.
    pub sport: u16,
    /// `idiag_dport`: the remote port, 0 when not connected.
    pub dport: u16,
    /// `idiag_src`: the local address in network order; of IPv4 in the first four bytes, the rest 0.
    pub src: [u8; 16],
    /// `idiag_dst`: the remote address, likewise; all zero when not connected.
    pub dst: [u8; 16],
    /// `idiag_if`: index of the device that the socket is bound to, 0 for none. It is the scope of a
    /// link-local address.
    pub interface: u32,
    /// `idiag_cookie`: the socket's number, never used twice between two boots; half 0 is the low one.
    /// `u64::MAX` (`INET_DIAG_NOCOOKIE` twice) in a request is "any".
    pub cookie: u64,
}

impl Default for SockId {
    fn default() -> Self {
        Self { sport: 0, dport: 0, src: [0; 16], dst: [0; 16], interface: 0, cookie: u64::MAX }
    }
}

impl SockId {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            sport: reader.u16_be()?,
            dport: reader.u16_be()?,
            src: reader.bytes()?,
            dst: reader.bytes()?,
            interface: reader.u32_ne()?,
            cookie: {
                let low = reader.u32_ne()?;
                let high = reader.u32_ne()?;
                u64::from(low) | u64::from(high) << 32
            },
        })
    }

    pub(super) fn encode_into(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.sport.to_be_bytes());
        bytes.extend_from_slice(&self.dport.to_be_bytes());
        bytes.extend_from_slice(&self.src);
        bytes.extend_from_slice(&self.dst);
        bytes.extend_from_slice(&self.interface.to_ne_bytes());
        // Two u32, each in the machine's order, the low half first: on a big-endian machine neither
        // `to_ne_bytes` nor `to_le_bytes` of the whole.
        let [b0, b1, b2, b3, b4, b5, b6, b7] = self.cookie.to_le_bytes();
        for half in [[b0, b1, b2, b3], [b4, b5, b6, b7]] {
            bytes.extend_from_slice(&u32::from_le_bytes(half).to_ne_bytes());
        }
    }
}

/// `struct inet_diag_msg` and the attributes that are sent without a request: one socket.
///
/// "Full sockets" below are those that are neither `TIME_WAIT` (nor a FIN_WAIT2 kept as one) nor `SYN_RECV`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InetDiagMsg {
    /// `idiag_family`: the socket's own, [`AF_INET`] or [`AF_INET6`].
    pub family: u8,
    /// `idiag_state`: a number of [`tcp_states`](super::tcp_states), whatever the protocol.
    pub state: u8,
    /// `idiag_timer`: the timer that runs. 0 none, 1 retransmission (or that of a SYN-ACK), 2 keepalive, 3
    /// TIME_WAIT, 4 probe of a closed window, 5 delayed acknowledgement.
    pub timer: u8,
    /// `idiag_retrans`: with timer 1 the number of retransmissions, with 2 and 4 the number of unanswered probes.
    pub retrans: u8,
    /// `id`: the two ends and the cookie.
    pub id: SockId,
    /// `idiag_expires`: milliseconds until the timer fires; 0 when none runs.
    pub expires_ms: u32,
    /// `idiag_rqueue`: LISTEN: connections that wait to be accepted. TCP else: bytes received and not
    /// read. UDP and raw: memory charged for what was received, in bytes, more than its payload.
    pub rqueue: u32,
    /// `idiag_wqueue`: LISTEN: how many may wait. TCP else: bytes not yet acknowledged, or not yet sent.
    /// UDP and raw: memory charged for what is being sent.
    pub wqueue: u32,
    /// `idiag_uid`: the user who made the socket, in the user namespace of the requester (65534 where it has no
    /// number there). 0 is not a value where `inode` is 0 (see the traps above).
    pub uid: u32,
    /// `idiag_inode`: the number in `socket:[N]` links; 0: no process has it (see the traps above).
    pub inode: u32,
    /// [`INET_DIAG_SHUTDOWN`]: bit 0 no more receiving, bit 1 no more sending. Absent before 3.8 and
    /// unless a full socket.
    pub shutdown: Option<u8>,
    /// [`INET_DIAG_SKV6ONLY`]: false: IPv4 arrives at this IPv6 socket too. Absent before 4.2, for
    /// IPv4, and in states other than LISTEN and CLOSE.
    pub v6_only: Option<bool>,
    /// [`INET_DIAG_PROTOCOL`]: IP protocol, of raw sockets and in events of destruction. Absent before
    /// 4.2 and for all others.
    pub protocol: Option<u8>,
    /// [`INET_DIAG_MARK`]: `SO_MARK`. Absent before 4.9 and without `CAP_NET_ADMIN`.
    pub mark: Option<u32>,
    /// [`INET_DIAG_CGROUP_ID`]: inode of the version 2 control group in which the socket was made.
    /// Absent before 5.8, without such groups, and unless a full socket.
    pub cgroup_id: Option<u64>,
}

impl InetDiagMsg {
    /// The attributes in a message's payload: all bytes after the fixed part.
    ///
    /// # Errors
    /// The fixed part is truncated.
    #[inline]
    pub fn attributes(payload: &[u8]) -> Result<&[u8], DecodeError> {
        let mut reader = Reader::new(RECORD, payload);
        reader.skip(FIXED_PART)?;
        Ok(reader.rest())
    }

    /// Reads one socket from a message's payload ([`Body::Data`](super::netlink::Body::Data)).
    ///
    /// # Errors
    /// The fixed part is truncated, the attributes are misframed, or one of the decoded ones is shorter than its
    /// type. Other attributes, and longer ones than known, are no error; of several of a kind the last counts.
    #[inline]
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, payload);
        let mut socket = Self {
            family: reader.u8()?,
            state: reader.u8()?,
            timer: reader.u8()?,
            retrans: reader.u8()?,
            id: SockId::decode(&mut reader)?,
            expires_ms: reader.u32_ne()?,
            rqueue: reader.u32_ne()?,
            wqueue: reader.u32_ne()?,
            uid: reader.u32_ne()?,
            inode: reader.u32_ne()?,
            shutdown: None,
            v6_only: None,
            protocol: None,
            mark: None,
            cgroup_id: None,
        };
        for attribute in Attributes::new(reader.rest()) {
            let attribute = attribute?;
            let value = |name| Reader::new(name, attribute.payload);
            match attribute.kind {
                INET_DIAG_SHUTDOWN => socket.shutdown = Some(value("INET_DIAG_SHUTDOWN").u8()?),
                INET_DIAG_SKV6ONLY => socket.v6_only = Some(value("INET_DIAG_SKV6ONLY").u8()? != 0),
                INET_DIAG_PROTOCOL => socket.protocol = Some(value("INET_DIAG_PROTOCOL").u8()?),
                INET_DIAG_MARK => socket.mark = Some(value("INET_DIAG_MARK").u32_ne()?),
                INET_DIAG_CGROUP_ID => socket.cgroup_id = Some(value("INET_DIAG_CGROUP_ID").u64_ne()?),
                _ => {}
            }
        }
        Ok(socket)
    }
}
