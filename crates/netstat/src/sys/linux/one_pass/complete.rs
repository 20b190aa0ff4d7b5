//! Whether what the pass has seen of a protocol is all there is, by the kernel's counters before and after it.
//!
//! # TCP
//! Let `hidden` be the sockets that no descriptor leads to, all the time of the pass. The counter before it is at least these
//! and the sockets that the pass has seen, but for those opened meanwhile, which the kernel counts: so
//! `hidden <= before + opened - seen`. If that is 0, nothing is missing but what has opened or closed in these milliseconds, as
//! in a dump. Otherwise the states in which orphans are may have it, and if not, the table is dumped. A listener with
//! connections that wait has some that no descriptor leads to.
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

/// What the pass has seen of a protocol, over IPv4 and over IPv6, each socket once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) sockets: [u64; 2],
    /// Whether connections wait to be accepted.
    pub(super) waiting: bool,
    /// Whether handshakes are going on.
    pub(super) handshakes: bool,
}

/// What may be missing.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Nothing,
    /// Minisocks, and so many sockets at the most, if these are in the states of this mask.
    AtMostInStates(u32, u64),
    /// It is not known, or too much.
    Unknown,
}

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
    let hidden = sum(&before.tcp).saturating_add(opened).saturating_sub(sum(&seen.sockets));
    let has_orphans = before.orphans > 0 || after.orphans > 0;
    if seen.waiting || (hidden > 0 && !has_orphans) {
        return Missing::Unknown;
    }
    let has_minisocks = before.time_wait > 0 || after.time_wait > 0 || seen.handshakes;
    if hidden > 0 || (has_minisocks && wanted & NOT_HELD != 0) {
        return Missing::AtMostInStates(NOT_HELD, hidden);
    }
    Missing::Nothing
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
    fn minisocks_and_orphans_are_looked_for_in_their_states_and_waiting_connections_everywhere() {
        let states = |hidden| Missing::AtMostInStates(NOT_HELD, hidden);
        assert_eq!(missing(|before, _| before.time_wait = 1, &seen(10, 5)), states(0));
        assert_eq!(missing(|_, after| after.time_wait = 1, &seen(10, 5)), states(0));
        assert_eq!(missing(|_, after| after.orphans = 1, &seen(8, 5)), states(2));
        let handshakes = Seen { handshakes: true, ..seen(10, 5) };
        assert_eq!(missing(|_, _| (), &handshakes), states(0));
        let waiting = Seen { waiting: true, ..seen(10, 5) };
        assert_eq!(missing(|_, _| (), &waiting), Missing::Unknown);
    }

    #[test]
    fn minisocks_that_the_query_leaves_out_are_not_looked_for() {
        let (mut before, after) = (counters(), counters());
        before.time_wait = 1;
        let established = states::mask(states::TCP_ESTABLISHED);
        assert_eq!(missing_tcp(&before, &after, &seen(10, 5), established), Missing::Nothing);
        before.orphans = 1;
        let found = missing_tcp(&before, &after, &seen(9, 5), established);
        assert_eq!(found, Missing::AtMostInStates(NOT_HELD, 1), "whether the missing one is an orphan");
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
