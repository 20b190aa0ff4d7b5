//! The socket behind a descriptor: `proc_pidfdinfo` and `proc_pidfileportinfo` with `PROC_PIDFDSOCKETINFO`.
//!
//! `struct socket_fdinfo`, 792 bytes: `struct proc_fileinfo` (24), then `struct socket_info` (768). The last 528 bytes
//! are a union; `soi_kind` selects its member.
//!
//! Traps:
//! - `soi_stat` is all zero: it has no inode, user or time. No field of the structure has a user.
//! - A port is the low 16 bits of an `int`, in network order.
//! - The kind follows the pcb, not the family: a TCP socket that is not yet initialised has kind 1 and no state, one
//!   whose pcb is gone has kind 0, and a connection that has ended keeps kind 2 with a `vflag` of 0.
//! - Raw and ICMP sockets have kind 1 too: compare `soi_protocol`.
//!
//! Sources: `bsd/sys/proc_info.h`, `bsd/kern/socket_info.c`.

use super::sockaddr_un;
use crate::reader::{DecodeError, Reader};

/// The bytes of `struct socket_fdinfo`.
pub const SOCKET_FDINFO_BYTES: usize = 792;

/// The flavor of `proc_pidfdinfo`, `PROC_PIDFDSOCKETINFO`.
pub const PROC_PIDFDSOCKETINFO: i32 = 3;

/// `PROC_FP_SHARED`, a bit of `fi_status`: the open file has more than one reference, from this process, from another or
/// from a message in flight.
pub const PROC_FP_SHARED: u32 = 0x1;

const SOCKINFO_GENERIC: i32 = 0;
const SOCKINFO_IN: i32 = 1;
const SOCKINFO_TCP: i32 = 2;
const SOCKINFO_UN: i32 = 3;
const SOCKINFO_NDRV: i32 = 4;
const SOCKINFO_KERN_EVENT: i32 = 5;
const SOCKINFO_KERN_CTL: i32 = 6;
const SOCKINFO_VSOCK: i32 = 7;

/// The size of an address field of a local socket, `SOCK_MAXADDRLEN`.
const UN_ADDRESS_BYTES: usize = 255;

/// `struct sockbuf_info`: one of the two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SockbufInfo {
    /// `sbi_cc`: queued bytes.
    pub cc: u32,
    /// `sbi_hiwat`: the most bytes that may be queued.
    pub hiwat: u32,
}

impl SockbufInfo {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let info = Self { cc: reader.u32_ne()?, hiwat: reader.u32_ne()? };
        // sbi_mbcnt, sbi_mbmax, sbi_lowat, sbi_flags, sbi_timeo
        reader.skip(16)?;
        Ok(info)
    }
}

/// `struct in_sockinfo`: the two endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InSockinfo {
    /// `insi_fport`: the remote port; 0 when not connected.
    pub fport: u16,
    /// `insi_lport`: the local port; 0 when not bound.
    pub lport: u16,
    /// `insi_gencnt`: the generation in the `xinpcb_n` of the same socket.
    pub generation: u64,
    /// `insi_vflag`: the form of the addresses ([`super::address`]).
    pub vflag: u8,
    /// `insi_faddr`: the remote address.
    pub faddr: [u8; 16],
    /// `insi_laddr`: the local address.
    pub laddr: [u8; 16],
}

/// A port in the low 16 bits of an `int`, in network order.
#[inline]
fn port(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    let [low, high, _, _] = reader.u32_ne()?.to_le_bytes();
    Ok(u16::from_be(u16::from_le_bytes([low, high])))
}

impl InSockinfo {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let fport = port(reader)?;
        let lport = port(reader)?;
        let generation = reader.u64_ne()?;
        // insi_flags, insi_flow
        reader.skip(8)?;
        let vflag = reader.u8()?;
        // insi_ip_ttl, padding, rfu_1
        reader.skip(7)?;
        let faddr = reader.bytes()?;
        let laddr = reader.bytes()?;
        // insi_v4, insi_v6
        reader.skip(16)?;
        Ok(Self { fport, lport, generation, vflag, faddr, laddr })
    }
}

/// The union of `struct socket_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol<'a> {
    /// A socket without a pcb, or of a family that has no member in the union.
    Generic,
    /// UDP, raw, ICMP, and TCP that is not yet initialised.
    In(InSockinfo),
    /// TCP.
    Tcp {
        /// `tcpsi_ini`: the two endpoints.
        ini: InSockinfo,
        /// `tcpsi_state`: one of [`super::tcp_states`].
        state: i32,
    },
    /// A local socket.
    Un {
        /// `unsi_conn_so`: the handle of its peer's socket; 0 when not connected.
        conn_so: u64,
        /// `unsi_conn_pcb`: the handle of its peer's pcb.
        conn_pcb: u64,
        /// `unsi_addr`: the path that it is bound to; empty if not bound.
        path: &'a [u8],
        /// `unsi_caddr`: the path of its peer.
        peer_path: &'a [u8],
    },
    /// A socket on a network driver.
    Ndrv {
        /// `ndrvsi_if_family`.
        family: u32,
        /// `ndrvsi_if_unit`.
        unit: u32,
        /// `ndrvsi_if_name`: up to its NUL.
        name: &'a [u8],
    },
    /// A socket for events of the kernel.
    KernEvent {
        /// `kesi_vendor_code_filter`.
        vendor: u32,
        /// `kesi_class_filter`.
        class: u32,
        /// `kesi_subclass_filter`.
        subclass: u32,
    },
    /// A kernel control.
    KernCtl {
        /// `kcsi_id`.
        id: u32,
        /// `kcsi_unit`.
        unit: u32,
        /// `kcsi_name`: up to its NUL.
        name: &'a [u8],
    },
    /// A socket to or from a virtual machine (macOS 11).
    Vsock {
        /// `local_cid`.
        local_cid: u32,
        /// `local_port`.
        local_port: u32,
        /// `remote_cid`.
        remote_cid: u32,
        /// `remote_port`.
        remote_port: u32,
    },
    /// A kind that the decoder does not know.
    Unknown(i32),
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

