//! The contract of a back end. Everything above it (the phases of a listing, the join with owners, the second pass,
//! streaming) runs over a scripted kernel just as it runs over the machine's own.

use crate::engine::owner_table::{OwnerTable, ProcessSeen};
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::event::EventSource;
use crate::model::gap::Gap;
use crate::model::identity::NetnsId;
use crate::model::namespace::Namespace;
use crate::model::owner::UnownedReason;
use crate::model::process::{Process, ProcessFields};
use crate::model::process_id::ProcessId;
use crate::model::socket::Socket;
use crate::model::support::Support;
use crate::model::workload::Workload;
use crate::query::Query;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// One system, for one listing.
///
/// A back end is a folder below `sys` that `sys/mod.rs` selects. It provides names beside this trait: `Native`, the
/// implementation over the running kernel, with `Native::new(&Cache)`; and `Cache: Default + Debug + Send + Sync`, what
/// a [`Lister`](crate::Lister) keeps for the next listing.
///
/// An implementation may remember in [`sockets`](Self::sockets) and in its search for owners what the other needs. The
/// two run at the same time on different threads. No method panics, waits without a bound, or runs another program.
pub(crate) trait System: Sync {
    /// The search for owners of one listing.
    type OwnerSearch: OwnerSearch;

    /// What this system supports. A query that filters by anything else is refused before a table is read.
    const SUPPORT: Support;

    /// Whether processes are in control groups, and so in containers, pods and units.
    const HAS_CONTROL_GROUPS: bool = true;

    /// Whether the kernel decides filter terms that no row shows (mark, control group). If so,
    /// [`sockets`](Self::sockets) emits only rows for which it has decided them, and fails where it cannot.
    const KERNEL_DECIDES: bool = false;

    /// Whether [`sockets`](Self::sockets) may emit several rows of one socket, and rows of several protocols mixed: one
    /// row for each descriptor, each with the owner that it belongs to, as one pass over all descriptor tables finds
    /// them. The engine then merges and groups them, and streams no row before the last has come. `sockets` may
    /// nevertheless fall back to tables without repeats.
    const ROWS_REPEAT: bool = false;

