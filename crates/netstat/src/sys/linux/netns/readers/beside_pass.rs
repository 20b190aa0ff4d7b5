//! What the namespaces need of a listing whose rows come from one pass over the descriptors: their counters, and dumps of what
//! the pass cannot show. No namespace is entered without need.

use super::{NamespaceReader, NamespaceReaders, Reading, State, merged};
use crate::engine::parallel::lock;
use crate::engine::tables::Sink;
use crate::model::gap::Gap;
use crate::model::identity::NetnsId;
use crate::model::namespace::NamespaceSource;
use crate::sys::linux::families::FamilyTable;
use crate::sys::linux::netns::enter::Target;
use crate::sys::linux::netns::find::{
    FoundNamespace, MAX_NAMESPACES, SocketsByNamespace, beyond_limit_gap, kept_by_sockets_unknown,
};
use crate::sys::linux::netns::process_net::namespace_of;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::request::Table;
use std::mem;
use std::num::NonZeroU64;
use std::sync::MutexGuard;

/// How many processes are tried, any of which may have ended.
const MAX_TRIED: usize = 4;

/// A namespace whose sockets can be counted.
pub(crate) struct Countable {
    pub(crate) number: u32,
    /// What its rows have.
    pub(crate) netns: Option<NetnsId>,
    is_own: bool,
    target: Target,
    pids: Vec<u32>,
}

impl Countable {
    /// The result of `read` for the directory `net` of a task in the namespace, below `/proc`: of a process that lives there,
    /// or of a thread that enters it. `None`: there is none, or it cannot be read.
    pub(crate) fn in_directory<T: Send>(&self, read: &(dyn Fn(&str) -> Option<T> + Sync)) -> Option<T> {
        if self.is_own {
            return read("thread-self/net");
        }
        for pid in self.pids.iter().map(u32::to_string) {
            let lives_there = || namespace_of(&pid) == Ok(self.target.number);
            if !lives_there() {
                continue;
            }
            let result = read(&format!("{pid}/net"));
            // The files are of the namespace in which the process was when they were opened.
            if result.is_some() && lives_there() {
                return result;
            }
        }
        self.target.run(&|| read("thread-self/net")).ok().flatten()
    }
}

impl NamespaceReaders {
    pub(crate) fn len(&self) -> usize {
        lock(&self.state).readers.len()
    }

    /// Whether sockets may keep more namespaces than are known.
    pub(crate) fn may_be_more(&self) -> bool {
        lock(&self.state).more
    }

    /// Adds the namespaces that are known by nothing but these sockets.
    pub(crate) fn add_kept_by(&self, sockets: SocketsByNamespace) {
        let mut state = lock(&self.state);
        state.more = false;
        let sockets = match sockets {
            Ok(sockets) => sockets,
            Err(why) => return state.gaps.push(kept_by_sockets_unknown(&why)),
        };
        let mut beyond_limit = 0;
        for (number, holders) in sockets {
            let Some(id) = NonZeroU64::new(number).map(NetnsId) else { continue };
            if state.readers.iter().any(|reader| reader.id == id) {
                continue;
            }
            if state.readers.len() >= MAX_NAMESPACES {
                beyond_limit += 1;
                continue;
            }
            let netns = (self.listed.unnamed != u32::try_from(number).ok()).then_some(id);
            state.readers.push(NamespaceReader::new(id, FoundNamespace::kept_by(holders), netns));
        }
        if beyond_limit > 0 {
            state.gaps.push(beyond_limit_gap(beyond_limit));
        }
    }

    /// All namespaces, in their order.
    pub(crate) fn countable(&self) -> Vec<Countable> {
        let state = lock(&self.state);
        let countable = state.readers.iter().map(|reader| Countable {
            // Numbers of inodes in nsfs have 32 bits.
            number: u32::try_from(reader.id.0.get()).unwrap_or_default(),
            netns: reader.netns,
            is_own: self.own == Some(reader.id),
            target: reader.target(),
            pids: reader.found.pids.iter().take(MAX_TRIED).copied().collect(),
        });
        countable.collect()
    }

    /// `own`: requests to the tables of the caller's namespace.
    pub(crate) fn beside_pass<'a, 'd>(&'a self, own: &'a mut Dumps<'d>, ahead: bool) -> BesidePass<'a, 'd> {
        let mut state = lock(&self.state);
        let reading = Reading { gaps: mem::take(&mut state.gaps), any_read: false, failure: None };
        BesidePass { readers: self, state, own, ahead, reading }
    }
}

/// Reads namespaces, by their places among all.
pub(crate) struct BesidePass<'a, 'd> {
    readers: &'a NamespaceReaders,
    state: MutexGuard<'a, State>,
    own: &'a mut Dumps<'d>,
    ahead: bool,
    reading: Reading,
}

impl<'d> BesidePass<'_, 'd> {
    /// The pass has all rows of a table of this namespace.
    pub(crate) fn note_complete(&mut self, place: usize) {
        self.reading.any_read = true;
        if let Some(reader) = self.state.readers.get_mut(place) {
            if reader.source == NamespaceSource::Unavailable {
                reader.source = NamespaceSource::OnePass;
            }
        }
    }

    /// Reads a table of the namespace as without the pass.
    pub(crate) fn read(&mut self, place: usize, table: (&[Table], &[FamilyTable]), sink: &mut Sink<'_>) {
        self.state.open(self.readers.own, place..place + 1);
        let Self { state, own, ahead, reading, .. } = self;
        let _ = state.read(place, own, *ahead, table, sink, reading);
    }

    /// Makes requests to the tables of the namespace. `None`: it is not there, or they fail.
    pub(crate) fn with_dumps<T>(
        &mut self,
        place: usize,
        ask: impl FnOnce(&mut Dumps<'_>) -> Option<T>,
    ) -> Option<T> {
        self.state.open(self.readers.own, place..place + 1);
        let State { readers, is_scarce, buffer, .. } = &mut *self.state;
        let reader = readers.get_mut(place)?;
        let result = match &mut reader.dumps {
            None => ask(self.own),
            Some(dumps) => {
                dumps.swap_buffer(buffer);
                let result = ask(dumps.receive_ahead(self.ahead));
                if *is_scarce {
                    dumps.close();
                }
                dumps.swap_buffer(buffer);
                result
            }
        };
        if result.is_some() && reader.source != NamespaceSource::Procfs {
            reader.source = NamespaceSource::SockDiag;
        }
        result
    }

    /// The gaps. `None`: nothing was read, and the next reading says why.
    pub(crate) fn finish(mut self) -> Option<Vec<Gap>> {
        let Reading { gaps, any_read, failure } = self.reading;
        if failure.is_some() && !any_read {
            // What the search could not see is said there.
            self.state.gaps = gaps;
            return None;
        }
        Some(merged(gaps))
    }
}