impl<'a> Protocol<'a> {
    #[inline]
    fn decode(kind: i32, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match kind {
            SOCKINFO_GENERIC => Self::Generic,
            SOCKINFO_IN => Self::In(InSockinfo::decode(reader)?),
            SOCKINFO_TCP => Self::Tcp { ini: InSockinfo::decode(reader)?, state: reader.i32_ne()? },
            SOCKINFO_UN => {
                let conn_so = reader.u64_ne()?;
                let conn_pcb = reader.u64_ne()?;
                let path = sockaddr_un::path(reader.take(UN_ADDRESS_BYTES)?);
                let peer_path = sockaddr_un::path(reader.take(UN_ADDRESS_BYTES)?);
                Self::Un { conn_so, conn_pcb, path, peer_path }
            }
            SOCKINFO_NDRV => Self::Ndrv {
                family: reader.u32_ne()?,
                unit: reader.u32_ne()?,
                name: until_nul(reader.take(16)?),
            },
            SOCKINFO_KERN_EVENT => Self::KernEvent {
                vendor: reader.u32_ne()?,
                class: reader.u32_ne()?,
                subclass: reader.u32_ne()?,
            },
            SOCKINFO_KERN_CTL => {
                let id = reader.u32_ne()?;
                // kcsi_reg_unit, kcsi_flags, kcsi_recvbufsize, kcsi_sendbufsize
                reader.skip(16)?;
                Self::KernCtl { id, unit: reader.u32_ne()?, name: until_nul(reader.take(96)?) }
            }
            SOCKINFO_VSOCK => Self::Vsock {
                local_cid: reader.u32_ne()?,
                local_port: reader.u32_ne()?,
                remote_cid: reader.u32_ne()?,
                remote_port: reader.u32_ne()?,
            },
            unknown => Self::Unknown(unknown),
        })
    }
}

/// `struct socket_fdinfo`: a descriptor and its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketFdinfo<'a> {
    /// `fi_status`: see [`PROC_FP_SHARED`].
    pub status: u32,
    /// `soi_so`: the handle, equal to that in the tables.
    pub so: u64,
    /// `soi_type`: 1 stream, 2 datagram, 3 raw.
    pub kind: i32,
    /// `soi_protocol`: the number of the protocol, even if the socket was created with 0.
    pub protocol: i32,
    /// `soi_family`: the socket's own, 1 local, 2 IPv4, 30 IPv6.
    pub family: i32,
    /// `soi_options`: see [`super::socket_state`].
    pub options: u16,
    /// `soi_state`: see [`super::socket_state`].
    pub state: u16,
    /// `soi_qlen`: connections in the accept queue, those in the handshake included.
    pub qlen: u16,
    /// `soi_incqlen`: those in the handshake.
    pub incqlen: u16,
    /// `soi_qlimit`: the backlog.
    pub qlimit: u16,
    /// `soi_rcv`: the receive queue.
    pub rcv: SockbufInfo,
    /// `soi_snd`: the send queue.
    pub snd: SockbufInfo,
    /// `soi_kind` and `soi_proto`.
    pub proto: Protocol<'a>,
}

impl<'a> SocketFdinfo<'a> {
    /// Decodes the structure.
    ///
    /// # Errors
    /// It is truncated.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("socket_fdinfo", bytes);
        // fi_openflags
        reader.skip(4)?;
        let status = reader.u32_ne()?;
        // fi_offset, fi_type, fi_guardflags, soi_stat
        reader.skip(152)?;
        let so = reader.u64_ne()?;
        // soi_pcb
        reader.skip(8)?;
        let kind = reader.i32_ne()?;
        let protocol = reader.i32_ne()?;
        let family = reader.i32_ne()?;
        let options = reader.u16_ne()?;
        // soi_linger
        reader.skip(2)?;
        let state = reader.u16_ne()?;
        let qlen = reader.u16_ne()?;
        let incqlen = reader.u16_ne()?;
        let qlimit = reader.u16_ne()?;
        // soi_timeo, soi_error, soi_oobmark
        reader.skip(8)?;
        let rcv = SockbufInfo::decode(&mut reader)?;
        let snd = SockbufInfo::decode(&mut reader)?;
        let member = reader.i32_ne()?;
        // rfu_1
        reader.skip(4)?;
        let proto = Protocol::decode(member, &mut reader)?;
        Ok(Self {
            status,
            so,
            kind,
            protocol,
            family,
            options,
            state,
            qlen,
            incqlen,
            qlimit,
            rcv,
            snd,
            proto,
        })
    }
}
