//! TIPC sockets over netlink (`linux/tipc_sockets_diag.h`, `linux/tipc_netlink.h`, `net/tipc/diag.c`), since
//! 4.17.
//!
//! - [`TipcDiagRequest`], `struct tipc_sock_diag_req`, 8 bytes, type
//!   [`SOCK_DIAG_BY_FAMILY`](super::inet_diag::SOCK_DIAG_BY_FAMILY): dumps only; without `NLM_F_DUMP` it is
//!   refused with `EOPNOTSUPP`.
//! - The answer has no fixed part: it is the attribute `TIPC_NLA_SOCK` with all others in it, as in the netlink
//!   family of TIPC itself.
//!
//! Traps:
//! - A socket whose state was not requested is reported as a message without a payload: no socket, and no error.
//! - States are those of [`tcp_states`](super::tcp_states) under other names: LISTEN, ESTABLISHED, SYN_SENT for a
//!   connection being made, CLOSE for a socket that is open and not connected, CLOSE_WAIT for one that is closing.
//!   closing.
//! - What a socket is bound to (services) is not there, only whether it is.
//! - A kernel without TIPC answers with `NLMSG_ERROR`, `ENOENT`.

use super::netlink::{Attribute, Attributes};
use super::sock_diag;
use crate::reader::{DecodeError, Reader};

/// Address family of TIPC sockets.
pub const AF_TIPC: u8 = 30;

const TIPC_NLA_SOCK: u16 = 2;

const TIPC_NLA_SOCK_ADDR: u16 = 1;
const TIPC_NLA_SOCK_REF: u16 = 2;
const TIPC_NLA_SOCK_CON: u16 = 3;
const TIPC_NLA_SOCK_HAS_PUBL: u16 = 4;
const TIPC_NLA_SOCK_STAT: u16 = 5;
const TIPC_NLA_SOCK_TYPE: u16 = 6;
const TIPC_NLA_SOCK_INO: u16 = 7;
const TIPC_NLA_SOCK_UID: u16 = 8;
const TIPC_NLA_SOCK_TIPC_STATE: u16 = 9;
const TIPC_NLA_SOCK_COOKIE: u16 = 10;

const TIPC_NLA_CON_NODE: u16 = 2;
const TIPC_NLA_CON_SOCK: u16 = 3;
const TIPC_NLA_CON_TYPE: u16 = 4;
const TIPC_NLA_CON_INST: u16 = 5;

const TIPC_NLA_SOCK_STAT_RCVQ: u16 = 0;
const TIPC_NLA_SOCK_STAT_SENDQ: u16 = 1;
const TIPC_NLA_SOCK_STAT_DROP: u16 = 4;

/// `struct tipc_sock_diag_req`: a request for all sockets in some states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TipcDiagRequest {
    /// `tidiag_states`: which states, bit `n` for state `n` ([`mask`](super::tcp_states::mask)).
    pub states: u32,
}

impl TipcDiagRequest {
    /// The whole netlink message; `NLM_F_REQUEST` is added to `flags`.
    pub fn encode(&self, flags: u16, seq: u32) -> Vec<u8> {
        let mut body = vec![AF_TIPC, 0, 0, 0];
        body.extend_from_slice(&self.states.to_ne_bytes());
        sock_diag::request(&body, flags, seq)
    }
}

/// One socket. `None`: the attribute did not come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TipcSock {
    /// `TIPC_NLA_SOCK_ADDR`: the node of this end.
    pub node: Option<u32>,
    /// `TIPC_NLA_SOCK_REF`: its port on the node.
    pub port: Option<u32>,
    /// `TIPC_NLA_SOCK_CON`: what it is connected to. Absent if it is not.
    pub connection: Option<TipcConnection>,
    /// `TIPC_NLA_SOCK_HAS_PUBL`: it is bound to a service. Not reported for a connection.
    pub has_publication: bool,
    /// `TIPC_NLA_SOCK_TYPE`: 1 stream, 2 datagram, 4 reliable datagram, 5 seqpacket.
    pub kind: Option<u32>,
    /// `TIPC_NLA_SOCK_TIPC_STATE`: a number of [`tcp_states`](super::tcp_states).
    pub state: Option<u32>,
    /// `TIPC_NLA_SOCK_INO`: the number in `socket:[N]` links; 0: no process has it.
    pub inode: Option<u32>,
    /// `TIPC_NLA_SOCK_UID`: the socket's creator, in the user namespace of the requester.
    pub uid: Option<u32>,
    /// `TIPC_NLA_SOCK_COOKIE`: the socket's number, never used twice between two boots.
    pub cookie: Option<u64>,
    /// `TIPC_NLA_SOCK_STAT_RCVQ`: messages received and not read.
    pub rqueue: Option<u32>,
    /// `TIPC_NLA_SOCK_STAT_SENDQ`: messages queued to be sent.
    pub wqueue: Option<u32>,
    /// `TIPC_NLA_SOCK_STAT_DROP`: messages dropped because the socket had no room.
    pub drops: Option<u32>,
}

