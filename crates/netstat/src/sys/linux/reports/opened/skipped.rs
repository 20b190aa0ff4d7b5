//! Runs of the program that the kernel has skipped: it does not let a program interrupt itself on one processor.
//!
//! A packet can change the state of a socket while the program runs for another one. The kernel counts such runs for the
//! program, whichever socket they are of, so that no more records are missing than that.
//!
//! Sources: kernel/trace/bpf_trace.c, `__bpf_trace_run`; kernel/bpf/syscall.c, `bpf_prog_show_fdinfo` (`recursion_misses`,
//! Linux 5.12).

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

/// The number of them, as `fdinfo` of the program has it.
#[derive(Debug)]
pub(super) struct Skipped {
    program: OwnedFd,
    /// Those that were counted so far.
    counted: u64,
    /// Those that are not reported yet.
    new: u64,
}

impl Skipped {
    pub(super) fn of(program: OwnedFd) -> Self {
        Self { program, counted: 0, new: 0 }
    }

    /// Adds those since the last time. A kernel that does not count them adds none.
    pub(super) fn count(&mut self) {
        let info = fs::read_to_string(format!("/proc/thread-self/fdinfo/{}", self.program.as_raw_fd()));
        if let Some(now) = info.ok().and_then(|info| recursion_misses(&info)) {
            self.add(now);
        }
    }

    fn add(&mut self, now: u64) {
        self.new = self.new.saturating_add(now.wrapping_sub(self.counted));
        self.counted = now;
    }

    /// Those that are to be reported now.
    pub(super) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.new)
    }
}

fn recursion_misses(info: &str) -> Option<u64> {
    info.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Skipped {
        /// As if the kernel had skipped so many more.
        pub(in super::super) fn pretend(&mut self, more: u64) {
            self.counted = self.counted.wrapping_sub(more);
        }

        /// What the kernel says of the program.
        pub(in super::super) fn info(&self) -> String {
            fs::read_to_string(format!("/proc/thread-self/fdinfo/{}", self.program.as_raw_fd())).unwrap()
        }
    }

    #[test]
    fn skipped_runs_are_a_line_of_what_the_kernel_says_of_a_program() {
        let info = "pos:\t0\nprog_type:\t26\nrun_cnt:\t9\nrecursion_misses:\t7\nverified_insns:\t8\n";
        assert_eq!(recursion_misses(info), Some(7));
        // Before Linux 5.12, and of a file that is no program.
        assert_eq!(recursion_misses("pos:\t0\nprog_type:\t26\n"), None);
    }

    #[test]
    fn skipped_runs_are_those_since_the_last_count_until_they_are_reported() {
        let file = fs::File::open("/dev/null").unwrap();
        let mut skipped = Skipped::of(file.into());
        skipped.add(2);
        skipped.add(5);
        assert_eq!((skipped.take(), skipped.take()), (5, 0));
        skipped.add(6);
        // A file of which nothing is said.
        skipped.count();
        assert_eq!((skipped.take(), skipped.take()), (1, 0));
    }
}
