//! The service that created a socket, in a process that hosts several, by the tag in the row.
//!
//! Each look-up is a call to the service control manager, so there is one for each tag of a process, and the sockets of a
//! service share its name. A process chooses the tags of its sockets itself (they come from its threads' environment
//! blocks), so the number of look-ups for one process is bounded, and the time for all of them
//! ([`bounded`](super::bounded)). The rows beyond these bounds are a gap.

use super::kernel::Kernel;
use super::shared::Shared;
use crate::model::gap::{Gap, GapKind};
use std::collections::HashMap;
use std::sync::Arc;

/// The most tags of one process that are looked up. `svchost.exe` hosts a few dozen services at most.
const MAX_TAGS: usize = 256;

/// The names of services, cached for one listing.
#[derive(Default)]
pub(super) struct Services {
    /// By pid and tag. `None`: the tag has no name.
    names: HashMap<u32, HashMap<u32, Option<Arc<str>>>>,
    /// How many rows have a tag that was not looked up.
    skipped: u64,
}

impl Services {
    /// The name of the service with this tag; `None` if it has none.
    pub(super) fn name<K: Kernel>(
        &mut self,
        shared: &Arc<Shared<K>>,
        pid: u32,
        tag: u32,
    ) -> Option<Arc<str>> {
        let names = self.names.entry(pid).or_default();
        if let Some(name) = names.get(&tag) {
            return name.clone();
        }
        let is_allowed = names.len() < MAX_TAGS;
        let name = is_allowed.then(|| shared.call_service(move |kernel| kernel.service(pid, tag))).flatten();
        let Some(name) = name else {
            self.skipped += 1;
            return None;
        };
        let name = name.filter(|name| !name.is_empty()).map(|name| String::from_utf16_lossy(&name).into());
        names.insert(tag, name.clone());
        name
    }

    /// The gap that the bounds have left.
    pub(super) fn gap(&self) -> Option<Gap> {
        let source = "I_QueryTagInformation: too many services, or no answer in time";
        (self.skipped > 0).then(|| Gap::new(GapKind::NamesUnavailable, self.skipped, source))
    }
}
