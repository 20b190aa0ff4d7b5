//! The network namespaces of a listing, as the search for owners compares them.

use crate::model::identity::NetnsId;
use std::num::NonZeroU64;
use std::os::unix::fs::MetadataExt;

/// The inode numbers of the network namespaces whose sockets are listed.
#[derive(Clone, Debug, Default)]
#[allow(dead_code, reason = "compared by BPF alone")]
pub(crate) struct ListedNamespaces {
    /// None: not known.
    pub(crate) all: Vec<u32>,
    /// The one whose rows do not name it.
    pub(crate) unnamed: Option<u32>,
    /// Whether there may be others, which are found when the sockets are. Never where sockets are wanted that no table lists.
    pub(crate) more: bool,
}

impl ListedNamespaces {
    /// Whether only the namespace of the calling thread is listed.
    pub(crate) fn is_own_alone(&self) -> bool {
        !self.more && self.all.len() < 2 && self.unnamed == self.all.first().copied()
    }

    /// What the rows of a namespace have as theirs; `None`: it is not listed.
    pub(crate) fn of_rows(&self, number: u32) -> Option<Option<NetnsId>> {
        if self.all.is_empty() {
            return Some(None);
        }
        let id = NonZeroU64::new(number.into()).map(NetnsId);
        (self.more || self.all.contains(&number)).then(|| id.filter(|_| self.unnamed != Some(number)))
    }

    /// The network namespace of this thread, if `/proc` shows it.
    #[allow(dead_code, reason = "compared by BPF alone")]
    pub(crate) fn of_this_thread() -> Self {
        let namespace = std::fs::metadata("/proc/thread-self/ns/net").ok();
        let number = namespace.and_then(|namespace| u32::try_from(namespace.ino()).ok());
        Self { all: number.into_iter().collect(), unnamed: number, more: false }
    }
}
