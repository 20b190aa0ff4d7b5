//! Packet sockets over netlink (`linux/packet_diag.h`, `net/packet/diag.c`), since 3.7: which sockets capture.
//!
//! - [`PacketDiagRequest`], `struct packet_diag_req`, 20 bytes, type
//!   [`SOCK_DIAG_BY_FAMILY`](super::inet_diag::SOCK_DIAG_BY_FAMILY): dumps only; without `NLM_F_DUMP` it is
//!   refused with `EOPNOTSUPP`.
//! - [`PacketDiagMsg`], `struct packet_diag_msg`, 16 bytes, then attributes, numbered from 0:
//!
//! | offset | field          |                                                                  |
//! |-------:|----------------|------------------------------------------------------------------|
//! |      0 | `pdiag_family` | u8, [`AF_PACKET`]                                                |
//! |      1 | `pdiag_type`   | u8, `SOCK_DGRAM` 2, `SOCK_RAW` 3, `SOCK_PACKET` 10               |
//! |      2 | `pdiag_num`    | u16 of the machine's order: `ETH_P_*`, unlike in `sockaddr_ll`   |
//! |      4 | `pdiag_ino`    | u32                                                              |
//! |      8 | `pdiag_cookie` | two u32, the low half first on every machine                     |
//!
//! Traps:
//! - The dump has no filter; only the attributes can be selected.
//! - Protocol 0 receives nothing: the socket was made only to send, or is not bound yet. 3 (`ETH_P_ALL`)
//!   receives everything. [`PDI_RUNNING`] shows whether it receives now.
//! - Index 0 is every device, not none; -1 (`u32::MAX`) is a device that no longer exists.
//! - A list of memberships is sent whenever it is requested, and may be empty. It has what this socket joined: it
//!   does not show whether a device is promiscuous.
//! - The number of the device is one of the network namespace of the request.

use super::inet_diag_memory::SkMemInfo;
use super::netlink::Attributes;
use super::sock_diag;
use crate::reader::{DecodeError, Reader};

/// Address family of packet sockets.
pub const AF_PACKET: u8 = 17;

/// Bit of [`show`](PacketDiagRequest::show): [`PACKET_DIAG_INFO`] and [`PACKET_DIAG_UID`].
pub const PACKET_SHOW_INFO: u32 = 0x01;
/// Bit of [`show`](PacketDiagRequest::show): [`PACKET_DIAG_MCLIST`].
pub const PACKET_SHOW_MCLIST: u32 = 0x02;
/// Bit of [`show`](PacketDiagRequest::show): [`PACKET_DIAG_RX_RING`] and [`PACKET_DIAG_TX_RING`].
pub const PACKET_SHOW_RING_CFG: u32 = 0x04;
/// Bit of [`show`](PacketDiagRequest::show): [`PACKET_DIAG_FANOUT`].
pub const PACKET_SHOW_FANOUT: u32 = 0x08;
/// Bit of [`show`](PacketDiagRequest::show): [`PACKET_DIAG_MEMINFO`].
pub const PACKET_SHOW_MEMINFO: u32 = 0x10;
/// Bit of [`show`](PacketDiagRequest::show): [`PACKET_DIAG_FILTER`].
pub const PACKET_SHOW_FILTER: u32 = 0x20;

/// Attribute: `struct packet_diag_info`.
pub const PACKET_DIAG_INFO: u16 = 0;
/// Attribute: memberships, `struct packet_diag_mclist` each.
pub const PACKET_DIAG_MCLIST: u16 = 1;
/// Attribute: `struct packet_diag_ring`, of sockets that receive through a ring.
pub const PACKET_DIAG_RX_RING: u16 = 2;
/// Attribute: `struct packet_diag_ring`, of sockets that send through a ring.
pub const PACKET_DIAG_TX_RING: u16 = 3;
/// Attribute: the fanout group, u32, of sockets in one.
pub const PACKET_DIAG_FANOUT: u16 = 4;
/// Attribute (3.10): the socket's creator, u32.
pub const PACKET_DIAG_UID: u16 = 5;
/// Attribute (3.10): memory of the socket, u32 each.
pub const PACKET_DIAG_MEMINFO: u16 = 6;
/// Attribute (3.10): the socket's filter, `struct sock_filter` each, for those with `CAP_NET_ADMIN`.
pub const PACKET_DIAG_FILTER: u16 = 7;

/// Bit of [`flags`](PacketInfo::flags): it receives.
pub const PDI_RUNNING: u32 = 0x01;
/// Bit of [`flags`](PacketInfo::flags): `PACKET_AUXDATA` is set.
pub const PDI_AUXDATA: u32 = 0x02;
/// Bit of [`flags`](PacketInfo::flags): `PACKET_ORIGDEV` is set.
pub const PDI_ORIGDEV: u32 = 0x04;
/// Bit of [`flags`](PacketInfo::flags): `PACKET_VNET_HDR` is set.
pub const PDI_VNETHDR: u32 = 0x08;
/// Bit of [`flags`](PacketInfo::flags): `PACKET_LOSS` is set.
pub const PDI_LOSS: u32 = 0x10;

