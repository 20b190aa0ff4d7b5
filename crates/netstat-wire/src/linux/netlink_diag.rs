//! Netlink sockets over netlink (`linux/netlink_diag.h`, `net/netlink/diag.c`), since 3.10.
//!
//! - [`NetlinkDiagRequest`], `struct netlink_diag_req`, 20 bytes, type
//!   [`SOCK_DIAG_BY_FAMILY`](super::inet_diag::SOCK_DIAG_BY_FAMILY): dumps only; without `NLM_F_DUMP` it is
//!   refused with `EOPNOTSUPP`.
//! - [`NetlinkDiagMsg`], `struct netlink_diag_msg`, 28 bytes, then attributes, numbered from 0:
//!
//! | offset | field              |                                              |
//! |-------:|--------------------|----------------------------------------------|
//! |      0 | `ndiag_family`     | u8, [`AF_NETLINK`]                           |
//! |      1 | `ndiag_type`       | u8, `SOCK_DGRAM` 2 or `SOCK_RAW` 3           |
//! |      2 | `ndiag_protocol`   | u8, `NETLINK_*` of `linux/netlink.h`         |
//! |      3 | `ndiag_state`      | u8                                           |
//! |      4 | `ndiag_portid`     | u32                                          |
//! |      8 | `ndiag_dst_portid` | u32                                          |
//! |     12 | `ndiag_dst_group`  | u32                                          |
//! |     16 | `ndiag_ino`        | u32                                          |
//! |     20 | `ndiag_cookie`     | two u32, the low half first on every machine |
//!
//! Traps:
//! - The dump is filtered by the protocol only.
//! - Sockets with port 0 are the kernel's own, one a protocol. They have an inode, and no process has them.
//! - The port is often the number of the process that made the socket, and is no proof of it: the process
//!   chooses it, the kernel picks another if that one is taken, and it is a number of that process's pid
//!   namespace.
//! - A socket without a port, which has neither been bound nor sent anything, is in no table and is not listed.
//! - **A socket in a multicast group is reported twice**, with the same cookie (6.18): the kernel walks all sockets
//!   and then those with groups. A dump that the growth of a table interrupts starts over, with the same effect.
//! - The requester's own socket is in the list.

use super::inet_diag_memory::SkMemInfo;
use super::netlink::Attributes;
use super::sock_diag;
use crate::reader::{DecodeError, Reader};

/// Address family of netlink sockets.
pub const AF_NETLINK: u8 = 16;
/// [`protocol`](NetlinkDiagRequest::protocol) of a request: all of them.
pub const NDIAG_PROTO_ALL: u8 = 255;

/// Bit of [`show`](NetlinkDiagRequest::show): [`NETLINK_DIAG_MEMINFO`].
pub const NDIAG_SHOW_MEMINFO: u32 = 0x01;
/// Bit of [`show`](NetlinkDiagRequest::show): [`NETLINK_DIAG_GROUPS`].
pub const NDIAG_SHOW_GROUPS: u32 = 0x02;
/// Bit of [`show`](NetlinkDiagRequest::show): [`NETLINK_DIAG_FLAGS`].
pub const NDIAG_SHOW_FLAGS: u32 = 0x08;

/// Attribute: memory of the socket, u32 each.
pub const NETLINK_DIAG_MEMINFO: u16 = 0;
/// Attribute: the multicast groups that the socket listens to, a bit each.
pub const NETLINK_DIAG_GROUPS: u16 = 1;
/// Attribute: options, u32, `NDIAG_FLAG_*`.
pub const NETLINK_DIAG_FLAGS: u16 = 4;

/// Bit of [`flags`](NetlinkDiagMsg::flags): a dump of this socket is going on.
pub const NDIAG_FLAG_CB_RUNNING: u32 = 0x01;
/// Bit of [`flags`](NetlinkDiagMsg::flags): `NETLINK_PKTINFO` is set.
pub const NDIAG_FLAG_PKTINFO: u32 = 0x02;
/// Bit of [`flags`](NetlinkDiagMsg::flags): `NETLINK_BROADCAST_ERROR` is set.
pub const NDIAG_FLAG_BROADCAST_ERROR: u32 = 0x04;
/// Bit of [`flags`](NetlinkDiagMsg::flags): `NETLINK_NO_ENOBUFS` is set.
pub const NDIAG_FLAG_NO_ENOBUFS: u32 = 0x08;
/// Bit of [`flags`](NetlinkDiagMsg::flags): `NETLINK_LISTEN_ALL_NSID` is set: it receives from other network
/// namespaces too.
pub const NDIAG_FLAG_LISTEN_ALL_NSID: u32 = 0x10;
/// Bit of [`flags`](NetlinkDiagMsg::flags): `NETLINK_CAP_ACK` is set.
pub const NDIAG_FLAG_CAP_ACK: u32 = 0x20;

const RECORD: &str = "netlink_diag_msg";

