//! One listing by this back end.

use super::kernel::Kernel;
use super::listed::ListedTables;
use super::owners::LibprocWalk;
use super::{processes, sockets};
use crate::engine::owner_table::ProcessSeen;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::process::{Process, ProcessFields};
use crate::model::process_id::ProcessId;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::model::support::Support;
use crate::query::Query;
use crate::sys::support;
use crate::sys::system::System;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::sync::Arc;

/// macOS, for one listing.
pub(crate) struct Macos<K> {
    kernel: K,
    tables: Arc<ListedTables>,
}

impl<K: Kernel> Macos<K> {
    pub(crate) fn over(kernel: K) -> Self {
        Self { kernel, tables: Arc::default() }
    }
}

impl<K: Kernel> System for Macos<K> {
    type OwnerSearch = LibprocWalk<K>;

    const SUPPORT: Support = Support { system: K::SYSTEM, ..support::MACOS };

    const HAS_CONTROL_GROUPS: bool = false;

    fn sockets(
        &self,
        query: &Query,
        sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        sockets::sockets(&self.kernel, &self.tables, query, sink)
    }

    fn owner_search(&self, query: &Query) -> LibprocWalk<K> {
        self.tables.set_searched();
        let mut walk =
            LibprocWalk::new(self.kernel.clone(), Arc::clone(&self.tables), &query.table_filter().pids());
        if sockets::wants(query, Protocol::Unix) {
            walk.reader().add_unix();
        }
        walk
    }

    fn recheck(&self, sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
        sockets::recheck(&self.kernel, sockets)
    }

    fn processes(
        &self,
        seen: &[ProcessSeen],
        fields: ProcessFields,
        threads: usize,
    ) -> (Vec<Process>, Vec<Gap>) {
        processes::processes(&self.kernel, seen, fields, threads)
    }

    fn unlisted_process(&self, _query: &Query, pid: u32) -> Vec<Gap> {
        processes::missing_pid(&self.kernel, pid).into_iter().collect()
    }

    fn unlisted_processes_named(&self, _query: &Query, name: &OsStr) -> Vec<Gap> {
        processes::missing_name(&self.kernel, name).into_iter().collect()
    }

    fn is_short_name(&self, name: &OsStr, full: &OsStr) -> bool {
        processes::is_short_name(name, full)
    }

    fn interface_name(index: u32) -> Option<String> {
        K::interface_name(index)
    }

    fn signal(&self, process: ProcessId, signal: i32) -> Result<(), Error> {
        processes::signal(&self.kernel, process, signal)
    }

    fn user_names(wanted: &[u32]) -> HashMap<u32, String> {
        crate::sys::users::names(wanted)
    }

    fn user_id(name: &str) -> Result<u32, Error> {
        crate::sys::users::user_id(name)
    }
}
