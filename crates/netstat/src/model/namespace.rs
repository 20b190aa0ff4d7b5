//! A network namespace of a snapshot.

use crate::model::identity::NetnsId;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// A network namespace whose sockets a snapshot lists, or could not list ([`Snapshot::namespaces`](crate::Snapshot::namespaces)).
/// Linux.
///
/// # Sources
/// `/proc/PID/ns/net`, `/proc/PID/mountinfo`, `/proc/PID/fd`; of a socket, `SIOCGSKNS`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Namespace {
    /// Its number, which rows have as [`Socket::netns`](crate::Socket::netns).
    pub id: NetnsId,
    /// Its names: those of its files in `/run/netns`, ascending.
    pub names: Vec<OsString>,
    /// A path that led to it: where it is mounted, a process that lives in it (`/proc/PID/ns/net`), or a descriptor
    /// (`/proc/PID/fd/N`). `None` for the caller's own where `/proc` does not show it, and for one that only a socket keeps.
    pub path: Option<PathBuf>,
    /// The processes that live in it, ascending: those seen, and at most [`Namespace::MAX_PIDS`] of them. Processes whose
    /// namespace the caller may not read are not among them.
    pub pids: Vec<u32>,
    /// How many processes were seen to live in it.
    pub processes: u64,
    /// How its sockets were read.
    pub source: NamespaceSource,
}

impl Namespace {
    /// The most pids that [`Namespace::pids`] has.
    pub const MAX_PIDS: usize = 64;

    /// A namespace of your own, for a test say: not read, and nothing else known of it.
    pub fn new(id: NetnsId) -> Self {
        Self {
            id,
            names: Vec::new(),
            path: None,
            pids: Vec::new(),
            processes: 0,
            source: NamespaceSource::Unavailable,
        }
    }
}

/// Its first name, else its number.
impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names.first() {
            Some(name) => f.pad(&name.to_string_lossy()),
            None => self.id.fmt(f),
        }
    }
}

/// How the sockets of a [`Namespace`] were read.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NamespaceSource {
    /// By a netlink socket in the namespace: all that the kernel reports.
    SockDiag,
    /// In part or as a whole from `/proc/PID/net` of a process that lives there: less of each socket.
    Procfs,
    /// Without entering the namespace: by one pass over the descriptors of all processes, after which its counters have shown
    /// that no other sockets are missing ([`OwnerSource::OnePass`](crate::OwnerSource::OnePass)).
    OnePass,
    /// They could not be read, and are not listed.
    Unavailable,
}

impl NamespaceSource {
    /// The stable, machine-readable name: `sock_diag`, `procfs`, `one_pass`, `unavailable`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SockDiag => "sock_diag",
            Self::Procfs => "procfs",
            Self::OnePass => "one_pass",
            Self::Unavailable => "unavailable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;

    #[test]
    fn namespace_is_displayed_by_its_name_or_else_its_number() {
        let mut namespace = Namespace::new(NetnsId(NonZeroU64::new(4_026_532_177).unwrap()));
        assert_eq!(namespace.to_string(), "4026532177");
        namespace.names = vec!["blue".into(), "green".into()];
        assert_eq!(format!("{namespace:>6}"), "  blue");
    }
}
