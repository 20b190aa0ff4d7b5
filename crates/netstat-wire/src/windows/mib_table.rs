//! What the tables of `iphlpapi` have in common: a count, then rows of one size.
//!
//! `dwNumEntries` (u32) stands at 0. The first row stands at 4, or at 8 where a row holds a 64-bit number
//! (the `OWNER_MODULE` tables, those of `MIB_UDPTABLE2`), in 32-bit processes too. The bytes between, and
//! the padding inside of rows, need not be zero.
//!
//! The count may be larger than what the buffer holds, when the table grew while it was being copied: rows
//! are those that are there, and [`Frame::missing`] tells how many are not.

use crate::reader::{DecodeError, Reader};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::slice::ChunksExact;

/// The family of a table: each call answers for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// AF_INET, 2.
    Ipv4,
    /// AF_INET6, 23 on Windows.
    Ipv6,
}

/// The rows of a table, not decoded yet.
#[derive(Clone, Debug)]
pub(super) struct Frame<'a> {
    pub(super) rows: ChunksExact<'a, u8>,
    /// How many rows the table says it has and the buffer does not.
    pub(super) missing: u64,
}

impl<'a> Frame<'a> {
    /// Reads the count, and takes as many rows as are there.
    pub(super) fn new(
        record: &'static str,
        bytes: &'a [u8],
        first_row: usize,
        row_size: usize,
    ) -> Result<Self, DecodeError> {
        let count = Reader::new(record, bytes).u32_ne()?;
        // An empty table may end right behind its count.
        let rows = bytes.get(first_row..).unwrap_or_default();
        let there = rows.len().checked_div(row_size).unwrap_or(0);
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        let end = there.min(wanted).saturating_mul(row_size);
        let missing = u64::try_from(wanted.saturating_sub(there)).unwrap_or(u64::MAX);
        Ok(Self { rows: rows.get(..end).unwrap_or_default().chunks_exact(row_size.max(1)), missing })
    }
}

/// Takes a port: a `DWORD` whose first two bytes hold it in network order. What stands in the others is not
/// defined.
#[inline]
fn port(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    let port = reader.u16_be()?;
    reader.skip(2)?;
    Ok(port)
}

/// Takes an IPv4 end: address in network order, port.
#[inline]
pub(super) fn end_v4(reader: &mut Reader<'_>) -> Result<SocketAddr, DecodeError> {
    let address = Ipv4Addr::from(reader.bytes::<4>()?);
    Ok(SocketAddrV4::new(address, port(reader)?).into())
}

/// Takes an IPv6 end: address, scope id, port. The documentation has the scope id in network order; what
/// Windows writes is the index of the interface in the machine's.
#[inline]
pub(super) fn end_v6(reader: &mut Reader<'_>) -> Result<SocketAddr, DecodeError> {
    let address = Ipv6Addr::from(reader.bytes::<16>()?);
    let scope_id = reader.u32_ne()?;
    Ok(SocketAddrV6::new(address, port(reader)?, 0, scope_id).into())
}

/// Takes an end of either family.
#[inline]
pub(super) fn end(family: Family, reader: &mut Reader<'_>) -> Result<SocketAddr, DecodeError> {
    match family {
        Family::Ipv4 => end_v4(reader),
        Family::Ipv6 => end_v6(reader),
    }
}

/// Takes `OwningModuleInfo[TCPIP_OWNING_MODULE_SIZE]`, of which the first holds the service's tag in its low
/// half and the others are opaque.
#[inline]
pub(super) fn service_tag(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let [a, b, c, d, ..] = reader.u64_ne()?.to_le_bytes();
    reader.skip(15 * 8)?;
    Ok(u32::from_le_bytes([a, b, c, d]))
}
