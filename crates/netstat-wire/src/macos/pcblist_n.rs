//! The tables of IP sockets: sysctl `net.inet.tcp.pcblist_n`, `net.inet.udp.pcblist_n`.
//!
//! A socket is a set of records ([`super::records`]) in a fixed order, each identified by its kind:
//! `xinpcb_n` (104 bytes), `xsocket_n` (104; 76 on macOS 12 and older), two `xsockbuf_n` (32), `xsockstat_n` (136), and
//! for TCP `xtcpcb_n` (204).
//!
//! Traps:
//! - A pcb may have no socket, or none any more: its `xsocket_n` is zero except for length and kind, and both
//!   `xsockbuf_n` have kind 0. Addresses, ports and `vflag` are valid, all else is unknown ([`Pcb::has_socket`]).
//! - Connections in a process's own network stack (Skywalk flows) follow all others. They have records of the usual
//!   kinds, with zeros for handle, family, user and generations: no descriptor exists.
//! - `inp_ip_p` is 0 for TCP and UDP; the protocol is in `xso_protocol`, for a flow too.
//! - A connection that flow divert carries (per-app VPN, transparent proxy) never enters the TCP state machine: its
//!   `t_state` is CLOSED. `so_state` has the state of the connection, `so_flags` and `xso_filter_flags` mark it.
//! - Ports are in network order, everything else is in the machine's.
//! - Fields are packed to four bytes: 64-bit fields are at odd multiples of four.
//!
//! Sources: `bsd/netinet/in_pcb.h`, `bsd/netinet/tcp_var.h`, `bsd/sys/socketvar.h`,
//! `bsd/netinet/in_pcblist.c`, `bsd/net/ntstat.c`.

use super::records::{
    Ending, Record, Records, XSO_INPCB, XSO_RCVBUF, XSO_SNDBUF, XSO_SOCKET, XSO_TCPCB, Xinpgen,
};
use crate::reader::{DecodeError, Reader};

/// A reader of a record, positioned behind its length and kind.
fn fields<'a>(name: &'static str, record: Record<'a>) -> Result<Reader<'a>, DecodeError> {
    let mut reader = Reader::new(name, record.bytes);
    reader.skip(8)?;
    Ok(reader)
}

/// `struct xinpcb_n`: the two endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XinpcbN {
    /// `inp_fport`: the remote port; 0 when not connected.
    pub fport: u16,
    /// `inp_lport`: the local port; 0 when not bound.
    pub lport: u16,
    /// `inp_gencnt`: never used twice in one table, and fixed while the pcb lives. 0: a flow.
    pub generation: u64,
    /// `inp_vflag`: the form of the addresses ([`super::address`]).
    pub vflag: u8,
    /// `inp_dependfaddr`: the remote address.
    pub faddr: [u8; 16],
    /// `inp_dependladdr`: the local address.
    pub laddr: [u8; 16],
}

impl XinpcbN {
    /// Decodes the record.
    ///
    /// # Errors
    /// It ends before the end of the local address.
    #[inline]
    pub fn decode(record: Record<'_>) -> Result<Self, DecodeError> {
        let mut reader = fields("xinpcb_n", record)?;
        // xi_inpp
        reader.skip(8)?;
        let fport = reader.u16_be()?;
        let lport = reader.u16_be()?;
        // inp_ppcb
        reader.skip(8)?;
        let generation = reader.u64_ne()?;
        // inp_flags, inp_flow
        reader.skip(8)?;
        let vflag = reader.u8()?;
        // inp_ip_ttl, inp_ip_p, and one of padding
        reader.skip(3)?;
        Ok(Self { fport, lport, generation, vflag, faddr: reader.bytes()?, laddr: reader.bytes()? })
    }
}

