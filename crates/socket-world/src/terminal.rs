//! Programs that run on a terminal, whose screen the test reads.

use crate::quiet::quiet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

pub use rustix::process::Signal;

/// A program on a terminal of its own, with which the test talks. Dropping this value kills it.
#[derive(Debug)]
pub struct Session {
    child: Child,
    master: File,
    output: Vec<u8>,
    is_over: bool,
}

impl Session {
    /// Starts a program with a terminal of so many columns and rows as its standard input, output and error.
    ///
    /// # Errors
    /// There is no `/dev/ptmx`; the program cannot be started.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let terminal: OwnedFd =
            rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        tcsetwinsize(&terminal, size(columns, rows))?;
        command.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal);
        let window = quiet();
        let child = command.spawn()?;
        drop(window);
        // With it go this process's descriptors of the terminal, so that reading ends with the program.
        drop(command);
        Ok(Self { child, master: File::from(master), output: Vec::new(), is_over: false })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types these bytes.
    ///
    /// # Errors
    /// The terminal has ended.
    pub fn type_in(&mut self, keys: &[u8]) -> io::Result<()> {
        self.master.write_all(keys)
    }

    /// What the program has written. Lines end in CR LF, as a terminal receives them.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Reads until what the program has written is as it should be, for so long at most, or until the program has ended.
    /// Returns whether it is.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn read_until(
        &mut self,
        limit: Duration,
        mut is_there: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<bool> {
        let end = Instant::now() + limit;
        while !is_there(&self.output) {
            let left = end.saturating_duration_since(Instant::now());
            if self.is_over || left.is_zero() {
                return Ok(false);
            }
            let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
            if retry_on_intr(|| poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&left)))? > 0 {
                self.read()?;
            }
        }
        Ok(true)
    }

    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; 1 << 14];
        match self.master.read(&mut chunk) {
            Ok(count) => {
                self.is_over = count == 0;
                self.output.extend(chunk.iter().take(count));
            }
            // Linux reports the end of the last program on a terminal as EIO.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                self.is_over = true;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Gives the terminal another size. The program gets the signal, as from the terminal that controls it.
    ///
    /// # Errors
    /// The program has ended.
    pub fn resize(&self, columns: u16, rows: u16) -> io::Result<()> {
        tcsetwinsize(&self.master, size(columns, rows))?;
        self.signal(Signal::WINCH)
    }

    /// Sends the program a signal.
    ///
    /// # Errors
    /// The program has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("no pid"))?;
        Ok(kill_process(pid, signal)?)
    }

    /// The attributes of the terminal, which a program that changes them has to restore.
    ///
    /// # Errors
    /// The terminal has ended.
    pub fn attributes(&self) -> io::Result<Termios> {
        Ok(tcgetattr(&self.master)?)
    }

    /// Reads to the end. Returns how the program ended, and all that it wrote.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn finish(mut self) -> io::Result<(ExitStatus, Vec<u8>)> {
        while !self.is_over {
            self.read()?;
        }
        Ok((self.child.wait()?, std::mem::take(&mut self.output)))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// Runs a program with a terminal of so many columns and rows as its standard input, output and error, and returns
/// what it wrote. Lines end in CR LF, as a terminal receives them.
///
/// # Errors
/// There is no `/dev/ptmx`; the program cannot be started.
pub fn output(command: Command, columns: u16, rows: u16) -> io::Result<(ExitStatus, Vec<u8>)> {
    Session::start(command, columns, rows)?.finish()
}
