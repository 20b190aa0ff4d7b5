//! A back end whose listings fail.

use crate::engine::owner_table::{OwnerTable, ProcessSeen};
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::process::{Process, ProcessFields};
use crate::model::socket::Socket;
use crate::model::support::Support;
use crate::query::Query;
use crate::sys::support;
use crate::sys::system::{OwnerSearch, System};
use std::ops::ControlFlow;

/// There is nothing to cache.
pub(crate) type Cache = ();

pub(crate) use crate::engine::no_reports::NoReports as Reports;

/// No system.
pub(crate) struct Native;

impl Native {
    pub(crate) fn new(_cache: &Cache) -> Self {
        Self
    }
}

impl System for Native {
    type OwnerSearch = NoSearch;

    const SUPPORT: Support = support::UNSUPPORTED;

    fn sockets(
        &self,
        _query: &Query,
        _sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        Err(Error::unsupported("list", "sockets"))
    }

    fn owner_search(&self, _query: &Query) -> NoSearch {
        NoSearch
    }

    fn processes(
        &self,
        seen: &[ProcessSeen],
        _fields: ProcessFields,
        _threads: usize,
    ) -> (Vec<Process>, Vec<Gap>) {
        (seen.iter().map(|seen| Process::new(seen.pid)).collect(), Vec::new())
    }
}

/// A search that fails.
pub(crate) struct NoSearch;

impl OwnerSearch for NoSearch {
    fn run(&self) {}

    fn tables_complete(&self, _keys: Option<Vec<u64>>) {}

    fn table(&mut self) -> OwnerTable {
        OwnerTable::failed("not supported on this system")
    }
}
