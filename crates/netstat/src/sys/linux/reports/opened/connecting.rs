//! Processes that have called connect(2) for sockets that are not connected yet.

use crate::model::process::Process;
use std::collections::HashMap;
use std::mem;
use std::num::NonZeroU64;

/// How many are kept at most, twice: the reports of ends that were lost leave theirs behind.
const MOST: usize = 32 * 1024;

/// By the cookies of the sockets. When there are too many, the oldest are forgotten.
#[derive(Debug, Default)]
pub(super) struct Connecting {
    young: HashMap<NonZeroU64, Process>,
    old: HashMap<NonZeroU64, Process>,
}

impl Connecting {
    pub(super) fn insert(&mut self, cookie: NonZeroU64, process: Process) {
        if self.young.len() >= MOST {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(cookie, process);
    }

    pub(super) fn remove(&mut self, cookie: NonZeroU64) -> Option<Process> {
        let old = self.old.remove(&cookie);
        self.young.remove(&cookie).or(old)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_are_forgotten_and_the_youngest_kept_in_bounded_memory() {
        let mut connecting = Connecting::default();
        let cookie = |number: u32| NonZeroU64::new(u64::from(number)).unwrap();
        let last = u32::try_from(4 * MOST).unwrap();
        for number in 1..=last {
            connecting.insert(cookie(number), Process::new(number));
        }
        assert!(connecting.len() <= 2 * MOST);
        assert_eq!(connecting.remove(cookie(1)), None);
        assert_eq!(connecting.remove(cookie(last)).map(|it| it.pid), Some(last));
        assert_eq!(connecting.remove(cookie(last)), None);
        // The second attempt of a socket counts.
        connecting.insert(cookie(7), Process::new(1));
        connecting.insert(cookie(7), Process::new(2));
        assert_eq!(connecting.remove(cookie(7)).map(|it| it.pid), Some(2));
        assert_eq!(connecting.remove(cookie(7)), None);
    }
}
