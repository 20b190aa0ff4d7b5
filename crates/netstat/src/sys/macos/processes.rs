//! Details of processes, from libproc.
//!
//! Sources: `bsd/kern/proc_info.c`, `libproc.h`.

use super::calls::{self, Pids};
use super::kernel::{Errno, Kernel};
use super::users::Users;
use super::workload::workload;
use crate::engine::owner_table::ProcessSeen;
use crate::engine::parallel::{lock, run_parallel};
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::process::{Process, ProcessFields};
use crate::model::process_id::ProcessId;
use netstat_wire::macos::proc_pidinfo::COMM_BYTES;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

/// The details of these processes, in their order.
pub(super) fn processes(
    kernel: &impl Kernel,
    seen: &[ProcessSeen],
    fields: ProcessFields,
    threads: usize,
) -> (Vec<Process>, Vec<Gap>) {
    let users =
        if fields.contains(ProcessFields::USER) { Users::of(&kernel.passwd()) } else { Users::default() };
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Process, bool)>> = Mutex::new(Vec::with_capacity(seen.len()));
    let work = || {
        let mut read = Vec::new();
        loop {
            let index = next.fetch_add(1, Relaxed);
            let Some(seen) = seen.get(index) else {
                break;
            };
            let details = process(kernel, *seen, fields, &users);
            // One that only a table names may have ended long ago.
            let vanished = details.is_none() && seen.at != u64::MAX;
            read.push((index, details.unwrap_or_else(|| Process::new(seen.pid)), vanished));
        }
        lock(&done).extend(read);
    };
    let threads = if seen.len() < 16 { 1 } else { threads };
    run_parallel(threads, &work, &mut || work());

    let mut done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_unstable_by_key(|(index, ..)| *index);
    let vanished: u64 = done.iter().map(|(.., vanished)| u64::from(*vanished)).sum();
    let gap = (vanished > 0).then(|| Gap::new(GapKind::ProcessesVanished, vanished, "proc_pidinfo"));
    (done.into_iter().map(|(_, process, _)| process).collect(), gap.into_iter().collect())
}

/// The details of one process; `None` if it has ended, or another one has its pid by now.
fn process(kernel: &impl Kernel, seen: ProcessSeen, fields: ProcessFields, users: &Users) -> Option<Process> {
    use ProcessFields as Fields;
    let ProcessSeen { pid, at, .. } = seen;
    let mut process = Process::new(pid);
    let info = match calls::short_info(kernel, pid, false) {
        Ok(info) => Some(info),
        Err(Errno::SRCH) => return None,
        // A sandbox refuses: the process may exist.
        Err(_) => None,
    };
    let mut path = Err(Errno::NOENT);
    let is_name_cut = info.is_some_and(|info| info.name().len() == COMM_BYTES);
    if fields.intersects(Fields::PATH | Fields::WORKLOAD) || (fields.contains(Fields::NAME) && is_name_cut) {
        // A deleted executable has none.
        path = calls::path(kernel, pid);
    }
    if fields.contains(Fields::WORKLOAD) {
        let workload = workload(kernel, pid, path.as_deref().map_err(|errno| *errno));
        process.workload = Some(Box::new(workload));
    }
    if let Some(info) = &info {
        if fields.contains(Fields::NAME) {
            let comm = info.name();
            let full = path.as_deref().ok().filter(|_| is_name_cut).and_then(|path| full_name(comm, path));
            process.name = Some(kernel.os_string(full.unwrap_or(comm).to_vec()));
        }
        if fields.contains(Fields::PARENT) {
            process.parent = (info.ppid != 0).then_some(info.ppid);
        }
        if fields.intersects(Fields::UID | Fields::USER) {
            process.uid = Some(info.uid);
            process.user = users.name(info.uid);
        }
    }
    if fields.contains(Fields::START_TIME) {
        // Returned for the processes that this caller may read.
        let start = calls::bsd_info(kernel, pid).ok().map(|info| calls::start(&info));
        process.start = start;
        process.start_time =
            start.and_then(|start| SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(start)));
    }
    if fields.contains(Fields::PATH) {
        process.path = path.ok().map(|path| PathBuf::from(kernel.os_string(path)));
    }
    // Compared last: then all details are of the process that was seen.
    let is_other = at != u64::MAX && calls::unique_id(kernel, pid).is_ok_and(|now| now != at);
    (!is_other).then_some(process)
}

/// The gap of a pid that no process has, zombies included.
pub(super) fn missing_pid(kernel: &impl Kernel, pid: u32) -> Option<Gap> {
    let is_absent = matches!(calls::short_info(kernel, pid, true), Err(Errno::SRCH));
    is_absent.then(|| Gap::new(GapKind::ProcessNotFound, 1, format!("pid {pid}")))
}

/// The gap of a name that no process has. `None` too if there are processes whose name cannot be read, as in a sandbox:
/// that these are hidden is a gap of the search for owners.
pub(super) fn missing_name(kernel: &impl Kernel, name: &OsStr) -> Option<Gap> {
    let Pids { pids, is_whole } = calls::all_pids(kernel).ok()?;
    let seen: Vec<ProcessSeen> = pids.iter().map(|pid| ProcessSeen::new(*pid, u64::MAX)).collect();
    let (processes, _) = processes(kernel, &seen, ProcessFields::NAME, 1);
    let is_absent = processes.iter().all(|process| match &process.name {
        Some(full) => name != full && !is_short_name(name, full),
        // A zombie has no sockets, and is not what is asked for; the same is true of one that has ended.
        None => matches!(calls::short_info(kernel, process.pid, false), Err(Errno::SRCH)),
    });
    (is_whole && is_absent)
        .then(|| Gap::new(GapKind::ProcessNotFound, 1, format!("name {}", name.to_string_lossy())))
}

/// Sends a signal to the process with this start: compares the start, then sends the signal by pid. Between the two calls
/// the process could end and its pid be reused; macOS has no handle of a process that prevents this.
pub(super) fn signal(kernel: &impl Kernel, process: ProcessId, signal: i32) -> Result<(), Error> {
    let failed = |errno| match errno {
        Errno::SRCH => process.ended(),
        errno => process.not_signalled(errno),
    };
    let info = calls::bsd_info(kernel, process.pid()).map_err(failed)?;
    if calls::start(&info) != process.start() {
        return Err(process.ended());
    }
    calls::kill(kernel, process.pid(), signal).map_err(failed)
}

/// The name that the kernel truncated to 15 bytes, if that of the executable begins with the rest.
fn full_name<'a>(comm: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    (name.len() > comm.len() && name.starts_with(comm)).then_some(name)
}

/// Whether `name` is the truncated form of `full`.
pub(super) fn is_short_name(name: &OsStr, full: &OsStr) -> bool {
    let (name, full) = (name.as_encoded_bytes(), full.as_encoded_bytes());
    name.len() == COMM_BYTES && full.starts_with(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_name_is_completed_from_an_executable_with_the_same_beginning() {
        let whole = full_name(b"com.apple.WebKi", b"/System/com.apple.WebKit.Networking");
        assert_eq!(whole, Some(&b"com.apple.WebKit.Networking"[..]));
        assert_eq!(full_name(b"a name of my ow", b"/usr/bin/program"), None);
        assert_eq!(full_name(b"exactly15bytes!", b"/bin/exactly15bytes!"), None);
    }
}