/// `struct xsocket_n`: the socket above the pcb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XsocketN {
    /// `xso_so`: the handle, the same as in libproc; 0: no socket, or a flow.
    pub so: u64,
    /// `so_options`: see [`super::socket_state`].
    pub options: u32,
    /// `so_state`: see [`super::socket_state`].
    pub state: u16,
    /// `xso_protocol`: 6 TCP, 17 UDP; 0 without a socket.
    pub protocol: u32,
    /// `xso_family`: the socket's own, 2 IPv4, 30 IPv6; 0 without a socket and for a flow.
    pub family: u32,
    /// `so_qlen`: connections in the accept queue, those in the handshake included.
    pub qlen: u16,
    /// `so_incqlen`: those in the handshake.
    pub incqlen: u16,
    /// `so_qlimit`: the backlog.
    pub qlimit: u16,
    /// `so_uid`: the effective user of the process that created the socket or its listener. Not valid without a socket
    /// and for a flow.
    pub uid: u32,
    /// `so_last_pid`: the process that used the socket last, which may have ended. 0: the kernel.
    pub last_pid: u32,
    /// `so_e_pid`: the process that another one uses the socket for; 0: none.
    pub e_pid: u32,
    /// `so_flags`: see [`super::socket_state`]. `None` before macOS 13.
    pub flags: Option<u32>,
    /// `xso_filter_flags`: see [`super::socket_state`]. `None` before macOS 13.
    pub filter_flags: Option<u32>,
}

impl XsocketN {
    /// Decodes the record.
    ///
    /// # Errors
    /// It ends before the end of `so_e_pid`, the last field until macOS 12.
    #[inline]
    pub fn decode(record: Record<'_>) -> Result<Self, DecodeError> {
        let mut reader = fields("xsocket_n", record)?;
        let so = reader.u64_ne()?;
        // so_type, and two of padding
        reader.skip(4)?;
        let options = reader.u32_ne()?;
        // so_linger
        reader.skip(2)?;
        let state = reader.u16_ne()?;
        // so_pcb
        reader.skip(8)?;
        let protocol = reader.u32_ne()?;
        let family = reader.u32_ne()?;
        let qlen = reader.u16_ne()?;
        let incqlen = reader.u16_ne()?;
        let qlimit = reader.u16_ne()?;
        // so_timeo, so_error, and two of padding, so_pgid, so_oobmark
        reader.skip(14)?;
        let uid = reader.u32_ne()?;
        let last_pid = reader.u32_ne()?;
        let e_pid = reader.u32_ne()?;
        // so_gencnt
        let flags = reader.skip(8).and_then(|()| reader.u32_ne()).ok();
        // so_flags1, so_usecount, so_retaincnt
        let filter_flags = reader.skip(12).and_then(|()| reader.u32_ne()).ok();
        Ok(Self {
            so,
            options,
            state,
            protocol,
            family,
            qlen,
            incqlen,
            qlimit,
            uid,
            last_pid,
            e_pid,
            flags,
            filter_flags,
        })
    }
}

/// `struct xsockbuf_n`: one of the two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XsockbufN {
    /// `sb_cc`: queued bytes.
    pub cc: u32,
    /// `sb_hiwat`: the most bytes that may be queued.
    pub hiwat: u32,
}

impl XsockbufN {
    /// Decodes the record.
    ///
    /// # Errors
    /// It ends before the end of `sb_hiwat`.
    #[inline]
    pub fn decode(record: Record<'_>) -> Result<Self, DecodeError> {
        let mut reader = fields("xsockbuf_n", record)?;
        Ok(Self { cc: reader.u32_ne()?, hiwat: reader.u32_ne()? })
    }
}

/// `struct xtcpcb_n`: the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XtcpcbN {
    /// `t_state`: one of [`super::tcp_states`].
    pub state: i32,
}

impl XtcpcbN {
    /// Decodes the record.
    ///
    /// # Errors
    /// It ends before the end of `t_state`.
    #[inline]
    pub fn decode(record: Record<'_>) -> Result<Self, DecodeError> {
        let mut reader = fields("xtcpcb_n", record)?;
        // t_segq, t_dupacks, t_timer[4]
        reader.skip(28)?;
        Ok(Self { state: reader.i32_ne()? })
    }
}

