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

impl<K: Kernel> System for Windows<K> {
    type OwnerSearch = BinderCheck<K>;

    const SUPPORT: Support = support::WINDOWS;

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
