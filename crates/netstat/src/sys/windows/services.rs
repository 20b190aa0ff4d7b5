//! The service that made a socket, inside a process that hosts several: by the tag that the row carries.
//!
//! Each question goes to the service manager, so one is asked for each tag of each process, and a name is
//! shared by all the sockets of its service.

use super::kernel::Kernel;
use std::collections::HashMap;
use std::sync::Arc;

/// The names of services that one listing has met.
#[derive(Default)]
pub(super) struct Services {
    names: HashMap<(u32, u32), Option<Arc<str>>>,
}

impl Services {
    /// The name of the service with this tag; `None` where it is not told.
    pub(super) fn name(&mut self, kernel: &impl Kernel, pid: u32, tag: u32) -> Option<Arc<str>> {
        let name = self.names.entry((pid, tag)).or_insert_with(|| {
            let name = kernel.service(pid, tag).filter(|name| !name.is_empty())?;
            Some(String::from_utf16_lossy(&name).into())
        });
        name.clone()
    }
}