/// `struct netlink_diag_req`: a request for all sockets of one protocol, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetlinkDiagRequest {
    /// `sdiag_protocol`: `NETLINK_*`, or [`NDIAG_PROTO_ALL`]. A number above 31 is answered with `ENOENT`.
    pub protocol: u8,
    /// `ndiag_show`: which attributes to add, `NDIAG_SHOW_*`.
    pub show: u32,
}

impl NetlinkDiagRequest {
    /// The whole netlink message; `NLM_F_REQUEST` is added to `flags`.
    pub fn encode(&self, flags: u16, seq: u32) -> Vec<u8> {
        let mut body = Vec::with_capacity(20);
        body.extend_from_slice(&[AF_NETLINK, self.protocol, 0, 0]);
        // ndiag_ino and, after what to show, ndiag_cookie: no kernel reads them.
        body.extend_from_slice(&[0; 4]);
        body.extend_from_slice(&self.show.to_ne_bytes());
        sock_diag::put_cookie(&mut body, u64::MAX);
        sock_diag::request(&body, flags, seq)
    }
}

/// [`NETLINK_DIAG_GROUPS`]: the numbers of the groups, ascending, the first being 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups<'a> {
    bitmap: &'a [u8],
    /// How many bits have been read.
    done: u32,
}

/// `sizeof(unsigned long)`, of which the bitmap is an array.
const WORD: usize = size_of::<usize>();

impl<'a> Groups<'a> {
    const fn new(bitmap: &'a [u8]) -> Self {
        Self { bitmap, done: 0 }
    }

    fn bit(&self, number: u32) -> Option<bool> {
        let byte = usize::try_from(number / 8).ok()?;
        // A word of the machine: on a big-endian one its lowest bits are in its last byte.
        let place = if cfg!(target_endian = "big") { byte ^ (WORD - 1) } else { byte };
        // Bits of an incomplete word count as clear, and the end is that of the bytes.
        let value = self.bitmap.get(place).copied().unwrap_or(0);
        (byte < self.bitmap.len()).then_some(value >> (number % 8) & 1 != 0)
    }
}

impl Iterator for Groups<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            let set = self.bit(self.done)?;
            self.done = self.done.checked_add(1)?;
            if set {
                return Some(self.done);
            }
        }
    }
}

/// `struct netlink_diag_msg` and its attributes: one socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetlinkDiagMsg<'a> {
    /// `ndiag_family`: [`AF_NETLINK`].
    pub family: u8,
    /// `ndiag_type`: 2 datagram, 3 raw; there is no difference.
    pub kind: u8,
    /// `ndiag_protocol`: `NETLINK_*`: 0 route, 4 sock_diag, 9 audit, 15 kobject_uevent, 16 generic ...
    pub protocol: u8,
    /// `ndiag_state`: 1 connected; 7 as the socket was made, the kernel's own too; 0 connected once and no
    /// more.
    pub state: u8,
    /// `ndiag_portid`: its port; 0 is the kernel's own.
    pub port_id: u32,
    /// `ndiag_dst_portid`: the port that it is connected to; 0 is the kernel.
    pub destination_port_id: u32,
    /// `ndiag_dst_group`: the group that it is connected to, 0 for none.
    pub destination_group: u32,
    /// `ndiag_ino`: the number in `socket:[N]` links. Of the kernel's own sockets too.
    pub inode: u32,
    /// `ndiag_cookie`: the socket's number, never used twice between two boots.
    pub cookie: u64,
    /// [`NETLINK_DIAG_GROUPS`]. Absent unless the socket was ever bound to a group.
    pub groups: Option<Groups<'a>>,
    /// [`NETLINK_DIAG_MEMINFO`].
    pub memory: Option<SkMemInfo>,
    /// [`NETLINK_DIAG_FLAGS`]: `NDIAG_FLAG_*`. Absent in older kernels.
    pub flags: Option<u32>,
}

impl<'a> NetlinkDiagMsg<'a> {
    /// Reads one socket from a message's payload ([`Body::Data`](super::netlink::Body::Data)).
    ///
    /// # Errors
    /// The fixed part is truncated, the attributes are misframed, or one of them is shorter than its type. Attributes
    /// that are not known, and longer ones than known, are no error; of several of a kind the last counts.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, payload);
        let [family, kind, protocol, state] = reader.bytes()?;
        let mut socket = Self {
            family,
            kind,
            protocol,
            state,
            port_id: reader.u32_ne()?,
            destination_port_id: reader.u32_ne()?,
            destination_group: reader.u32_ne()?,
            inode: reader.u32_ne()?,
            cookie: sock_diag::cookie(&mut reader)?,
            groups: None,
            memory: None,
            flags: None,
        };
        for attribute in Attributes::new(reader.rest()) {
            let attribute = attribute?;
            let payload = attribute.payload;
            match attribute.kind {
                NETLINK_DIAG_MEMINFO => socket.memory = Some(SkMemInfo::decode(payload)?),
                NETLINK_DIAG_GROUPS => socket.groups = Some(Groups::new(payload)),
                NETLINK_DIAG_FLAGS => {
                    socket.flags = Some(Reader::new("NETLINK_DIAG_FLAGS", payload).u32_ne()?);
                }
                _ => {}
            }
        }
        Ok(socket)
    }
}
