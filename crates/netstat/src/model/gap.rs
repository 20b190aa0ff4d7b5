//! What a listing could not see, as data: a kind, a cause and a count.

use std::borrow::Cow;
use std::fmt;

/// Something that a snapshot could not see, with how often: the snapshot stands, and says what it lacks.
///
/// Display is one sentence for people, such as `12 processes could not be read`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Gap {
    /// What kind of thing is missing.
    pub kind: GapKind,
    /// How many of them.
    pub count: u64,
    /// Which interface of the system left the gap, and how the system put it: `sock_diag udp: Permission
    /// denied`, `/proc/<pid>/fd`.
    pub source: Cow<'static, str>,
}

/// The kinds of [`Gap`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GapKind {
    /// Processes whose descriptors could not be read for want of a right: what they hold is not known.
    ProcessesUnreadable,
    /// Processes that ended while they were being read.
    ProcessesVanished,
    /// Processes that this caller is not shown at all: another pid namespace, `hidepid`.
    ProcessesHidden,
    /// Processes not read for want of a resource, such as descriptors of the caller's own.
    ProcessesSkipped,
    /// Descriptors that were closed, or became something else, while they were being read.
    DescriptorsVanished,
    /// Threads whose descriptor table could not be compared with their process's, and was not read.
    ThreadsNotCompared,
    /// The list of the machine's processes could not be read: owners have a pid and nothing else.
    ProcessListUnavailable,
    /// Owners could not be looked up at all.
    OwnersUnavailable,
    /// A table of sockets that could not be read: its rows are missing.
    TableUnavailable,
    /// A table of sockets that ended early, or changed while it was read: rows may be missing.
    TableInterrupted,
    /// A table of sockets that the system showed this caller only a part of (macOS 27): rows are missing.
    TableFiltered,
    /// Sockets for which a condition about owners, names or users could not be decided, since these are not all visible; on
    /// Linux also those that no table lists, of which only the kernel knows whether they pass: these are left out.
    /// They are listed, or left out, as if there were no others than those seen: `process nginx` leaves out a socket
    /// whose owner is hidden, `not process nginx` lists it. See [`Query::only_decided`](crate::Query::only_decided).
    SocketsUndecided,
    /// Names, of services or users, that were not looked up, or not in time.
    NamesUnavailable,
    /// Containers and pods whose names stand in no file that could be read. Linux.
    WorkloadsUnavailable,
    /// A process that the query names does not exist: the pid or the name is in [`Gap::source`], or on Linux that it is the
    /// number of a thread. Said only where processes are listed whole: a process that this caller is not shown may have
    /// the name.
    ProcessNotFound,
    /// Sockets of a process that the query names, or of any if all protocols are asked for, which are not listed because they
    /// are, or may be, in another network namespace, or are in no table that was listed. Linux.
    SocketsElsewhere,
    /// Sockets of a process that the query names and that has no others: of kinds that the query does not list. Linux.
    SocketsOfOtherKinds,
    /// Network namespaces whose sockets, or even number, could not be read for want of a right. Linux.
    NamespacesUnreadable,
    /// Network namespaces that ended, or lost the process by which they were read, meanwhile. Linux.
    NamespacesVanished,
    /// Network namespaces, or places to look for them, that were left out for want of a resource or because there are too
    /// many. Linux.
    NamespacesSkipped,
    /// Listed unix sockets that may not exist, and whose owners are not said: they are from `/proc/net/unix`, where the
    /// name of another socket may hold lines like theirs. Linux.
    SocketsUncertain,
    /// Records that could not be decoded.
    RecordsSkipped,
    /// A table read from a source that says less than the usual one.
    Fallback,
    /// Changes that no source of events reports, so that they are noticed at the next listing, or never if they are
    /// undone by then ([`Watcher::unseen`](crate::Watcher::unseen)).
    ChangesUnseen,
}

/// How the source of [`GapKind::NamespacesSkipped`] begins for network namespaces without a name, process or descriptor.
pub(crate) const KEPT_BY_A_SOCKET: &str = "those that only a socket keeps";