/// One socket of a table: its set of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pcb {
    /// The two endpoints.
    pub inpcb: XinpcbN,
    /// The socket record, which is zero if there is no socket: see [`Pcb::has_socket`].
    pub socket: Option<XsocketN>,
    /// The receive queue.
    pub rcv: Option<XsockbufN>,
    /// The send queue.
    pub snd: Option<XsockbufN>,
    /// The connection. TCP.
    pub tcpcb: Option<XtcpcbN>,
}

impl Pcb {
    /// Whether the pcb has a socket or is a flow. Otherwise the fields of the socket are zero and not valid.
    pub fn has_socket(&self) -> bool {
        self.socket.is_some_and(|socket| {
            socket.so != 0 || ((self.rcv.is_some() || self.snd.is_some()) && socket.protocol != 0)
        })
    }

    /// Whether it is a connection in a process's own network stack, for which no descriptor exists.
    pub fn is_flow(&self) -> bool {
        self.has_socket() && self.socket.is_some_and(|socket| socket.so == 0)
    }
}

/// The sockets of a table, in its order: the newest first, then TIME_WAIT, then flows.
///
/// A set with a record that cannot be decoded is an error, after which the next set follows. Sets that are newer than
/// the table's header are skipped: they were created during the copy.
#[derive(Clone, Debug)]
pub struct PcblistN<'a> {
    records: Records<'a>,
    /// Skipped sets.
    newer: u64,
}

impl<'a> PcblistN<'a> {
    /// Starts at the header of the node's answer.
    ///
    /// # Errors
    /// As [`Records::new`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self { records: Records::new(bytes)?, newer: 0 })
    }

    /// The header.
    pub fn header(&self) -> Xinpgen {
        self.records.header()
    }

    /// The bytes of the header, and of the trailer.
    pub fn header_bytes(&self) -> usize {
        self.records.header_bytes()
    }

    /// How the table ended; known after the last socket.
    pub fn ending(&self) -> Option<Ending> {
        self.records.ending()
    }

    /// How many sockets were skipped because they are newer than the table.
    pub fn newer(&self) -> u64 {
        self.newer
    }

    /// Decodes the set that begins with this record. All its records are consumed, even after an error.
    fn set(&mut self, first: Record<'_>) -> Result<Pcb, DecodeError> {
        let mut pcb = XinpcbN::decode(first).map(|inpcb| Pcb {
            inpcb,
            socket: None,
            rcv: None,
            snd: None,
            tcpcb: None,
        });
        while let Some(record) = self.records.next_of_set(XSO_INPCB) {
            let Ok(set) = &mut pcb else { continue };
            let read = match record.kind {
                XSO_SOCKET => XsocketN::decode(record).map(|socket| set.socket = Some(socket)),
                XSO_RCVBUF => XsockbufN::decode(record).map(|rcv| set.rcv = Some(rcv)),
                XSO_SNDBUF => XsockbufN::decode(record).map(|snd| set.snd = Some(snd)),
                XSO_TCPCB => XtcpcbN::decode(record).map(|tcpcb| set.tcpcb = Some(tcpcb)),
                // xsockstat_n, kinds of newer kernels, and the queues of a pcb without a socket.
                _ => Ok(()),
            };
            if let Err(error) = read {
                pcb = Err(error);
            }
        }
        if self.records.is_broken() {
            // What follows may have been part of this set.
            return pcb.and(Err(DecodeError::malformed("xinpcb_n", 0, "a set that breaks off")));
        }
        pcb
    }
}

impl Iterator for PcblistN<'_> {
    type Item = Result<Pcb, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let first = self.records.next_set(XSO_INPCB)?;
            match self.set(first) {
                Ok(pcb) if pcb.inpcb.generation > self.header().generation => {
                    self.newer = self.newer.saturating_add(1);
                }
                set => return Some(set),
            }
        }
    }
}
