//! The terms of a filter: conditions about one property of a socket.

use super::net::Net;
use super::states::States;
use super::unix_pattern::UnixPattern;
use crate::model::family::Family;
use crate::model::identity::NetnsId;
use crate::model::protocol::{Protocol, SocketType};
use crate::model::protocol_kind::ProtocolKind;
use crate::model::workload_part::WorkloadPart;
use std::ffi::OsString;
use std::ops::RangeInclusive;

/// Which end of a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Local,
    Remote,
    Either,
}

/// One statement about a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    Protocol(Protocol),
    /// Of a protocol with any number.
    ProtocolKind(ProtocolKind),
    Type(SocketType),
    Family(Family),
    /// In one of these states.
    States(States),
    /// In LISTEN, or without a remote end where there is no such state: see [`Filter::listening`](super::Filter::listening).
    Listening,
    /// Listening, on an IP address that others than this machine can reach: see
    /// [`Filter::exposed`](super::Filter::exposed).
    Exposed,
    /// Listening, on a loopback address.
    Local,
    /// Never an empty range.
    Port(End, RangeInclusive<u16>),
    Net(End, Net),
    UnixName(End, UnixPattern),
    /// Bound to the network interface with this index.
    Interface(u32),
    Uid(u32),
    Inode(u64),
    /// Made in this network namespace.
    Netns(NetnsId),
    Pid(u32),
    Process(OsString),
    /// A process of it is in such a container, pod or unit.
    Workload(WorkloadPart, String),
    /// The socket at the other end is one of this process.
    PeerPid(u32),
    /// The same of a process with this name.
    PeerProcess(OsString),
    /// Made by a process in the control group with this id.
    Cgroup(u64),
    Mark {
        value: u32,
        mask: u32,
    },
    /// The local port was not bound explicitly by the socket itself.
    Autobound,
    /// Stands for an expression that was nested too deeply. A query with it is refused.
    TooDeep,
}

impl Term {
    /// Whether it is about the owners of a socket.
    pub(crate) fn is_of_owners(&self) -> bool {
        matches!(
            self,
            Self::Pid(_) | Self::Process(_) | Self::PeerPid(_) | Self::PeerProcess(_) | Self::Workload(..)
        )
    }

    /// Whether it is about a property that rows lack and only the kernel knows.
    pub(crate) fn is_of_kernel(&self) -> bool {
        matches!(self, Self::Cgroup(_) | Self::Mark { .. } | Self::Autobound)
    }
}
