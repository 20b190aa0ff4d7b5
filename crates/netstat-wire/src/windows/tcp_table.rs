//! The tables of TCP endpoints (`tcpmib.h`): `GetExtendedTcpTable`, `InternalGetBoundTcpEndpointTable`.
//!
//! | table                        | first row | row |                                                        |
//! |------------------------------|----------:|----:|--------------------------------------------------------|
//! | `MIB_TCPTABLE_OWNER_PID`     |         4 |  24 | state, local address and port, remote ones, process id |
//! | `MIB_TCPTABLE2`              |         4 |  28 | the same, `dwOffloadState`                             |
//! | `MIB_TCPTABLE_OWNER_MODULE`  |         8 | 160 | the same as the first, time of creation, module        |
//! | `MIB_TCP6TABLE_OWNER_PID`    |         4 |  56 | local address, scope, port, remote ones, state, pid    |
//! | `MIB_TCP6TABLE2`             |         4 |  60 | the same, `dwOffloadState`                             |
//! | `MIB_TCP6TABLE_OWNER_MODULE` |         8 | 192 | the same as the first, time of creation, module        |
//!
//! Traps:
//! - The state is behind the addresses in IPv6 rows, and before them in IPv4 rows.
//! - The remote endpoint of a listener is undefined, and need not be zero.
//! - Rows are not unique: endpoints that share an address have a row each.
//! - The process is the one that bound the endpoint. It may have ended, and its id may have been reused.

use super::mib_table::{self, Family, Frame};
use crate::reader::{DecodeError, Reader};
use std::net::SocketAddr;

/// The layout of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `MIB_TCPTABLE_OWNER_PID`, `MIB_TCP6TABLE_OWNER_PID`: classes 3 to 5.
    OwnerPid,
    /// `MIB_TCPTABLE_OWNER_MODULE`, `MIB_TCP6TABLE_OWNER_MODULE`: classes 6 to 8.
    OwnerModule,
    /// `MIB_TCPTABLE2`, `MIB_TCP6TABLE2`: `InternalGetBoundTcpEndpointTable`.
    Table2,
}

impl Layout {
    /// The offset of the first row.
    pub const fn first_row(self) -> usize {
        match self {
            Self::OwnerPid | Self::Table2 => 4,
            Self::OwnerModule => 8,
        }
    }

    /// The size of a row.
    pub const fn row_size(self, family: Family) -> usize {
        match (family, self) {
            (Family::Ipv4, Self::OwnerPid) => 24,
            (Family::Ipv4, Self::Table2) => 28,
            (Family::Ipv4, Self::OwnerModule) => 160,
            (Family::Ipv6, Self::OwnerPid) => 56,
            (Family::Ipv6, Self::Table2) => 60,
            (Family::Ipv6, Self::OwnerModule) => 192,
        }
    }

    const fn record(self, family: Family) -> &'static str {
        match (family, self) {
            (Family::Ipv4, Self::OwnerPid) => "MIB_TCPROW_OWNER_PID",
            (Family::Ipv4, Self::Table2) => "MIB_TCPROW2",
            (Family::Ipv4, Self::OwnerModule) => "MIB_TCPROW_OWNER_MODULE",
            (Family::Ipv6, Self::OwnerPid) => "MIB_TCP6ROW_OWNER_PID",
            (Family::Ipv6, Self::Table2) => "MIB_TCP6ROW2",
            (Family::Ipv6, Self::OwnerModule) => "MIB_TCP6ROW_OWNER_MODULE",
        }
    }
}

/// One TCP endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpRow {
    /// `dwState`: a number of [`mib_tcp_state`](super::mib_tcp_state).
    pub state: u32,
    /// `dwLocalAddr`, `dwLocalScopeId`, `dwLocalPort`; the scope id as the kernel gave it.
    pub local: SocketAddr,
    /// `dwRemoteAddr`, `dwRemoteScopeId`, `dwRemotePort`; undefined for a listener.
    pub remote: SocketAddr,
    /// `dwOwningPid`: 0 if there is no process, as in TIME_WAIT; 4 is the system process, the kernel.
    pub pid: u32,
    /// `liCreateTimestamp`, a [`filetime`](super::filetime): when the endpoint was bound; 0 is none. Only in
    /// [`Layout::OwnerModule`].
    pub created: i64,
    /// The tag of the service in its process, from `OwningModuleInfo`; 0 is none. Only in
    /// [`Layout::OwnerModule`].
    pub service_tag: u32,
}

impl TcpRow {
    fn decode(bytes: &[u8], layout: Layout, family: Family) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(layout.record(family), bytes);
        let reader = &mut reader;
        let (state, local, remote) = match family {
            Family::Ipv4 => {
                (reader.u32_ne()?, mib_table::endpoint_v4(reader)?, mib_table::endpoint_v4(reader)?)
            }
            Family::Ipv6 => {
                let (local, remote) = (mib_table::endpoint_v6(reader)?, mib_table::endpoint_v6(reader)?);
                (reader.u32_ne()?, local, remote)
            }
        };
        let mut row = Self { state, local, remote, pid: reader.u32_ne()?, created: 0, service_tag: 0 };
        if layout == Layout::OwnerModule {
            row.created = i64::from_ne_bytes(reader.bytes()?);
            row.service_tag = mib_table::service_tag(reader)?;
        }
        Ok(row)
    }
}

/// The rows of a table.
#[derive(Clone, Debug)]
pub struct TcpTable<'a> {
    frame: Frame<'a>,
    layout: Layout,
    family: Family,
}

impl<'a> TcpTable<'a> {
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

impl Iterator for TcpTable<'_> {
    type Item = Result<TcpRow, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.frame.rows.next().map(|row| TcpRow::decode(row, self.layout, self.family))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.frame.rows.size_hint()
    }
}
