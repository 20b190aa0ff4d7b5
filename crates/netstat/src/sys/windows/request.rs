//! Requests for tables of sockets.

use crate::model::protocol::Protocol;
use netstat_wire::windows::{Family, tcp_table, udp_table};
use std::fmt;

/// The class of a table: its fields.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Process, time of the bind, tag of the service.
    OwnerModule,
    /// Process.
    OwnerPid,
}

/// One table of sockets, as `GetExtendedTcpTable` and `GetExtendedUdpTable` name it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) protocol: Protocol,
    pub(crate) family: Family,
    pub(crate) class: Class,
    /// TCP: listeners only. There is no such request for connections, because it is undocumented which states the
    /// class of that name leaves out.
    pub(crate) listeners: bool,
}

impl Table {
    pub(super) fn tcp_layout(&self) -> tcp_table::Layout {
        match self.class {
            Class::OwnerModule => tcp_table::Layout::OwnerModule,
            Class::OwnerPid => tcp_table::Layout::OwnerPid,
        }
    }

    pub(super) fn udp_layout(&self) -> udp_table::Layout {
        match self.class {
            Class::OwnerModule => udp_table::Layout::OwnerModule,
            Class::OwnerPid => udp_table::Layout::OwnerPid,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = match self.protocol {
            Protocol::Tcp => "GetExtendedTcpTable",
            _ => "GetExtendedUdpTable",
        };
        let family = match self.family {
            Family::Ipv4 => "IPv4",
            Family::Ipv6 => "IPv6",
        };
        write!(f, "{call} over {family}")
    }
}
