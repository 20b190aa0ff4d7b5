//! Selects the source of owners.

use super::walk::{self, Searchable};
use crate::engine::parallel::lock;
use crate::log::debug;
use crate::model::owner_source::{OwnerSource, OwnerSourceUsed};
use crate::sys::linux::owners::bpf::{self, BpfSource, Families, Refused};
use crate::sys::linux::owners::unmapped::Unmapped;
use crate::sys::linux::procfs::{Proc, Procfs};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

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
    /// The one for few descriptors.
    few_of_internet: Mutex<State>,
    all_families: Mutex<State>,
    rows_of_internet: Mutex<State>,
    rows_of_all_families: Mutex<State>,
    /// Whether owners have been searched for before.
    was_asked: AtomicBool,
    /// How many listings more are made without rows from a program, since those of the last one were not complete.
    in_vain: AtomicU32,
    pub(crate) unmapped: Arc<Unmapped>,
}

/// How many listings are made without rows from a program after one of which they were not complete: what it lacks, such as
/// a connection that waits to be accepted, may be there for long.
const IN_VAIN: u32 = 16;

impl KeptProgram {
    /// Whether this listing is to be made without rows from a program.
    pub(crate) fn is_in_vain(&self) -> bool {
        self.in_vain.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// Notes whether the rows of a listing were not complete.
    pub(crate) fn note_in_vain(&self, in_vain: bool) {
        self.in_vain.store(if in_vain { IN_VAIN } else { 0 }, Relaxed);
    }

    /// Whether owners have been searched for before.
    pub(crate) fn was_asked(&self) -> bool {
        self.was_asked.load(Relaxed)
    }

    fn state(&self, kind: Kind) -> &Mutex<State> {
        match (kind.rows, kind.families) {
            (false, Families::Internet) => &self.internet,
            (false, Families::All) => &self.all_families,
            (true, Families::Internet) => &self.rows_of_internet,
            (true, Families::All) => &self.rows_of_all_families,
        }
    }
}

/// Which program.
#[derive(Copy, Clone)]
struct Kind {
    families: Families,
    /// Whether it reports rows.
    rows: bool,
}

impl Kind {
    fn source(self) -> OwnerSource {
        if self.rows { OwnerSource::OnePass } else { OwnerSource::Bpf }
    }

    fn load(self) -> Result<BpfSource, Refused> {
        if self.rows { BpfSource::load_rows(self.families) } else { BpfSource::load(self.families) }
    }

    /// Whether there is a program for few descriptors that finds the same. What counts there is how soon it is loaded: the
    /// iterator over descriptors in a third of a millisecond, the program that walks tables in a millisecond and a half.
    fn has_one_for_few(self) -> bool {
        !self.rows && self.families == Families::Internet
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
    Iterate { program: Arc<BpfSource>, from: OwnerSourceUsed },
}

impl Strategy {
    fn walk(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Walk(OwnerSourceUsed::new(OwnerSource::Procfs, reason))
    }
}

/// What is to be searched.
#[derive(Copy, Clone)]
pub(crate) struct Wanted {
    pub(crate) asked: OwnerSource,
    pub(crate) families: Families,
    /// Whether the query names the processes to read.
    pub(crate) some_only: bool,
    /// Whether the rows of the listing are to come with their owners.
    pub(crate) rows: bool,
    /// Why a program is worth its set-up, if that is known already.
    pub(crate) worth: Option<&'static str>,
}

/// `/proc`, opened and judged once for a listing.
#[derive(Default)]
pub(crate) struct OneProcfs {
    procfs: OnceLock<Searchable<Proc>>,
    open_files: OnceLock<Option<u64>>,
}

impl OneProcfs {
    pub(crate) fn searchable(&self) -> &Searchable<Proc> {
        self.procfs.get_or_init(|| Searchable::new(Proc::open()))
    }

    /// `None`: it cannot be searched.
    pub(crate) fn get(&self) -> Option<&Proc> {
        self.searchable().procfs()
    }

