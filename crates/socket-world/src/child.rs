//! Forked processes that hold sockets and report them.

use crate::facts::{Held, Made, SocketFacts};
use crate::ffi;
use crate::quiet::quiet;
use crate::record::Record;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, getppid, kill_process,
    set_parent_process_death_signal, waitid, waitpid,
};
use std::ffi::CString;
use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// How long a child may take to make what it holds.
const LIMIT: Duration = Duration::from_secs(120);

/// A process that holds what it reported. Dropping this value kills and reaps it.
///
/// It holds nothing else but `/dev/null` as 0, 1 and 2 and one pipe, on which it waits: when the process that made
/// it ends, for whatever reason, the pipe closes and the child ends too.
pub struct Child {
    pid: Pid,
    others: Vec<Pid>,
    control: Option<PipeWriter>,
    held: Vec<Held>,
    facts: Vec<SocketFacts>,
    numbers: Vec<u64>,
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("pid", &self.pid()).field("held", &self.held).finish_non_exhaustive()
    }
}

impl Child {
    /// Forks a process that runs `body` and then pauses, holding what `body` opened. Returns once the child pauses.
    ///
    /// `name` becomes its `comm`, at most 15 bytes. Of this process's descriptors the child keeps those in `keep`,
    /// under the same numbers, and closes the rest before `body` runs; descriptors that `body` captured and uses
    /// must be in `keep`. What it opens stays open only if it is passed to the [`Report`] (or leaked).
    ///
    /// `body` runs in a fork of a process that may have many threads: it must not take locks that another thread
    /// may have held, such as those of standard output and error.
    ///
    /// # Errors
    /// `fork` fails, `name` holds a NUL, `body` returned an error or panicked (its text is in the error), or it
    /// took longer than two minutes.
    pub fn fork(
        name: Option<&[u8]>,
        keep: &[BorrowedFd<'_>],
        body: impl FnOnce(&mut Report) -> io::Result<()>,
    ) -> io::Result<Self> {
        Self::start(name, keep, body)?.ready()
    }

    /// As [`Child::fork`], but returns while `body` still runs, so that several children build at the same time. By
    /// then the child has closed every descriptor that is not its own.
    ///
    /// # Errors
    /// `fork` fails, or `name` holds a NUL.
    pub fn start(
        name: Option<&[u8]>,
        keep: &[BorrowedFd<'_>],
        body: impl FnOnce(&mut Report) -> io::Result<()>,
    ) -> io::Result<Starting> {
        let name = name.map(CString::new).transpose()?;
        let mut keep: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).collect();
        let (mut from_child, to_parent) = io::pipe()?;
        let (from_parent, control) = io::pipe()?;
        keep.extend([to_parent.as_raw_fd(), from_parent.as_raw_fd()]);
        let parent = getpid();
        let window = quiet();
        let pid = ffi::fork_with(move || {
            let mut report = Report { to_parent: Some(to_parent), from_parent, bytes: Vec::new() };
            if !report.set_up(parent, &keep) {
                return 1;
            }
            let result = match name.map(|name| rustix::thread::set_name(&name)) {
                Some(Err(error)) => Err(error.into()),
                _ => run(&mut report, body),
            };
            match result {
                Ok(()) => report.finish_and_pause(),
                Err(error) => report.fail(&error),
            }
        })?;
        let child = Self {
            pid,
            others: Vec::new(),
            control: Some(control),
            held: Vec::new(),
            facts: Vec::new(),
            numbers: Vec::new(),
        };
        // The first byte means that the child has closed what is not its own.
        wait_readable(&from_child, Instant::now() + LIMIT)?;
        from_child.read_exact(&mut [0])?;
        drop(window);
        Ok(Starting { child, from_child })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The socket descriptors that it holds, in the order in which it reported them.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// The sockets that it made, as it described them.
    pub fn sockets(&self) -> &[SocketFacts] {
        &self.facts
    }

    /// Other numbers that it reported; the function that makes the situation documents what they mean.
    pub fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// Lets it exit without reaping it: a zombie, which holds nothing, stays until the drop.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn become_zombie(&mut self) -> io::Result<()> {
        self.control = None;
        waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        self.held.clear();
        Ok(())
    }

    /// Kills and reaps it; its descriptors are closed when this returns. The same as dropping it.
    pub fn stop(self) {}

    /// Registers a further child of this process to be killed and reaped with this one.
    pub(crate) fn adopt(&mut self, pid: Pid) {
        self.others.push(pid);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // None of them is reaped yet, so no other process has their pids.
        let all = || self.others.iter().chain([&self.pid]).copied();
        for pid in all() {
            let _ = kill_process(pid, Signal::KILL);
        }
        for pid in all() {
            let _ = retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()));
        }
    }
}

