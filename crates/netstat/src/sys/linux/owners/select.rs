//! Selects the source of owners.

use super::walk;
use crate::engine::parallel::lock;
use crate::log::debug;
use crate::model::owner_source::{OwnerSource, OwnerSourceUsed};
use crate::sys::linux::owners::bpf::{self, BpfSource, Families, Refused};
use crate::sys::linux::owners::unmapped::Unmapped;
use crate::sys::linux::procfs::{Proc, Procfs};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// The number of open files from which an iteration, set-up included, is faster than the walk: the set-up takes one to
/// three milliseconds, and each descriptor saves as many microseconds. (`bench custom
/// --processes 10 --connections 20 --udp 2 --host-pids` has this many, and takes less time by either measure.)
const MIN_FILES_FOR_BPF: u64 = 800;

/// How many processes a nested pid namespace must have for that, if their descriptors cannot be counted or are few.
const MIN_PROCESSES_FOR_BPF: usize = 50;

/// The programs that find owners, once they were loaded, and kept for the next listing.
#[derive(Default)]
pub(crate) struct KeptProgram {
    internet: Mutex<State>,
    all_families: Mutex<State>,
    /// Whether owners have been searched for before.
    was_asked: AtomicBool,
    pub(crate) unmapped: Arc<Unmapped>,
}

impl KeptProgram {
    fn state(&self, families: Families) -> &Mutex<State> {
        match families {
            Families::Internet => &self.internet,
            Families::All => &self.all_families,
        }
    }
}

#[derive(Default)]
enum State {
    #[default]
    NotLoaded,
    Loaded {
        program: Arc<BpfSource>,
        by: Loader,
    },
    Refused(Refused),
}

/// The process that loaded a program. A forked child inherits these descriptors, and may be in another pid namespace,
/// with other pids.
#[derive(PartialEq, Eq)]
struct Loader {
    process: u32,
    /// The link that names the namespace: the first process of each has the same number.
    namespace: Option<Vec<u8>>,
}

impl Loader {
    fn current(procfs: Option<&impl Procfs>) -> Self {
        let namespace = procfs.and_then(|procfs| procfs.link("self/ns/pid").ok());
        Self { process: std::process::id(), namespace }
    }
}

