//! The service that created a socket, in a process that hosts several, by the tag in the row.
//!
//! Each look-up is a call to the service control manager, so there is one for each tag of a process, and the sockets of a
//! service share its name.

use super::kernel::Kernel;
use std::collections::HashMap;
use std::sync::Arc;

/// The names of services, cached for one listing.
#[derive(Default)]
pub(super) struct Services {
    names: HashMap<(u32, u32), Option<Arc<str>>>,
}

impl Services {
    /// The name of the service with this tag; `None` if it has none.
    pub(super) fn name(&mut self, kernel: &impl Kernel, pid: u32, tag: u32) -> Option<Arc<str>> {
        let name = self.names.entry((pid, tag)).or_insert_with(|| {
            let name = kernel.service(pid, tag).filter(|name| !name.is_empty())?;
            Some(String::from_utf16_lossy(&name).into())
        });
        name.clone()
    }
}
