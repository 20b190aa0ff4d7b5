//! How many sockets there are, without listing them.

use crate::gap::Gap;
use crate::socket::Protocol;
use crate::tcp_state::TcpState;
use std::collections::BTreeMap;

/// How many sockets there are of each protocol and in each state: the answer to
/// [`Query::count`](crate::Query::count).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    counts: BTreeMap<(Protocol, Option<TcpState>), u64>,
    /// What could not be counted. Empty when everything was.
    pub gaps: Vec<Gap>,
}

impl Counts {
    pub(crate) fn add(&mut self, protocol: Protocol, state: Option<TcpState>, count: u64) {
        if count > 0 {
            *self.counts.entry((protocol, state)).or_default() += count;
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Those of one protocol, in whatever state.
    pub fn of(&self, protocol: Protocol) -> u64 {
        self.iter().filter(|(of, _, _)| *of == protocol).map(|(_, _, count)| count).sum()
    }

    /// TCP sockets in one state.
    pub fn in_state(&self, state: TcpState) -> u64 {
        self.counts.get(&(Protocol::Tcp, Some(state))).copied().unwrap_or(0)
    }

    /// Protocol, state (`None` for UDP) and how many, for each that there is one of, TCP first.
    pub fn iter(&self) -> impl Iterator<Item = (Protocol, Option<TcpState>, u64)> {
        self.counts.iter().map(|((protocol, state), count)| (*protocol, *state, *count))
    }
}
