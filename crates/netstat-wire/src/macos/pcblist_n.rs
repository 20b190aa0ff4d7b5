//! The tables of IP sockets: sysctl `net.inet.tcp.pcblist_n`, `net.inet.udp.pcblist_n`.
//!
//! A socket is a set of records ([`super::records`]) in a fixed order, of which each is told by its kind:
//! `xinpcb_n` (104 bytes), `xsocket_n` (104; 76 on macOS 12 and older), two `xsockbuf_n` (32), `xsockstat_n`
//! (136), and for TCP `xtcpcb_n` (204).
//!
//! Traps:
//! - A pcb may have no socket (any more): its `xsocket_n` is zero but for length and kind, and both
//!   `xsockbuf_n` have kind 0. Ends and `vflag` are good, everything else is unknown ([`Pcb::has_socket`]).
//! - Connections that live in a process's own network stack (Skywalk flows) come after all others. They have
//!   records of the usual kinds, with zeros for handle, family, user and generations: no descriptor exists.
//! - `inp_ip_p` is 0 for TCP and UDP; the protocol stands in `xso_protocol`, which a flow has too.
//! - Ports are in network order, as in every kernel; everything else is in the machine's.
//! - Records are aligned to four bytes inside: 64-bit fields stand at odd multiples of four.
//!
//! Sources: `bsd/netinet/in_pcb.h`, `bsd/netinet/tcp_var.h`, `bsd/sys/socketvar.h`,
//! `bsd/netinet/in_pcblist.c`, `bsd/net/ntstat.c`.

use super::records::{
    Ending, Record, Records, XSO_INPCB, XSO_RCVBUF, XSO_SNDBUF, XSO_SOCKET, XSO_TCPCB, Xinpgen,
};
use crate::reader::{DecodeError, Reader};

/// A reader of a record that stands behind its length and kind.
fn fields<'a>(name: &'static str, record: Record<'a>) -> Result<Reader<'a>, DecodeError> {
    let mut reader = Reader::new(name, record.bytes);
    reader.skip(8)?;
    Ok(reader)
}

/// `struct xinpcb_n`: the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XinpcbN {
    /// `inp_fport`: the remote port; 0 when not connected.
    pub fport: u16,
    /// `inp_lport`: the local port; 0 when not bound.
    pub lport: u16,
    /// `inp_gencnt`: never used twice in one table, and fixed while the pcb lives. 0: a flow.
    pub generation: u64,
    /// `inp_vflag`: how to read the addresses ([`super::address`]).
    pub vflag: u8,
    /// `inp_dependfaddr`: the remote address.
    pub faddr: [u8; 16],
    /// `inp_dependladdr`: the local address.
    pub laddr: [u8; 16],
}

impl XinpcbN {
    /// Reads the record.
    ///
    /// # Errors
    /// It ends before the local address does.
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
    /// `so_state`: see [`super::socket_state`].
    pub state: u16,
    /// `xso_protocol`: 6 TCP, 17 UDP; 0 without a socket.
    pub protocol: u32,
    /// `xso_family`: the socket's own, 2 IPv4, 30 IPv6; 0 without a socket and for a flow.
    pub family: u32,
    /// `so_qlen`: connections in the queue, those in the making among them.
    pub qlen: u16,
    /// `so_incqlen`: those in the making.
    pub incqlen: u16,
    /// `so_qlimit`: how many may wait.
    pub qlimit: u16,
    /// `so_uid`: the effective user of who made the socket, or its listener. Not a value without a socket
    /// and for a flow.
    pub uid: u32,
    /// `so_last_pid`: who used the socket last; it may have ended. 0: the kernel.
    pub last_pid: u32,
    /// `so_e_pid`: on whose behalf it is used; 0: on nobody's.
    pub e_pid: u32,
    /// `so_flags`: see [`super::socket_state`]. `None` before macOS 13.
    pub flags: Option<u32>,
}

impl XsocketN {
    /// Reads the record.
    ///
    /// # Errors
    /// It ends before `so_e_pid` does, with which it ended until macOS 12.
    #[inline]
    pub fn decode(record: Record<'_>) -> Result<Self, DecodeError> {
        let mut reader = fields("xsocket_n", record)?;
        let so = reader.u64_ne()?;
        // so_type, so_options, so_linger
        reader.skip(10)?;
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
        Ok(Self { so, state, protocol, family, qlen, incqlen, qlimit, uid, last_pid, e_pid, flags })
    }
}

/// `struct xsockbuf_n`: one of the two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XsockbufN {
    /// `sb_cc`: bytes in it.
    pub cc: u32,
    /// `sb_hiwat`: bytes that may be in it.
    pub hiwat: u32,
}

impl XsockbufN {
    /// Reads the record.
    ///
    /// # Errors
    /// It ends before `sb_hiwat` does.
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
    /// Reads the record.
    ///
    /// # Errors
    /// It ends before `t_state` does.
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
    /// The two ends.
    pub inpcb: XinpcbN,
    /// The socket, as the record says; see [`Pcb::has_socket`].
    pub socket: Option<XsocketN>,
    /// The receiving queue.
    pub rcv: Option<XsockbufN>,
    /// The sending queue.
    pub snd: Option<XsockbufN>,
    /// The connection, of TCP.
    pub tcpcb: Option<XtcpcbN>,
}

impl Pcb {
    /// Whether there is a socket above the pcb: what the kernel says of one is zero otherwise.
    pub fn has_socket(&self) -> bool {
        self.socket.is_some_and(|socket| {
            socket.so != 0 || ((self.rcv.is_some() || self.snd.is_some()) && socket.protocol != 0)
        })
    }

    /// Whether it is a connection in a process's own network stack, of which no descriptor exists.
    pub fn is_flow(&self) -> bool {
        self.has_socket() && self.socket.is_some_and(|socket| socket.so == 0)
    }
}

/// The sockets of a table, in its order: those that came last first, TIME_WAIT after them, flows at the end.
///
/// A set with a record that cannot be read is an error, after which the next set follows. Sets that are newer
/// than the table's header are passed over: they came while it was made.
#[derive(Clone, Debug)]
pub struct PcblistN<'a> {
    records: Records<'a>,
    /// Sets passed over.
    newer: u64,
}

impl<'a> PcblistN<'a> {
    /// Starts at the head of what the node answered.
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

    /// How the table ended, once there is no further socket.
    pub fn ending(&self) -> Option<Ending> {
        self.records.ending()
    }

    /// How many sockets have been passed over because they were newer than the table.
    pub fn newer(&self) -> u64 {
        self.newer
    }

    /// The set that begins with this record. Every record of it is taken, readable or not.
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
                // xsockstat_n, what newer kernels add, and the queues of a pcb without a socket.
                _ => Ok(()),
            };
            if let Err(error) = read {
                pcb = Err(error);
            }
        }
        if self.records.is_broken() {
            // What followed might have been a part of this set.
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
