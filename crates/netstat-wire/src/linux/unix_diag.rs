//! Unix sockets over netlink (`linux/unix_diag.h`, `net/unix/diag.c`), since 3.3.
//!
//! - [`UnixDiagRequest`], `struct unix_diag_req`, 24 bytes, type
//!   [`SOCK_DIAG_BY_FAMILY`](super::inet_diag::SOCK_DIAG_BY_FAMILY): a dump, or without `NLM_F_DUMP` the socket
//!   of one inode.
//! - [`UnixDiagMsg`], `struct unix_diag_msg`, 16 bytes, then attributes:
//!
//! | offset | field          |                                                       |
//! |-------:|----------------|-------------------------------------------------------|
//! |      0 | `udiag_family` | u8, [`AF_UNIX`]                                       |
//! |      1 | `udiag_type`   | u8, `SOCK_STREAM` 1, `SOCK_DGRAM` 2, `SOCK_SEQPACKET` 5 |
//! |      2 | `udiag_state`  | u8, a number of [`tcp_states`](super::tcp_states)     |
//! |      4 | `udiag_ino`    | u32                                                   |
//! |      8 | `udiag_cookie` | two u32, the low half first on every machine          |
//!
//! Attributes are numbered from 0. All but [`UNIX_DIAG_SHUTDOWN`] are sent on request only.
//!
//! Traps:
//! - **Never request [`UDIAG_SHOW_ICONS`] in a dump.** A message that does not fit the kernel's buffer ends the
//!   dump, without an error: a listener with 4,003 connections waiting and a receive buffer of 8 KiB left 542
//!   sockets of 4,009. Up to some 8,000 fit if the reader's buffer has 32 KiB. An exact lookup is answered with
//!   `EMSGSIZE` instead, from some 1,900 on (6.18).
//! - [`peer`](UnixDiagMsg::peer) 0 is a peer that no process has. Of a stream or seqpacket socket: the
//!   connection waits to be accepted, or the other end is closed; then [`shutdown`](UnixDiagMsg::shutdown) has
//!   both bits. Of a datagram socket: the other end is closed. No peer (`None`): not connected.
//! - The peer of a datagram socket is the one that it is connected to, which may have no peer or another: many
//!   may be connected to one.
//! - A dump leaves out sockets that no process has, among them the ends of connections that are not accepted
//!   yet. They are in `/proc/net/unix`, with the inode 0.
//! - The accepted end of a connection has the name and the file of its listener, not its own.
//! - States are those of TCP: LISTEN, ESTABLISHED, and CLOSE for all others. A datagram socket is ESTABLISHED
//!   also when another one has connected to it, a stream socket also when the other end is closed.
//! - A name may hold any bytes; what it means: [`UnixName`].
//! - An exact lookup of inode 0 is refused with `EINVAL`; one with the wrong cookie with `ESTALE`, of a socket
//!   in another network namespace with `ENOENT`. It goes through the table from its start.
//! - A kernel without this interface (it may be a module) answers with `NLMSG_ERROR`, `ENOENT`.

use super::inet_diag_memory::SkMemInfo;
use super::netlink::Attributes;
use super::sock_diag;
use crate::reader::{DecodeError, Reader};

pub use super::unix_name::{UNIX_PATH_MAX, UnixName};

/// Address family of unix sockets.
pub const AF_UNIX: u8 = 1;

/// Bit of [`show`](UnixDiagRequest::show): [`UNIX_DIAG_NAME`].
pub const UDIAG_SHOW_NAME: u32 = 0x01;
/// Bit of [`show`](UnixDiagRequest::show): [`UNIX_DIAG_VFS`].
pub const UDIAG_SHOW_VFS: u32 = 0x02;
/// Bit of [`show`](UnixDiagRequest::show): [`UNIX_DIAG_PEER`].
pub const UDIAG_SHOW_PEER: u32 = 0x04;
/// Bit of [`show`](UnixDiagRequest::show): [`UNIX_DIAG_ICONS`]. For exact lookups only (see the traps above).
pub const UDIAG_SHOW_ICONS: u32 = 0x08;
/// Bit of [`show`](UnixDiagRequest::show): [`UNIX_DIAG_RQLEN`].
pub const UDIAG_SHOW_RQLEN: u32 = 0x10;
/// Bit of [`show`](UnixDiagRequest::show): [`UNIX_DIAG_MEMINFO`].
pub const UDIAG_SHOW_MEMINFO: u32 = 0x20;
/// Bit of [`show`](UnixDiagRequest::show): [`UNIX_DIAG_UID`] (5.3).
pub const UDIAG_SHOW_UID: u32 = 0x40;

