//! One listing: what reads the tables, the processes and their details shares one list of processes.

use super::kernel::Kernel;
use super::processes::{self, ProcessList};
use super::{owners, row, sockets};
use crate::engine::owner_table::Sighting;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::NoOwner;
use crate::model::process::{Process, ProcessFields};
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::System;
use std::ffi::OsStr;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

/// What one listing shares.
pub(super) struct Listing<K> {
    pub(super) kernel: K,
    processes: Mutex<Option<Arc<ProcessList>>>,
}

impl<K: Kernel> Listing<K> {
    /// Reads the list of processes anew.
    pub(super) fn read_processes(&self) -> Result<Arc<ProcessList>, io::Error> {
        let list = Arc::new(ProcessList::read(&self.kernel)?);
        *self.processes.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Arc::clone(&list));
        Ok(list)
    }

    /// The list of processes as it was last read, if that was after all of these were seen.
    fn processes(&self, sightings: &[Sighting]) -> Result<Arc<ProcessList>, io::Error> {
        let list = self.processes.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        let has = |list: &ProcessList| sightings.iter().all(|sighting| list.get(sighting.pid).is_some());
        match list {
            Some(list) if has(&list) => Ok(list),
            _ => self.read_processes(),
        }
    }
}

/// Windows, for one listing.
pub(crate) struct Windows<K>(Arc<Listing<K>>);

impl<K: Kernel> Windows<K> {
    pub(super) fn over(kernel: K) -> Self {
        Self(Arc::new(Listing { kernel, processes: Mutex::new(None) }))
    }
}

impl<K: Kernel + Send> System for Windows<K> {
    type Search = owners::Search<K>;

    fn search(&self, _query: &Query) -> Self::Search {
        owners::Search::over(Arc::clone(&self.0))
    }

    fn sockets(
        &self,
        query: &Query,
        sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        sockets::list(&self.0.kernel, query, sink)
    }

    fn processes(
        &self,
        sightings: &[Sighting],
        fields: ProcessFields,
        _threads: usize,
    ) -> (Vec<Process>, Vec<Gap>) {
        match self.0.processes(sightings) {
            Ok(list) => processes::describe(&self.0.kernel, &list, sightings, fields),
            Err(error) => {
                let gap = Gap::new(GapKind::ProcessListUnavailable, 1, list_failed(&error));
                (sightings.iter().map(|sighting| Process::new(sighting.pid)).collect(), vec![gap])
            }
        }
    }

    fn ownerless(&self, socket: &Socket) -> NoOwner {
        row::ownerless(socket)
    }

    /// No call tells it of one row.
    fn still_open(&self, sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
        sockets.map(|_| true).collect()
    }

    fn is_short_name(&self, name: &OsStr, full: &OsStr) -> bool {
        processes::is_short_name(name, full)
    }
}

/// The source of a gap.
pub(super) fn list_failed(error: &io::Error) -> String {
    format!("NtQuerySystemInformation: {error}")
}
