//! The owners of a socket, whether they are all known, and the reason where there is none.

use std::fmt;

/// One process that holds, bound or used a socket.
///
/// A socket may have many owners: forked workers that share a listener, one process with the same socket
/// on two descriptors, a descriptor passed to another program.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[doc(alias = "proc_pidfdinfo")]
#[doc(alias = "proc_fdinfo")]
#[doc(alias = "/proc/PID/fd")]
#[doc(alias = "dwOwningPid")]
pub struct Owner {
    /// The process (thread group) id, in the caller's pid namespace.
    pub pid: u32,
    /// The descriptor by which the process holds the socket; `None` where there is none (Windows; roles other
    /// than [`OwnerRole::Holder`]; macOS: a socket that is kept in a Mach port). For a thread with a descriptor table of its own it is that
    /// table's number.
    pub fd: Option<i32>,
    /// The relation of the process to the socket.
    pub role: OwnerRole,
}

impl Owner {
    /// An owner as a row of your own (in a test, say) needs it.
    pub fn new(pid: u32, fd: Option<i32>, role: OwnerRole) -> Self {
        Self { pid, fd, role }
    }
}

/// The relation of a process to a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OwnerRole {
    /// Has a descriptor of it. Linux, macOS, BSD.
    ///
    /// Linux, by [`OwnerSource::Procfs`](crate::OwnerSource::Procfs): `/proc` shows the inode number of a socket, which a
    /// descriptor opened with `O_PATH` shows too, and which repeats after four billion sockets. Where several descriptors
    /// show one number, those that do not hold the socket are left out. A single one is not checked, which would cost a
    /// system call for each socket: it is named wrongly only if the true holder is out of sight.
    Holder,
    /// Linux: has it registered in an io_uring. [`Owner::fd`] is the descriptor of the ring.
    IoUring,
    /// Linux: has it mapped (zero-copy receive, packet ring), without a descriptor.
    Mapping,
    /// Windows: bound the endpoint. Other processes may have inherited the socket or been given it.
    Binder,
    /// Windows: bound the endpoint and has ended; a process that the system does not name goes on with it. The pid may
    /// belong to another process now: [`Snapshot::holders`](crate::Snapshot::holders) and
    /// [`Snapshot::process_of`](crate::Snapshot::process_of) do not mistake that for the owner.
    EndedBinder,
    /// macOS: used it last, and was not seen to hold it. It may have ended, and its pid may belong to another
    /// process now.
    LastUser,
    /// macOS: another process holds it on behalf of this one.
    Effective,
}

impl OwnerRole {
    /// The stable, machine-readable name: `holder`, `io_uring`, `mapping`, `binder`, `ended_binder`, `last_user`,
    /// `effective`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holder => "holder",
            Self::IoUring => "io_uring",
            Self::Mapping => "mapping",
            Self::Binder => "binder",
            Self::LastUser => "last_user",
            Self::Effective => "effective",
            Self::EndedBinder => "ended_binder",
        }
    }
}

/// What the list of a socket's owners is worth.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ownership {
    /// The query did not ask for owners.
    #[default]
    NotAsked,
    /// There is at least one owner.
    Known {
        /// Whether these are all. False while some process could not be read, since it may share the
        /// socket, when the query looked at one process only, and always on systems that do not report all
        /// owners ([`Support::all_owners`](crate::Support::all_owners)).
        complete: bool,
    },
    /// No process has the socket, and this is why. macOS may still name who used it last.
    None {
        /// Why the kernel has no owner for it.
        reason: UnownedReason,
    },
    /// There may be owners that this caller cannot see, and this is why.
    Hidden {
        /// What prevented it.
        reason: HiddenReason,
    },
}

/// Why a socket has no owner.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnownedReason {
    /// A connection that ended; the kernel keeps its addresses for a while: TIME_WAIT.
    TimeWait,
    /// A connection in its making: SYN_RECV.
    SynReceived,
    /// A connection that no process has accepted yet: it waits in the listener's queue.
    AcceptQueue,
    /// Closed by its process; the kernel still finishes the conversation.
    Orphan,
    /// Open, but in no process: the kernel's own (NFS, WireGuard), or in flight in a message between
    /// processes.
    KernelOrInFlight,
}