/// Attribute: the name, `sun_path` as long as it is.
pub const UNIX_DIAG_NAME: u16 = 0;
/// Attribute: `struct unix_diag_vfs`, of sockets that are bound to a path.
pub const UNIX_DIAG_VFS: u16 = 1;
/// Attribute: inode of the peer, u32.
pub const UNIX_DIAG_PEER: u16 = 2;
/// Attribute: of a listener, an inode (u32) for each connection that waits.
pub const UNIX_DIAG_ICONS: u16 = 3;
/// Attribute: `struct unix_diag_rqlen`.
pub const UNIX_DIAG_RQLEN: u16 = 4;
/// Attribute: memory of the socket, u32 each.
pub const UNIX_DIAG_MEMINFO: u16 = 5;
/// Attribute: which directions are shut down, u8. Sent without a request.
pub const UNIX_DIAG_SHUTDOWN: u16 = 6;
/// Attribute (5.3): the socket's creator, u32.
pub const UNIX_DIAG_UID: u16 = 7;

const RECORD: &str = "unix_diag_msg";

/// `struct unix_diag_req`. The default requests nothing; its cookie matches any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixDiagRequest {
    /// `udiag_states`: which states a dump lists, bit `n` for state `n` ([`mask`](super::tcp_states::mask)).
    pub states: u32,
    /// `udiag_ino`: in an exact lookup the socket. A dump ignores it.
    pub inode: u32,
    /// `udiag_show`: which attributes to add, `UDIAG_SHOW_*`.
    pub show: u32,
    /// `udiag_cookie`: in an exact lookup the cookie that the socket must have; `u64::MAX` is "any".
    pub cookie: u64,
}

impl Default for UnixDiagRequest {
    fn default() -> Self {
        Self { states: 0, inode: 0, show: 0, cookie: u64::MAX }
    }
}

impl UnixDiagRequest {
    /// The whole netlink message; `NLM_F_REQUEST` is added to `flags`.
    pub fn encode(&self, flags: u16, seq: u32) -> Vec<u8> {
        let mut body = Vec::with_capacity(24);
        // sdiag_protocol and pad, of which the kernel reads nothing.
        body.extend_from_slice(&[AF_UNIX, 0, 0, 0]);
        for field in [self.states, self.inode, self.show] {
            body.extend_from_slice(&field.to_ne_bytes());
        }
        sock_diag::put_cookie(&mut body, self.cookie);
        sock_diag::request(&body, flags, seq)
    }
}

/// `struct unix_diag_vfs`: the file that a path named when the socket was bound to it.
///
/// It stays that file when the file is renamed or deleted: a process that connects to the path may reach
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnixDiagVfs {
    /// `udiag_vfs_ino`: the lower 32 bits of the file's inode number.
    pub inode: u32,
    /// `udiag_vfs_dev`: the file system's device as the kernel has it inside, which is not the number that
    /// `stat` returns: see [`major`](Self::major) and [`minor`](Self::minor). Some file systems (btrfs) make up
    /// another device for `stat`.
    pub device: u32,
}

impl UnixDiagVfs {
    /// The device's major number (`MAJOR` of `linux/kdev_t.h`).
    pub const fn major(&self) -> u32 {
        self.device >> 20
    }

    /// The device's minor number (`MINOR` of `linux/kdev_t.h`).
    pub const fn minor(&self) -> u32 {
        self.device & 0x000f_ffff
    }

    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let [inode, device] = Reader::new("UNIX_DIAG_VFS", payload).u32s_ne()?;
        Ok(Self { inode, device })
    }
}

/// `struct unix_diag_rqlen`: the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RqLen {
    /// `udiag_rqueue`: LISTEN: connections that wait to be accepted. Stream and seqpacket: bytes not read yet.
    /// Datagrams: bytes of the first one only.
    pub rqueue: u32,
    /// `udiag_wqueue`: LISTEN: how many may wait. Else memory charged for what was sent and is not read yet, in
    /// bytes, more than its payload.
    pub wqueue: u32,
}

impl RqLen {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let [rqueue, wqueue] = Reader::new("UNIX_DIAG_RQLEN", payload).u32s_ne()?;
        Ok(Self { rqueue, wqueue })
    }
}