const RECORD: &str = "packet_diag_msg";

/// `struct packet_diag_req`: a request for all packet sockets of a network namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketDiagRequest {
    /// `pdiag_show`: which attributes to add, `PACKET_SHOW_*`.
    pub show: u32,
}

impl PacketDiagRequest {
    /// The whole netlink message; `NLM_F_REQUEST` is added to `flags`.
    pub fn encode(&self, flags: u16, seq: u32) -> Vec<u8> {
        let mut body = Vec::with_capacity(20);
        // sdiag_protocol, which must be 0, and pad.
        body.extend_from_slice(&[AF_PACKET, 0, 0, 0]);
        // pdiag_ino and, after what to show, pdiag_cookie: no kernel reads them.
        body.extend_from_slice(&[0; 4]);
        body.extend_from_slice(&self.show.to_ne_bytes());
        sock_diag::put_cookie(&mut body, u64::MAX);
        sock_diag::request(&body, flags, seq)
    }
}

/// `struct packet_diag_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketInfo {
    /// `pdi_index`: the device that it is bound to; 0 is every one.
    pub index: u32,
    /// `pdi_version`: `TPACKET_V1` 0, `TPACKET_V2` 1, `TPACKET_V3` 2; of use only with a ring.
    pub version: u32,
    /// `pdi_reserve`: `PACKET_RESERVE`.
    pub reserve: u32,
    /// `pdi_copy_thresh`: `PACKET_COPY_THRESH`.
    pub copy_threshold: u32,
    /// `pdi_tstamp`: `PACKET_TIMESTAMP`.
    pub timestamp: u32,
    /// `pdi_flags`: `PDI_*`.
    pub flags: u32,
}

impl PacketInfo {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let numbers = Reader::new("PACKET_DIAG_INFO", payload).u32s_ne()?;
        let [index, version, reserve, copy_threshold, timestamp, flags] = numbers;
        Ok(Self { index, version, reserve, copy_threshold, timestamp, flags })
    }
}

/// `struct packet_diag_ring`: a ring shared with the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRing {
    /// `pdr_block_size`, in bytes.
    pub block_size: u32,
    /// `pdr_block_nr`: how many blocks.
    pub block_count: u32,
    /// `pdr_frame_size`, in bytes.
    pub frame_size: u32,
    /// `pdr_frame_nr`: how many frames in all blocks.
    pub frame_count: u32,
    /// `pdr_retire_tmo`: milliseconds after which a block is handed over that is not full; `TPACKET_V3` only.
    pub retire_timeout_ms: u32,
    /// `pdr_sizeof_priv`: bytes of each block that are the process's; `TPACKET_V3` only.
    pub private_size: u32,
    /// `pdr_features`: `TP_FT_REQ_*`; `TPACKET_V3` only.
    pub features: u32,
}

impl PacketRing {
    fn decode(record: &'static str, payload: &[u8]) -> Result<Self, DecodeError> {
        let numbers = Reader::new(record, payload).u32s_ne()?;
        let [block_size, block_count, frame_size, frame_count, retire_timeout_ms, private_size, features] =
            numbers;
        Ok(Self {
            block_size,
            block_count,
            frame_size,
            frame_count,
            retire_timeout_ms,
            private_size,
            features,
        })
    }
}

/// `struct packet_diag_mclist`: one membership (`PACKET_ADD_MEMBERSHIP`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketMembership<'a> {
    /// `pdmc_index`: the device.
    pub index: u32,
    /// `pdmc_count`: how often this socket joined it.
    pub count: u32,
    /// `pdmc_type`: `PACKET_MR_MULTICAST` 0, `PACKET_MR_PROMISC` 1, `PACKET_MR_ALLMULTI` 2, `PACKET_MR_UNICAST`
    /// 3.
    pub kind: u16,
    /// `pdmc_addr`, `pdmc_alen` bytes of it: the address; none with the kinds 1 and 2.
    pub address: &'a [u8],
}

/// [`PACKET_DIAG_MCLIST`]: memberships, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketMemberships<'a> {
    rest: &'a [u8],
}

/// `sizeof(struct packet_diag_mclist)`.
const MEMBERSHIP: usize = 44;

impl<'a> PacketMemberships<'a> {
    fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let cut = payload.len() % MEMBERSHIP;
        if cut != 0 {
            return Err(DecodeError::short(
                "PACKET_DIAG_MCLIST",
                payload.len().saturating_sub(cut),
                MEMBERSHIP,
                cut,
            ));
        }
        Ok(Self { rest: payload })
    }
}

impl<'a> Iterator for PacketMemberships<'a> {
    type Item = PacketMembership<'a>;

