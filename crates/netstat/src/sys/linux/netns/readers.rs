//! The network namespaces of one listing, and reading their tables.

#[cfg(feature = "bpf")]
mod beside_pass;

#[cfg(feature = "bpf")]
pub(crate) use beside_pass::Countable;

use super::ListedNamespaces;
use super::enter::{Target, Unopened, open_in};
use super::find::FoundNamespace;
use super::place::Place;
use super::process_net::{self, OWN_DIRECTORY};
use crate::engine::parallel::lock;
use crate::engine::tables::Sink;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::identity::NetnsId;
use crate::model::namespace::{Namespace, NamespaceSource};
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::families::{self, FamilyTable};
use crate::sys::linux::procfs::net;
use crate::sys::linux::resolve;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::SockDiag;
use crate::sys::linux::sock_diag::recheck;
use crate::sys::linux::sock_diag::request::{Table, tables_of};
use crate::sys::linux::sockets;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::io::{self, ErrorKind, Read};
use std::mem;
use std::num::NonZeroU64;
use std::ops::{ControlFlow, Range};
use std::slice;
use std::sync::{Mutex, MutexGuard};

/// The part of this process's descriptors that one listing may keep open: a fourth.
const PART_OF_DESCRIPTORS: u64 = 4;

/// One namespace.
struct NamespaceReader {
    id: NetnsId,
    found: FoundNamespace,
    /// What its rows have.
    netns: Option<NetnsId>,
    /// Requests to its kernel tables; `None`: the caller's own namespace, to which the caller has a socket.
    dumps: Option<Dumps<'static>>,
    /// Why it has no netlink socket.
    unopened: Option<Unopened>,
    source: NamespaceSource,
    /// Nothing more is read of it.
    is_over: bool,
}

impl NamespaceReader {
    fn new(id: NetnsId, found: FoundNamespace, netns: Option<NetnsId>) -> Self {
        let source = NamespaceSource::Unavailable;
        Self { id, found, netns, dumps: None, unopened: None, source, is_over: false }
    }

    fn target(&self) -> Target {
        Target { number: self.id.0.get(), places: self.found.places.clone() }
    }

    /// Whether nothing can be read: not even by way of a process that lives there.
    fn is_out_of_reach(&self) -> bool {
        self.unopened.is_some_and(|why| !why.has_entered()) && self.found.pids.is_empty()
    }

    /// Opens a file of the namespace, by the path that it has for a thread in it.
    fn open(target: &Target, pids: &[u32], can_enter: bool, path: &str) -> io::Result<Box<dyn Read>> {
        match path.starts_with(OWN_DIRECTORY) {
            true if can_enter => Ok(Box::new(target.open_file(path)?)),
            true => process_net::open(pids, target.number, path),
            // The others are not sure to be of that thread.
            false => Err(ErrorKind::NotFound.into()),
        }
    }

    fn describe(&self) -> Namespace {
        let mut namespace = Namespace::new(self.id);
        namespace.names.extend(self.found.names.iter().cloned());
        namespace.path = self.found.places.first().and_then(Place::path);
        namespace.pids.clone_from(&self.found.pids);
        namespace.processes = self.found.processes;
        namespace.source = self.source;
        namespace
    }
}

/// The namespaces of one listing.
pub(crate) struct NamespaceReaders {
    own: Option<NetnsId>,
    listed: ListedNamespaces,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    readers: Vec<NamespaceReader>,
    /// Whether sockets must not be kept open, for want of descriptors.
    is_scarce: bool,
    /// What the search for namespaces could not see.
    gaps: Vec<Gap>,
    /// Whether sockets may keep more namespaces than are known.
    more: bool,
    /// Receives the answers of all namespaces, one after the other.
    buffer: Vec<u8>,
}

