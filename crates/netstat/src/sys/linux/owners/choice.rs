//! Which way owners are found.

use super::walk;
use crate::owner_source::{OwnerSource, OwnersFrom};
use crate::sys::linux::bpf::{self, Refused, TaskFiles};
use crate::sys::linux::procfs::{Proc, Procfs};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

/// How many files must be open on the machine for an iteration to be faster than the walk, with what it costs to
/// set it up: about three milliseconds, against as many microseconds that it saves a descriptor.
const FILES_WORTH_THE_SET_UP: u64 = 1500;

/// How many processes a pid namespace of its own must have for that: files are counted for the whole machine.
const PROCESSES_WORTH_THE_SET_UP: usize = 50;

/// The program that finds owners, once it was loaded, and kept for the next listing.
#[derive(Default)]
pub(in crate::sys::linux) struct KeptProgram(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    NotLoaded,
    /// By this process. A child that it forks has these descriptors too, and is perhaps in another pid
    /// namespace.
    Loaded {
        program: Arc<TaskFiles>,
        process: u32,
    },
    Refused(Refused),
}

/// What to search with.
pub(super) enum Choice {
    Walk(OwnersFrom),
    Iterate { program: Arc<TaskFiles>, reason: &'static str },
}

impl Choice {
    fn walk(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Walk(OwnersFrom::new(OwnerSource::Procfs, reason))
    }
}

/// Chooses for one listing. `only_some`: only some processes are to be looked at.
pub(super) fn choose(kept: &KeptProgram, asked: OwnerSource, only_some: bool) -> Choice {
    if asked == OwnerSource::Procfs {
        return Choice::walk("asked for");
    }
    let asked = asked == OwnerSource::Bpf;
    if only_some && !asked {
        return Choice::walk("some processes only");
    }
    let procfs = Proc::open();
    if procfs.as_ref().is_ok_and(walk::is_of_other_namespace) {
        // Names and paths would be read there, of other processes by the same numbers.
        return Choice::walk("/proc: of another pid namespace");
    }
    let mut state = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    match &*state {
        State::Loaded { program, process } if *process == std::process::id() => {
            let reason = if asked { "asked for" } else { "loaded before" };
            return Choice::Iterate { program: Arc::clone(program), reason };
        }
        State::Refused(refused) => return Choice::walk(refused.to_string()),
        State::Loaded { .. } | State::NotLoaded => {}
    }
    if let Err(refused) = bpf::may_load() {
        return Choice::walk(refused.to_string());
    }
    if !asked && let Some(reason) = procfs.ok().and_then(|procfs| too_few(&procfs)) {
        return Choice::walk(reason);
    }
    match TaskFiles::load() {
        Ok(program) => {
            let program = Arc::new(program);
            *state = State::Loaded { program: Arc::clone(&program), process: std::process::id() };
            Choice::Iterate { program, reason: if asked { "asked for" } else { "many descriptors" } }
        }
        Err(refused) => {
            // Not tried again: the next time would be refused, and logged, just so.
            *state = State::Refused(refused);
            Choice::walk(refused.to_string())
        }
    }
}

/// Why it would not pay to set the iteration up.
fn too_few(procfs: &impl Procfs) -> Option<&'static str> {
    let mut text = Vec::new();
    procfs.read("sys/fs/file-nr", &mut text).ok()?;
    let files = text.split(|byte| !byte.is_ascii_digit()).next()?;
    let files: u64 = std::str::from_utf8(files).ok()?.parse().ok()?;
    if files < FILES_WORTH_THE_SET_UP {
        return Some("few descriptors");
    }
    let few =
        walk::is_nested(procfs) && procfs.pids().is_ok_and(|pids| pids.len() < PROCESSES_WORTH_THE_SET_UP);
    few.then_some("few processes")
}
