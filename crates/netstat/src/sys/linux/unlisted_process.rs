//! Why a process that a query names has no row: there is no such process, its sockets are in another network namespace,
//! or it holds sockets of other kinds only.
//!
//! Asked only when a listing has nothing to show for the name, so that an empty list does not leave that open.

use crate::model::gap::{Gap, GapKind};
use crate::sys::linux::netns::namespace_of;
use rustix::fs::getxattr;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;

/// The extended attribute of a socket in sockfs that names its protocol: `TCP`, `UDPv6`, `UNIX-STREAM`, `NETLINK`.
///
/// # Sources
/// net/socket.c, `sockfs_xattr_handlers`; the names are those of `struct proto`, as in `/proc/net/protocols`.
const PROTOCOL_NAME: &str = "system.sockprotoname";

/// How many processes of one name are looked at.
const MAX_PROCESSES: usize = 16;

/// Whether the sockets of a network namespace, given by its number, have been listed.
type IsListed<'a> = &'a dyn Fn(u64) -> bool;

/// What is to be said of a process that has no row.
pub(crate) fn of_pid(pid: u32, is_listed: IsListed<'_>) -> Vec<Gap> {
    if !has_own_proc() {
        return Vec::new();
    }
    match thread_group(pid) {
        Some(leader) if leader == pid => of_process(pid, is_listed),
        Some(leader) => vec![not_found(format!("{pid} is a thread of process {leader}"))],
        None if is_absent(pid) => vec![not_found(format!("pid {pid}"))],
        None => Vec::new(),
    }
}

/// What is to be said of the processes with a name that have no row. `with_name`: those among these that have it.
pub(crate) fn of_name(
    name: &OsStr,
    with_name: &dyn Fn(&[u32]) -> Vec<u32>,
    is_listed: IsListed<'_>,
) -> Vec<Gap> {
    if !has_own_proc() {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids: Vec<u32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    let named = with_name(&pids);
    match named.is_empty() {
        // One that is hidden may have the name.
        true if hides_processes() => Vec::new(),
        true => vec![not_found(format!("name {}", name.to_string_lossy()))],
        false => named.into_iter().take(MAX_PROCESSES).flat_map(|pid| of_process(pid, is_listed)).collect(),
    }
}

fn not_found(source: String) -> Gap {
    Gap::new(GapKind::ProcessNotFound, 1, source)
}

/// Whether `/proc` has this process under its own pid. In another pid namespace's, a pid is that of another process.
fn has_own_proc() -> bool {
    fs::read_link("/proc/self").is_ok_and(|own| own.as_os_str() == &*std::process::id().to_string())
}

fn is_absent(pid: u32) -> bool {
    // With hidepid the kernel reports the same of processes that exist.
    fs::metadata(format!("/proc/{pid}")).is_err_and(|error| error.kind() == ErrorKind::NotFound)
        && !hides_processes()
}

/// Whether this `/proc` leaves processes out (`hidepid`): then process 1 is left out for others than root.
fn hides_processes() -> bool {
    fs::metadata("/proc/1").is_err()
}

/// The process that a task belongs to.
fn thread_group(task: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{task}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
}

fn of_process(pid: u32, is_listed: IsListed<'_>) -> Vec<Gap> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_socket =
        |path: &_| fs::read_link(path).is_ok_and(|to| to.as_os_str().as_bytes().starts_with(b"socket:["));
    let (mut listed_kinds, mut other_kinds, mut names) = (0, 0, BTreeSet::new());
    for path in paths.filter(is_socket) {
        let mut name = [0; 64];
        let Ok(length) = getxattr(&path, PROTOCOL_NAME, &mut name) else { continue };
        let name = name.get(..length).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
        if matches!(name, b"TCP" | b"TCPv6" | b"UDP" | b"UDPv6") {
            listed_kinds += 1;
        } else {
            other_kinds += 1;
            names.insert(String::from_utf8_lossy(name).into_owned());
        }
    }
    let mut gaps = Vec::new();
    if listed_kinds > 0 && is_in_other_namespace(pid, is_listed) {
        let source = format!("process {pid} is in another network namespace");
        gaps.push(Gap::new(GapKind::SocketsElsewhere, listed_kinds, source));
    }
    if listed_kinds == 0 && other_kinds > 0 {
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        gaps.push(Gap::new(GapKind::SocketsOfOtherKinds, other_kinds, format!("process {pid}: {names}")));
    }
    gaps
}

/// Whether a process is in a network namespace whose sockets have not been listed.
fn is_in_other_namespace(pid: u32, is_listed: IsListed<'_>) -> bool {
    namespace_of(&pid.to_string()).is_ok_and(|number| !is_listed(number))
}
