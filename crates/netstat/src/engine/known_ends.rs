//! Sockets whose end a listing has shown, until the kernel reports it too.

use super::changes::Name;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How long a report may come after the listing that lacks its socket. The kernel sends reports from a work queue, which a
/// busy machine runs late. A number of the kernel is never given to a second socket: to keep one longer does no harm.
const KEPT: Duration = Duration::from_secs(60);

/// How many are kept at most, twice: reports that were lost leave their names.
const MOST: usize = 1 << 18;

/// Names of sockets, each kept for one or two times [`KEPT`].
#[derive(Debug)]
pub(crate) struct KnownEnds {
    young: HashSet<Name>,
    old: HashSet<Name>,
    /// Since when the young ones are collected.
    since: Instant,
}

impl KnownEnds {
    pub(crate) fn new(now: Instant) -> Self {
        Self { young: HashSet::new(), old: HashSet::new(), since: now }
    }

    /// Adds what a listing lacks.
    pub(crate) fn extend(&mut self, names: impl IntoIterator<Item = Name>, now: Instant) {
        for name in names {
            if self.young.len() >= MOST {
                self.renew(now);
            }
            self.young.insert(name);
        }
        if now.saturating_duration_since(self.since) >= KEPT {
            self.renew(now);
        }
    }

    fn renew(&mut self, now: Instant) {
        self.old = std::mem::take(&mut self.young);
        self.since = now;
    }

    /// Whether the end is known.
    pub(crate) fn contains(&self, name: &Name) -> bool {
        self.young.contains(name) || self.old.contains(name)
    }

    /// Whether the end is known. It is reported once: the name is forgotten.
    pub(crate) fn take(&mut self, name: &Name) -> bool {
        self.young.remove(name) || self.old.remove(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::protocol::Protocol;
    use std::num::NonZeroU64;

    fn name(number: u64) -> Name {
        (Protocol::Udp, NonZeroU64::new(number).unwrap(), None)
    }

    #[test]
    fn end_that_a_listing_has_shown_is_known_once_and_for_the_time_of_a_late_report() {
        let start = Instant::now();
        let mut ends = KnownEnds::new(start);
        ends.extend([name(1), name(2)], start);
        assert!(ends.take(&name(1)) && !ends.take(&name(1)) && !ends.take(&name(3)));
        ends.extend([name(4)], start + KEPT);
        assert!(ends.take(&name(2)), "for {KEPT:?} at least");
        ends.extend([], start + KEPT + KEPT);
        assert!(!ends.take(&name(4)), "not for ever");
    }

    #[test]
    fn names_of_lost_reports_take_bounded_memory() {
        let start = Instant::now();
        let mut ends = KnownEnds::new(start);
        let many = u64::try_from(3 * MOST).unwrap();
        ends.extend((1..=many).map(name), start);
        assert!(ends.young.len() + ends.old.len() <= 2 * MOST);
        assert!(ends.take(&name(many)));
    }
}
