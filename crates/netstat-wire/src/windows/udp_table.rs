//! The tables of UDP endpoints (`udpmib.h`): `GetExtendedUdpTable` and its undocumented kin.
//!
//! | table                        | first row | row |                                                        |
//! |------------------------------|----------:|----:|--------------------------------------------------------|
//! | `MIB_UDPTABLE_OWNER_PID`     |         4 |  12 | local address and port, process id                     |
//! | `MIB_UDPTABLE_OWNER_MODULE`  |         8 | 160 | the same, 4 of padding, creation, flags, 4, module     |
//! | `MIB_UDPTABLE2`              |         8 | 168 | the same, remote address and port                      |
//! | `MIB_UDP6TABLE_OWNER_PID`    |         4 |  28 | local address, scope, port, process id                 |
//! | `MIB_UDP6TABLE_OWNER_MODULE` |         8 | 176 | the same, 4 of padding, creation, flags, 4, module     |
//! | `MIB_UDP6TABLE2`             |         8 | 200 | the same, remote address, scope, port                  |
//!
//! Traps:
//! - The padding need not be zero, and the flags have one defined bit.
//! - Only `MIB_UDPTABLE2` (Windows Server 2022, Windows 11) tells a remote end; it is zero unless the socket
//!   is connected.
//! - Rows are not unique: sockets that share a port for multicast are rows each.

use super::mib_table::{self, Family, Frame};
use crate::reader::{DecodeError, Reader};
use std::net::SocketAddr;

/// `SpecificPortBind` of the flags: a port was named when the endpoint was bound.
const SPECIFIC_PORT_BIND: u32 = 1;

/// Which table the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `MIB_UDPTABLE_OWNER_PID`, `MIB_UDP6TABLE_OWNER_PID`: class 1.
    OwnerPid,
    /// `MIB_UDPTABLE_OWNER_MODULE`, `MIB_UDP6TABLE_OWNER_MODULE`: class 2.
    OwnerModule,
    /// `MIB_UDPTABLE2`, `MIB_UDP6TABLE2`: what `InternalGetUdpTable2` gives.
    Table2,
}

impl Layout {
    /// Where the first row stands.
    pub const fn first_row(self) -> usize {
        match self {
            Self::OwnerPid => 4,
            Self::OwnerModule | Self::Table2 => 8,
        }
    }

    /// The size of a row.
    pub const fn row_size(self, family: Family) -> usize {
        match (family, self) {
            (Family::Ipv4, Self::OwnerPid) => 12,
            (Family::Ipv4, Self::OwnerModule) => 160,
            (Family::Ipv4, Self::Table2) => 168,
            (Family::Ipv6, Self::OwnerPid) => 28,
            (Family::Ipv6, Self::OwnerModule) => 176,
            (Family::Ipv6, Self::Table2) => 200,
        }
    }

    const fn record(self, family: Family) -> &'static str {
        match (family, self) {
            (Family::Ipv4, Self::OwnerPid) => "MIB_UDPROW_OWNER_PID",
            (Family::Ipv4, Self::OwnerModule) => "MIB_UDPROW_OWNER_MODULE",
            (Family::Ipv4, Self::Table2) => "MIB_UDPROW2",
            (Family::Ipv6, Self::OwnerPid) => "MIB_UDP6ROW_OWNER_PID",
            (Family::Ipv6, Self::OwnerModule) => "MIB_UDP6ROW_OWNER_MODULE",
            (Family::Ipv6, Self::Table2) => "MIB_UDP6ROW2",
        }
    }
}

/// One UDP endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpRow {
    /// `dwLocalAddr`, `dwLocalScopeId`, `dwLocalPort`; the scope id as the kernel gave it.
    pub local: SocketAddr,
    /// `dwOwningPid`: 0 where there is no process; 4 is the kernel itself.
    pub pid: u32,
    /// `liCreateTimestamp`, a [`filetime`](super::filetime): when the endpoint was bound; 0 is none. Not in
    /// [`Layout::OwnerPid`].
    pub created: i64,
    /// `SpecificPortBind`: whether a port was named in the bind. Not in [`Layout::OwnerPid`].
    pub specific_port_bind: Option<bool>,
    /// The tag of the service inside its process, from `OwningModuleInfo`; 0 is none. Not in
    /// [`Layout::OwnerPid`].
    pub service_tag: u32,
    /// `dwRemoteAddr`, `dwRemoteScopeId`, `dwRemotePort`; all zero when the socket is not connected. Only in
    /// [`Layout::Table2`].
    pub remote: Option<SocketAddr>,
}

impl UdpRow {
    fn decode(bytes: &[u8], layout: Layout, family: Family) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(layout.record(family), bytes);
        let reader = &mut reader;
        let mut row = Self {
            local: mib_table::end(family, reader)?,
            pid: reader.u32_ne()?,
            created: 0,
            specific_port_bind: None,
            service_tag: 0,
            remote: None,
        };
        if layout != Layout::OwnerPid {
            // Padding: the time stands at a multiple of 8.
            reader.skip(4)?;
            row.created = i64::from_ne_bytes(reader.bytes()?);
            row.specific_port_bind = Some(reader.u32_ne()? & SPECIFIC_PORT_BIND != 0);
            reader.skip(4)?;
            row.service_tag = mib_table::service_tag(reader)?;
        }
        if layout == Layout::Table2 {
            row.remote = Some(mib_table::end(family, reader)?);
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
    /// Takes the bytes that the call says it has written.
    ///
    /// # Errors
    /// There is not even a count.
    pub fn new(bytes: &'a [u8], layout: Layout, family: Family) -> Result<Self, DecodeError> {
        let (first_row, row_size) = (layout.first_row(), layout.row_size(family));
        Ok(Self { frame: Frame::new(layout.record(family), bytes, first_row, row_size)?, layout, family })
    }

    /// How many rows the table says it has beyond those that are there.
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
