//! Sets of socket states, and the groups that `ss` knows.

use crate::model::state::{NAMED, State};

/// Every state that there is a variant for; [`State::Other`] once, for all states without a name.
pub(crate) const EVERY: [State; 19] = {
    let mut every = [OTHER; 19];
    let mut at = 0;
    while at < NAMED.len() {
        every[at] = NAMED[at];
        at += 1;
    }
    every
};

/// Stands for all states without a name: a filter does not distinguish them.
pub(crate) const OTHER: State = State::Other(0);

/// The bit of a state in a set.
const fn bit(state: State) -> u32 {
    1 << match state {
        State::Closed => 0,
        State::Listen => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::Established => 4,
        State::FinWait1 => 5,
        State::FinWait2 => 6,
        State::CloseWait => 7,
        State::Closing => 8,
        State::LastAck => 9,
        State::TimeWait => 10,
        State::DeleteTcb => 11,
        State::CookieWait => 12,
        State::CookieEchoed => 13,
        State::ShutdownPending => 14,
        State::ShutdownSent => 15,
        State::ShutdownReceived => 16,
        State::ShutdownAckSent => 17,
        State::Other(_) => 18,
    }
}

/// A set of states, one bit each.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct States(u32);

impl States {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self::of(&EVERY);
    /// Neither listening nor closed.
    pub(crate) const CONNECTED: Self = Self::of(&[
        State::SynSent,
        State::SynReceived,
        State::Established,
        State::FinWait1,
        State::FinWait2,
        State::CloseWait,
        State::Closing,
        State::LastAck,
        State::TimeWait,
        State::CookieWait,
        State::CookieEchoed,
        State::ShutdownPending,
        State::ShutdownSent,
        State::ShutdownReceived,
        State::ShutdownAckSent,
    ]);
    /// Connected, without SYN_SENT.
    pub(crate) const SYNCHRONIZED: Self = Self::CONNECTED.without(Self::of(&[State::SynSent]));
    /// What the kernel keeps in a short form.
    pub(crate) const BUCKET: Self = Self::of(&[State::TimeWait, State::SynReceived]);

    pub(crate) const fn of(states: &[State]) -> Self {
        let mut set = 0;
        let mut rest = states;
        while let [first, others @ ..] = rest {
            set |= bit(*first);
            rest = others;
        }
        Self(set)
    }

    pub(crate) const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(crate) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    pub(crate) fn contains(self, state: State) -> bool {
        self.0 & bit(state) != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = State> {
        EVERY.into_iter().filter(move |state| self.contains(*state))
    }
}

impl FromIterator<State> for States {
    fn from_iter<I: IntoIterator<Item = State>>(states: I) -> Self {
        states.into_iter().fold(Self::NONE, |set, state| set.with(Self::of(&[state])))
    }
}
