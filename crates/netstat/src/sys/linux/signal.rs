//! Sends a signal to one process, never to a later one with the same pid.
//!
//! A pidfd refers permanently to the process that had the pid when it was opened. If that process has the expected
//! start time, it is the right one: a process that started later has another.
//!
//! Sources: pidfd_open(2), pidfd_send_signal(2), kernel/pid.c, kernel/signal.c.

use super::ffi;
use super::procfs::{Proc, Procfs};
use crate::model::error::Error;
use crate::model::process_id::ProcessId;
use netstat_wire::linux::proc_pid_stat::Stat;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use std::os::fd::{AsFd, OwnedFd};

pub(super) fn signal(process: ProcessId, signal: i32) -> Result<(), Error> {
    let target = open(process)?;
    ffi::pidfd_send_signal(target.as_fd(), signal).map_err(|errno| failure(process, errno))
}

/// Whether the process has ended. A pidfd is readable from the end of the last thread on, before the parent has waited for
/// the process; the state in `/proc` is that of the main thread, which may end before the others.
pub(super) fn has_ended(process: ProcessId) -> Result<bool, Error> {
    let target = match open(process) {
        Err(error) if error.is_not_found() => return Ok(true),
        target => target?,
    };
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut ready = [PollFd::new(&target, PollFlags::IN)];
    let count = retry_on_intr(|| poll(&mut ready, Some(&at_once)));
    Ok(count.map_err(|errno| failure(process, errno))? > 0)
}

/// A descriptor of this very process.
fn open(process: ProcessId) -> Result<OwnedFd, Error> {
    let target = ffi::pidfd_open(process.pid()).map_err(|errno| match errno {
        // The pid is now that of a thread, which is no process.
        Errno::INVAL | Errno::NOENT => process.ended(),
        errno => failure(process, errno),
    })?;
    if start_of(process.pid()).map_err(|errno| failure(process, errno))? != process.start() {
        return Err(process.ended());
    }
    Ok(target)
}

fn failure(process: ProcessId, errno: Errno) -> Error {
    match errno {
        Errno::SRCH => process.ended(),
        errno => process.not_signalled(errno),
    }
}

/// When the process with this pid started, in ticks since boot.
fn start_of(pid: u32) -> Result<u64, Errno> {
    let mut text = Vec::new();
    Proc::open()?.read(&format!("{pid}/stat"), &mut text).map_err(|errno| match errno {
        // The process has exited.
        Errno::NOENT => Errno::SRCH,
        errno => errno,
    })?;
    Ok(Stat::decode(&text).map_err(|_| Errno::BADMSG)?.start_time_ticks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command};

    /// A child that ends by itself if the test fails before it does.
    fn child() -> (Child, ProcessId) {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        (child, ProcessId::new(pid, start_of(pid).unwrap()))
    }

    #[test]
    fn live_signal_reaches_the_process_that_is_meant() {
        let (mut child, id) = child();
        assert!(signal(id, 0).is_ok());
        signal(id, 15).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(15));
        let ended = signal(id, 15).unwrap_err();
        assert!(ended.is_not_found(), "{ended}");
        assert_eq!(ended.to_string(), format!("cannot signal process {}: the process has ended", id.pid()));
    }

    #[test]
    fn live_process_that_only_has_the_pid_is_left_alone() {
        let (mut child, id) = child();
        for start in [id.start() - 1, id.start() + 1, 0] {
            assert!(signal(ProcessId::new(id.pid(), start), 9).unwrap_err().is_not_found());
        }
        assert!(child.try_wait().unwrap().is_none(), "it was hit");
        signal(id, 9).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn live_process_has_ended_before_its_parent_has_waited_for_it() {
        let (mut child, id) = child();
        assert!(!has_ended(id).unwrap());
        assert!(has_ended(ProcessId::new(id.pid(), id.start() + 1)).unwrap(), "another one with the pid");
        child.kill().unwrap();
        // The signal is on its way.
        let mut tries = (0..2_000).map(|_| std::thread::sleep(std::time::Duration::from_millis(5)));
        assert!(tries.any(|()| has_ended(id).unwrap()));
        assert!(signal(id, 0).is_ok(), "it is a zombie, which takes signals");
        child.wait().unwrap();
        assert!(has_ended(id).unwrap());
    }

    #[test]
    fn live_signal_that_does_not_exist_and_pid_that_cannot_are_errors() {
        let (mut child, id) = child();
        let error = signal(id, 4711).unwrap_err();
        assert_eq!((error.raw_os_error(), error.is_not_found()), (Some(libc::EINVAL), false), "{error}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(signal(ProcessId::new(u32::MAX, 1), 0).unwrap_err().is_not_found());
        assert!(signal(ProcessId::new(0, 1), 0).unwrap_err().is_not_found());
    }
}