impl NamespaceReaders {
    /// `own`: the namespace of the calling thread. `names_own`: whether its rows name it as those of others do.
    pub(crate) fn new(
        found: impl IntoIterator<Item = (u64, FoundNamespace)>,
        gaps: Vec<Gap>,
        own: Option<u64>,
        names_own: bool,
    ) -> Self {
        let mut readers = Vec::new();
        let mut listed = ListedNamespaces::default();
        for (number, found) in found {
            // No namespace has the number 0.
            let Some(id) = NonZeroU64::new(number).map(NetnsId) else { continue };
            let is_own = own == Some(number);
            listed.all.extend(u32::try_from(number));
            if is_own && !names_own {
                listed.unnamed = u32::try_from(number).ok();
            }
            let netns = (names_own || !is_own).then_some(id);
            readers.push(NamespaceReader::new(id, found, netns));
        }
        let own = own.and_then(NonZeroU64::new).map(NetnsId);
        Self { own, listed, state: Mutex::new(State { readers, gaps, ..State::default() }) }
    }

    /// The same, where sockets may keep more namespaces.
    pub(crate) fn with_more(mut self) -> Self {
        self.listed.more = true;
        lock(&self.state).more = true;
        self
    }

    pub(crate) fn listed(&self) -> ListedNamespaces {
        self.listed.clone()
    }

    /// Whether the sockets of a namespace were listed.
    pub(crate) fn has_read(&self, number: u64) -> bool {
        let state = lock(&self.state);
        state
            .readers
            .iter()
            .any(|reader| reader.id.0.get() == number && reader.source != NamespaceSource::Unavailable)
    }

    pub(crate) fn describe(&self) -> Vec<Namespace> {
        let mut namespaces: Vec<Namespace> = Vec::new();
        for namespace in lock(&self.state).readers.iter().map(NamespaceReader::describe) {
            // Those that sockets alone keep may have been found last; the others are in their order.
            let place = namespaces.partition_point(|known| known.id < namespace.id);
            namespaces.insert(place, namespace);
        }
        namespaces
    }

    /// The indexes of the network interface with this name, each with its namespace if there are several.
    pub(crate) fn interface_indexes(&self, name: &str) -> Result<Vec<(Option<NetnsId>, u32)>, Error> {
        let state = lock(&self.state);
        let is_only = state.readers.len() == 1;
        let (mut indexes, mut failure) = (Vec::new(), None);
        for reader in &state.readers {
            let found = match self.own == Some(reader.id) {
                true => resolve::interface_index(name),
                false => reader.target().run(&|| resolve::interface_index(name)).unwrap_or_else(|errno| {
                    let subject = format!("network interface {name:?} in network namespace {}", reader.id);
                    Err(Error::system("find", subject, errno))
                }),
            };
            match found {
                Ok(index) => indexes.push(((!is_only).then_some(reader.id), index)),
                Err(error) => _ = failure.get_or_insert(error),
            }
        }
        match failure {
            Some(error) if indexes.is_empty() => Err(error),
            _ if indexes.is_empty() => resolve::interface_index(name).map(|index| vec![(None, index)]),
            _ => Ok(indexes),
        }
    }

    /// Opens a netlink socket in each namespace, while descriptors are left.
    fn opened(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        let all = 0..state.readers.len();
        state.open(self.own, all);
        state
    }

    /// Opens the sockets before other threads take the descriptors that are left.
    pub(crate) fn open_early(&self) {
        drop(self.opened());
    }

