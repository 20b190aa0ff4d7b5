//! A system without a back end: everything builds, and every question is answered with "not supported".

use crate::error::Error;
use crate::filter::Filter;
use crate::gap::Gap;
use crate::owner::NoOwner;
use crate::owner_table::{OwnerTable, Sighting};
use crate::process::{Process, ProcessFields};
use crate::snapshot;
use crate::socket::Socket;
use crate::support::{SocketFields, Support};
use std::ffi::OsStr;
use std::ops::ControlFlow;

pub(crate) const SUPPORT: Support = Support {
    system: "unsupported",
    protocols: &[],
    socket_fields: SocketFields::empty(),
    owner_roles: &[],
    all_owners: false,
    process_fields: ProcessFields::empty(),
};

pub(crate) fn sockets(
    _filter: &Filter,
    _sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    Err(Error::unsupported("list", "sockets"))
}

pub(crate) struct OwnerSearch;

impl OwnerSearch {
    pub(crate) fn new(_pids: &[u32]) -> Self {
        Self
    }

    pub(crate) fn run(&self) {}

    pub(crate) fn sockets_are_listed(&self) {}

    pub(crate) fn table(&mut self) -> OwnerTable {
        OwnerTable::unsearched("not supported on this system")
    }

    pub(crate) fn again(&mut self, _table: &mut OwnerTable, _missed: &[u64], _threads: usize) {}
}

pub(crate) fn processes(
    sightings: &[Sighting],
    _fields: ProcessFields,
    _threads: usize,
) -> (Vec<Process>, Vec<Gap>) {
    (sightings.iter().map(|sighting| Process::new(sighting.pid)).collect(), Vec::new())
}

pub(crate) fn ownerless(socket: &Socket) -> NoOwner {
    snapshot::reason_by_state(socket)
}

pub(crate) fn still_open(sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
    sockets.map(|_| true).collect()
}

pub(crate) fn is_short_name(_name: &OsStr, _full: &OsStr) -> bool {
    false
}

pub(crate) fn interface_name(_index: u32) -> Option<String> {
    None
}
