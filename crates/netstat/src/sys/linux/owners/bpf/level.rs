//! The nesting level of a thread's pid namespace; the initial one has level 0.
//!
//! The iterators visit the tasks of the caller's pid namespace, but a task has a number in each namespace from the initial
//! one down to its own. The level selects the number to report.

use super::iterator::{attach, run};
use super::program::level_of_reader;
use super::refused::Refused;
use super::types::Types;
use std::fs;
use std::sync::OnceLock;

/// The initial pid namespace, `PROC_PID_INIT_INO` of include/linux/proc_ns.h.
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The level of the thread that loads programs. A program that reads the level by itself does not need it, and a program
/// has to be loaded to find it out, so that is not done before it is asked for.
#[derive(Debug)]
pub(crate) struct Level {
    number: OnceLock<u32>,
    is_nested: bool,
}

impl Level {
    pub(crate) fn of_this_thread(types: &Types<'_>) -> Result<Self, Refused> {
        let level = match fs::read_link("/proc/thread-self/ns/pid") {
            Ok(link) if link.as_os_str() == INITIAL_PID_NAMESPACE => {
                Self { number: OnceLock::from(0), is_nested: false }
            }
            Ok(_) => Self { number: OnceLock::new(), is_nested: true },
            Err(_) => {
                let number = probe(types)?;
                Self { number: OnceLock::from(number), is_nested: number > 0 }
            }
        };
        Ok(level)
    }

    /// Whether it is not the initial namespace.
    pub(crate) const fn is_nested(&self) -> bool {
        self.is_nested
    }

    pub(crate) fn number(&self, types: &Types<'_>) -> Result<u32, Refused> {
        match self.number.get() {
            Some(number) => Ok(*number),
            None => {
                let number = probe(types)?;
                Ok(*self.number.get_or_init(|| number))
            }
        }
    }
}

/// The level that a program finds for the thread that reads its output.
pub(crate) fn probe(types: &Types<'_>) -> Result<u32, Refused> {
    let link = attach(b"netstat_level\0\0\0", &level_of_reader(types)?)?;
    let mut level = None;
    let read = run::<4>(&link, &mut |_, bytes| level = level.or(Some(u32::from_ne_bytes(bytes))));
    read.map_err(|errno| Refused::errno("bpf_iter_task", errno))?;
    level.ok_or(Refused::other("bpf_iter_task", "no level of the pid namespace"))
}
