//! Why a process that a query names has no row: there is no such process, its sockets are in another network namespace or
//! in no table, or it holds sockets of other kinds only.
//!
//! Asked only when a listing has nothing to show for the name, so that an empty list does not leave that open.

use crate::model::gap::{Gap, GapKind};
use crate::model::process::Process;
use crate::model::protocol_kind::ProtocolKind;
use crate::query::Query;
use crate::sys::linux::owners::walk::{Hidden, is_nested, is_of_other_namespace};
use crate::sys::linux::procfs::program_name::is_named;
use crate::sys::linux::procfs::{File, Procfs};
use crate::sys::linux::unlisted_socket::kind_and_family_named;
use netstat_wire::linux::proc_pid_fd::network_namespace;
use rustix::io::Errno;
use std::ffi::OsStr;

/// How many processes of one name are looked at.
const MAX_PROCESSES: usize = 16;

/// What has been listed.
#[derive(Copy, Clone)]
pub(crate) struct Listing<'a> {
    pub(crate) query: &'a Query,
    /// Whether the sockets of a network namespace, given by its number, are in it.
    pub(crate) has_netns: &'a dyn Fn(u64) -> bool,
}

/// How many descriptors are looked at in all of them: a process may have a million.
const MAX_DESCRIPTORS: u64 = 1 << 16;

/// What is to be said of a process that has no row.
pub(crate) fn of_pid(procfs: &impl Procfs, pid: u32, listing: Listing<'_>) -> Vec<Gap> {
    if is_of_other_namespace(procfs) {
        return Vec::new();
    }
    match thread_group(procfs, pid) {
        Some(leader) if leader == pid => of_processes(procfs, &[pid], listing),
        Some(leader) => vec![not_found(format!("{pid} is a thread of process {leader}"))],
        // With hidepid the kernel reports the same of processes that exist.
        None if is_absent(procfs, pid) && is_absent(procfs, 1) => vec![hidden(Hidden::Mount)],
        None if is_absent(procfs, pid) => vec![not_found(format!("pid {pid}"))],
        // Its descriptors are refused too, which is a gap of the search for owners.
        None => Vec::new(),
    }
}

/// What is to be said of the processes with a name that have no row. `describe` reads what the names of processes are
/// compared with.
pub(crate) fn of_name(
    procfs: &impl Procfs,
    name: &OsStr,
    describe: &dyn Fn(&[u32]) -> Vec<Process>,
    listing: Listing<'_>,
) -> Vec<Gap> {
    if is_of_other_namespace(procfs) {
        return Vec::new();
    }
    let pids = match procfs.pids() {
        Ok(pids) => pids,
        Err(errno) => {
            let source = format!("/proc: {}", std::io::Error::from(errno));
            return vec![Gap::new(GapKind::ProcessListUnavailable, 1, source)];
        }
    };
    let (mut named, mut unread) = (Vec::new(), 0);
    for process in describe(&pids) {
        match is_named(name, &process) {
            Some(true) => named.push(process.pid),
            // One that has ended has no name any more.
            None if !is_absent(procfs, process.pid) => unread += 1,
            _ => {}
        }
    }
    if !named.is_empty() {
        return of_processes(procfs, &named, listing);
    }
    if unread > 0 {
        return vec![Gap::new(GapKind::ProcessesUnreadable, unread, "/proc/<pid>/stat")];
    }
    // One that is not shown may have the name.
    if is_absent(procfs, 1) {
        return vec![hidden(Hidden::Mount)];
    }
    let scope = if is_nested(procfs) { " in this pid namespace" } else { "" };
    vec![not_found(format!("name {}{scope}", name.to_string_lossy()))]
}

fn not_found(source: String) -> Gap {
    Gap::new(GapKind::ProcessNotFound, 1, source)
}

fn hidden(why: Hidden) -> Gap {
    Gap::new(GapKind::ProcessesHidden, 1, why.source())
}

/// Whether `/proc` shows no such process. If not even process 1, it leaves processes out (`hidepid`).
fn is_absent(procfs: &impl Procfs, pid: u32) -> bool {
    procfs.user(pid) == Err(Errno::NOENT)
}

/// The process that a task belongs to.
fn thread_group(procfs: &impl Procfs, task: u32) -> Option<u32> {
    let mut status = Vec::new();
    procfs.read(&format!("{task}/status"), &mut status).ok()?;
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Tgid:"))?;
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}

fn of_processes(procfs: &impl Procfs, pids: &[u32], listing: Listing<'_>) -> Vec<Gap> {
    let (mut gaps, mut budget, mut skipped) = (Vec::new(), MAX_DESCRIPTORS, 0);
    for (number, pid) in pids.iter().enumerate() {
        let descriptors = procfs.sizes(*pid).ok().and_then(|sizes| sizes.descriptors).unwrap_or(1);
        match budget.checked_sub(descriptors) {
            Some(rest) if number < MAX_PROCESSES => {
                budget = rest;
                gaps.extend(of_process(procfs, *pid, listing));
            }
            _ => skipped += 1,
        }
    }
    if skipped > 0 {
        gaps.push(Gap::new(GapKind::ProcessesSkipped, skipped, "kinds of sockets in /proc/<pid>/fd"));
    }
    gaps
}

fn of_process(procfs: &impl Procfs, pid: u32, listing: Listing<'_>) -> Vec<Gap> {
    let mut sockets = Vec::new();
    let read = procfs.files(pid, None, &mut |fd, file| {
        if matches!(file, File::Socket(_)) {
            sockets.push(fd);
        }
    });
    if read.is_err() {
        return Vec::new();
    }
    let wanted: Vec<ProtocolKind> = listing.query.wanted_protocols().collect();
    let (mut listed_kinds, mut certain, mut other_kinds, mut names) = (0, 0, 0, Vec::<String>::new());
    for fd in sockets {
        let Ok(name) = procfs.socket_protocol(pid, None, fd, None) else { continue };
        let (kind, family) = kind_and_family_named(&name);
        if wanted.contains(&kind) {
            listed_kinds += 1;
            certain += u64::from(listing.query.filter.takes_all_owned(kind, family));
        } else {
            other_kinds += 1;
            let name = String::from_utf8_lossy(&name);
            if let Err(place) = names.binary_search_by(|known| known.as_str().cmp(&name)) {
                names.insert(place, name.into_owned());
            }
        }
    }
    let mut gaps = Vec::new();
    if listed_kinds > 0 && is_in_other_namespace(procfs, pid, listing) {
        let source = format!("process {pid} is in another network namespace");
        gaps.push(Gap::new(GapKind::SocketsElsewhere, listed_kinds, source));
    } else if certain > 0 {
        // They were made in another namespace, or are bound to nothing.
        let source = format!("sockets of process {pid} are in none of the listed tables");
        gaps.push(Gap::new(GapKind::SocketsElsewhere, certain, source));
    }
    if listed_kinds == 0 && other_kinds > 0 {
        let names = names.join(", ");
        gaps.push(Gap::new(GapKind::SocketsOfOtherKinds, other_kinds, format!("process {pid}: {names}")));
    }
    gaps
}

/// Whether a process is in a network namespace whose sockets have not been listed.
fn is_in_other_namespace(procfs: &impl Procfs, pid: u32, listing: Listing<'_>) -> bool {
    let link = procfs.link(&format!("{pid}/ns/net")).ok();
    link.and_then(|link| network_namespace(&link)).is_some_and(|number| !(listing.has_netns)(number))
}
