//! The frame of the `pcblist_n` nodes: a header, records, a trailer.
//!
//! Header and trailer are `struct xinpgen` (`struct xunpgen` has the same form), 24 bytes:
//!
//! | offset | field       |                                                |
//! |-------:|-------------|------------------------------------------------|
//! |      0 | `xig_len`   | u32, 24                                        |
//! |      4 | `xig_count` | u32, number of sockets; not all need be listed |
//! |      8 | `xig_gen`   | u64, generation of the table                   |
//! |     16 | `xig_sogen` | u64, generation of all sockets                 |
//!
//! Every record begins with its length and its kind, u32 each ([`XSO_SOCKET`] and so on). It is padded to eight bytes;
//! the length does not include the padding.
//!
//! Traps:
//! - The step to the next record is the length rounded up. The length itself leads astray at `xsocket_n` (76 bytes) on
//!   macOS 12 and at `xtcpcb_n` (204 bytes) everywhere.
//! - The trailer has no kind: its second field is a count, which may equal a kind. Its length identifies it: no record
//!   is as short as 24 bytes. If a kernel has a longer header, the trailer is as long as the header, as some record may
//!   be too; it is the one at the end of the table.
//! - A table without sockets is the header alone. A table that outgrew its buffer has no trailer.
//!
//! Sources: `bsd/netinet/in_pcb.h`, `bsd/netinet/in_pcblist.c`, `bsd/sys/socketvar.h`.

use crate::reader::{DecodeError, Reader};

/// Kind of `struct xsocket_n`.
pub const XSO_SOCKET: u32 = 0x001;
/// Kind of the `struct xsockbuf_n` of the receive queue.
pub const XSO_RCVBUF: u32 = 0x002;
/// Kind of the `struct xsockbuf_n` of the send queue.
pub const XSO_SNDBUF: u32 = 0x004;
/// Kind of `struct xsockstat_n`.
pub const XSO_STATS: u32 = 0x008;
/// Kind of `struct xinpcb_n`, the first record of an IP socket.
pub const XSO_INPCB: u32 = 0x010;
/// Kind of `struct xtcpcb_n`.
pub const XSO_TCPCB: u32 = 0x020;
/// Kind of `struct xunpcb_n`, the first record of a local socket.
pub const XSO_UNPCB: u32 = 0x200;

/// The bytes of `struct xinpgen`.
pub const XINPGEN_BYTES: usize = 24;

/// `struct xinpgen`: the header or the trailer of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xinpgen {
    /// `xig_count`: how many sockets the kernel has. The table omits those that are closing, and on macOS 27 those of
    /// other processes.
    pub count: u32,
    /// `xig_gen`: sockets that are created later have a greater generation.
    pub generation: u64,
}

impl Xinpgen {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { count: reader.u32_ne()?, generation: reader.u64_ne()? })
    }
}

/// One record. `bytes` includes its length and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// `xgn_kind`.
    pub kind: u32,
    /// The record without its padding.
    pub bytes: &'a [u8],
}

/// How a table ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its trailer: it is complete.
    Trailer(Xinpgen),
    /// After a record, or after the header: a table without sockets, or one that outgrew its buffer.
    NoTrailer,
    /// Inside a record, or with bytes that are not a record.
    Broken,
}

/// The records of a table, in its order.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    header: Xinpgen,
    header_bytes: usize,
    rest: &'a [u8],
    ending: Option<Ending>,
}

impl<'a> Records<'a> {
    /// Starts at the header of the node's answer.
    ///
    /// # Errors
    /// The header is truncated, or its length is less than that of the structure.
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("xinpgen", bytes);
        let length = reader.u32_ne()?;
        let header = Xinpgen::decode(&mut reader)?;
        reader.skip(8)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length < XINPGEN_BYTES {
            return Err(DecodeError::malformed("xinpgen", 0, "a length below 24"));
        }
        let rest = bytes.get(padded(length)..).unwrap_or_default();
        Ok(Self { header, header_bytes: length, rest, ending: None })
    }

    /// The header.
    pub fn header(&self) -> Xinpgen {
        self.header
    }

    /// The bytes of the header, and of the trailer, with their padding.
    pub fn header_bytes(&self) -> usize {
        padded(self.header_bytes)
    }

    /// How the table ended; known after the last record.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Whether a record of this length, the next one, is the trailer.
    fn is_trailer(&self, length: usize) -> bool {
        let is_last = || (length..=padded(length)).contains(&self.rest.len());
        length == self.header_bytes && (length == XINPGEN_BYTES || is_last())
    }

    /// The next record, without consuming it.
    fn peek(&self) -> Result<(Record<'a>, &'a [u8]), Ending> {
        if self.rest.is_empty() {
            return Err(Ending::NoTrailer);
        }
        let mut reader = Reader::new("xgen_n", self.rest);
        let (Ok(length), Ok(kind)) = (reader.u32_ne(), reader.u32_ne()) else {
            return Err(Ending::Broken);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length <= XINPGEN_BYTES || self.is_trailer(length) {
            let mut reader = Reader::new("xinpgen", self.rest);
            let trailer = reader.skip(4).and_then(|()| Xinpgen::decode(&mut reader));
            return Err(match (trailer, reader.skip(8)) {
                (Ok(trailer), Ok(())) if self.is_trailer(length) => Ending::Trailer(trailer),
                _ => Ending::Broken,
            });
        }
        let Some(bytes) = self.rest.get(..length) else {
            return Err(Ending::Broken);
        };
        // The padding of the last record may be missing.
        let rest = self.rest.get(padded(length)..).unwrap_or_default();
        Ok((Record { kind, bytes }, rest))
    }

    /// Consumes the next record unless it is the first one of a set.
    pub(super) fn next_of_set(&mut self, first: u32) -> Option<Record<'a>> {
        match self.peek() {
            Ok((record, rest)) if record.kind != first => {
                self.rest = rest;
                Some(record)
            }
            _ => None,
        }
    }

    /// Consumes the first record of the next set, and skips all before it.
    pub(super) fn next_set(&mut self, first: u32) -> Option<Record<'a>> {
        self.find(|record| record.kind == first)
    }

    /// Whether the remaining bytes begin with neither a record nor a trailer.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.peek(), Err(Ending::Broken))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if self.ending.is_some() {
            return None;
        }
        match self.peek() {
            Ok((record, rest)) => {
                self.rest = rest;
                Some(record)
            }
            Err(ending) => {
                self.ending = Some(ending);
                None
            }
        }
    }
}

/// `ROUNDUP64`.
const fn padded(length: usize) -> usize {
    length.saturating_add(7) & !7
}
