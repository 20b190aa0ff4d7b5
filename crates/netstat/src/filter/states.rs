//! Sets of TCP states, and the groups that `ss` knows.

use crate::model::tcp_state::TcpState;

/// Every state that there is a variant for.
pub(crate) const EVERY: [TcpState; 13] = [
    TcpState::Closed,
    TcpState::Listen,
    TcpState::SynSent,
    TcpState::SynReceived,
    TcpState::Established,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::CloseWait,
    TcpState::Closing,
    TcpState::LastAck,
    TcpState::TimeWait,
    TcpState::DeleteTcb,
    TcpState::Unknown,
];

/// A set of TCP states, one bit each.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct States(u16);

impl States {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self::of(&EVERY);
    /// Neither listening nor closed.
    pub(crate) const CONNECTED: Self = Self::of(&[
        TcpState::SynSent,
        TcpState::SynReceived,
        TcpState::Established,
        TcpState::FinWait1,
        TcpState::FinWait2,
        TcpState::CloseWait,
        TcpState::Closing,
        TcpState::LastAck,
        TcpState::TimeWait,
    ]);
    /// Connected, without SYN_SENT.
    pub(crate) const SYNCHRONIZED: Self = Self::CONNECTED.without(Self::of(&[TcpState::SynSent]));
    /// What the kernel keeps in a short form.
    pub(crate) const BUCKET: Self = Self::of(&[TcpState::TimeWait, TcpState::SynReceived]);

    pub(crate) const fn of(states: &[TcpState]) -> Self {
        let mut set = 0;
        let mut rest = states;
        while let [first, others @ ..] = rest {
            set |= 1 << (*first as u8);
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

    pub(crate) fn contains(self, state: TcpState) -> bool {
        self.0 & (1 << (state as u8)) != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = TcpState> {
        EVERY.into_iter().filter(move |state| self.contains(*state))
    }
}

impl FromIterator<TcpState> for States {
    fn from_iter<I: IntoIterator<Item = TcpState>>(states: I) -> Self {
        states.into_iter().fold(Self::NONE, |set, state| set.with(Self::of(&[state])))
    }
}
