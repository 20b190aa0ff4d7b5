//! The contract of `sys/mod.rs` as a trait, so that everything above a back end (the join with owners, the
//! second look, streaming) runs over a scripted kernel just as it runs over the machine's own.

use crate::engine::owner_table::{OwnerTable, Sighting};
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::owner::NoOwner;
use crate::model::process::{Process, ProcessFields};
use crate::model::socket::Socket;
use crate::query::Query;
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

/// A system to ask. One value serves one listing, and may remember in `sockets` and in the search what the
/// other needs to know.
pub(crate) trait System: Sync {
    type Search: Search;

    /// Whether the kernel is asked for what it alone can decide of a filter. Then `sockets` hands over only rows
    /// of which it has decided that, and fails where it cannot.
    const KERNEL_DECIDES: bool = false;

    fn search(&self, query: &Query) -> Self::Search;

    fn sockets(
        &self,
        query: &Query,
        sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error>;

    /// Makes room in a list of rows that is full and goes on; it grows by itself where nothing better is known.
    fn make_room(&self, _rows: &mut Vec<Socket>) {}

    /// Counts the sockets that the query wants, owners left aside.
    fn count(&self, query: &Query, counts: &mut Counts) -> Result<Vec<Gap>, Error> {
        count_rows(query, counts, |sink| self.sockets(query, sink))
    }

    fn processes(
        &self,
        sightings: &[Sighting],
        fields: ProcessFields,
        threads: usize,
    ) -> (Vec<Process>, Vec<Gap>);

    /// Reads details of these processes until it is told to stop, for `processes` to have them at hand.
    fn read_ahead(&self, _sightings: &[Sighting], _fields: ProcessFields, _stop: &AtomicBool) {}

    fn ownerless(&self, socket: &Socket) -> NoOwner;

    fn still_open(&self, sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool>;

    fn is_short_name(&self, name: &OsStr, full: &OsStr) -> bool;
}

/// Counts rows as they come.
pub(crate) fn count_rows(
    query: &Query,
    counts: &mut Counts,
    list: impl FnOnce(&mut dyn FnMut(Socket) -> ControlFlow<()>) -> Result<Vec<Gap>, Error>,
) -> Result<Vec<Gap>, Error> {
    list(&mut |socket| {
        if query.filter.matches(&socket) {
            counts.add(socket.protocol, socket.state, 1);
        }
        ControlFlow::Continue(())
    })
}

/// A search for owners: see `OwnerSearch` in the contract.
pub(crate) trait Search: Sync {
    fn run(&self);

    /// The keys of the sockets that are listed, ascending, where these are few.
    fn sockets_are_listed(&self, keys: Option<Vec<u64>>);

    /// The processes that are known by now to hold sockets, where they are known before the end.
    fn holders(&self) -> Vec<Sighting> {
        Vec::new()
    }

    fn table(&mut self) -> OwnerTable;

    fn again(&mut self, table: &mut OwnerTable, missed: &[u64], threads: usize);

    fn unlisted(&mut self) -> (Vec<Socket>, Vec<Gap>) {
        (Vec::new(), Vec::new())
    }
}