    /// Emits the sockets of all namespaces, table by table. `own`: requests to the tables of the caller's namespace.
    pub(crate) fn sockets(
        &self,
        own: &mut Dumps<'_>,
        receive_ahead: bool,
        query: &Query,
        sink: &mut Sink<'_>,
    ) -> Result<Vec<Gap>, Error> {
        let tables = tables_of(query)?;
        let of_families = families::tables_of(query)?;
        let mut state = self.opened();
        let mut reading = Reading { gaps: mem::take(&mut state.gaps), any_read: false, failure: None };
        reading.gaps.extend(sockets::gaps_of_tables(&tables));
        let tables = tables.iter().map(|table| (slice::from_ref(table), &[][..]));
        let of_families = of_families.iter().map(|table| (&[][..], slice::from_ref(table)));
        'tables: for table in tables.chain(of_families) {
            for place in 0..state.readers.len() {
                if state.read(place, own, receive_ahead, table, sink, &mut reading).is_break() {
                    break 'tables;
                }
            }
        }
        // The search for owners sees them.
        let has_other_source = query.adds_unlisted();
        match reading.failure {
            Some(error) if !reading.any_read && !has_other_source => Err(error),
            _ => Ok(merged(reading.gaps)),
        }
    }

    /// Which of these rows are still open.
    pub(crate) fn still_open(&self, own: &mut Dumps<'_>, rows: &[&Socket]) -> Vec<bool> {
        let mut state = lock(&self.state);
        let mut lookups = recheck::MAX_LOOKUPS;
        let mut open = Vec::with_capacity(rows.len());
        for rows in rows.chunk_by(|a, b| a.netns == b.netns) {
            let of = rows.first().and_then(|row| row.netns);
            let place = state.readers.iter().position(|reader| reader.netns == of);
            if let Some(place) = place {
                state.open(self.own, place..place + 1);
            }
            let State { readers, buffer, .. } = &mut *state;
            let mut ask = |dumps: &mut Dumps<'_>| {
                let mut of_rows = recheck::still_open(dumps, &mut rows.iter().copied(), &mut lookups);
                families::still_open(dumps, rows, &mut of_rows);
                open.extend(of_rows);
            };
            match place.and_then(|place| readers.get_mut(place)) {
                Some(NamespaceReader { dumps: Some(dumps), .. }) => {
                    dumps.swap_buffer(buffer);
                    ask(dumps);
                    dumps.swap_buffer(buffer);
                }
                Some(NamespaceReader { dumps: None, .. }) => ask(own),
                None => open.extend(rows.iter().map(|_| true)),
            }
        }
        open
    }
}

/// What comes of reading several namespaces.
struct Reading {
    gaps: Vec<Gap>,
    any_read: bool,
    failure: Option<Error>,
}

impl State {
    /// Opens a netlink socket in those namespaces of these places that have none yet.
    fn open(&mut self, own: Option<NetnsId>, places: Range<usize>) {
        let is_closed = |reader: &NamespaceReader| reader.dumps.is_none() && Some(reader.id) != own;
        let foreign: Vec<usize> = places.filter(|at| self.readers.get(*at).is_some_and(is_closed)).collect();
        if foreign.is_empty() {
            return;
        }
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / PART_OF_DESCRIPTORS;
        self.is_scarce |= u64::try_from(self.readers.len()).is_ok_and(|count| count > limit);
        let targets: Vec<Target> =
            foreign.iter().filter_map(|at| Some(self.readers.get(*at)?.target())).collect();
        let mut opened = match self.is_scarce {
            true => Vec::new(),
            false => open_in(&targets),
        };
        if opened.iter().any(|opened| opened.as_ref().is_err_and(|why| why.is_out_of_descriptors())) {
            self.is_scarce = true;
            opened.clear();
        }
        let mut opened = opened.into_iter();
        for (at, target) in foreign.into_iter().zip(targets) {
            let Some(reader) = self.readers.get_mut(at) else { continue };
            let open = move || target.open().map_err(|why| why.errno);
            reader.dumps = Some(match opened.next() {
                Some(Ok(socket)) => {
                    let mut dumps = Dumps::new(open).opening_by("setns");
                    dumps.set_peer(socket);
                    dumps
                }
                Some(Err(why)) => {
                    reader.unopened = Some(why);
                    Dumps::new(move || Err::<SockDiag, _>(why.errno)).opening_by(why.call)
                }
                None => Dumps::new(open).opening_by("setns"),
            });
        }
    }

