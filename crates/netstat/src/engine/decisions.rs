//! Decides which rows a query keeps when their owners are known, and why what it asks for by name has no row.

use crate::filter::{Facts, OwnerFacts, Term, Verdict};
use crate::model::gap::{Gap, GapKind};
use crate::model::socket::Socket;
use crate::model::workload_part::WorkloadPart;
use crate::query::Query;
use crate::sys::system::System;

/// What becomes of a row.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Keep,
    LeaveOut,
    /// It is undecided, and the query wants only rows that surely pass.
    PutAside,
}

/// The decisions of one listing.
pub(crate) struct Decisions<'q> {
    query: &'q Query,
    /// Whether every row that may pass does.
    is_trivial: bool,
    undecided: u64,
    /// The processes that the query asks for.
    asked: Vec<Asked<'q>>,
}

/// A process that a query asks for by its pid, or processes by their name.
struct Asked<'q> {
    term: &'q Term,
    has_row: bool,
}

impl<'q> Decisions<'q> {
    pub(crate) fn of(query: &'q Query) -> Self {
        let mut asked: Vec<Asked<'q>> = Vec::new();
        query.filter.expr().each(true, &mut |term, positive| {
            if positive && term.is_of_owners() && asked.iter().all(|known| known.term != term) {
                asked.push(Asked { term, has_row: false });
            }
        });
        Self { query, is_trivial: !query.needs_decisions(), undecided: 0, asked }
    }

    /// Decides about a row that may pass the filter, as far as that does not depend on owners.
    #[inline] // Trivial in a plain listing.
    pub(crate) fn decide(&mut self, socket: &Socket, owners: &dyn OwnerFacts) -> Decision {
        if self.is_trivial { Decision::Keep } else { self.judge(socket, owners) }
    }

    fn judge(&mut self, socket: &Socket, owners: &dyn OwnerFacts) -> Decision {
        let verdict = self.query.filter.judge(socket, owners);
        if verdict == Verdict::Fails {
            return Decision::LeaveOut;
        }
        for asked in self.asked.iter_mut().filter(|asked| !asked.has_row) {
            asked.has_row = asked.term.decide(&Facts::of(socket).with_owners(owners)) == Some(true);
        }
        let Verdict::Undecided { by_those_seen } = verdict else { return Decision::Keep };
        self.undecided += 1;
        match by_those_seen {
            _ if self.query.only_decided => Decision::PutAside,
            true => Decision::Keep,
            false => Decision::LeaveOut,
        }
    }

    /// Adds how many rows are undecided, and why processes that the query asks for have no row.
    pub(crate) fn add_gaps(self, system: &impl System, gaps: &mut Vec<Gap>) {
        if self.undecided > 0 {
            let source = match self.query.needs_owners() {
                true => "owners or names that are not visible",
                false => "users that are not known",
            };
            gaps.push(Gap::new(GapKind::SocketsUndecided, self.undecided, source));
        }
        for asked in self.asked.iter().filter(|asked| !asked.has_row) {
            let reasons = match asked.term {
                Term::Pid(pid) => system.unlisted_process(self.query, *pid),
                Term::Process(name) => system.unlisted_processes_named(self.query, name),
                Term::PeerPid(pid) => of_peers(system.unlisted_process(self.query, *pid)),
                Term::PeerProcess(name) => of_peers(system.unlisted_processes_named(self.query, name)),
                _ => Vec::new(),
            };
            gaps.extend(reasons);
        }
    }
}

/// What is to be said of a process at the other end: which sockets of its own are listed does not matter.
fn of_peers(mut gaps: Vec<Gap>) -> Vec<Gap> {
    gaps.retain(|gap| !matches!(gap.kind, GapKind::SocketsElsewhere | GapKind::SocketsOfOtherKinds));
    gaps
}

/// Where owners were not looked up, since the filter does not depend on them.
pub(crate) struct NotLookedUp;

impl OwnerFacts for NotLookedUp {
    fn is_named(&self, _pid: u32, _name: &std::ffi::OsStr) -> Option<bool> {
        None
    }

    fn is_part_of(&self, _pid: u32, _part: WorkloadPart, _name: &str) -> Option<bool> {
        None
    }

    fn may_be_unseen(&self, _socket: &Socket, _term: &Term) -> bool {
        true
    }
}