    /// Emits every socket of the tables that the query's filter needs, and returns what could not be read.
    ///
    /// - **Rows.** The sink is called on the calling thread, and may get more rows than pass the filter: the engine
    ///   applies it. A field that the system does not report is `None`. No row is left out for want of an owner.
    /// - **Order.** The rows of one protocol come together, in the order of [`Protocol`](crate::Protocol); the order
    ///   within a protocol is unspecified. Exempt is a source of which [`ROWS_REPEAT`](Self::ROWS_REPEAT) is true.
    /// - **Owners.** A row whose owners only the search can find is emitted with
    ///   [`Ownership::NotAsked`](crate::Ownership::NotAsked), with the owners that the table names, if any. With any
    ///   other ownership the row's owners are final.
    /// - **Break.** When the sink breaks, nothing more is read, and the gaps so far are returned.
    ///
    /// # Errors
    /// Only if no table could be read. A table that fails by itself is a gap: [`Tables`](crate::engine::tables::Tables)
    /// is that rule.
    fn sockets(
        &self,
        query: &Query,
        sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error>;

    /// Counts the sockets that pass the filter, which does not depend on owners; `by_family`: each family apart.
    ///
    /// # Errors
    /// As [`sockets`](Self::sockets).
    fn count(&self, query: &Query, _by_family: bool, counts: &mut Counts) -> Result<Vec<Gap>, Error> {
        count_rows(query, counts, |sink| self.sockets(query, sink))
    }

    /// The network namespaces of the listing, once [`sockets`](Self::sockets) has returned; none if the query names none.
    fn namespaces(&self) -> Vec<Namespace> {
        Vec::new()
    }

    /// A search for owners, which has not begun.
    fn owner_search(&self, query: &Query) -> Self::OwnerSearch;

    /// Opens what [`sockets`](Self::sockets) needs, before a search for owners takes the time and the descriptors. Not called
    /// where [`sockets_with_owners`](Self::sockets_with_owners) is tried first.
    fn open_early(&self, _query: &Query) {}

    /// What is to be said of a process that this query asks for and that has no row: that it does not exist, or where or of
    /// which kind its sockets are. Nothing: it exists and holds no sockets, as far as this caller can see; what it cannot
    /// see is a gap of the search for owners. Called only then.
    fn unlisted_process(&self, _query: &Query, _pid: u32) -> Vec<Gap> {
        Vec::new()
    }

    /// As [`unlisted_process`](Self::unlisted_process), of the processes with a name.
    fn unlisted_processes_named(&self, _query: &Query, _name: &OsStr) -> Vec<Gap> {
        Vec::new()
    }

    /// Lists the sockets with their owners, where one source has both and can answer the query: adds the rows that pass the
    /// filter, as far as that does not depend on owners, in the order of [`sockets`](Self::sockets), and returns what could
    /// not be read. The search finds the owners of rows that are left with
    /// [`Ownership::NotAsked`](crate::Ownership::NotAsked).
    ///
    /// `None`: nothing was added, and the tables are to be read beside the search. Called before the search runs, and not where
    /// rows are streamed: such a source knows the owners of a row only when it has read everything.
    fn sockets_with_owners(
        &self,
        _query: &Query,
        _search: &Self::OwnerSearch,
        _rows: &mut Vec<Socket>,
    ) -> Option<Vec<Gap>> {
        None
    }

    /// Why a row without an identity, by which the search could find its owners, has none.
    fn unowned_reason(&self, socket: &Socket) -> UnownedReason {
        socket.unowned_reason()
    }

    /// Which of these rows are still open; true where the system cannot say. Called for rows without a holder after the
    /// second pass: they may have been closed in the meantime.
    fn recheck(&self, sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
        sockets.map(|_| true).collect()
    }

    /// Details of these processes, one for each and in that order. A process that has ended, or whose pid belongs to
    /// another one by now, is returned with its pid alone, and counted in a gap. With
    /// [`ProcessFields::START_TIME`] the kernel's own value of the start ([`ProcessId`]) is set too.
    fn processes(
        &self,
        seen: &[ProcessSeen],
        fields: ProcessFields,
        threads: usize,
    ) -> (Vec<Process>, Vec<Gap>);

    /// Reads details of these processes until `stop` is set, so that [`processes`](Self::processes) has them already.
    fn prefetch_processes(&self, _seen: &[ProcessSeen], _fields: ProcessFields, _stop: &AtomicBool) {}

    /// The fields that [`is_named`](Self::is_named) compares.
    const NAME_FIELDS: ProcessFields = ProcessFields::NAME;

    /// Whether a process, with [`NAME_FIELDS`](Self::NAME_FIELDS), has this name; `None` if its name is not known.
    fn is_named(&self, wanted: &OsStr, process: &Process) -> Option<bool> {
        let name = process.name.as_ref()?;
        Some(wanted == name || self.is_short_name(wanted, name))
    }

    /// Whether `name` stands for the process name `full`, other than by equality.
    fn is_short_name(&self, _name: &OsStr, _full: &OsStr) -> bool {
        false
    }

    /// How many processors this process may use. Called once a listing: it must be cheap.
    fn processors() -> usize {
        thread::available_parallelism().map_or(1, usize::from)
    }

    /// See [`interface_name`](crate::interface_name).
    fn interface_name(_index: u32) -> Option<String> {
        None
    }

    /// See [`user_names`](crate::user_names). The numbers are ascending, without repeats.
    fn user_names(_wanted: &[u32]) -> HashMap<u32, String> {
        HashMap::new()
    }

    /// See [`Namespace::interface_name`].
    fn interface_name_in(_namespace: &Namespace, _index: u32) -> Option<String> {
        None
    }

    /// The indexes of the network interface with this name in the namespaces that a query lists, each with its namespace
    /// if these are several. One at least.
    fn interface_indexes(&self, _query: &Query, name: &str) -> Result<Vec<(Option<NetnsId>, u32)>, Error> {
        Self::interface_index(name).map(|index| vec![(None, index)])
    }

    /// See [`Filter::interface_name`](crate::Filter::interface_name).
    fn interface_index(name: &str) -> Result<u32, Error> {
        Err(Error::unsupported("find", format!("network interface {name:?}")))
    }

    /// See [`Filter::user`](crate::Filter::user).
    fn user_id(name: &str) -> Result<u32, Error> {
        Err(Error::unsupported("find", format!("user {name:?}")))
    }

    /// See [`Filter::cgroup`](crate::Filter::cgroup).
    fn cgroup_id(path: &Path) -> Result<u64, Error> {
        Err(Error::unsupported("find", format!("control group {}", path.display())))
    }

    /// See [`crate::cgroup_workloads`]. The numbers are ascending, without repeats.
    fn cgroup_workloads(_ids: &[u64]) -> HashMap<u64, Workload> {
        HashMap::new()
    }

    /// The number of the network namespace with this name or path.
    fn netns_id(name: &str) -> Result<NetnsId, Error> {
        Err(Error::unsupported("find", format!("network namespace {name:?}")))
    }

    /// See [`NetnsId::current`].
    fn current_netns() -> Option<NetnsId> {
        None
    }

    /// See [`ProcessId::signal`].
    fn signal(&self, process: ProcessId, _signal: i32) -> Result<(), Error> {
        Err(Error::unsupported("signal", process.subject()))
    }

    /// See [`ProcessId::has_ended`]. As it stands for systems on which a process that has ended takes no signal.
    fn has_ended(&self, process: ProcessId) -> Result<bool, Error> {
        match self.signal(process, 0) {
            Ok(()) => Ok(false),
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// See [`Socket::destroy`].
    fn destroy(socket: &Socket) -> Result<(), Error> {
        Err(Error::unsupported("close", socket.subject()))
    }
}

/// What the kernel reports of sockets by itself, between two listings: for one [`Watcher`](crate::Watcher).
///
/// A back end provides it as `Reports`, beside the two names of [`System`]; [`NoReports`] is for a system without.
///
/// [`NoReports`]: crate::engine::no_reports::NoReports
pub(crate) trait Reports: fmt::Debug + Send + Sync + Sized {
    /// Opens what there is for a query. What cannot be had shows in [`unseen`](Self::unseen).
    fn open(query: &Query) -> Self;

    /// Opens anew what is of another process or network namespace than the calling thread's; the next read reports that
    /// something was lost. Called before reports are read and before each listing.
    fn renew(&mut self, query: &Query);

    /// A listing begins: what costs more than to read reports is done now.
    fn listing(&mut self) {}

    /// Waits until there is something to read, at most so long.
    fn wait(&mut self, timeout: Duration);

    /// Reads what there is, but no more than some ten thousand reports; nothing of what another process has opened.
    fn read(&mut self, each: &mut dyn FnMut(Report));

    /// Whether the end of this row, should it be one, is reported.
    fn reports_end_of(&self, row: &Socket) -> bool;

    /// Whether a program with this name is what a report calls `reported`, other than by equality.
    fn is_short_name(_reported: &OsStr, _name: &OsStr) -> bool {
        false
    }

    /// What is not reported, with this time between two listings.
    fn unseen(&self, interval: Duration) -> Vec<Gap>;
}

/// One report of the kernel.
#[allow(dead_code, reason = "not every kernel makes them")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// The socket is no more. The row has its ends, its cookie, and as details its last counters.
    Destroyed(Socket),
    /// The socket is open. The row has its ends, its state, its cookie, and the process that has opened it, if that
    /// is known.
    Opened {
        socket: Socket,
        /// Details of that process: its name and start.
        process: Option<Box<Process>>,
        /// How long ago.
        ago: Duration,
    },
    /// So many reports could not be delivered, by this source.
    Lost(u64, EventSource),
}

/// Counts rows as they come.
pub(crate) fn count_rows(
    query: &Query,
    counts: &mut Counts,
    list: impl FnOnce(&mut dyn FnMut(Socket) -> ControlFlow<()>) -> Result<Vec<Gap>, Error>,
) -> Result<Vec<Gap>, Error> {
    list(&mut |socket| {
        if query.filter.matches(&socket) {
            counts.add(socket.protocol, socket.state, Some(socket.family), 1);
        }
        ControlFlow::Continue(())
    })
}

/// The search for the processes that hold sockets, for one listing.
///
/// The engine calls [`run`](Self::run) on several threads beside the reading of the tables,
/// [`tables_complete`](Self::tables_complete) when they have been read, and `run` once more. When all calls have
/// returned, it takes the [`table`](Self::table), and then asks for a [`second_pass`](Self::second_pass). When rows are
/// streamed, the search ends before the tables are read, and `tables_complete` is not called.
pub(crate) trait OwnerSearch: Sync {
    /// Works until nothing is left to do. The threads that call it share the work; each must be able to do all of it.
    fn run(&self);

    /// The tables of sockets have been read: a process that is read from now on can have no listed socket that it did
    /// not have then. `keys`: those of the rows, ascending, if the rows are few.
    fn tables_complete(&self, keys: Option<Vec<u64>>);

    /// The processes known so far to hold sockets, if they are known before the tables are complete.
    fn holders(&self) -> Vec<ProcessSeen> {
        Vec::new()
    }

    /// What was found. If `run` was never called, a table that says so.
    fn table(&mut self) -> OwnerTable;

    /// Looks for holders of these sockets, given by their keys, ascending: rescans the processes that were read before
    /// the tables were complete, and those that have started since. Adds what it finds.
    fn second_pass(&mut self, _table: &mut OwnerTable, _unresolved: &[u64], _threads: usize) {}

    /// Looks for owners of these sockets that hold them without a descriptor, and adds what it finds. Called for rows
    /// without an owner after the second pass. If such an owner may be out of sight, it makes
    /// [`OwnerTable::if_missing`] report so.
    fn search_without_descriptor(&mut self, _table: &mut OwnerTable, _sockets: &[&Socket]) {}

    /// Removes from a row with several owners those that hold another socket with the same key, or cannot use it.
    fn verify(&self, _socket: &mut Socket) {}

    /// The sockets that the search has seen and no table has listed, with what that says of the tables. Their owners
    /// are in the table, which includes the second pass.
    fn unlisted(&mut self, _table: &OwnerTable) -> (Vec<Socket>, Vec<Gap>) {
        (Vec::new(), Vec::new())
    }
}