/// [`UNIX_DIAG_ICONS`]: for each connection that waits to be accepted, in order, the inode of the end that
/// connects; 0 if that end is closed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icons<'a> {
    rest: &'a [u8],
}

impl<'a> Icons<'a> {
    fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let cut = payload.len() % 4;
        if cut != 0 {
            return Err(DecodeError::short("UNIX_DIAG_ICONS", payload.len().saturating_sub(cut), 4, cut));
        }
        Ok(Self { rest: payload })
    }
}

impl Iterator for Icons<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (inode, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_ne_bytes(*inode))
    }
}

/// `struct unix_diag_msg` and its attributes: one socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixDiagMsg<'a> {
    /// `udiag_family`: [`AF_UNIX`].
    pub family: u8,
    /// `udiag_type`: 1 stream, 2 datagram, 5 seqpacket.
    pub kind: u8,
    /// `udiag_state`: a number of [`tcp_states`](super::tcp_states).
    pub state: u8,
    /// `udiag_ino`: the number in `socket:[N]` links.
    pub inode: u32,
    /// `udiag_cookie`: the socket's number, never used twice between two boots.
    pub cookie: u64,
    /// [`UNIX_DIAG_NAME`]. Absent if the socket is not bound.
    pub name: Option<UnixName<'a>>,
    /// [`UNIX_DIAG_VFS`]. Absent unless the socket, or the listener that it comes from, is bound to a path.
    pub vfs: Option<UnixDiagVfs>,
    /// [`UNIX_DIAG_PEER`]: inode of the other end. 0 and absent are not the same (see the traps above).
    pub peer: Option<u32>,
    /// [`UNIX_DIAG_ICONS`]. Absent unless a listener.
    pub icons: Option<Icons<'a>>,
    /// [`UNIX_DIAG_RQLEN`].
    pub queues: Option<RqLen>,
    /// [`UNIX_DIAG_MEMINFO`].
    pub memory: Option<SkMemInfo>,
    /// [`UNIX_DIAG_SHUTDOWN`]: bit 0 no more receiving, bit 1 no more sending. Absent before 3.8.
    pub shutdown: Option<u8>,
    /// [`UNIX_DIAG_UID`]: the socket's creator, in the user namespace of the requester (65534 where it has no
    /// number there). Absent before 5.3. Of an accepted connection: the user that accepted it.
    pub uid: Option<u32>,
}

impl<'a> UnixDiagMsg<'a> {
    /// Reads one socket from a message's payload ([`Body::Data`](super::netlink::Body::Data)).
    ///
    /// # Errors
    /// The fixed part is truncated, the attributes are misframed, or one of them is shorter than its type. Attributes
    /// that are not known, and longer ones than known, are no error; of several of a kind the last counts.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, payload);
        let [family, kind, state, _pad] = reader.bytes()?;
        let mut socket = Self {
            family,
            kind,
            state,
            inode: reader.u32_ne()?,
            cookie: sock_diag::cookie(&mut reader)?,
            name: None,
            vfs: None,
            peer: None,
            icons: None,
            queues: None,
            memory: None,
            shutdown: None,
            uid: None,
        };
        for attribute in Attributes::new(reader.rest()) {
            let attribute = attribute?;
            let payload = attribute.payload;
            let value = |name| Reader::new(name, payload);
            match attribute.kind {
                UNIX_DIAG_NAME => socket.name = UnixName::decode(payload),
                UNIX_DIAG_VFS => socket.vfs = Some(UnixDiagVfs::decode(payload)?),
                UNIX_DIAG_PEER => socket.peer = Some(value("UNIX_DIAG_PEER").u32_ne()?),
                UNIX_DIAG_ICONS => socket.icons = Some(Icons::decode(payload)?),
                UNIX_DIAG_RQLEN => socket.queues = Some(RqLen::decode(payload)?),
                UNIX_DIAG_MEMINFO => socket.memory = Some(SkMemInfo::decode(payload)?),
                UNIX_DIAG_SHUTDOWN => socket.shutdown = Some(value("UNIX_DIAG_SHUTDOWN").u8()?),
                UNIX_DIAG_UID => socket.uid = Some(value("UNIX_DIAG_UID").u32_ne()?),
                _ => {}
            }
        }
        Ok(socket)
    }
}