impl GapKind {
    /// The stable, machine-readable name, such as `processes_unreadable`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProcessesUnreadable => "processes_unreadable",
            Self::ProcessesVanished => "processes_vanished",
            Self::ProcessesHidden => "processes_hidden",
            Self::ProcessesSkipped => "processes_skipped",
            Self::DescriptorsVanished => "descriptors_vanished",
            Self::ThreadsNotCompared => "threads_not_compared",
            Self::ProcessListUnavailable => "process_list_unavailable",
            Self::OwnersUnavailable => "owners_unavailable",
            Self::TableUnavailable => "table_unavailable",
            Self::TableInterrupted => "table_interrupted",
            Self::TableFiltered => "table_filtered",
            Self::SocketsUndecided => "sockets_undecided",
            Self::NamesUnavailable => "names_unavailable",
            Self::WorkloadsUnavailable => "workloads_unavailable",
            Self::ProcessNotFound => "process_not_found",
            Self::SocketsElsewhere => "sockets_elsewhere",
            Self::SocketsOfOtherKinds => "sockets_of_other_kinds",
            Self::NamespacesUnreadable => "namespaces_unreadable",
            Self::NamespacesVanished => "namespaces_vanished",
            Self::NamespacesSkipped => "namespaces_skipped",
            Self::SocketsUncertain => "sockets_uncertain",
            Self::RecordsSkipped => "records_skipped",
            Self::Fallback => "fallback",
            Self::ChangesUnseen => "changes_unseen",
        }
    }
}

impl Gap {
    /// A gap of your own, for a test say.
    pub fn new(kind: GapKind, count: u64, source: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, count, source: source.into() }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, count, source } = self;
        let plural = |one: &'static str, many: &'static str| if *count == 1 { one } else { many };
        let processes = plural("process", "processes");
        match kind {
            GapKind::ProcessesUnreadable => write!(f, "{count} {processes} could not be read"),
            GapKind::ProcessesVanished => {
                write!(f, "{count} {processes} ended while {} read", plural("it was", "they were"))
            }
            GapKind::ProcessesHidden => write!(f, "other processes are hidden from this one ({source})"),
            GapKind::ProcessesSkipped => write!(f, "{count} {processes} not read ({source})"),
            GapKind::DescriptorsVanished => {
                let descriptors = plural("descriptor was", "descriptors were");
                write!(f, "{count} {descriptors} closed while {} read", plural("it was", "they were"))
            }
            GapKind::ThreadsNotCompared => {
                write!(f, "descriptors of {count} {} not read ({source})", plural("thread", "threads"))
            }
            GapKind::ProcessListUnavailable => {
                write!(f, "the list of processes could not be read ({source})")
            }
            GapKind::OwnersUnavailable => write!(f, "owners could not be looked up ({source})"),
            GapKind::TableUnavailable => {
                write!(f, "{count} {} could not be read ({source})", plural("table", "tables"))
            }
            GapKind::TableInterrupted => {
                write!(f, "{count} {} changed while read ({source})", plural("table", "tables"))
            }
            GapKind::TableFiltered => {
                write!(f, "{count} {} shown only in part ({source})", plural("table is", "tables are"))
            }
            GapKind::SocketsUndecided => {
                let sockets = plural("socket", "sockets");
                write!(f, "for {count} {sockets} the filter could not be decided ({source})")
            }
            GapKind::NamesUnavailable => {
                write!(f, "{count} {} not looked up ({source})", plural("name was", "names were"))
            }
            GapKind::WorkloadsUnavailable => {
                let names = plural("container or pod has", "containers and pods have");
                write!(f, "{count} {names} no name that was found ({source})")
            }
            GapKind::ProcessNotFound => write!(f, "no such process ({source})"),
            GapKind::SocketsElsewhere => {
                let sockets = plural("socket is", "sockets are");
                write!(f, "{count} {sockets} not listed ({source})")
            }
            GapKind::SocketsOfOtherKinds => {
                let sockets = plural("socket is", "sockets are");
                write!(f, "{count} {sockets} of other kinds ({source})")
            }
            GapKind::NamespacesUnreadable => {
                let namespaces = plural("network namespace", "network namespaces");
                write!(f, "{count} {namespaces} could not be read ({source})")
            }
            GapKind::NamespacesVanished => {
                let namespaces = plural("network namespace", "network namespaces");
                write!(f, "{count} {namespaces} ended while {} read", plural("it was", "they were"))
            }
            GapKind::NamespacesSkipped => write!(f, "network namespaces may be missing ({source})"),
            GapKind::SocketsUncertain => {
                write!(f, "{count} {} may not exist ({source})", plural("socket", "sockets"))
            }
            GapKind::RecordsSkipped => {
                write!(f, "{count} {} not understood ({source})", plural("record", "records"))
            }
            GapKind::Fallback => {
                write!(f, "{count} {} read from a fallback source ({source})", plural("table", "tables"))
            }
            GapKind::ChangesUnseen => write!(f, "not every change is seen ({source})"),
        }
    }
}
