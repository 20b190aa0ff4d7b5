//! What the fixed part of a request selects: protocol, family, states and ports.

use crate::model::family::Family;
use crate::model::state::State;
use crate::sys::linux::protocols::{ProtocolInfo, numbers};
use crate::sys::linux::row::tcp_state;

/// The rows that the fixed part of a request selects, and so what is known of every row of the answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) info: &'static ProtocolInfo,
    /// `None`: both in one pass.
    pub(crate) family: Option<Family>,
    pub(crate) states: u32,
    /// 0: any.
    pub(crate) local_port: u16,
    /// 0: any, or none.
    pub(crate) remote_port: u16,
}

impl Selection {
    /// The families that it covers.
    pub(crate) fn families(&self) -> &'static [Family] {
        match self.family {
            Some(Family::Ipv4) => &[Family::Ipv4],
            Some(Family::Ipv6) => &[Family::Ipv6],
            _ => &[Family::Ipv4, Family::Ipv6],
        }
    }

    /// Whether a condition holds in all of its states, or in none of them. `None`: it depends on the state.
    pub(crate) fn all_states(&self, holds: &dyn Fn(State) -> bool) -> Option<bool> {
        if !self.info.has_tcp_numbers {
            return None;
        }
        let mut answers = numbers(self.states).map(|number| holds(tcp_state(number)));
        let first = answers.next()?;
        answers.all(|answer| answer == first).then_some(first)
    }
}
