//! SCTP over `inet_diag` (`net/sctp/diag.c`), since 4.7: the meaning of its answers, and the addresses in them.
//!
//! The request is that of any protocol, with [`IPPROTO_SCTP`]; so is the answer,
//! [`InetDiagMsg`], but with a record for each socket and one for each
//! association:
//! - a **socket**: its state is of TCP's numbers: CLOSE, LISTEN, ESTABLISHED ..., its queues the accept queue
//!   and its limit;
//! - an **association**: it has [`INET_DIAG_PEERS`], its state is of [`SCTP_STATE_CLOSED`] ..., its queues the
//!   memory of received data and of data being sent.
//!
//! Traps:
//! - The two kinds of record share numbers: 3 is SYN_RECV of TCP and ESTABLISHED of an association. Only the peers
//!   show which it is ([`SctpAddresses::is_association`]).
//! - The associations of a socket, and the socket itself, have **the same cookie and inode**: neither distinguishes
//!   them.
//! - A socket may be reported twice: among those of the wanted states, and before its associations.
//! - States are filtered coarsely: LISTEN selects all sockets, any but LISTEN and CLOSE all associations.
//! - [`interface`](super::inet_diag::SockId::interface) of an association is the device that its packets go
//!   through, not one that the socket is bound to; the timer is a number of SCTP's own, 0 for none, and
//!   [`retrans`](super::inet_diag::InetDiagMsg::retrans) counts chunks.
//! - Records of associations lack `NLM_F_MULTI`, in the middle of a dump.
//! - The two ends in the fixed part are the first local address and the primary remote one. Those of an IPv6 socket
//!   may be IPv4 addresses in the attributes; in the fixed part the bytes of such an address are at the position of
//!   an IPv6 address.
//! - A machine without the module `sctp_diag` ends the dump with `ENOENT` in its `NLMSG_DONE`.

use super::inet_diag::{AF_INET, AF_INET6, INET_DIAG_LOCALS, INET_DIAG_PEERS, InetDiagMsg};
use super::netlink::Attributes;
use crate::reader::{DecodeError, Reader};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// SCTP, the same number everywhere.
pub const IPPROTO_SCTP: u8 = 132;

// `enum sctp_state` of the kernel. `enum sctp_sstat_state` of linux/sctp.h, which socket options use, has the
// same names for these numbers plus 1.

/// State of an association: none.
pub const SCTP_STATE_CLOSED: u8 = 0;
/// State of an association: INIT sent.
pub const SCTP_STATE_COOKIE_WAIT: u8 = 1;
/// State of an association: COOKIE ECHO sent.
pub const SCTP_STATE_COOKIE_ECHOED: u8 = 2;
/// State of an association: both directions open.
pub const SCTP_STATE_ESTABLISHED: u8 = 3;
/// State of an association: closed at this end, data not yet acknowledged.
pub const SCTP_STATE_SHUTDOWN_PENDING: u8 = 4;
/// State of an association: SHUTDOWN sent.
pub const SCTP_STATE_SHUTDOWN_SENT: u8 = 5;
/// State of an association: SHUTDOWN received.
pub const SCTP_STATE_SHUTDOWN_RECEIVED: u8 = 6;
/// State of an association: SHUTDOWN ACK sent.
pub const SCTP_STATE_SHUTDOWN_ACK_SENT: u8 = 7;

/// The addresses in a record of SCTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SctpAddresses<'a> {
    /// [`INET_DIAG_LOCALS`]: the addresses that the socket is bound to, or those of this end. Empty if it is not
    /// bound.
    pub locals: SockaddrStorages<'a>,
    /// [`INET_DIAG_PEERS`]: the addresses of the other end. Absent: the
    /// record is a socket's.
    pub peers: Option<SockaddrStorages<'a>>,
}

impl<'a> SctpAddresses<'a> {
    /// Reads the attributes in a message's payload: the same bytes as for [`InetDiagMsg::decode`].
    ///
    /// # Errors
    /// The fixed part is truncated, the attributes are misframed, or a list is not whole addresses. Of several of a
    /// kind the last counts.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut addresses = Self { locals: SockaddrStorages { rest: &[] }, peers: None };
        for attribute in Attributes::new(InetDiagMsg::attributes(payload)?) {
            let attribute = attribute?;
            match attribute.kind {
                INET_DIAG_LOCALS => {
                    addresses.locals = SockaddrStorages::decode("INET_DIAG_LOCALS", attribute.payload)?;
                }
                INET_DIAG_PEERS => {
                    addresses.peers = Some(SockaddrStorages::decode("INET_DIAG_PEERS", attribute.payload)?);
                }
                _ => {}
            }
        }
        Ok(addresses)
    }

    /// Whether the record is an association's, and its state one of [`SCTP_STATE_CLOSED`] ...
    pub const fn is_association(&self) -> bool {
        self.peers.is_some()
    }
}

/// An array of `struct sockaddr_storage`, 128 bytes each.
///
/// `None` is an address of a family that is neither IPv4 nor IPv6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SockaddrStorages<'a> {
    rest: &'a [u8],
}

/// `sizeof(struct sockaddr_storage)`.
const STORAGE: usize = 128;

impl<'a> SockaddrStorages<'a> {
    fn decode(record: &'static str, payload: &'a [u8]) -> Result<Self, DecodeError> {
        let cut = payload.len() % STORAGE;
        if cut != 0 {
            return Err(DecodeError::short(record, payload.len().saturating_sub(cut), STORAGE, cut));
        }
        Ok(Self { rest: payload })
    }
}

impl Iterator for SockaddrStorages<'_> {
    type Item = Option<SocketAddr>;

    fn next(&mut self) -> Option<Option<SocketAddr>> {
        let (address, rest) = self.rest.split_at_checked(STORAGE)?;
        self.rest = rest;
        let mut reader = Reader::new("sockaddr_storage", address);
        // Whole, so nothing is missing.
        let family = reader.u16_ne().ok()?;
        let port = reader.u16_be().ok()?;
        if family == u16::from(AF_INET) {
            return Some(Some((Ipv4Addr::from(reader.bytes().ok()?), port).into()));
        }
        if family != u16::from(AF_INET6) {
            return Some(None);
        }
        let flow = reader.u32_be().ok()?;
        let ip = Ipv6Addr::from(reader.bytes().ok()?);
        let scope = reader.u32_ne().ok()?;
        Some(Some(SocketAddrV6::new(ip, port, flow, scope).into()))
    }
}
