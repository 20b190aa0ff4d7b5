//! The tables of UDP endpoints (`udpmib.h`): `GetExtendedUdpTable`.
//!
//! | table                        | first row | row |                                                        |
//! |------------------------------|----------:|----:|--------------------------------------------------------|
//! | `MIB_UDPTABLE_OWNER_PID`     |         4 |  12 | local address and port, process id                     |
//! | `MIB_UDPTABLE_OWNER_MODULE`  |         8 | 160 | the same, 4 of padding, creation, flags, 4, module     |
//! | `MIB_UDP6TABLE_OWNER_PID`    |         4 |  28 | local address, scope, port, process id                 |
//! | `MIB_UDP6TABLE_OWNER_MODULE` |         8 | 176 | the same, 4 of padding, creation, flags, 4, module     |
//!
//! Traps:
//! - The padding need not be zero.
//! - Rows are not unique: sockets that share a port for multicast have a row each.

use super::mib_table::{self, Family, Frame};
use crate::reader::{DecodeError, Reader};
use std::net::SocketAddr;

/// The layout of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `MIB_UDPTABLE_OWNER_PID`, `MIB_UDP6TABLE_OWNER_PID`: class 1.
    OwnerPid,
    /// `MIB_UDPTABLE_OWNER_MODULE`, `MIB_UDP6TABLE_OWNER_MODULE`: class 2.
    OwnerModule,
}

impl Layout {
    /// The offset of the first row.
    pub const fn first_row(self) -> usize {
        match self {
            Self::OwnerPid => 4,
            Self::OwnerModule => 8,
        }
    }

    /// The size of a row.
    pub const fn row_size(self, family: Family) -> usize {
        match (family, self) {
            (Family::Ipv4, Self::OwnerPid) => 12,
            (Family::Ipv4, Self::OwnerModule) => 160,
            (Family::Ipv6, Self::OwnerPid) => 28,
            (Family::Ipv6, Self::OwnerModule) => 176,
        }
    }

    const fn record(self, family: Family) -> &'static str {
        match (family, self) {
            (Family::Ipv4, Self::OwnerPid) => "MIB_UDPROW_OWNER_PID",
            (Family::Ipv4, Self::OwnerModule) => "MIB_UDPROW_OWNER_MODULE",
            (Family::Ipv6, Self::OwnerPid) => "MIB_UDP6ROW_OWNER_PID",
            (Family::Ipv6, Self::OwnerModule) => "MIB_UDP6ROW_OWNER_MODULE",
        }
    }
}

/// One UDP endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpRow {
    /// `dwLocalAddr`, `dwLocalScopeId`, `dwLocalPort`; the scope id as the kernel gave it.
    pub local: SocketAddr,
    /// `dwOwningPid`: 0 if there is no process; 4 is the system process, the kernel.
    pub pid: u32,
    /// `liCreateTimestamp`, a [`filetime`](super::filetime): when the endpoint was bound; 0 is none. Only in
    /// [`Layout::OwnerModule`].
    pub created: i64,
    /// The tag of the service in its process, from `OwningModuleInfo`; 0 is none. Only in
    /// [`Layout::OwnerModule`].
    pub service_tag: u32,
}

impl UdpRow {
    fn decode(bytes: &[u8], layout: Layout, family: Family) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(layout.record(family), bytes);
        let reader = &mut reader;
        let mut row = Self {
            local: mib_table::endpoint(family, reader)?,
            pid: reader.u32_ne()?,
            created: 0,
            service_tag: 0,
        };
        if layout == Layout::OwnerModule {
            // Padding: the time is at a multiple of 8.
            reader.skip(4)?;
            row.created = i64::from_ne_bytes(reader.bytes()?);
            // dwFlags, and padding.
            reader.skip(8)?;
            row.service_tag = mib_table::service_tag(reader)?;
        }
        Ok(row)
    }
}

/// The rows of a table.
#[derive(Clone, Debug)]
pub struct UdpTable<'a> {
    frame: Frame<'a>,
    layout: Layout,
    family: Family,
}

impl<'a> UdpTable<'a> {
    /// `bytes`: those that the call has written.
    ///
    /// # Errors
    /// The count is missing.
    pub fn new(bytes: &'a [u8], layout: Layout, family: Family) -> Result<Self, DecodeError> {
        let (first_row, row_size) = (layout.first_row(), layout.row_size(family));
        Ok(Self { frame: Frame::new(layout.record(family), bytes, first_row, row_size)?, layout, family })
    }

    /// The number of rows that are counted but not there.
    pub const fn missing(&self) -> u64 {
        self.frame.missing
    }
}

impl Iterator for UdpTable<'_> {
    type Item = Result<UdpRow, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.frame.rows.next().map(|row| UdpRow::decode(row, self.layout, self.family))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.frame.rows.size_hint()
    }
}
