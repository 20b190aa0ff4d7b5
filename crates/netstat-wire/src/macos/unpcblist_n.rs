//! The tables of local sockets: sysctl `net.local.stream.pcblist_n`, `net.local.dgram.pcblist_n` (macOS 13).
//!
//! A set begins with `xunpcb_n` (588 bytes). An `xsocket_n`, two `xsockbuf_n` and an `xsockstat_n` follow, as in
//! [`super::pcblist_n`].
//!
//! Traps:
//! - The count of a header is that of both tables together.
//! - A socket is connected to a pcb, not to a socket: the row with that pcb has the handle of the other one.
//!
//! Sources: `bsd/sys/unpcb.h`, `bsd/kern/uipc_usrreq.c`.

use super::pcblist_n::{XsockbufN, XsocketN};
use super::records::{Ending, Records, XSO_RCVBUF, XSO_SNDBUF, XSO_SOCKET, XSO_UNPCB, Xinpgen};
use super::sockaddr_un;
use crate::reader::{DecodeError, Reader};

/// The size of an address field.
const ADDRESS_BYTES: usize = 256;

/// `struct xunpcb_n`: a local socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XunpcbN<'a> {
    /// `xunp_unpp`: its handle.
    pub unp: u64,
    /// `xunp_conn`: the handle of its peer; 0 when not connected.
    pub conn: u64,
    /// `xunp_ino`: the inode of its path.
    pub inode: u64,
    /// `xunp_gencnt`.
    pub generation: u64,
    /// The path that it is bound to; empty if not bound.
    pub path: &'a [u8],
    /// The path of its peer; empty if it has none.
    pub peer_path: &'a [u8],
}

impl<'a> XunpcbN<'a> {
    /// Decodes the record.
    ///
    /// # Errors
    /// It ends before the end of the peer's address.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("xunpcb_n", bytes);
        // Length, kind.
        reader.skip(8)?;
        let unp = reader.u64_ne()?;
        // xunp_vnode
        reader.skip(8)?;
        let inode = reader.u64_ne()?;
        let conn = reader.u64_ne()?;
        // xunp_refs, xunp_reflink, xunp_cc, xunp_mbcnt, xunp_flags
        reader.skip(28)?;
        let generation = reader.u64_ne()?;
        let path = sockaddr_un::path(reader.take(ADDRESS_BYTES)?);
        let peer_path = sockaddr_un::path(reader.take(ADDRESS_BYTES)?);
        Ok(Self { unp, conn, inode, generation, path, peer_path })
    }
}

/// One local socket of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnPcb<'a> {
    /// The local socket.
    pub unpcb: XunpcbN<'a>,
    /// Its socket.
    pub socket: Option<XsocketN>,
    /// The receive queue.
    pub rcv: Option<XsockbufN>,
    /// The send queue.
    pub snd: Option<XsockbufN>,
}

/// The sockets of a table, in its order. A set with a record that cannot be decoded is an error, after which the next
/// set follows.
#[derive(Clone, Debug)]
pub struct UnPcblistN<'a> {
    records: Records<'a>,
}

impl<'a> UnPcblistN<'a> {
    /// Starts at the header of the node's answer.
    ///
    /// # Errors
    /// As [`Records::new`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self { records: Records::new(bytes)? })
    }

    /// The header.
    pub fn header(&self) -> Xinpgen {
        self.records.header()
    }

    /// How the table ended; known after the last socket.
    pub fn ending(&self) -> Option<Ending> {
        self.records.ending()
    }
}

impl<'a> Iterator for UnPcblistN<'a> {
    type Item = Result<UnPcb<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.records.next_set(XSO_UNPCB)?;
        let mut set =
            XunpcbN::decode(first.bytes).map(|unpcb| UnPcb { unpcb, socket: None, rcv: None, snd: None });
        while let Some(record) = self.records.next_of_set(XSO_UNPCB) {
            let Ok(pcb) = &mut set else { continue };
            let read = match record.kind {
                XSO_SOCKET => XsocketN::decode(record).map(|socket| pcb.socket = Some(socket)),
                XSO_RCVBUF => XsockbufN::decode(record).map(|rcv| pcb.rcv = Some(rcv)),
                XSO_SNDBUF => XsockbufN::decode(record).map(|snd| pcb.snd = Some(snd)),
                _ => Ok(()),
            };
            if let Err(error) = read {
                set = Err(error);
            }
        }
        if self.records.is_broken() {
            return Some(set.and(Err(DecodeError::malformed("xunpcb_n", 0, "a set that breaks off"))));
        }
        Some(set)
    }
}
