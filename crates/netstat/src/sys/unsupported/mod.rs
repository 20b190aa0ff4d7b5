//! A system without a back end: everything builds, and every question is answered with "not supported".

use crate::engine::owner_table::{OwnerTable, Sighting};
use crate::model::details::DetailFields;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::owner::NoOwner;
use crate::model::process::{Process, ProcessFields};
use crate::model::socket::Socket;
use crate::model::support::{SocketFields, Support};
use crate::query::Query;
use crate::sys::{Search, System};
use std::ffi::OsStr;
use std::ops::ControlFlow;

pub(crate) mod resolve;

/// Nothing to keep between two listings.
pub(crate) type Kept = ();

pub(crate) const SUPPORT: Support = Support {
    system: "unsupported",
    protocols: &[],
    socket_fields: SocketFields::empty(),
    detail_fields: DetailFields::empty(),
    owner_roles: &[],
    all_owners: false,
    process_fields: ProcessFields::empty(),
};

/// Nothing to ask.
pub(crate) struct Native;

impl Native {
    pub(crate) fn new(_kept: &()) -> Self {
        Self
    }
}

impl System for Native {
    type Search = Nothing;

    fn search(&self, _query: &Query) -> Nothing {
        Nothing
    }

    fn sockets(
        &self,
        _query: &Query,
        _sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        Err(Error::unsupported("list", "sockets"))
    }

    fn processes(
        &self,
        sightings: &[Sighting],
        _fields: ProcessFields,
        _threads: usize,
    ) -> (Vec<Process>, Vec<Gap>) {
        (sightings.iter().map(|sighting| Process::new(sighting.pid)).collect(), Vec::new())
    }

    fn ownerless(&self, socket: &Socket) -> NoOwner {
        socket.unowned_reason()
    }

    fn still_open(&self, sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
        sockets.map(|_| true).collect()
    }

    fn is_short_name(&self, _name: &OsStr, _full: &OsStr) -> bool {
        false
    }
}

/// A search that finds nothing.
pub(crate) struct Nothing;

impl Search for Nothing {
    fn run(&self) {}

    fn sockets_are_listed(&self, _keys: Option<Vec<u64>>) {}

    fn table(&mut self) -> OwnerTable {
        OwnerTable::unsearched("not supported on this system")
    }

    fn again(&mut self, _table: &mut OwnerTable, _missed: &[u64], _threads: usize) {}
}

pub(crate) fn interface_name(_index: u32) -> Option<String> {
    None
}

/// Closing a socket of another process.
pub(crate) fn destroy(socket: &Socket) -> Result<(), Error> {
    Err(Error::unsupported("close", socket.subject()))
}
