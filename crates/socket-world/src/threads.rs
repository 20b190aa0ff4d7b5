//! Threads with descriptors that their process does not show: they are seen only under `/proc/PID/task/TID/fd`.

use crate::child::Child;
use crate::facts::{Held, Made};
use crate::{ffi, quiet, wait_until};
use rustix::thread::gettid;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

fn my_tid() -> u32 {
    gettid().as_raw_nonzero().get().unsigned_abs()
}

/// A thread of this process with a descriptor table of its own, and sockets that are in that table alone. Dropping
/// it ends the thread and closes them.
#[derive(Debug)]
pub struct OwnTable {
    tid: u32,
    held: Vec<Held>,
    facts: Vec<crate::SocketFacts>,
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl OwnTable {
    /// The id of the thread.
    pub fn tid(&self) -> u32 {
        self.tid
    }

    /// What it holds: the pid is that of this process, the descriptors are those of the thread's table.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// The sockets that it made.
    pub fn sockets(&self) -> &[crate::SocketFacts] {
        &self.facts
    }
}

impl Drop for OwnTable {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // It may have panicked only in `make`, and that was reported at the time.
            let _ = thread.join();
        }
    }
}

/// Starts a thread that leaves this process's descriptor table (`unshare(CLONE_FILES)`), closes its copies (all but
/// 0, 1 and 2), and makes sockets with `make`.
///
/// # Errors
/// The thread cannot be started or cannot unshare its table, or the error of `make`.
pub fn own_table(make: impl FnOnce() -> io::Result<Made> + Send + 'static) -> io::Result<OwnTable> {
    let (sender, receiver) = channel();
    let (end, ended) = channel::<()>();
    let window = quiet();
    let thread = Builder::new().name("own-table".into()).spawn(move || {
        let made = ffi::unshare_files().and_then(|()| {
            ffi::close_all_but(&[]);
            let made = make()?;
            let held = made.held()?;
            Ok((made, held))
        });
        match made {
            Ok((made, held)) => {
                let Made { sockets, facts } = made;
                let _ = sender.send(Ok((my_tid(), held, facts)));
                // Until the guard drops its end.
                let _ = ended.recv();
                drop(sockets);
            }
            Err(error) => drop(sender.send(Err(error))),
        }
    })?;
    let made = receiver.recv().map_err(|_| io::Error::other("the thread panicked"));
    drop(window);
    let (tid, held, facts) = made??;
    Ok(OwnTable { tid, held, facts, end: Some(end), thread: Some(thread) })
}

/// A process whose first thread has exited while another holds sockets.
#[derive(Debug)]
pub struct ExitedLeader {
    child: Child,
    tid: u32,
}

impl ExitedLeader {
    /// The process; its `/proc/PID/fd` is empty, but it holds the sockets.
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// The thread that still runs: its `/proc/PID/task/TID/fd` shows the descriptors.
    pub fn tid(&self) -> u32 {
        self.tid
    }
}

/// Starts a process in which a second thread makes sockets with `make` and the first exits.
///
/// # Errors
/// As [`Child::fork`]; the first thread does not exit in time.
pub fn exited_leader(
    name: Option<&[u8]>,
    make: impl FnOnce() -> io::Result<Made> + Send,
) -> io::Result<ExitedLeader> {
    let child = Child::fork(name, &[], |report| {
        std::thread::scope(|scope| {
            let work = move || {
                let result =
                    make().and_then(|made| report.made(made)).and_then(|()| report.number(my_tid().into()));
                match result {
                    Ok(()) => report.finish_and_pause(),
                    Err(error) => report.fail(&error),
                }
            };
            match Builder::new().spawn_scoped(scope, work) {
                Ok(_) => ffi::exit_thread(),
                Err(error) => Err(error),
            }
        })
    })?;
    let tid = child.numbers().first().and_then(|&tid| u32::try_from(tid).ok());
    let tid = tid.ok_or_else(|| io::Error::other("no thread id was reported"))?;
    let pid = child.pid();
    let is_gone = || {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.iter().rposition(|&byte| byte == b')').map_or(0, |at| at + 2);
        stat.get(after) == Some(&b'Z')
    };
    if wait_until(Duration::from_secs(10), is_gone) {
        Ok(ExitedLeader { child, tid })
    } else {
        Err(io::Error::new(io::ErrorKind::TimedOut, "the first thread did not exit"))
    }
}
