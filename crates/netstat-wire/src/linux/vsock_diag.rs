//! Sockets between virtual machines and their hosts over netlink (`linux/vm_sockets_diag.h`,
//! `net/vmw_vsock/diag.c`), since 4.15.
//!
//! - [`VsockDiagRequest`], `struct vsock_diag_req`, 24 bytes, type
//!   [`SOCK_DIAG_BY_FAMILY`](super::inet_diag::SOCK_DIAG_BY_FAMILY): dumps only; without `NLM_F_DUMP` it is
//!   refused with `EOPNOTSUPP`.
//! - [`VsockDiagMsg`], `struct vsock_diag_msg`, 32 bytes, no attributes:
//!
//! | offset | field            |                                                           |
//! |-------:|------------------|-----------------------------------------------------------|
//! |      0 | `vdiag_family`   | u8, [`AF_VSOCK`]                                          |
//! |      1 | `vdiag_type`     | u8, `SOCK_STREAM` 1, `SOCK_DGRAM` 2, `SOCK_SEQPACKET` 5   |
//! |      2 | `vdiag_state`    | u8, a number of [`tcp_states`](super::tcp_states)         |
//! |      3 | `vdiag_shutdown` | u8                                                        |
//! |      4 | `vdiag_src_cid`  | u32, all of the machine's order                           |
//! |      8 | `vdiag_src_port` | u32                                                       |
//! |     12 | `vdiag_dst_cid`  | u32                                                       |
//! |     16 | `vdiag_dst_port` | u32                                                       |
//! |     20 | `vdiag_ino`      | u32                                                       |
//! |     24 | `vdiag_cookie`   | two u32, the low half first on every machine              |
//!
//! Traps:
//! - Ports have 32 bits, and all ones is "any", as for contexts; 0 is a port and a context (the hypervisor).
//! - Many machines with vsock have no such interface: it is a module of its own. They answer with
//!   `NLMSG_ERROR`, `ENOENT`, and nothing else lists these sockets: procfs does not.
//! - A socket that is not bound is in no table and is not listed.
//! - Neither user nor queues are there.
//! - The sockets listed are those made in the network namespace of the request.

use super::sock_diag;
use crate::reader::{DecodeError, Reader};

/// Address family of vsock sockets.
pub const AF_VSOCK: u8 = 40;
/// A context: any, where one listens.
pub const VMADDR_CID_ANY: u32 = u32::MAX;
/// A context: the hypervisor.
pub const VMADDR_CID_HYPERVISOR: u32 = 0;
/// A context: this machine (5.6).
pub const VMADDR_CID_LOCAL: u32 = 1;
/// A context: the host.
pub const VMADDR_CID_HOST: u32 = 2;
/// A port: any.
pub const VMADDR_PORT_ANY: u32 = u32::MAX;

/// `struct vsock_diag_req`: a request for all sockets in some states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VsockDiagRequest {
    /// `vdiag_states`: which states, bit `n` for state `n` ([`mask`](super::tcp_states::mask)).
    pub states: u32,
}

impl VsockDiagRequest {
    /// The whole netlink message; `NLM_F_REQUEST` is added to `flags`.
    pub fn encode(&self, flags: u16, seq: u32) -> Vec<u8> {
        let mut body = Vec::with_capacity(24);
        body.extend_from_slice(&[AF_VSOCK, 0, 0, 0]);
        body.extend_from_slice(&self.states.to_ne_bytes());
        // vdiag_ino, vdiag_show: reserved.
        body.extend_from_slice(&[0; 8]);
        sock_diag::put_cookie(&mut body, u64::MAX);
        sock_diag::request(&body, flags, seq)
    }
}

/// `struct vsock_diag_msg`: one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VsockDiagMsg {
    /// `vdiag_family`: [`AF_VSOCK`].
    pub family: u8,
    /// `vdiag_type`: 1 stream, 2 datagram, 5 seqpacket (5.14).
    pub kind: u8,
    /// `vdiag_state`: a number of [`tcp_states`](super::tcp_states).
    pub state: u8,
    /// `vdiag_shutdown`: bit 0 no more receiving, bit 1 no more sending.
    pub shutdown: u8,
    /// `vdiag_src_cid`: the context of this end, `VMADDR_CID_*` or a guest.
    pub source_cid: u32,
    /// `vdiag_src_port`: the port of this end.
    pub source_port: u32,
    /// `vdiag_dst_cid`: the context of the other end; [`VMADDR_CID_ANY`] if there is none.
    pub destination_cid: u32,
    /// `vdiag_dst_port`: the port of the other end; [`VMADDR_PORT_ANY`] if there is none.
    pub destination_port: u32,
    /// `vdiag_ino`: the number in `socket:[N]` links; 0: no process has it.
    pub inode: u32,
    /// `vdiag_cookie`: the socket's number, never used twice between two boots.
    pub cookie: u64,
}

impl VsockDiagMsg {
    /// Reads one socket from a message's payload ([`Body::Data`](super::netlink::Body::Data)).
    ///
    /// # Errors
    /// Fewer than 32 bytes.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("vsock_diag_msg", payload);
        let [family, kind, state, shutdown] = reader.bytes()?;
        let [source_cid, source_port, destination_cid, destination_port, inode] = reader.u32s_ne()?;
        let cookie = sock_diag::cookie(&mut reader)?;
        Ok(Self {
            family,
            kind,
            state,
            shutdown,
            source_cid,
            source_port,
            destination_cid,
            destination_port,
            inode,
            cookie,
        })
    }
}
