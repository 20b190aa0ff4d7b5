//! The nesting level of this thread's pid namespace; the initial one has level 0.
//!
//! The iterator visits the tasks of the caller's pid namespace, but a task has a number in each namespace from the initial
//! one down to its own. The level selects the number to report.

use super::iterator::{attach, run};
use super::program::level_of_reader;
use super::refused::Refused;
use super::types::Types;
use std::fs;

/// The initial pid namespace, `PROC_PID_INIT_INO` of include/linux/proc_ns.h.
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

pub(crate) fn of_this_thread(types: &Types<'_>) -> Result<u32, Refused> {
    match fs::read_link("/proc/thread-self/ns/pid") {
        Ok(link) if link.as_os_str() == INITIAL_PID_NAMESPACE => Ok(0),
        // Another namespace, or not known: run a program to find out.
        _ => probe(types),
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