impl UnownedReason {
    /// The stable, machine-readable name: `time_wait`, `syn_received`, `accept_queue`, `orphan`,
    /// `kernel_or_in_flight`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TimeWait => "time_wait",
            Self::SynReceived => "syn_received",
            Self::AcceptQueue => "accept_queue",
            Self::Orphan => "orphan",
            Self::KernelOrInFlight => "kernel_or_in_flight",
        }
    }
}

/// What kept a socket's owner out of sight.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HiddenReason {
    /// Some processes could not be read with the caller's rights; the owner is probably one of them.
    UnreadableProcess,
    /// The socket was closed, or its process ended, while the owners were being looked up.
    Vanished,
    /// The caller sits in a pid namespace of its own, from which the owner cannot be seen.
    OtherPidNamespace,
    /// The query looked at one process only, and it does not hold the socket.
    NotSearched,
}

impl HiddenReason {
    /// The stable, machine-readable name: `unreadable_process`, `vanished`, `other_pid_namespace`, `not_looked_at`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnreadableProcess => "unreadable_process",
            Self::Vanished => "vanished",
            Self::OtherPidNamespace => "other_pid_namespace",
            Self::NotSearched => "not_looked_at",
        }
    }
}

impl Ownership {
    /// The stable, machine-readable name: `not_asked`, `known`, `none`, `hidden`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "not_asked",
            Self::Known { .. } => "known",
            Self::None { .. } => "none",
            Self::Hidden { .. } => "hidden",
        }
    }

    /// Why there is no owner in the list; `None` when there is one, or when none was asked for.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::None { reason } => Some(reason.as_str()),
            Self::Hidden { reason } => Some(reason.as_str()),
            Self::NotAsked | Self::Known { .. } => None,
        }
    }

    /// Whether the list of owners, empty or not, is all there is.
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Known { complete: true } | Self::None { .. })
    }
}

/// The owners of one socket: no allocation for none and for one, which nearly all sockets have.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) enum Owners {
    #[default]
    None,
    One(Owner),
    /// Ascending, each once.
    Many(Vec<Owner>),
}

impl Owners {
    pub(crate) fn as_slice(&self) -> &[Owner] {
        match self {
            Self::None => &[],
            Self::One(owner) => std::slice::from_ref(owner),
            Self::Many(owners) => owners,
        }
    }
}

impl Owners {
    /// Adds one, unless it is there.
    pub(crate) fn add(&mut self, owner: Owner) {
        let mut all = match std::mem::take(self) {
            Self::None => return *self = Self::One(owner),
            Self::One(first) if first == owner => return *self = Self::One(first),
            Self::One(first) => vec![first],
            Self::Many(all) => all,
        };
        // They mostly come in order, and each belongs at the end.
        if let Err(place) = all.binary_search(&owner) {
            all.insert(place, owner);
        }
        *self = Self::Many(all);
    }
}

impl FromIterator<Owner> for Owners {
    fn from_iter<I: IntoIterator<Item = Owner>>(owners: I) -> Self {
        let mut all = Self::None;
        for owner in owners {
            all.add(owner);
        }
        all
    }
}

impl fmt::Debug for Owners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_a_sorted_set() {
        let holder = |pid, fd| Owner::new(pid, Some(fd), OwnerRole::Holder);
        let owners: Owners = [holder(7, 4), holder(3, 9), holder(3, 5), holder(7, 4)].into_iter().collect();
        assert_eq!(owners.as_slice(), [holder(3, 5), holder(3, 9), holder(7, 4)]);
        let twice: Owners = [holder(7, 4), holder(7, 4)].into_iter().collect();
        assert_eq!(twice, Owners::One(holder(7, 4)));
        assert_eq!(Owners::from_iter([]).as_slice(), []);
    }
}