/// A child that is building; see [`Child::start`].
#[must_use]
pub struct Starting {
    child: Child,
    from_child: PipeReader,
}

impl Starting {
    /// Waits until it has made everything and reads its report.
    ///
    /// # Errors
    /// The error that the child reported; or it died or took too long, in which case it is killed.
    pub fn ready(self) -> io::Result<Child> {
        let Self { mut child, mut from_child } = self;
        let end = Instant::now() + LIMIT;
        let mut bytes = Vec::new();
        let mut chunk = vec![0; 1 << 16];
        loop {
            wait_readable(&from_child, end)?;
            match from_child.read(&mut chunk)? {
                0 => break,
                count => bytes.extend(chunk.iter().take(count)),
            }
        }
        for record in Record::all(&bytes)? {
            match record {
                Record::Held(held) => child.held.push(held),
                Record::Facts(facts) => child.facts.push(facts),
                Record::Number(number) => child.numbers.push(number),
                Record::Ready => return Ok(child),
                Record::Failed { errno: 0, text } => return Err(io::Error::other(text)),
                Record::Failed { errno, text } => {
                    let kind = io::Error::from_raw_os_error(errno).kind();
                    return Err(io::Error::new(kind, text));
                }
            }
        }
        Err(io::Error::other(format!("child {} died before it was ready", child.pid())))
    }
}

/// The child's end of the report: what it holds and what it made.
pub struct Report {
    /// Closed when the report is complete.
    to_parent: Option<PipeWriter>,
    from_parent: PipeReader,
    bytes: Vec<u8>,
}

impl Report {
    /// Reports a descriptor of a socket that the child has open and keeps open.
    ///
    /// # Errors
    /// It is not open, or the parent is gone.
    pub fn held(&mut self, fd: impl AsFd) -> io::Result<Held> {
        let held = Held::of(fd)?;
        self.put(&Record::Held(held));
        self.flush_when_large()?;
        Ok(held)
    }

    /// Reports a descriptor held by another process, or by a thread with a descriptor table of its own.
    pub(crate) fn held_as(&mut self, held: Held) {
        self.put(&Record::Held(held));
    }

    /// Reports a descriptor of a socket and leaves it open for the rest of the child's life.
    ///
    /// # Errors
    /// As [`Report::held`].
    pub fn keep(&mut self, fd: impl Into<OwnedFd>) -> io::Result<Held> {
        let fd = fd.into();
        let held = self.held(&fd)?;
        let _: RawFd = fd.into_raw_fd();
        Ok(held)
    }

    /// Leaves a descriptor open without a report: one that is not of a socket.
    pub fn keep_unreported(&mut self, fd: impl Into<OwnedFd>) {
        let _: RawFd = fd.into().into_raw_fd();
    }

    /// Reports the facts of a socket.
    ///
    /// # Errors
    /// The parent is gone.
    pub fn socket(&mut self, facts: SocketFacts) -> io::Result<()> {
        self.put(&Record::Facts(facts));
        self.flush_when_large()
    }

    /// Reports all sockets and descriptors of a situation, and keeps them open.
    ///
    /// # Errors
    /// As [`Report::held`].
    pub fn made(&mut self, made: Made) -> io::Result<()> {
        for facts in made.facts {
            self.socket(facts)?;
        }
        for fd in made.sockets {
            self.keep(fd)?;
        }
        Ok(())
    }

