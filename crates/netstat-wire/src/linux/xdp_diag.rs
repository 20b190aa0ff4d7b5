//! AF_XDP sockets over netlink (`linux/xdp_diag.h`, `net/xdp/xsk_diag.c`), since 5.1.
//!
//! - [`XdpDiagRequest`], `struct xdp_diag_req`, 20 bytes, type
//!   [`SOCK_DIAG_BY_FAMILY`](super::inet_diag::SOCK_DIAG_BY_FAMILY): dumps only; without `NLM_F_DUMP` it is
//!   refused with `EOPNOTSUPP`.
//! - [`XdpDiagMsg`], `struct xdp_diag_msg`, 16 bytes, then attributes, numbered from 1 (unlike those of packet
//!   sockets):
//!
//! | offset | field          |                                              |
//! |-------:|----------------|----------------------------------------------|
//! |      0 | `xdiag_family` | u8, [`AF_XDP`]                               |
//! |      1 | `xdiag_type`   | u8, `SOCK_RAW` 3                             |
//! |      4 | `xdiag_ino`    | u32                                          |
//! |      8 | `xdiag_cookie` | two u32, the low half first on every machine |
//!
//! Traps:
//! - A socket whose device no longer exists, or that is being closed (`XSK_UNBOUND`), is treated as one that does not
//!   fit the kernel's buffer (since 2023): **the dump ends there, without an error**, and the sockets after it
//!   are missing. The first case lasts as long as the socket does. So no answer of this interface is known to
//!   be complete.
//! - Device 0 is a socket that is not bound.
//! - Few kernels have the interface (`CONFIG_XDP_SOCKETS_DIAG`). The others answer with `NLMSG_ERROR`,
//!   `ENOENT`, and procfs does not list these sockets.

use super::inet_diag_memory::SkMemInfo;
use super::netlink::Attributes;
use super::sock_diag;
use crate::reader::{DecodeError, Reader};

/// Address family of XDP sockets.
pub const AF_XDP: u8 = 44;

/// Bit of [`show`](XdpDiagRequest::show): [`XDP_DIAG_INFO`] and [`XDP_DIAG_UID`].
pub const XDP_SHOW_INFO: u32 = 0x01;
/// Bit of [`show`](XdpDiagRequest::show): [`XDP_DIAG_RX_RING`] and [`XDP_DIAG_TX_RING`].
pub const XDP_SHOW_RING_CFG: u32 = 0x02;
/// Bit of [`show`](XdpDiagRequest::show): [`XDP_DIAG_UMEM`] and its two rings.
pub const XDP_SHOW_UMEM: u32 = 0x04;
/// Bit of [`show`](XdpDiagRequest::show): [`XDP_DIAG_MEMINFO`].
pub const XDP_SHOW_MEMINFO: u32 = 0x08;
/// Bit of [`show`](XdpDiagRequest::show): [`XDP_DIAG_STATS`] (5.9).
pub const XDP_SHOW_STATS: u32 = 0x10;

/// Attribute: `struct xdp_diag_info`.
pub const XDP_DIAG_INFO: u16 = 1;
/// Attribute: the socket's creator, u32.
pub const XDP_DIAG_UID: u16 = 2;
/// Attribute: entries of the ring for what is received, u32.
pub const XDP_DIAG_RX_RING: u16 = 3;
/// Attribute: entries of the ring for what is sent, u32.
pub const XDP_DIAG_TX_RING: u16 = 4;
/// Attribute: `struct xdp_diag_umem`.
pub const XDP_DIAG_UMEM: u16 = 5;
/// Attribute: entries of the ring of free frames, u32.
pub const XDP_DIAG_UMEM_FILL_RING: u16 = 6;
/// Attribute: entries of the ring of sent frames, u32.
pub const XDP_DIAG_UMEM_COMPLETION_RING: u16 = 7;
/// Attribute: memory of the socket, u32 each.
pub const XDP_DIAG_MEMINFO: u16 = 8;
/// Attribute (5.9): `struct xdp_diag_stats`. Not read.
pub const XDP_DIAG_STATS: u16 = 9;

/// Bit of [`flags`](XdpUmem::flags): frames go to and from the device without a copy.
pub const XDP_DU_F_ZEROCOPY: u32 = 0x01;

/// `struct xdp_diag_req`: a request for all XDP sockets of a network namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpDiagRequest {
    /// `xdiag_show`: which attributes to add, `XDP_SHOW_*`.
    pub show: u32,
}

impl XdpDiagRequest {
    /// The whole netlink message; `NLM_F_REQUEST` is added to `flags`.
    pub fn encode(&self, flags: u16, seq: u32) -> Vec<u8> {
        let mut body = Vec::with_capacity(20);
        body.extend_from_slice(&[AF_XDP, 0, 0, 0]);
        // xdiag_ino and, after what to show, xdiag_cookie: no kernel reads them.
        body.extend_from_slice(&[0; 4]);
        body.extend_from_slice(&self.show.to_ne_bytes());
        sock_diag::put_cookie(&mut body, u64::MAX);
        sock_diag::request(&body, flags, seq)
    }
}

