//! Programs that run on a terminal, whose screen the test reads.

use crate::quiet::quiet;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus};

/// Runs a program with a terminal of so many columns and rows as its standard input, output and error, and returns
/// what it wrote. Lines end in CR LF, as a terminal receives them.
///
/// # Errors
/// There is no `/dev/ptmx`; the program cannot be started.
pub fn output(mut command: Command, columns: u16, rows: u16) -> io::Result<(ExitStatus, Vec<u8>)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let terminal: OwnedFd =
        rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    tcsetwinsize(&terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?;
    command.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal);
    let window = quiet();
    let mut child = command.spawn()?;
    drop(window);
    // With it go this process's descriptors of the terminal, so that reading ends with the program.
    drop(command);
    let mut output = Vec::new();
    match File::from(master).read_to_end(&mut output) {
        // Linux reports the end of the last program on a terminal as EIO.
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::IO.raw_os_error()) => {
            return Err(error);
        }
        _ => {}
    }
    Ok((child.wait()?, output))
}
