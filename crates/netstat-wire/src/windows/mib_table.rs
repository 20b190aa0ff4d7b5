//! The common form of the tables of `iphlpapi`: a count, then rows of one size.
//!
//! `dwNumEntries` (u32) is at offset 0. The first row is at 4, or at 8 if rows have a 64-bit number (the
//! `OWNER_MODULE` tables), in 32-bit processes too. The bytes between, and the padding inside rows, need not be zero.
//!
//! The count may exceed the rows in the buffer if the table grew while it was copied. The rows in the buffer are
//! decoded, and [`Frame::missing`] is the number of the others.

use crate::reader::{DecodeError, Reader};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::slice::ChunksExact;

/// The family of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// AF_INET, 2.
    Ipv4,
    /// AF_INET6, 23 on Windows.
    Ipv6,
}

/// The undecoded rows of a table.
#[derive(Clone, Debug)]
pub(super) struct Frame<'a> {
    pub(super) rows: ChunksExact<'a, u8>,
    /// The number of rows that are counted but not in the buffer.
    pub(super) missing: u64,
}

impl<'a> Frame<'a> {
    /// Reads the count and splits off the rows.
    pub(super) fn new(
        record: &'static str,
        bytes: &'a [u8],
        first_row: usize,
        row_size: usize,
    ) -> Result<Self, DecodeError> {
        let count = Reader::new(record, bytes).u32_ne()?;
        // An empty table may end directly after its count.
        let rows = bytes.get(first_row..).unwrap_or_default();
        let present = rows.len().checked_div(row_size).unwrap_or(0);
        let counted = usize::try_from(count).unwrap_or(usize::MAX);
        let end = present.min(counted).saturating_mul(row_size);
        let missing = u64::try_from(counted.saturating_sub(present)).unwrap_or(u64::MAX);
        Ok(Self { rows: rows.get(..end).unwrap_or_default().chunks_exact(row_size.max(1)), missing })
    }
}

/// Reads a port: a `DWORD` whose first two bytes are the port in network order. The other two are undefined.
#[inline]
fn port(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    let port = reader.u16_be()?;
    reader.skip(2)?;
    Ok(port)
}

/// Reads an IPv4 endpoint: address in network order, port.
#[inline]
pub(super) fn endpoint_v4(reader: &mut Reader<'_>) -> Result<SocketAddr, DecodeError> {
    let address = Ipv4Addr::from(reader.bytes::<4>()?);
    Ok(SocketAddrV4::new(address, port(reader)?).into())
}

/// Reads an IPv6 endpoint: address, scope id, port. The scope id is documented to be in network order, but Windows
/// writes the index of the interface in host order.
#[inline]
pub(super) fn endpoint_v6(reader: &mut Reader<'_>) -> Result<SocketAddr, DecodeError> {
    let address = Ipv6Addr::from(reader.bytes::<16>()?);
    let scope_id = reader.u32_ne()?;
    Ok(SocketAddrV6::new(address, port(reader)?, 0, scope_id).into())
}

/// Reads an endpoint of either family.
#[inline]
pub(super) fn endpoint(family: Family, reader: &mut Reader<'_>) -> Result<SocketAddr, DecodeError> {
    match family {
        Family::Ipv4 => endpoint_v4(reader),
        Family::Ipv6 => endpoint_v6(reader),
    }
}

/// Reads `OwningModuleInfo[TCPIP_OWNING_MODULE_SIZE]`. The low half of the first number is the tag of the service; the
/// other numbers are opaque.
#[inline]
pub(super) fn service_tag(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let [a, b, c, d, ..] = reader.u64_ne()?.to_le_bytes();
    reader.skip(15 * 8)?;
    Ok(u32::from_le_bytes([a, b, c, d]))
}