    /// How many files are open on the machine; `None`: `/proc` does not say it.
    pub(crate) fn open_files(&self) -> Option<u64> {
        *self.open_files.get_or_init(|| open_files(self.get()?))
    }

    /// Why the iteration is worth its set-up, or why it is not.
    fn is_worth_it(&self) -> Result<&'static str, &'static str> {
        self.get().map_or(Ok(NOT_COUNTED), |procfs| is_worth_it_for(self.open_files(), procfs))
    }
}

/// Selects for one listing.
pub(crate) fn select(kept: &KeptProgram, wanted: Wanted, procfs: &OneProcfs) -> Strategy {
    let Wanted { asked, families, some_only, rows, worth } = wanted;
    if asked == OwnerSource::Procfs {
        return Strategy::walk("asked for");
    }
    let is_asked = matches!(asked, OwnerSource::Bpf | OwnerSource::OnePass);
    if some_only && !is_asked {
        return Strategy::walk("some processes only");
    }
    if procfs.searchable().is_of_other_namespace() {
        return Strategy::walk("/proc: of another pid namespace");
    }
    let of = |rows| select_program(kept, Kind { families, rows }, procfs, is_asked, worth);
    let mut refused = None;
    if asked == OwnerSource::OnePass || (rows && asked == OwnerSource::Auto) {
        match of(true) {
            Ok(strategy) => return strategy,
            Err(Unselected::NotWorth(reason)) => return Strategy::walk(reason),
            Err(Unselected::Refused(why)) => {
                debug!("owners not in one pass with the sockets: {why}");
                refused = Some(why);
            }
        }
    }
    match of(false) {
        Ok(Strategy::Iterate { program, mut from }) => {
            // Why the better source is not used says more.
            if let Some(why) = refused {
                from.reason = why.into();
            }
            Strategy::Iterate { program, from }
        }
        Ok(walk) => walk,
        Err(Unselected::NotWorth(reason)) => Strategy::walk(reason),
        Err(Unselected::Refused(why)) => Strategy::walk(why),
    }
}

/// Why a program is not used.
enum Unselected {
    NotWorth(&'static str),
    Refused(String),
}

/// Selects a program, and loads it.
fn select_program(
    kept: &KeptProgram,
    kind: Kind,
    procfs: &OneProcfs,
    is_asked: bool,
    worth: Option<&'static str>,
) -> Result<Strategy, Unselected> {
    let iterate = |program, reason: &'static str| {
        Ok(Strategy::Iterate { program, from: OwnerSourceUsed::new(kind.source(), reason) })
    };
    let by = Loader::current(procfs.get());
    // The search for namespaces may have loaded it a moment ago.
    let loaded_before = if is_asked { "asked for" } else { worth.unwrap_or("loaded before") };
    let mut state = lock(kept.state(kind));
    if let State::Refused(refused) = &*state {
        return Err(Unselected::Refused(refused.to_string()));
    }
    if let Some(program) = state.by(&by) {
        return iterate(program, loaded_before);
    }
    let is_later = is_asked || kept.was_asked.load(Relaxed);
    let is_small = || procfs.is_worth_it().is_err();
    let mut is_few = worth.is_none() && kind.has_one_for_few() && is_later && is_small();
    if is_few {
        let few = lock(&kept.few_of_internet);
        if let Some(program) = few.by(&by) {
            return iterate(program, loaded_before);
        }
        is_few = !matches!(*few, State::Refused(_));
        if is_few {
            state = few;
        }
    }
    let refused = |refused: Refused| Unselected::Refused(refused.to_string());
    bpf::may_load().map_err(refused)?;
    let reason = match worth {
        _ if is_asked => "asked for",
        Some(worth) => worth,
        // A second query is likely to be followed by more, and the set-up is paid once.
        None if kept.was_asked.swap(true, Relaxed) => "repeated query",
        None => procfs.is_worth_it().map_err(Unselected::NotWorth)?,
    };
    let load = || if is_few { BpfSource::load_for_few(kind.families) } else { kind.load() };
    iterate(state.load(by, load).map_err(refused)?, reason)
}

impl State {
    /// The program, if this process has loaded it.
    fn by(&self, by: &Loader) -> Option<Arc<BpfSource>> {
        match self {
            Self::Loaded { program, by: loader } if loader == by && by.namespace.is_some() => {
                Some(Arc::clone(program))
            }
            _ => None,
        }
    }

