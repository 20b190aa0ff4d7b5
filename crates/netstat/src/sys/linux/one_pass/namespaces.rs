//! The counters of many network namespaces, before a pass and after it.

use super::counters::{CounterFiles, Counters};
use crate::engine::parallel::run_parallel;
use crate::sys::linux::netns::readers::Countable;
use crate::sys::linux::procfs::Proc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A namespace, and its counters before the pass, if its sockets can be counted.
pub(super) struct CountedNamespace<'a> {
    pub(super) countable: &'a Countable,
    before: Option<Counters>,
}

impl CountedNamespace<'_> {
    pub(super) const fn before(&self) -> Option<&Counters> {
        self.before.as_ref()
    }

    /// The counters after the pass; `None` too if there are none from before it.
    pub(super) fn after(&self, procfs: &Proc) -> Option<Counters> {
        self.before.as_ref()?;
        // The files are opened again. Those of hundreds of namespaces, kept open, would enlarge the table of descriptors, for
        // which the kernel waits until no processor uses the old one: ten milliseconds where there are several threads.
        self.countable.in_directory(&|net| CounterFiles::open(procfs, net)?.after())
    }
}

/// Counts the sockets of these namespaces. `ahead`: another thread may read.
pub(super) fn counted<'a>(
    procfs: &Proc,
    countable: &'a [Countable],
    ahead: bool,
) -> Vec<CountedNamespace<'a>> {
    let before = |net: &str| CounterFiles::open(procfs, net)?.before();
    let before = of_each(ahead, countable.len(), &|place| countable.get(place)?.in_directory(&before));
    countable.iter().zip(before).map(|(countable, before)| CountedNamespace { countable, before }).collect()
}

/// The same after the pass.
pub(super) fn counted_after(
    procfs: &Proc,
    counted: &[CountedNamespace<'_>],
    ahead: bool,
) -> Vec<Option<Counters>> {
    of_each(ahead, counted.len(), &|place| counted.get(place)?.after(procfs))
}

/// The counters for each of so many places, in their order. `ahead`: on two threads.
fn of_each(
    ahead: bool,
    count: usize,
    counters: &(dyn Fn(usize) -> Option<Counters> + Sync),
) -> Vec<Option<Counters>> {
    let results: Vec<OnceLock<Option<Counters>>> = (0..count).map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let place = next.fetch_add(1, Relaxed);
            let Some(result) = results.get(place) else { break };
            // Each place is taken once.
            let _ = result.set(counters(place));
        }
    };
    run_parallel(if ahead { 2 } else { 1 }, &work, &mut || work());
    results.into_iter().map(|result| result.into_inner().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_the_order_of_what_they_are_of() {
        let counters = |opens| Counters { tcp: [0, 0], udp: [0, 0], time_wait: 0, orphans: 0, opens };
        let of = |place| u64::try_from(place).ok().filter(|place| place % 3 != 0).map(counters);
        for ahead in [false, true] {
            assert_eq!(of_each(ahead, 1000, &of), (0..1000).map(of).collect::<Vec<_>>());
        }
    }
}