/// How to search.
pub(crate) enum Strategy {
    Walk(OwnerSourceUsed),
    Iterate { program: Arc<BpfSource>, reason: &'static str },
}

impl Strategy {
    fn walk(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Walk(OwnerSourceUsed::new(OwnerSource::Procfs, reason))
    }
}

/// Selects for one listing. `some_only`: the query names the processes to read.
pub(crate) fn select(
    kept: &KeptProgram,
    asked: OwnerSource,
    families: Families,
    some_only: bool,
) -> Strategy {
    if asked == OwnerSource::Procfs {
        return Strategy::walk("asked for");
    }
    let asked = asked == OwnerSource::Bpf;
    if some_only && !asked {
        return Strategy::walk("some processes only");
    }
    let procfs = Proc::open();
    if procfs.as_ref().is_ok_and(walk::is_of_other_namespace) {
        // Names and paths would be read there, of other processes by the same numbers.
        return Strategy::walk("/proc: of another pid namespace");
    }
    let by = Loader::current(procfs.as_ref().ok());
    let mut state = lock(kept.state(families));
    match &*state {
        State::Loaded { program, by: loader } if *loader == by && by.namespace.is_some() => {
            let reason = if asked { "asked for" } else { "loaded before" };
            return Strategy::Iterate { program: Arc::clone(program), reason };
        }
        State::Refused(refused) => return Strategy::walk(refused.to_string()),
        State::Loaded { .. } | State::NotLoaded => {}
    }
    if let Err(refused) = bpf::may_load() {
        return Strategy::walk(refused.to_string());
    }
    let reason = match procfs {
        _ if asked => "asked for",
        // A second query is likely to be followed by more, and the set-up is paid once.
        _ if kept.was_asked.swap(true, Relaxed) => "repeated query",
        Ok(procfs) => match is_worth_it(&procfs) {
            Ok(reason) => reason,
            Err(reason) => return Strategy::walk(reason),
        },
        Err(_) => NOT_COUNTED,
    };
    match state.load(families, by) {
        Ok(program) => Strategy::Iterate { program, reason },
        Err(refused) => Strategy::walk(refused.to_string()),
    }
}

impl State {
    fn load(&mut self, families: Families, by: Loader) -> Result<Arc<BpfSource>, Refused> {
        if let Self::Loaded { .. } = self {
            debug!("the kept BPF program is dropped: another process or pid namespace loaded it");
        }
        match BpfSource::load(families) {
            Ok(program) => {
                let program = Arc::new(program);
                *self = Self::Loaded { program: Arc::clone(&program), by };
                Ok(program)
            }
            Err(refused) => {
                // Not retried if it is to stay so: the next load would be refused, and logged, in the same manner.
                if !refused.is_temporary() {
                    *self = Self::Refused(refused);
                }
                Err(refused)
            }
        }
    }
}

/// The program of an earlier listing, or one that is loaded for this one and kept; the reason if there is none.
pub(crate) fn kept_or_loaded(kept: &KeptProgram, families: Families) -> Result<Arc<BpfSource>, String> {
    let procfs = Proc::open().map_err(|errno| format!("/proc: {}", std::io::Error::from(errno)))?;
    if walk::is_of_other_namespace(&procfs) {
        return Err("/proc: of another pid namespace".to_owned());
    }
    let by = Loader::current(Some(&procfs));
    let mut state = lock(kept.state(families));
    match &*state {
        State::Loaded { program, by: loader } if *loader == by && by.namespace.is_some() => {
            return Ok(Arc::clone(program));
        }
        State::Refused(refused) => return Err(refused.to_string()),
        State::Loaded { .. } | State::NotLoaded => {}
    }
    bpf::may_load().map_err(|refused| refused.to_string())?;
    state.load(families, by).map_err(|refused| refused.to_string())
}

/// The program, whether or not it is worth the set-up, if the caller may load it.
pub(crate) fn load(kept: &KeptProgram, families: Families) -> Option<Arc<BpfSource>> {
    let procfs = Proc::open().ok().filter(|procfs| !walk::is_of_other_namespace(procfs))?;
    let mut state = lock(kept.state(families));
    if matches!(*state, State::Refused(_)) || bpf::may_load().is_err() {
        return None;
    }
    state.load(families, Loader::current(Some(&procfs))).ok()
}

/// Whether these processes, which are few, have enough descriptors.
fn has_many_descriptors(procfs: &impl Procfs, pids: &[u32]) -> bool {
    let counts = pids.iter().filter_map(|pid| procfs.sizes(*pid).ok()?.descriptors);
    counts.sum::<u64>() >= MIN_FILES_FOR_BPF
}

/// The number of descriptors is in `/proc`; without it the walk has nothing to read either.
const NOT_COUNTED: &str = "no count of descriptors";

/// Why the iteration is worth its set-up (`Ok`), or why it is not (`Err`).
pub(crate) fn is_worth_it(procfs: &impl Procfs) -> Result<&'static str, &'static str> {
    let mut text = Vec::new();
    let read = procfs.read("sys/fs/file-nr", &mut text);
    let files =
        text.split(|byte| !byte.is_ascii_digit()).next().and_then(|files| std::str::from_utf8(files).ok());
    let Some(files) = files.filter(|_| read.is_ok()).and_then(|files| files.parse::<u64>().ok()) else {
        return Ok(NOT_COUNTED);
    };
    if files < MIN_FILES_FOR_BPF {
        return Err("few descriptors");
    }
    // Files are counted for the whole machine, so a nested namespace counts its own.
    if walk::is_nested(procfs) {
        let pids = procfs.pids().unwrap_or_default();
        if pids.len() < MIN_PROCESSES_FOR_BPF && !has_many_descriptors(procfs, &pids) {
            return Err("few processes");
        }
    }
    Ok("many descriptors")
}
