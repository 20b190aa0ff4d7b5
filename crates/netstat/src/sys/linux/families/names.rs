//! Names of unix sockets, each kept once: every accepted socket has the name of its listener.

use crate::model::endpoint::{Endpoint, UnixName};
use netstat_wire::linux::unix_diag;
use std::collections::HashSet;
use std::sync::Arc;

/// The names of one table.
#[derive(Default)]
pub(super) struct Names {
    seen: HashSet<Arc<[u8]>>,
}

impl Names {
    fn shared(&mut self, name: &[u8]) -> Arc<[u8]> {
        if let Some(seen) = self.seen.get(name) {
            return Arc::clone(seen);
        }
        let name: Arc<[u8]> = Arc::from(name);
        self.seen.insert(Arc::clone(&name));
        name
    }

    /// The end of a socket with this name.
    pub(super) fn endpoint(&mut self, name: Option<unix_diag::UnixName<'_>>) -> Endpoint {
        Endpoint::Unix(match name {
            None => UnixName::Unnamed,
            Some(unix_diag::UnixName::Path(path)) => UnixName::Path(self.shared(path)),
            Some(unix_diag::UnixName::Abstract(name)) => UnixName::Abstract(self.shared(name)),
        })
    }
}