    /// Reads one table of the namespace at this place.
    fn read(
        &mut self,
        place: usize,
        own: &mut Dumps<'_>,
        receive_ahead: bool,
        (tables, of_families): (&[Table], &[FamilyTable]),
        sink: &mut Sink<'_>,
        reading: &mut Reading,
    ) -> ControlFlow<()> {
        let Self { readers, is_scarce, buffer, .. } = self;
        let Some(reader) = readers.get_mut(place).filter(|reader| !reader.is_over) else {
            return ControlFlow::Continue(());
        };
        if reader.is_out_of_reach() {
            reader.fail(reading);
            return ControlFlow::Continue(());
        }
        let mut flow = ControlFlow::Continue(());
        let netns = reader.netns;
        let target = reader.target();
        let can_enter = reader.unopened.is_none_or(Unopened::has_entered);
        let mut named = |mut row: Socket| {
            row.netns = netns;
            flow = sink(row);
            flow
        };
        let pids = mem::take(&mut reader.found.pids);
        let read = match &mut reader.dumps {
            None => sockets::list(own, &mut net::open, tables, of_families, &mut named),
            Some(dumps) => {
                dumps.swap_buffer(buffer);
                let mut open = |path: &str| NamespaceReader::open(&target, &pids, can_enter, path);
                let dumps = dumps.receive_ahead(receive_ahead);
                let read = sockets::list(dumps, &mut open, tables, of_families, &mut named);
                if *is_scarce {
                    dumps.close();
                }
                dumps.swap_buffer(buffer);
                read
            }
        };
        reader.found.pids = pids;
        match read {
            Ok(gaps) => {
                reading.any_read = true;
                reader.note(gaps, reading);
            }
            Err(error) => {
                let gap = Gap::new(GapKind::TableUnavailable, 1, reader.in_process(&error.to_string()));
                reading.gaps.push(gap);
                reading.failure.get_or_insert(error);
            }
        }
        flow
    }
}

impl NamespaceReader {
    /// A table has been read, with these gaps.
    fn note(&mut self, gaps: Vec<Gap>, reading: &mut Reading) {
        let fell_back = gaps.iter().any(|gap| gap.kind == GapKind::Fallback);
        self.source = match self.source {
            NamespaceSource::Procfs => NamespaceSource::Procfs,
            _ if fell_back => NamespaceSource::Procfs,
            _ => NamespaceSource::SockDiag,
        };
        for mut gap in gaps {
            gap.source = self.in_process(&gap.source).into();
            reading.gaps.push(gap);
        }
    }

    /// A text about the files of this thread, of which those of another process are read instead.
    fn in_process(&self, text: &str) -> String {
        match self.dumps {
            None => text.to_owned(),
            Some(_) => text.replace(OWN_DIRECTORY, "/proc/<pid>/net"),
        }
    }

    /// Nothing of the namespace can be read.
    fn fail(&mut self, reading: &mut Reading) {
        self.is_over = true;
        let Unopened { call, errno } =
            self.unopened.unwrap_or(Unopened { call: "setns", errno: Errno::NOENT });
        let source = format!("{call}: {}", io::Error::from(errno));
        let (kind, source) = match errno {
            Errno::NOENT | Errno::SRCH => (GapKind::NamespacesVanished, call.to_owned()),
            Errno::ACCESS | Errno::PERM => (GapKind::NamespacesUnreadable, source),
            _ => (GapKind::NamespacesSkipped, source),
        };
        reading.gaps.push(Gap::new(kind, 1, source));
        let subject = || format!("sockets of network namespace {}", self.id);
        reading.failure.get_or_insert_with(|| Error::system("list", subject(), errno));
    }
}

/// The gaps of all namespaces, each text once, with how many there are.
fn merged(gaps: Vec<Gap>) -> Vec<Gap> {
    let mut merged: Vec<Gap> = Vec::new();
    for gap in gaps {
        match merged.iter_mut().find(|known| known.kind == gap.kind && known.source == gap.source) {
            Some(known) => known.count = known.count.saturating_add(gap.count),
            None => merged.push(gap),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_of_the_same_kind_and_cause_are_one_with_their_number() {
        let gap = |kind, count, source: &'static str| Gap::new(kind, count, source);
        let (fallback, skipped) = (GapKind::Fallback, GapKind::RecordsSkipped);
        let gaps =
            vec![gap(fallback, 1, "a"), gap(skipped, 2, "a"), gap(fallback, 1, "a"), gap(fallback, 1, "b")];
        assert_eq!(merged(gaps), [gap(fallback, 2, "a"), gap(skipped, 2, "a"), gap(fallback, 1, "b")]);
    }
}
