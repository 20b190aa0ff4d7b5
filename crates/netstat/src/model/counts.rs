//! How many sockets there are, without listing them.

use crate::model::gap::Gap;
use crate::model::protocol::Protocol;
use crate::model::state::State;

/// What is counted apart.
type Key = (Protocol, Option<State>);

/// How many sockets there are of each protocol and in each state: the answer to
/// [`Query::count`](crate::Query::count).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counts {
    /// Ascending by protocol and state: a dozen at the most.
    counts: Vec<(Key, u64)>,
    /// What could not be counted. Empty when everything was.
    pub gaps: Vec<Gap>,
}

impl Counts {
    pub(crate) fn add(&mut self, protocol: Protocol, state: Option<State>, count: u64) {
        if count == 0 {
            return;
        }
        let key = (protocol, state);
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
        self.counts.iter().find(|(key, _)| *key == tcp).map_or(0, |(_, count)| *count)
    }

    /// Protocol, state (`None` for UDP) and how many, for each that there is one of, TCP first.
    pub fn iter(&self) -> impl Iterator<Item = (Protocol, Option<State>, u64)> {
        self.counts.iter().map(|((protocol, state), count)| (*protocol, *state, *count))
    }
}