    fn next(&mut self) -> Option<PacketMembership<'a>> {
        let (record, rest) = self.rest.split_at_checked(MEMBERSHIP)?;
        self.rest = rest;
        let mut reader = Reader::new("packet_diag_mclist", record);
        let (index, count) = (reader.u32_ne().ok()?, reader.u32_ne().ok()?);
        let (kind, length) = (reader.u16_ne().ok()?, reader.u16_ne().ok()?);
        let address = reader.rest();
        // An address longer than its field cannot be: what there is of it is the field.
        let address = address.get(..length.into()).unwrap_or(address);
        Some(PacketMembership { index, count, kind, address })
    }
}

/// [`PACKET_DIAG_FANOUT`]: sockets that share what they receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketFanout {
    /// Number of the group in the network namespace.
    pub id: u16,
    /// How packets are shared out: `PACKET_FANOUT_*`, 0 by hash, 1 round robin, 2 by processor ...
    pub kind: u16,
}

impl PacketFanout {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let value = Reader::new("PACKET_DIAG_FANOUT", payload).u32_ne()?;
        let [a, b, c, d] = value.to_le_bytes();
        Ok(Self { id: u16::from_le_bytes([a, b]), kind: u16::from_le_bytes([c, d]) })
    }
}

/// `struct packet_diag_msg` and its attributes: one socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketDiagMsg<'a> {
    /// `pdiag_family`: [`AF_PACKET`].
    pub family: u8,
    /// `pdiag_type`: 2 without link-layer headers, 3 with them, 10 the obsolete `SOCK_PACKET`.
    pub kind: u8,
    /// `pdiag_num`: which protocol it receives, `ETH_P_*`.
    pub protocol: u16,
    /// `pdiag_ino`: the number in `socket:[N]` links.
    pub inode: u32,
    /// `pdiag_cookie`: the socket's number, never used twice between two boots.
    pub cookie: u64,
    /// [`PACKET_DIAG_INFO`].
    pub info: Option<PacketInfo>,
    /// [`PACKET_DIAG_MCLIST`].
    pub memberships: Option<PacketMemberships<'a>>,
    /// [`PACKET_DIAG_RX_RING`]. Absent without one.
    pub rx_ring: Option<PacketRing>,
    /// [`PACKET_DIAG_TX_RING`]. Absent without one.
    pub tx_ring: Option<PacketRing>,
    /// [`PACKET_DIAG_FANOUT`]. Absent unless in a group.
    pub fanout: Option<PacketFanout>,
    /// [`PACKET_DIAG_UID`]: the socket's creator, in the user namespace of the requester. Absent before 3.10.
    pub uid: Option<u32>,
    /// [`PACKET_DIAG_MEMINFO`]. Absent before 3.10.
    pub memory: Option<SkMemInfo>,
    /// [`PACKET_DIAG_FILTER`]: 8 bytes an instruction. Absent without a filter, and for one that was set
    /// as eBPF. Without `CAP_NET_ADMIN` it is there and empty, whether there is a filter or not.
    pub filter: Option<&'a [u8]>,
}

impl<'a> PacketDiagMsg<'a> {
    /// Reads one socket from a message's payload ([`Body::Data`](super::netlink::Body::Data)).
    ///
    /// # Errors
    /// The fixed part is truncated, the attributes are misframed, or one of them is shorter than its type. Attributes
    /// that are not known, and longer ones than known, are no error; of several of a kind the last counts.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, payload);
        let mut socket = Self {
            family: reader.u8()?,
            kind: reader.u8()?,
            protocol: reader.u16_ne()?,
            inode: reader.u32_ne()?,
            cookie: sock_diag::cookie(&mut reader)?,
            info: None,
            memberships: None,
            rx_ring: None,
            tx_ring: None,
            fanout: None,
            uid: None,
            memory: None,
            filter: None,
        };
        for attribute in Attributes::new(reader.rest()) {
            let attribute = attribute?;
            let payload = attribute.payload;
            match attribute.kind {
                PACKET_DIAG_INFO => socket.info = Some(PacketInfo::decode(payload)?),
                PACKET_DIAG_MCLIST => socket.memberships = Some(PacketMemberships::decode(payload)?),
                PACKET_DIAG_RX_RING => {
                    socket.rx_ring = Some(PacketRing::decode("PACKET_DIAG_RX_RING", payload)?);
                }
                PACKET_DIAG_TX_RING => {
                    socket.tx_ring = Some(PacketRing::decode("PACKET_DIAG_TX_RING", payload)?);
                }
                PACKET_DIAG_FANOUT => socket.fanout = Some(PacketFanout::decode(payload)?),
                PACKET_DIAG_UID => socket.uid = Some(Reader::new("PACKET_DIAG_UID", payload).u32_ne()?),
                PACKET_DIAG_MEMINFO => socket.memory = Some(SkMemInfo::decode(payload)?),
                PACKET_DIAG_FILTER => socket.filter = Some(payload),
                _ => {}
            }
        }
        Ok(socket)
    }
}
