//! Which network namespaces a query lists.

use std::ffi::OsString;
use std::path::PathBuf;

/// The network namespaces whose sockets are listed ([`Query::netns`](crate::Query::netns)). Linux; elsewhere a query with
/// another scope than [`Scope::Current`] is an error ([`Error::is_unsupported`](crate::Error::is_unsupported)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "setns")]
#[doc(alias = "netns")]
pub enum Scope {
    /// The namespace of the calling thread.
    #[default]
    Current,
    /// The namespace in which this process lives now. Its sockets may be of others: see
    /// [`Query::pid`](crate::Query::pid).
    Of(u32),
    /// The namespace whose file this is: `/proc/PID/ns/net`, or a bind mount of one.
    Path(PathBuf),
    /// The namespace of this name, as ip-netns(8) makes it: the file in `/run/netns`.
    Named(OsString),
    /// Every namespace that can be found: those in which processes live, which are mounted somewhere, or of which a process
    /// has a descriptor; with the rights for BPF ([`OwnerSource`](crate::OwnerSource)) also those that only a socket keeps,
    /// which a process holds. Without BPF a gap says that these may be missing.
    All,
}
