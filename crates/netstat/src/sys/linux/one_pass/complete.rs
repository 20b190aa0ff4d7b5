//! Whether what the pass has seen of a protocol is all there is, by the kernel's counters before and after it.
//!
//! # TCP
//! Let `hidden` be the sockets that no descriptor leads to, all the time of the pass. The counter before it is at least these
//! and the sockets that the pass has seen, but for those opened meanwhile, which the kernel counts: so
//! `hidden <= before + opened - seen`. If that is 0, nothing is missing but what has opened or closed in these milliseconds, as
//! in a dump. Otherwise the states in which orphans are may have it, or, where a listener has connections that wait to be
//! accepted, those of its port; and if not, the table is dumped.
//!
//! The kernel does not count how many listeners have been opened. One that was seen, but not counted before, would stand for a
//! hidden socket; the counter after the pass is larger by it then than by the connections, and the table is dumped. (It is not
//! larger if another socket has closed too, in the same milliseconds and beside a hidden one: that one is missing.)
//!
//! Minisocks (TIME_WAIT, handshakes) are not among the counted sockets. There are some if their own counters say so.
//!
//! # UDP
//! The kernel does not count how many have been opened. The counters before and after, each of its family, and what was seen
//! must be the same.

use super::counters::Counters;
use crate::model::socket::Socket;
use crate::model::state::State;
use netstat_wire::linux::tcp_states as states;
use std::collections::BTreeSet;

/// What the pass has seen of a protocol, over IPv4 and over IPv6, each socket once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) sockets: [u64; 2],
    /// The ports of the listeners with connections that wait to be accepted.
    pub(super) waiting_at: BTreeSet<u16>,
    /// Whether handshakes are going on.
    pub(super) handshakes: bool,
}

impl Seen {
    /// Adds what was seen of other sockets.
    pub(super) fn add(&mut self, other: Self) {
        for (count, other) in self.sockets.iter_mut().zip(other.sockets) {
            *count += other;
        }
        self.waiting_at.extend(other.waiting_at);
        self.handshakes |= other.handshakes;
    }
}

/// What may be missing.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Nothing,
    /// Minisocks, and so many other sockets, if these parts of the table have as many.
    AtMost(u64, Parts),
    /// It is not known, or too much.
    Unknown,
}

/// Parts of a table, which do not overlap.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// What is in the states of this mask, if any.
    pub(super) states: u32,
    /// What has this local port, in [`WAITING`].
    pub(super) port: Option<u16>,
}

/// The states in which a connection waits to be accepted.
pub(super) const WAITING: u32 = states::mask(states::TCP_ESTABLISHED) | states::mask(states::TCP_CLOSE_WAIT);

/// The states of minisocks, and those that an orphan can be in.
const NOT_HELD: u32 = states::mask(states::TCP_SYN_RECV)
    | states::mask(states::TCP_FIN_WAIT1)
    | states::mask(states::TCP_FIN_WAIT2)
    | states::mask(states::TCP_TIME_WAIT)
    | states::mask(states::TCP_LAST_ACK)
    | states::mask(states::TCP_CLOSING);

/// `wanted`: the states that the query wants.
pub(super) fn missing_tcp(before: &Counters, after: &Counters, seen: &Seen, wanted: u32) -> Missing {
    let sum = |counts: &[u64; 2]| counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let opened = after.opens.wrapping_sub(before.opens);
    if sum(&after.tcp) > sum(&before.tcp).saturating_add(opened) {
        return Missing::Unknown;
    }
    let hidden = sum(&before.tcp).saturating_add(opened).saturating_sub(sum(&seen.sockets));
    let has_minisocks = before.time_wait > 0 || after.time_wait > 0 || seen.handshakes;
    let minisocks = if has_minisocks && wanted & NOT_HELD != 0 { NOT_HELD } else { 0 };
    if hidden == 0 {
        return match minisocks {
            0 => Missing::Nothing,
            states => Missing::AtMost(0, Parts { states, port: None }),
        };
    }
    let states = if before.orphans > 0 { NOT_HELD } else { minisocks };
    let port = seen.waiting_at.first().copied();
    if (states, port) == (0, None) || seen.waiting_at.len() > 1 {
        return Missing::Unknown;
    }
    if has_changed(before, after, states) {
        return Missing::Unknown;
    }
    Missing::AtMost(hidden, Parts { states, port })
}

/// Whether connections have opened or closed: one that the pass has seen may be in these states or without a holder when they
/// are dumped, and would stand for a hidden one.
pub(super) fn has_changed(before: &Counters, later: &Counters, states: u32) -> bool {
    let counts = |of: &Counters| (of.tcp, of.time_wait, of.opens);
    counts(before) != counts(later) || (states != 0 && before.orphans != later.orphans)
}

pub(super) fn missing_udp(before: &Counters, after: &Counters, seen: &Seen) -> Missing {
    if before.udp == seen.sockets && after.udp == seen.sockets { Missing::Nothing } else { Missing::Unknown }
}

