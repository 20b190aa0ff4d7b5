//! Details of a process from `/proc/<pid>`.
//!
//! Sources: proc_pid(5), proc_pid_stat(5), proc_pid_cmdline(5), proc_pid_exe(5), fs/proc/{array,base}.c.

use crate::engine::owner_table::ProcessSeen;
use crate::engine::parallel::run_parallel;
use crate::model::gap::{Gap, GapKind};
use crate::model::process::{Process, ProcessFields};
use crate::sys::linux::clock::nanoseconds_per_tick;
use crate::sys::linux::procfs::process_cache::{Common, ProcessCache, Stamp};
use crate::sys::linux::procfs::{Proc, Procfs};
use crate::sys::users::{Users, passwd};
use netstat_wire::linux::proc_pid_cmdline::arguments;
use netstat_wire::linux::proc_pid_fd::socket_inode;
use netstat_wire::linux::proc_pid_stat::Stat;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The longest name that the kernel keeps, `TASK_COMM_LEN` without its NUL.
const COMM_BYTES: usize = 15;

/// What the kernel appends to the link of an executable that is gone.
const DELETED: &[u8] = b" (deleted)";

pub(crate) fn processes(
    seen: &[ProcessSeen],
    fields: ProcessFields,
    threads: usize,
    known: &mut ProcessCache,
) -> (Vec<Process>, Vec<Gap>) {
    match Proc::open() {
        Ok(procfs) => read_all(&procfs, seen, fields, threads, known),
        Err(errno) => {
            let gap = no_details(u64::try_from(seen.len()).unwrap_or(u64::MAX), errno);
            (seen.iter().map(|seen| Process::new(seen.pid)).collect(), vec![gap])
        }
    }
}

fn no_details(count: u64, errno: Errno) -> Gap {
    Gap::new(GapKind::ProcessesSkipped, count, format!("/proc: {}", std::io::Error::from(errno)))
}

/// Reads details of these processes until `stop` is set, so that [`processes`] has them already.
pub(crate) fn prefetch_processes(
    seen: &[ProcessSeen],
    fields: ProcessFields,
    stop: &AtomicBool,
    known: &mut ProcessCache,
) {
    let Ok(procfs) = Proc::open() else { return };
    let context = Context::new(&procfs, fields, known);
    let mut buffer = Vec::new();
    let mut read = Vec::new();
    for process in seen {
        if stop.load(SeqCst) {
            break;
        }
        read.extend(context.process(&procfs, *process, &mut buffer));
    }
    known.store(fields, &read);
}

/// [`processes`] over any [`Procfs`].
pub(crate) fn read_all(
    procfs: &impl Procfs,
    seen: &[ProcessSeen],
    fields: ProcessFields,
    threads: usize,
    known: &mut ProcessCache,
) -> (Vec<Process>, Vec<Gap>) {
    let context = Context::new(procfs, fields, known);
    let next = AtomicUsize::new(0);
    // A place for each, so that the results come in the order of `seen` whichever thread reads them.
    let mut places: Vec<Option<Described>> = Vec::new();
    places.resize_with(seen.len(), || None);
    let places = Mutex::new(places);
    let work = || {
        let mut buffer = Vec::new();
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Relaxed);
            let Some(process) = seen.get(index) else { break };
            let read = match context.known.current(process.pid, fields) {
                Some(known) if !process.seen_twice => Some((known.clone(), None)),
                _ => context.process(procfs, *process, &mut buffer),
            };
            done.push((index, read));
        }
        let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, read) in done {
            if let Some(place) = places.get_mut(index) {
                *place = read;
            }
        }
    };
    let unread = seen
        .iter()
        .filter(|process| process.seen_twice || context.known.current(process.pid, fields).is_none());
    let threads = if unread.count() < 16 { 1 } else { threads };
    run_parallel(threads, &work, &mut || work());

    let mut vanished = 0;
    let mut details = Vec::with_capacity(seen.len());
    let places = places.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (seen, read) in seen.iter().zip(places) {
        vanished += u64::from(read.is_none());
        details.push(read.unwrap_or_else(|| (Process::new(seen.pid), None)));
    }
    known.store(fields, &details);
    let gap = (vanished > 0).then(|| match procfs.link("self") {
        Ok(_) => Gap::new(GapKind::ProcessesVanished, vanished, "/proc/<pid>/stat"),
        // An empty directory, which does not show that they have ended.
        Err(errno) => no_details(vanished, errno),
    });
    let mut processes = Vec::with_capacity(details.len());
    for (process, _) in details {
        processes.push(process);
    }
    (processes, gap.into_iter().collect())
}

