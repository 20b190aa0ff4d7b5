//! What happens to sockets: events, and where they come from.

use crate::model::process::Process;
use crate::model::socket::Socket;
use std::fmt;
use std::time::{Duration, SystemTime};

/// One change of the rows of a [`Watcher`](crate::Watcher).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When the library learned of it, by the time of day.
    pub at: SystemTime,
    /// Where it learned of it.
    pub source: EventSource,
    /// What has changed.
    pub change: Change,
    /// Details of the owners of its rows, ascending by pid, as far as they are known and
    /// [`Query::processes`](crate::Query::processes) asked for them: of a socket that is closed those that it had last, even
    /// if the process has ended.
    pub processes: Vec<Process>,
}

impl Event {
    /// An event of your own, for a test: of this moment, without processes.
    pub fn new(source: EventSource, change: Change) -> Self {
        Self { at: SystemTime::now(), source, change, processes: Vec::new() }
    }

    /// The details of the process with this pid, an owner of one of the rows.
    pub fn process(&self, pid: u32) -> Option<&Process> {
        let found = self.processes.binary_search_by_key(&pid, |process| process.pid);
        found.ok().and_then(|index| self.processes.get(index))
    }
}

/// What an [`Event`] changes in the rows so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A row more.
    Opened {
        /// The row.
        socket: Socket,
    },
    /// A row less: the socket is closed, or does not pass the filter any more.
    ///
    /// A connection in TIME_WAIT is what remains of a socket, and a row of its own: the socket is closed, and if it leaves
    /// such a row, that is opened.
    Closed {
        /// The row as it was known last. By [`EventSource::Destroy`] its [details](Socket::details) are the final counters of
        /// a TCP socket, whether or not the query asked for details.
        ///
        /// A socket that lived between two listings may have no event before this one. Its row then has only what the
        /// kernel reports of a closed socket: the two ends, no state, no owners.
        socket: Socket,
        /// How long it was there, as exactly as both events say; `None` if it was there before the watcher, or was not
        /// seen before.
        open_for: Option<Duration>,
    },
    /// The same socket, by its cookie or else its [key](Socket::key), with another key, state, end or owner.
    Changed {
        /// The row before, which is to be removed.
        before: Socket,
        /// The row from now on.
        after: Socket,
    },
    /// Events that the kernel could not deliver, because the caller was too slow to take them. The rows are right again
    /// after the events of the listing that follows; what opened and closed meanwhile is among those lost.
    Lost {
        /// How many, at least.
        count: u64,
    },
}

impl Change {
    /// The stable, machine-readable name: `opened`, `closed`, `changed`, `lost`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Closed { .. } => "closed",
            Self::Changed { .. } => "changed",
            Self::Lost { .. } => "lost",
        }
    }
}

/// Where the library learned of an [`Event`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventSource {
    /// The difference of two listings: on every system. It does not see what lives between the two.
    Difference,
    /// The kernel's own report that it has freed a TCP or UDP socket, with its last counters. Linux, no rights are needed.
    /// It does not see beginnings, owners, the end of TIME_WAIT, other protocols, and other network namespaces than that
    /// of the calling thread.
    ///
    /// # Sources
    /// The multicast groups `SKNLGRP_INET{,6}_{TCP,UDP}_DESTROY` of `NETLINK_SOCK_DIAG`, Linux 4.4.
    #[doc(alias = "SKNLGRP_INET_TCP_DESTROY")]
    Destroy,
    /// A program that the library loads into the kernel reports TCP sockets that begin to listen or are connected, with the
    /// process that has called listen(2) or connect(2). Linux, with the feature `bpf` and the rights of
    /// [`OwnerSource::Bpf`](crate::OwnerSource::Bpf), in the initial pid namespace. It does not see who accepts a connection,
    /// how descriptors are duplicated, inherited and passed, other protocols, and what changes later.
    ///
    /// # Sources
    /// bpf(2); the tracepoint `inet_sock_set_state`. Linux 5.12.
    #[doc(alias = "inet_sock_set_state")]
    Tracing,
}

impl EventSource {
    /// The stable, machine-readable name: `difference`, `destroy`, `tracing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Difference => "difference",
            Self::Destroy => "destroy",
            Self::Tracing => "tracing",
        }
    }
}

impl fmt::Display for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