    fn load(
        &mut self,
        by: Loader,
        load: impl FnOnce() -> Result<BpfSource, Refused>,
    ) -> Result<Arc<BpfSource>, Refused> {
        if let Self::Loaded { .. } = self {
            debug!("the kept BPF program is dropped: another process or pid namespace loaded it");
        }
        match load() {
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

/// The program of an earlier listing, or one that is loaded for this one and kept; the reason if there is none. `rows`: whether it
/// reports rows.
pub(crate) fn kept_or_loaded(
    kept: &KeptProgram,
    families: Families,
    rows: bool,
) -> Result<Arc<BpfSource>, String> {
    let procfs = Proc::open().map_err(|errno| format!("/proc: {}", std::io::Error::from(errno)))?;
    if walk::is_of_other_namespace(&procfs) {
        return Err("/proc: of another pid namespace".to_owned());
    }
    let by = Loader::current(Some(&procfs));
    let kind = Kind { families, rows };
    let mut state = lock(kept.state(kind));
    if let State::Refused(refused) = &*state {
        return Err(refused.to_string());
    }
    if let Some(program) = state.by(&by) {
        return Ok(program);
    }
    bpf::may_load().map_err(|refused| refused.to_string())?;
    state.load(by, || kind.load()).map_err(|refused| refused.to_string())
}

/// The program for a listing whose walk was refused the descriptors of some processes, if the caller may load it.
pub(crate) fn after_refusals(kept: &KeptProgram, families: Families) -> Option<Arc<BpfSource>> {
    let procfs = Proc::open().ok().filter(|procfs| !walk::is_of_other_namespace(procfs))?;
    let kind = Kind { families, rows: false };
    let is_few = kind.has_one_for_few() && is_worth_it(&procfs).is_err();
    let mut state = lock(if is_few { &kept.few_of_internet } else { kept.state(kind) });
    if matches!(*state, State::Refused(_)) || bpf::may_load().is_err() {
        return None;
    }
    let load = || if is_few { BpfSource::load_for_few(families) } else { kind.load() };
    state.load(Loader::current(Some(&procfs)), load).ok()
}

/// The program that reports rows has failed its check: it is not used again.
pub(crate) fn refuse_rows(kept: &KeptProgram, families: Families) {
    let refused = Refused::other("self-check of the BPF program", "its rows are not those of this process");
    *lock(kept.state(Kind { families, rows: true })) = State::Refused(refused);
}

/// Whether these processes, which are few, have enough descriptors.
fn has_many_descriptors(procfs: &impl Procfs, pids: &[u32]) -> bool {
    let counts = pids.iter().filter_map(|pid| procfs.sizes(*pid).ok()?.descriptors);
    counts.sum::<u64>() >= MIN_FILES_FOR_BPF
}

/// The number of descriptors is in `/proc`; without it the walk has nothing to read either.
const NOT_COUNTED: &str = "no count of descriptors";

/// How many files are open on the machine; `None`: `/proc` does not say it.
pub(crate) fn open_files(procfs: &impl Procfs) -> Option<u64> {
    let mut text = Vec::new();
    procfs.read("sys/fs/file-nr", &mut text).ok()?;
    let files = text.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(files).ok()?.parse().ok()
}

/// Why the iteration is worth its set-up (`Ok`), or why it is not (`Err`).
pub(crate) fn is_worth_it(procfs: &impl Procfs) -> Result<&'static str, &'static str> {
    is_worth_it_for(open_files(procfs), procfs)
}

fn is_worth_it_for(files: Option<u64>, procfs: &impl Procfs) -> Result<&'static str, &'static str> {
    let Some(files) = files else { return Ok(NOT_COUNTED) };
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