/// A process, and the stamp by which the cache recognises it.
type Described = (Process, Option<Stamp>);

/// What reading a process needs.
struct Context<'a> {
    known: &'a ProcessCache,
    fields: ProcessFields,
    nanoseconds_per_tick: u64,
    common: Arc<Common>,
}

impl<'a> Context<'a> {
    fn new(procfs: &impl Procfs, fields: ProcessFields, known: &'a mut ProcessCache) -> Self {
        let common = known.common(fields, || {
            let boot = fields.contains(ProcessFields::START_TIME).then(|| boot_time(procfs)).flatten();
            let users =
                if fields.contains(ProcessFields::USER) { Users::of(&passwd()) } else { Users::default() };
            Common::new(fields, boot, users)
        });
        Self { known, fields, nanoseconds_per_tick: nanoseconds_per_tick(), common }
    }

    /// The details of one process; `None` when it has gone, or another one has its pid now.
    fn process(&self, procfs: &impl Procfs, seen: ProcessSeen, buffer: &mut Vec<u8>) -> Option<Described> {
        use ProcessFields as Fields;
        let ProcessSeen { pid, at, sockets, .. } = seen;
        let mut process = Process::new(pid);
        // Read first, whatever the query asks for: the start time shows whether this is still the process.
        procfs.read(&format!("{pid}/stat"), buffer).ok()?;
        let stat = Stat::decode(buffer).ok()?;
        let started = stat.start_time_ticks.saturating_mul(self.nanoseconds_per_tick);
        if started > at {
            return None;
        }
        // Times are in ticks: a process that started within the tick may have started after it was seen. It is the same
        // process if it still has what was seen.
        if at - started < self.nanoseconds_per_tick
            && !sockets.into_iter().flatten().any(|socket| has(procfs, pid, socket))
        {
            return None;
        }
        let parent = self.fields.contains(Fields::PARENT) && stat.ppid != 0;
        process.parent = parent.then_some(stat.ppid);
        let stamp = Stamp::of(&stat);
        if let Some(known) = stamp.as_ref().and_then(|stamp| self.known.get(pid, stamp, self.fields)) {
            return Some((Process { parent: process.parent, ..known.clone() }, stamp));
        }
        process.start = self.fields.contains(Fields::START_TIME).then_some(stat.start_time_ticks);
        process.start_time =
            self.common.boot.and_then(|boot| boot.checked_add(Duration::from_nanos(started)));

        let name_was_cut = self.fields.contains(Fields::NAME) && stat.comm.len() == COMM_BYTES;
        let mut executable = None;
        if self.fields.contains(Fields::PATH) {
            executable = executable_of(procfs, pid);
        }
        let mut command_line = None;
        if self.fields.contains(Fields::COMMAND_LINE) || name_was_cut {
            command_line = procfs.read(&format!("{pid}/cmdline"), buffer).is_ok().then(|| arguments(buffer));
        }
        if self.fields.contains(Fields::NAME) {
            let full = name_was_cut.then(|| {
                let executable = executable.clone().or_else(|| executable_of(procfs, pid));
                full_name(&stat.comm, command_line.as_deref().unwrap_or_default(), executable.as_deref())
            });
            process.name = Some(OsString::from_vec(full.flatten().unwrap_or(stat.comm)));
        }
        if self.fields.contains(Fields::COMMAND_LINE) {
            let arguments = command_line.map(|arguments| {
                arguments.into_iter().map(|argument| OsStr::from_bytes(argument).to_owned()).collect()
            });
            process.command_line = arguments;
        }
        if let Some(link) = executable.filter(|_| self.fields.contains(Fields::PATH)) {
            let path = link.strip_suffix(DELETED);
            process.path_deleted = Some(path.is_some());
            process.path = Some(PathBuf::from(OsString::from_vec(path.unwrap_or(&link).to_vec())));
        }
        if self.fields.intersects(Fields::UID | Fields::USER) {
            process.uid = procfs.user(pid).ok();
            process.user = process.uid.and_then(|uid| self.common.users.name(uid));
        }
        Some((process, stamp))
    }
}

