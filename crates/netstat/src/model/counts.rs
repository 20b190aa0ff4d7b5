//! How many sockets there are, without listing them.

use crate::model::family::Family;
use crate::model::gap::Gap;
use crate::model::protocol::Protocol;
use crate::model::state::State;

/// What is counted apart.
type Key = (Protocol, Option<State>, Option<Family>);

/// How many sockets there are of each protocol and in each state: the answer to
/// [`Query::count`](crate::Query::count).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counts {
    /// Ascending by protocol, state and family: two dozen at the most.
    counts: Vec<(Key, u64)>,
    /// What could not be counted. Empty when everything was.
    pub gaps: Vec<Gap>,
}

impl Counts {
    pub(crate) fn add(
        &mut self,
        protocol: Protocol,
        state: Option<State>,
        family: Option<Family>,
        count: u64,
    ) {
        if count == 0 {
            return;
        }
        let key = (protocol, state, family);
        let place = self.counts.partition_point(|(other, _)| *other < key);
        match self.counts.get_mut(place) {
            Some((other, known)) if *other == key => *known += count,
            _ => self.counts.insert(place, (key, count)),
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, _, count)| count).sum()
    }

    /// Those of one protocol, in whatever state.
    pub fn of(&self, protocol: Protocol) -> u64 {
        self.iter().filter(|(of, _, _)| *of == protocol).map(|(_, _, count)| count).sum()
    }

    /// TCP sockets in one state.
    pub fn in_state(&self, state: State) -> u64 {
        let tcp = (Protocol::Tcp, Some(state));
        self.iter().filter(|(of, state, _)| (*of, *state) == tcp).map(|(_, _, count)| count).sum()
    }

    /// Protocol, state (`None` for UDP) and how many, for each that there is one of, TCP first.
    pub fn iter(&self) -> impl Iterator<Item = (Protocol, Option<State>, u64)> {
        let is_same = |(one, _): &(Key, u64), (other, _): &(Key, u64)| (one.0, one.1) == (other.0, other.1);
        self.counts.chunk_by(is_same).filter_map(|of_families| {
            let ((protocol, state, _), _) = of_families.first()?;
            Some((*protocol, *state, of_families.iter().map(|(_, count)| count).sum()))
        })
    }

    /// The same with the families apart: protocol, state, family and how many. The family is `None` where sockets were counted
    /// together, which [`Query::count`](crate::Query::count) may do and
    /// [`Query::count_by_family`](crate::Query::count_by_family) never does. IPv4 traffic on an IPv6 socket is of IPv6.
    pub fn iter_by_family(&self) -> impl Iterator<Item = (Protocol, Option<State>, Option<Family>, u64)> {
        self.counts.iter().map(|((protocol, state, family), count)| (*protocol, *state, *family, *count))
    }

    /// Those of one family, in whatever state, of the sockets whose family was counted.
    pub fn of_family(&self, wanted: Family) -> u64 {
        self.iter_by_family()
            .filter(|(_, _, family, _)| *family == Some(wanted))
            .map(|(.., count)| count)
            .sum()
    }
}