    /// Reports a number, whose meaning is agreed between the body and its caller.
    ///
    /// # Errors
    /// The parent is gone.
    pub fn number(&mut self, number: u64) -> io::Result<()> {
        self.put(&Record::Number(number));
        self.flush_when_large()
    }

    /// Waits for `limit` at most. Returns whether the parent has ended or released the child. For bodies that keep
    /// working.
    pub(crate) fn is_over_within(&self, limit: Duration) -> bool {
        is_readable(&self.from_parent, limit).unwrap_or(true)
    }

    /// Reports that everything is made, closes the report, and pauses until the parent releases the child.
    pub(crate) fn finish_and_pause(&mut self) -> ! {
        if self.finish().is_err() {
            ffi::exit_now(1);
        }
        self.pause()
    }

    /// Reports that everything is made; the parent continues.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.put(&Record::Ready);
        self.flush()?;
        // The parent-death signal is sent when the *thread* that forked ends. Now the pipe replaces it for the
        // whole process, so that a child made in one test can be used in others.
        set_parent_process_death_signal(None)?;
        // The parent reads to the end.
        self.to_parent = None;
        Ok(())
    }

    /// Reports an error, and ends.
    pub(crate) fn fail(&mut self, error: &io::Error) -> ! {
        let unsupported = rustix::io::Errno::OPNOTSUPP.raw_os_error();
        let errno = match error.raw_os_error() {
            Some(errno) => errno,
            None if error.kind() == io::ErrorKind::Unsupported => unsupported,
            None => 0,
        };
        self.put(&Record::Failed { errno, text: error.to_string() });
        // If the parent is gone, there is no reader.
        let _ = self.flush();
        ffi::exit_now(1)
    }

    /// Pauses without a report: a copy of this process, whose own pipe would keep that of the report open.
    pub(crate) fn pause_silently(&mut self) -> ! {
        self.to_parent = None;
        self.pause()
    }

    /// Waits until the parent releases the child, and ends.
    pub(crate) fn pause(&self) -> ! {
        let mut byte = [0];
        loop {
            match (&self.from_parent).read(&mut byte) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => ffi::exit_now(0),
            }
        }
    }

    /// The first steps of a child. Returns whether it may continue.
    fn set_up(&mut self, parent: Pid, keep: &[RawFd]) -> bool {
        if set_parent_process_death_signal(Some(Signal::KILL)).is_err() || getppid() != Some(parent) {
            return false;
        }
        ffi::close_all_but(keep);
        // So that a reader of the parent's output does not wait for the child before it sees the end.
        if let Ok(null) = std::fs::File::options().read(true).write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stdin(&null);
            let _ = rustix::stdio::dup2_stdout(&null);
            let _ = rustix::stdio::dup2_stderr(&null);
        }
        // The default hook writes to standard error, whose lock another thread may have held at the fork.
        std::panic::set_hook(Box::new(|_| {}));
        self.bytes.push(b'C');
        self.flush().is_ok()
    }

    fn put(&mut self, record: &Record) {
        record.put(&mut self.bytes);
    }

    fn flush_when_large(&mut self) -> io::Result<()> {
        if self.bytes.len() < 1 << 15 { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let to_parent = self.to_parent.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let result = to_parent.write_all(&self.bytes);
        self.bytes.clear();
        result
    }
}

/// Runs the body; a panic becomes an error with its text.
fn run(report: &mut Report, body: impl FnOnce(&mut Report) -> io::Result<()>) -> io::Result<()> {
    let body = std::panic::AssertUnwindSafe(|| body(report));
    std::panic::catch_unwind(body).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no text");
        Err(io::Error::other(format!("the body panicked: {text}")))
    })
}

fn is_readable(fd: impl AsFd, limit: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&limit)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn wait_readable(fd: impl AsFd, end: Instant) -> io::Result<()> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if is_readable(&fd, left)? {
            return Ok(());
        }
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "a child did not get ready in time"));
        }
    }
}