/// `struct xdp_diag_info`: what the socket is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpInfo {
    /// `ifindex`: the device; 0 for none.
    pub index: u32,
    /// `queue_id`: the queue of the device.
    pub queue: u32,
}

/// `struct xdp_diag_umem`: the memory of the frames, which sockets may share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpUmem {
    /// `size`, in bytes.
    pub size: u64,
    /// `id`: the same for sockets that share it.
    pub id: u32,
    /// `num_pages`.
    pub page_count: u32,
    /// `chunk_size`: bytes of a frame.
    pub chunk_size: u32,
    /// `headroom`: bytes left free before the data of a frame.
    pub headroom: u32,
    /// `ifindex`: the device; 0 for none.
    pub index: u32,
    /// `queue_id`: the queue of the device.
    pub queue: u32,
    /// `flags`: [`XDP_DU_F_ZEROCOPY`].
    pub flags: u32,
    /// `refs`: how many sockets and the like have it.
    pub references: u32,
}

impl XdpUmem {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("XDP_DIAG_UMEM", payload);
        let size = reader.u64_ne()?;
        let [id, page_count, chunk_size, headroom, index, queue, flags, references] = reader.u32s_ne()?;
        Ok(Self { size, id, page_count, chunk_size, headroom, index, queue, flags, references })
    }
}

/// `struct xdp_diag_msg` and its attributes: one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpDiagMsg {
    /// `xdiag_family`: [`AF_XDP`].
    pub family: u8,
    /// `xdiag_type`: 3.
    pub kind: u8,
    /// `xdiag_ino`: the number in `socket:[N]` links.
    pub inode: u32,
    /// `xdiag_cookie`: the socket's number, never used twice between two boots.
    pub cookie: u64,
    /// [`XDP_DIAG_INFO`].
    pub info: Option<XdpInfo>,
    /// [`XDP_DIAG_UID`]: the socket's creator, in the user namespace of the requester.
    pub uid: Option<u32>,
    /// [`XDP_DIAG_RX_RING`]. Absent without one.
    pub rx_ring: Option<u32>,
    /// [`XDP_DIAG_TX_RING`]. Absent without one.
    pub tx_ring: Option<u32>,
    /// [`XDP_DIAG_UMEM`]. Absent without.
    pub umem: Option<XdpUmem>,
    /// [`XDP_DIAG_UMEM_FILL_RING`]. Absent without one.
    pub fill_ring: Option<u32>,
    /// [`XDP_DIAG_UMEM_COMPLETION_RING`]. Absent without one.
    pub completion_ring: Option<u32>,
    /// [`XDP_DIAG_MEMINFO`].
    pub memory: Option<SkMemInfo>,
}

impl XdpDiagMsg {
    /// Reads one socket from a message's payload ([`Body::Data`](super::netlink::Body::Data)).
    ///
    /// # Errors
    /// The fixed part is truncated, the attributes are misframed, or one of those read is shorter than its type.
    /// Attributes that are not read, and longer ones than known, are no error; of several of a kind the last
    /// counts.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("xdp_diag_msg", payload);
        let [family, kind, ..] = reader.bytes::<4>()?;
        let mut socket = Self {
            family,
            kind,
            inode: reader.u32_ne()?,
            cookie: sock_diag::cookie(&mut reader)?,
            info: None,
            uid: None,
            rx_ring: None,
            tx_ring: None,
            umem: None,
            fill_ring: None,
            completion_ring: None,
            memory: None,
        };
        for attribute in Attributes::new(reader.rest()) {
            let attribute = attribute?;
            let payload = attribute.payload;
            let (number, name) = match attribute.kind {
                XDP_DIAG_UID => (&mut socket.uid, "XDP_DIAG_UID"),
                XDP_DIAG_RX_RING => (&mut socket.rx_ring, "XDP_DIAG_RX_RING"),
                XDP_DIAG_TX_RING => (&mut socket.tx_ring, "XDP_DIAG_TX_RING"),
                XDP_DIAG_UMEM_FILL_RING => (&mut socket.fill_ring, "XDP_DIAG_UMEM_FILL_RING"),
                XDP_DIAG_UMEM_COMPLETION_RING => {
                    (&mut socket.completion_ring, "XDP_DIAG_UMEM_COMPLETION_RING")
                }
                XDP_DIAG_INFO => {
                    let [index, queue] = Reader::new("XDP_DIAG_INFO", payload).u32s_ne()?;
                    socket.info = Some(XdpInfo { index, queue });
                    continue;
                }
                XDP_DIAG_UMEM => {
                    socket.umem = Some(XdpUmem::decode(payload)?);
                    continue;
                }
                XDP_DIAG_MEMINFO => {
                    socket.memory = Some(SkMemInfo::decode(payload)?);
                    continue;
                }
                _ => continue,
            };
            *number = Some(Reader::new(name, payload).u32_ne()?);
        }
        Ok(socket)
    }
}
