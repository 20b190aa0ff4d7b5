//! One listing by this back end.

use super::kernel::Kernel;
use super::owners::BinderCheck;
use super::shared::Shared;
use super::{processes, row, sockets};
use crate::engine::owner_table::ProcessSeen;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::UnownedReason;
use crate::model::process::{Process, ProcessFields};
use crate::model::process_id::ProcessId;
use crate::model::socket::Socket;
use crate::model::support::Support;
use crate::query::Query;
use crate::sys::support;
use crate::sys::system::System;
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Windows, for one listing.
pub(crate) struct Windows<K>(Arc<Shared<K>>);

impl<K: Kernel> Windows<K> {
    pub(super) fn over(kernel: K) -> Self {
        Self(Arc::new(Shared::new(kernel)))
    }
}

fn not_found(source: String) -> Gap {
    Gap::new(GapKind::ProcessNotFound, 1, source)
}

impl<K: Kernel> System for Windows<K> {
    type OwnerSearch = BinderCheck<K>;

    const SUPPORT: Support = support::WINDOWS;

    const HAS_CONTROL_GROUPS: bool = false;

    fn sockets(
        &self,
        query: &Query,
        sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        sockets::list(&self.0, query, sink)
    }

    fn owner_search(&self, _query: &Query) -> Self::OwnerSearch {
        BinderCheck::over(Arc::clone(&self.0))
    }

    fn unowned_reason(&self, socket: &Socket) -> UnownedReason {
        row::unowned_reason(socket)
    }

    fn processes(
        &self,
        seen: &[ProcessSeen],
        fields: ProcessFields,
        _threads: usize,
    ) -> (Vec<Process>, Vec<Gap>) {
        match self.0.processes(seen) {
            Ok(list) => processes::describe(&self.0, &list, seen, fields),
            Err(failure) => {
                let gap = Gap::new(GapKind::ProcessListUnavailable, 1, failure);
                (seen.iter().map(|seen| Process::new(seen.pid)).collect(), vec![gap])
            }
        }
    }

    fn unlisted_process(&self, _query: &Query, pid: u32) -> Vec<Gap> {
        // A list that cannot be read, or ends early, is a gap of the search for owners.
        let list = self.0.processes(&[ProcessSeen::new(pid, u64::MAX)]);
        let is_absent = list.is_ok_and(|list| list.is_complete() && list.get(pid).is_none());
        is_absent.then(|| not_found(format!("pid {pid}"))).into_iter().collect()
    }

    fn unlisted_processes_named(&self, _query: &Query, name: &OsStr) -> Vec<Gap> {
        let Ok(list) = self.0.read_processes() else { return Vec::new() };
        let has_name = list.processes().any(|process| {
            let full = self.0.kernel.os_string(list.name(process));
            name == full || processes::is_short_name(name, &full)
        });
        let is_absent = list.is_complete() && !has_name;
        is_absent.then(|| not_found(format!("name {}", name.to_string_lossy()))).into_iter().collect()
    }

    fn is_short_name(&self, name: &OsStr, full: &OsStr) -> bool {
        processes::is_short_name(name, full)
    }

    fn signal(&self, process: ProcessId, signal: i32) -> Result<(), Error> {
        processes::signal(&self.0.kernel, process, signal)
    }

    fn interface_name(index: u32) -> Option<String> {
        K::interface_name(index)
    }
}
