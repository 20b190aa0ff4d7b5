//! The system of this build, where its back end is a set of functions.

use super::system::{Search, System};
use super::{OwnerSearch, is_short_name, ownerless, processes, sockets, still_open};
use crate::error::Error;
use crate::filter::Filter;
use crate::gap::Gap;
use crate::owner::NoOwner;
use crate::owner_table::{OwnerTable, Sighting};
use crate::process::{Process, ProcessFields};
use crate::socket::Socket;
use std::ffi::OsStr;
use std::ops::ControlFlow;

/// The system of this build.
pub(crate) struct Native;

impl Native {
    /// For one listing.
    pub(crate) fn new() -> Self {
        Self
    }
}

impl System for Native {
    type Search = OwnerSearch;

    fn search(&self, pids: &[u32]) -> OwnerSearch {
        OwnerSearch::new(pids)
    }

    fn sockets(
        &self,
        filter: &Filter,
        sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        sockets(filter, sink)
    }

    fn processes(
        &self,
        sightings: &[Sighting],
        fields: ProcessFields,
        threads: usize,
    ) -> (Vec<Process>, Vec<Gap>) {
        processes(sightings, fields, threads)
    }

    fn ownerless(&self, socket: &Socket) -> NoOwner {
        ownerless(socket)
    }

    fn still_open(&self, sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
        still_open(sockets)
    }

    fn is_short_name(&self, name: &OsStr, full: &OsStr) -> bool {
        is_short_name(name, full)
    }
}

impl Search for OwnerSearch {
    fn run(&self) {
        self.run();
    }

    fn sockets_are_listed(&self) {
        self.sockets_are_listed();
    }

    fn table(&mut self) -> OwnerTable {
        self.table()
    }

    fn again(&mut self, table: &mut OwnerTable, missed: &[u64], threads: usize) {
        self.again(table, missed, threads);
    }
}
