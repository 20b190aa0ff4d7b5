//! The network namespaces of a listing, as the search for owners compares them.

use std::os::unix::fs::MetadataExt;

/// The inode numbers of the network namespaces whose sockets are listed.
#[derive(Clone, Debug, Default)]
#[allow(dead_code, reason = "compared by BPF alone")]
pub(crate) struct ListedNamespaces {
    /// None: not known.
    pub(crate) all: Vec<u32>,
    /// The one among several whose rows do not name it.
    pub(crate) unnamed: Option<u32>,
}

impl ListedNamespaces {
    /// The network namespace of this thread, if `/proc` shows it.
    #[allow(dead_code, reason = "compared by BPF alone")]
    pub(crate) fn of_this_thread() -> Self {
        let namespace = std::fs::metadata("/proc/thread-self/ns/net").ok();
        let number = namespace.and_then(|namespace| u32::try_from(namespace.ino()).ok());
        Self { all: number.into_iter().collect(), unnamed: None }
    }
}