/// Whether a process has this socket at this descriptor.
fn has(procfs: &impl Procfs, pid: u32, (fd, inode): (i32, u64)) -> bool {
    procfs.link(&format!("{pid}/fd/{fd}")).is_ok_and(|link| socket_inode(&link) == Some(inode))
}

/// The link to a process's executable. That of a leader that has exited is gone; its threads have it still.
fn executable_of(procfs: &impl Procfs, pid: u32) -> Option<Vec<u8>> {
    match procfs.link(&format!("{pid}/exe")) {
        Ok(link) => Some(link),
        Err(Errno::NOENT) => {
            let mut others = procfs.threads(pid).ok()?.into_iter().filter(|thread| *thread != pid);
            others.find_map(|thread| procfs.link(&format!("{pid}/task/{thread}/exe")).ok())
        }
        Err(_) => None,
    }
}

/// The last part of a path.
fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The whole name that the kernel cut at 15 bytes, if the command line (the program, or the script that it
/// runs) or the executable agrees with what is left of it.
fn full_name(comm: &[u8], arguments: &[&[u8]], executable: Option<&[u8]>) -> Option<Vec<u8>> {
    let executable = executable.map(|link| link.strip_suffix(DELETED).unwrap_or(link));
    let candidates = arguments.iter().copied().take(2).chain(executable);
    candidates
        .map(file_name)
        .find(|name| name.len() > comm.len() && name.starts_with(comm))
        .map(<[u8]>::to_vec)
}

/// Whether `name` is what the kernel keeps of the name `full`.
pub(crate) fn is_short_name(name: &OsStr, full: &OsStr) -> bool {
    let (name, full) = (name.as_bytes(), full.as_bytes());
    name.len() == COMM_BYTES && full.starts_with(name)
}

/// When the machine was started, to the second, from the line `btime` of `/proc/stat`. Not counted back from
/// the clocks, which would answer a little differently each time.
fn boot_time(procfs: &impl Procfs) -> Option<SystemTime> {
    let mut content = Vec::new();
    procfs.read("stat", &mut content).ok()?;
    let text = String::from_utf8_lossy(&content);
    let seconds = text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_name_is_completed_by_what_agrees_with_it() {
        let full = |comm: &[u8], arguments: &[&[u8]], executable: Option<&[u8]>| {
            full_name(comm, arguments, executable).map(|name| String::from_utf8(name).unwrap())
        };
        let comm = b"systemd-resolve";
        let resolved = Some("systemd-resolved".to_owned());
        assert_eq!(full(comm, &[b"/usr/lib/systemd/systemd-resolved"], None), resolved);
        assert_eq!(
            full(comm, &[b"resolver"], Some(b"/usr/lib/systemd/systemd-resolved (deleted)")),
            resolved
        );
        // The script that an interpreter runs.
        assert_eq!(full(comm, &[b"/usr/bin/python3", b"/opt/systemd-resolved"], None), resolved);
        // Another name, set by the process itself, stays as it is.
        assert_eq!(full(b"a name of my ow", &[b"/usr/bin/program"], Some(b"/usr/bin/program")), None);
        // What is as long as it stands is whole.
        assert_eq!(full(b"exactly15bytes!", &[b"/bin/exactly15bytes!"], None), None);
    }

    #[test]
    fn short_names_are_those_the_kernel_would_have_cut() {
        assert!(is_short_name(OsStr::new("systemd-resolve"), OsStr::new("systemd-resolved")));
        assert!(!is_short_name(OsStr::new("systemd"), OsStr::new("systemd-resolved")));
    }
}