/// How many of these rows of TCP are of sockets that the kernel counts: no minisocks, which have no queues.
pub(super) fn full_sockets(rows: &[Socket]) -> u64 {
    let is_full = |row: &&Socket| row.queues.is_some() && row.state != Some(State::TimeWait);
    u64::try_from(rows.iter().filter(is_full).count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters() -> Counters {
        Counters { tcp: [10, 5], udp: [3, 2], time_wait: 0, orphans: 0, opens: 100 }
    }

    fn seen(v4: u64, v6: u64) -> Seen {
        Seen { sockets: [v4, v6], ..Seen::default() }
    }

    fn missing(change: impl FnOnce(&mut Counters, &mut Counters), seen: &Seen) -> Missing {
        let (mut before, mut after) = (counters(), counters());
        change(&mut before, &mut after);
        missing_tcp(&before, &after, seen, u32::MAX)
    }

    #[test]
    fn nothing_is_missing_if_all_that_the_kernel_counts_was_seen() {
        assert_eq!(missing(|_, _| (), &seen(10, 5)), Missing::Nothing);
        // Sockets that have closed since they were seen.
        assert_eq!(missing(|_, after| after.tcp = [8, 5], &seen(10, 5)), Missing::Nothing);
        assert_eq!(missing(|_, _| (), &seen(9, 5)), Missing::Unknown);
        assert_eq!(missing(|_, _| (), &seen(10, 4)), Missing::Unknown);
    }

    #[test]
    fn a_connection_that_opened_meanwhile_hides_no_socket_that_was_not_seen() {
        // One was seen that has opened, another is in flight, and a third has closed.
        let change = |_: &mut Counters, after: &mut Counters| after.opens += 1;
        assert_eq!(missing(change, &seen(10, 5)), Missing::Unknown);
        assert_eq!(missing(change, &seen(11, 5)), Missing::Nothing, "seen, and nothing else has changed");
    }

    #[test]
    fn what_was_opened_without_being_counted_hides_no_socket_that_was_not_seen() {
        // A listener.
        let change = |_: &mut Counters, after: &mut Counters| after.tcp = [11, 5];
        assert_eq!(missing(change, &seen(10, 5)), Missing::Unknown);
    }

    fn at_most(hidden: u64, states: u32, port: Option<u16>) -> Missing {
        Missing::AtMost(hidden, Parts { states, port })
    }

    fn orphans(before: &mut Counters, after: &mut Counters) {
        (before.orphans, after.orphans) = (1, 1);
    }

    #[test]
    fn minisocks_and_orphans_are_looked_for_in_their_states() {
        let in_states = |hidden| at_most(hidden, NOT_HELD, None);
        assert_eq!(missing(|before, _| before.time_wait = 1, &seen(10, 5)), in_states(0));
        assert_eq!(missing(|_, after| after.time_wait = 1, &seen(10, 5)), in_states(0));
        let handshakes = Seen { handshakes: true, ..seen(10, 5) };
        assert_eq!(missing(|_, _| (), &handshakes), in_states(0));
        assert_eq!(missing(orphans, &seen(8, 5)), in_states(2));
        assert_eq!(missing(orphans, &seen(10, 5)), Missing::Nothing, "an orphan of another namespace");
    }

    #[test]
    fn connections_that_wait_to_be_accepted_are_looked_for_at_the_port() {
        let waiting = |ports: &[u16], seen| Seen { waiting_at: ports.iter().copied().collect(), ..seen };
        assert_eq!(missing(|_, _| (), &waiting(&[80], seen(7, 5))), at_most(3, 0, Some(80)));
        assert_eq!(missing(orphans, &waiting(&[80], seen(7, 5))), at_most(3, NOT_HELD, Some(80)));
        assert_eq!(missing(|_, _| (), &waiting(&[80, 81], seen(7, 5))), Missing::Unknown);
        assert_eq!(missing(|_, _| (), &waiting(&[80], seen(10, 5))), Missing::Nothing, "accepted since");
        // Another namespace may have an orphan now; a connection of the port that was closed has left its states.
        let orphan = |_: &mut Counters, after: &mut Counters| after.orphans = 1;
        assert_eq!(missing(orphan, &waiting(&[80], seen(7, 5))), at_most(3, 0, Some(80)));
        let opened = |_: &mut Counters, after: &mut Counters| after.opens += 1;
        assert_eq!(missing(opened, &waiting(&[80], seen(7, 5))), Missing::Unknown);
    }

    #[test]
    fn sockets_that_may_have_been_seen_in_another_state_hide_none_that_was_not_seen() {
        let change = |before: &mut Counters, after: &mut Counters| (before.orphans, after.orphans) = (1, 2);
        assert_eq!(missing(change, &seen(9, 5)), Missing::Unknown);
        assert_eq!(missing(change, &seen(10, 5)), Missing::Nothing);
    }

    #[test]
    fn minisocks_that_the_query_leaves_out_are_not_looked_for() {
        let mut counters = counters();
        counters.time_wait = 1;
        let established = states::mask(states::TCP_ESTABLISHED);
        assert_eq!(missing_tcp(&counters, &counters, &seen(10, 5), established), Missing::Nothing);
        counters.orphans = 1;
        let found = missing_tcp(&counters, &counters, &seen(9, 5), established);
        assert_eq!(found, at_most(1, NOT_HELD, None), "whether the missing one is an orphan");
    }

    #[test]
    fn udp_must_be_the_same_before_and_after_in_each_family() {
        let (before, mut after) = (counters(), counters());
        assert_eq!(missing_udp(&before, &after, &seen(3, 2)), Missing::Nothing);
        assert_eq!(missing_udp(&before, &after, &seen(2, 3)), Missing::Unknown);
        after.udp = [3, 3];
        assert_eq!(missing_udp(&before, &after, &seen(3, 2)), Missing::Unknown);
        assert_eq!(missing_udp(&after, &before, &seen(3, 2)), Missing::Unknown);
    }
}
