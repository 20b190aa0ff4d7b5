//! Tables of a network namespace from `/proc/PID/net` of a process that lives there.

use crate::sys::linux::procfs::net;
use netstat_wire::linux::proc_pid_fd::network_namespace;
use rustix::fs::readlink;
use rustix::io::Errno;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

/// The directory of the calling thread's tables.
pub(crate) const OWN_DIRECTORY: &str = "/proc/thread-self/net";

/// The number of the network namespace in which a process lives.
pub(crate) fn namespace_of(process: &str) -> Result<u64, Errno> {
    let link = readlink(format!("/proc/{process}/ns/net"), Vec::new())?;
    network_namespace(link.as_bytes()).ok_or(Errno::INVAL)
}

/// A number that all processes of one network namespace share and no others: the inode of a file in `/proc/PID/net`, which
/// any user may look at. It is not the number of the namespace.
pub(crate) fn group_of(process: &str) -> io::Result<u64> {
    Ok(std::fs::metadata(format!("/proc/{process}/net/dev"))?.ino())
}

/// Opens a file of one of these processes, as long as it lives in the namespace with this number. `path`: that of the
/// calling thread's file.
pub(crate) fn open(pids: &[u32], number: u64, path: &str) -> io::Result<Box<dyn Read>> {
    let file = path.strip_prefix(OWN_DIRECTORY).unwrap_or(path);
    let lives_there = |pid: &u32| namespace_of(&pid.to_string()) == Ok(number);
    for pid in pids.iter().filter(|pid| lives_there(pid)) {
        let opened = net::open(&format!("/proc/{pid}/net{file}"));
        // The file is of the namespace in which the process was when it was opened.
        if lives_there(pid) {
            return opened;
        }
    }
    // Not `NotFound`, which means that the kernel has no such table.
    Err(Errno::SRCH.into())
}
