//! Sockets that no process was found to have mapped, which a `Lister` remembers: to read the mappings of all processes takes
//! longer than the rest of a listing by BPF.
//!
//! A socket without a descriptor can become mapped without one only if a process receives it, maps it and closes it
//! between two listings, since a listing in between would have found a holder. So what is remembered is used by the very
//! next listing alone, for a limited time, and for a socket that has a cookie.

use crate::engine::owner_table::join_key;
use crate::engine::parallel::lock;
use crate::model::socket::Socket;
use std::num::NonZeroU64;
use std::sync::Mutex;

/// How long it is not searched for the mappings of a socket, in nanoseconds.
pub(crate) const LIMIT: u64 = 10_000_000_000;

/// A socket, by its key and its cookie.
type Name = (u64, NonZeroU64);

/// What is known of sockets that are not mapped.
#[derive(Debug, Default)]
pub(crate) struct Unmapped(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The process that has searched; a forked child may be shown other processes.
    process: u32,
    /// The number of this listing, and of the last one that has searched or used what was found.
    listing: u64,
    used: u64,
    /// Each socket with the time of the search, in nanoseconds since boot.
    sockets: Vec<(Name, u64)>,
    /// The processes whose mappings were refused.
    refused: Vec<u32>,
}

fn name(socket: &Socket) -> Option<Name> {
    join_key(socket).zip(socket.cookie)
}

impl Unmapped {
    /// A listing begins.
    pub(crate) fn begin(&self) {
        let mut known = lock(&self.0);
        known.listing += 1;
        let is_next = known.listing == known.used + 1;
        let process = std::process::id();
        if !is_next || known.process != process {
            known.sockets.clear();
        }
        known.process = process;
    }

    /// The processes whose mappings were refused, if all of these are known not to be mapped by any other. Sockets that
    /// are not among these are forgotten, as they have holders now.
    pub(crate) fn refused_if_known(&self, sockets: &[&Socket], now: u64) -> Option<Vec<u32>> {
        let mut known = lock(&self.0);
        let names: Vec<Option<Name>> = sockets.iter().map(|socket| name(socket)).collect();
        known.sockets.retain(|(known, at)| names.contains(&Some(*known)) && now.saturating_sub(*at) < LIMIT);
        known.used = known.listing;
        let is_known = |name: Name| known.sockets.iter().any(|(known, _)| *known == name);
        names.iter().all(|name| name.is_some_and(is_known)).then(|| known.refused.clone())
    }

    /// These were found not to be mapped by a search that began then, which some processes refused.
    pub(crate) fn set<'s>(&self, sockets: impl Iterator<Item = &'s Socket>, refused: &[u32], began: u64) {
        /// More are not remembered, and are searched for each time.
        const MAX: usize = 64;
        let mut known = lock(&self.0);
        known.used = known.listing;
        known.sockets = sockets.filter_map(name).map(|name| (name, began)).take(MAX).collect();
        known.refused = refused.to_vec();
    }
}