/// The other end of a connection, and the requested service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TipcConnection {
    /// `TIPC_NLA_CON_NODE`: the node of the other end.
    pub node: Option<u32>,
    /// `TIPC_NLA_CON_SOCK`: its port there.
    pub port: Option<u32>,
    /// `TIPC_NLA_CON_TYPE`: type of the service. Absent unless the connection was made to a service.
    pub service_type: Option<u32>,
    /// `TIPC_NLA_CON_INST`: instance of the service. Absent unless the connection was made to a service.
    pub service_instance: Option<u32>,
}

impl TipcSock {
    /// Reads one socket from a message's payload ([`Body::Data`](super::netlink::Body::Data)). `None`: the
    /// message is without a socket (see the traps above).
    ///
    /// # Errors
    /// The attributes are misframed, or one that is read is shorter than its type. Attributes that are not
    /// read, and longer ones than known, are no error; of several of a kind the last counts.
    pub fn decode(payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        let mut found = None;
        for attribute in Attributes::new(payload) {
            let attribute = attribute?;
            if attribute.kind == TIPC_NLA_SOCK {
                found = Some(Self::decode_nested(attribute.payload)?);
            }
        }
        Ok(found)
    }

    fn decode_nested(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut socket = Self::default();
        for attribute in Attributes::new(payload) {
            let attribute = attribute?;
            match attribute.kind {
                TIPC_NLA_SOCK_ADDR => socket.node = number(&attribute, "TIPC_NLA_SOCK_ADDR")?,
                TIPC_NLA_SOCK_REF => socket.port = number(&attribute, "TIPC_NLA_SOCK_REF")?,
                TIPC_NLA_SOCK_CON => socket.connection = Some(TipcConnection::decode(attribute.payload)?),
                TIPC_NLA_SOCK_HAS_PUBL => socket.has_publication = true,
                TIPC_NLA_SOCK_STAT => socket.decode_statistics(attribute.payload)?,
                TIPC_NLA_SOCK_TYPE => socket.kind = number(&attribute, "TIPC_NLA_SOCK_TYPE")?,
                TIPC_NLA_SOCK_INO => socket.inode = number(&attribute, "TIPC_NLA_SOCK_INO")?,
                TIPC_NLA_SOCK_UID => socket.uid = number(&attribute, "TIPC_NLA_SOCK_UID")?,
                TIPC_NLA_SOCK_TIPC_STATE => {
                    socket.state = number(&attribute, "TIPC_NLA_SOCK_TIPC_STATE")?;
                }
                TIPC_NLA_SOCK_COOKIE => {
                    let reader = &mut Reader::new("TIPC_NLA_SOCK_COOKIE", attribute.payload);
                    socket.cookie = Some(sock_diag::cookie(reader)?);
                }
                _ => {}
            }
        }
        Ok(socket)
    }

    fn decode_statistics(&mut self, payload: &[u8]) -> Result<(), DecodeError> {
        for attribute in Attributes::new(payload) {
            let attribute = attribute?;
            match attribute.kind {
                TIPC_NLA_SOCK_STAT_RCVQ => self.rqueue = number(&attribute, "TIPC_NLA_SOCK_STAT_RCVQ")?,
                TIPC_NLA_SOCK_STAT_SENDQ => self.wqueue = number(&attribute, "TIPC_NLA_SOCK_STAT_SENDQ")?,
                TIPC_NLA_SOCK_STAT_DROP => self.drops = number(&attribute, "TIPC_NLA_SOCK_STAT_DROP")?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl TipcConnection {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut connection = Self::default();
        for attribute in Attributes::new(payload) {
            let attribute = attribute?;
            match attribute.kind {
                TIPC_NLA_CON_NODE => connection.node = number(&attribute, "TIPC_NLA_CON_NODE")?,
                TIPC_NLA_CON_SOCK => connection.port = number(&attribute, "TIPC_NLA_CON_SOCK")?,
                TIPC_NLA_CON_TYPE => connection.service_type = number(&attribute, "TIPC_NLA_CON_TYPE")?,
                TIPC_NLA_CON_INST => connection.service_instance = number(&attribute, "TIPC_NLA_CON_INST")?,
                _ => {}
            }
        }
        Ok(connection)
    }
}

fn number(attribute: &Attribute<'_>, name: &'static str) -> Result<Option<u32>, DecodeError> {
    Reader::new(name, attribute.payload).u32_ne().map(Some)
}
