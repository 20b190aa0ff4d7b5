//! State that the phases of one listing share.

use super::bounded::BoundedCalls;
use super::kernel::Kernel;
use super::process_list::ProcessList;
use crate::engine::owner_table::ProcessSeen;
use crate::engine::parallel::lock;
use std::sync::{Arc, Mutex};

/// The kernel and the list of processes, shared by the phases of one listing.
pub(super) struct Shared<K> {
    pub(super) kernel: K,
    processes: Mutex<Option<Arc<ProcessList>>>,
    calls: Mutex<BoundedCalls>,
}

impl<K: Kernel> Shared<K> {
    pub(super) fn new(kernel: K) -> Self {
        Self { kernel, processes: Mutex::new(None), calls: Mutex::default() }
    }

    /// Calls a service of the system, bounded in time. `None`: it has not returned.
    pub(super) fn call_service<T: Send + 'static>(
        self: &Arc<Self>,
        call: impl FnOnce(&K) -> T + Send + 'static,
    ) -> Option<T> {
        let shared = Arc::clone(self);
        lock(&self.calls).run(move || call(&shared.kernel))
    }

    /// Reads the list of processes. The error is the source of a gap.
    pub(super) fn read_processes(&self) -> Result<Arc<ProcessList>, String> {
        let list =
            ProcessList::read(&self.kernel).map_err(|error| format!("NtQuerySystemInformation: {error}"))?;
        Ok(Arc::clone(lock(&self.processes).insert(Arc::new(list))))
    }

    /// The list as it was last read, if it has all of these processes; otherwise it is read once more.
    pub(super) fn processes(&self, seen: &[ProcessSeen]) -> Result<Arc<ProcessList>, String> {
        let list = lock(&self.processes).clone();
        let has = |list: &ProcessList| seen.iter().all(|seen| list.get(seen.pid).is_some());
        match list {
            Some(list) if has(&list) => Ok(list),
            _ => self.read_processes(),
        }
    }
}
