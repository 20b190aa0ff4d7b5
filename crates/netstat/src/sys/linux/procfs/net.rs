//! Tables read from `/proc/PID/net/{tcp,udp,udplite,raw,icmp}` and their sisters for IPv6 (`tcp6` ...), where
//! `sock_diag` cannot be used or, for ping sockets, does not list them.
//!
//! The files hold the same sockets with fewer fields: no cookie, no interface (and so no scope of a link-local
//! address), no `v6_only`, no limit of a listener's queue. They are slow: a read returns 4 KiB at most, and each read
//! of UDP's file counts through the whole table from its start.
//!
//! `/proc/net` shows the network namespace of the process's first thread. So the files are read as those of this
//! thread.
//!
//! Sources: proc_pid_net(5), net/ipv4/tcp_ipv4.c, net/ipv4/udp.c, fs/seq_file.c.

use crate::engine::tables::TableRows;
use crate::model::details::DetailFields;
use crate::model::family::Family;
use crate::model::protocol::Protocol;
use crate::sys::linux::clock::NANOSECONDS_PER_TICK;
use crate::sys::linux::dedup::Dedup;
use crate::sys::linux::protocols::ProtocolInfo;
use crate::sys::linux::{details, raw, row};
use netstat_wire::linux::proc_net::{Endian, ProcNet};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

/// The directories of these files, best first: `thread-self` exists since Linux 3.17.
pub(super) const DIRECTORIES: [&str; 3] = ["/proc/thread-self/net", "/proc/self/net", "/proc/net"];

/// The size of one read: more than the kernel returns.
const READ_BYTES: usize = 16 * 1024;

/// Longer than any line.
const LINE_BYTES: usize = 64 * 1024;

/// The seam to the kernel: opens a file by its path.
pub(crate) type Open<'a> = &'a mut dyn FnMut(&str) -> io::Result<Box<dyn Read>>;

/// Opens a file of the real kernel.
pub(crate) fn open(path: &str) -> io::Result<Box<dyn Read>> {
    Ok(Box::new(open_file(path)?))
}

/// The same as a file.
pub(crate) fn open_file(path: &str) -> io::Result<File> {
    // Does not wait for the writer of a FIFO that may be mounted over the file.
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// An open file.
struct Opened {
    path: String,
    file: Box<dyn Read>,
}

/// A file that could not be read, and why.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) path: String,
    pub(crate) error: io::Error,
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.error)
    }
}

/// Reads the table of one family, which is absent if the kernel has no IPv6. Rows that were emitted before a failure
/// stay.
pub(crate) fn read(
    open: Open<'_>,
    info: &ProtocolInfo,
    family: Family,
    wanted: DetailFields,
    rows: &mut TableRows<'_>,
) -> Result<(), Unread> {
    let mut dedup = Dedup::new(info.repeats);
    // Where the position in the table is not that of a row any more, `tcp_seq_start` counts rows from the start: at the end of
    // the file as many of the last rows come again as sockets were opened before them.
    let mut seen = HashSet::new();
    let hash = RandomState::new();
    let tick = Duration::from_nanos(NANOSECONDS_PER_TICK);
    loop {
        let Some(Opened { path, file }) = open_table(open, info, family)? else {
            rows.absent = true;
            return Ok(());
        };
        let mut lines = Lines::new(file);
        loop {
            let line = match lines.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => return Err(Unread { path, error }),
            };
            let Ok(record) = ProcNet::decode(line.text, Endian::NATIVE) else {
                rows.skipped += 1;
                continue;
            };
            // The inode alone does not identify a row: rows without a process lack it, and the connections of one MPTCP
            // socket share it. The hash of all this is that of another row once in 2^64.
            let key = hash.hash_one((record.inode, record.local, record.remote));
            if !dedup.is_new(line.chunk, key) || !seen.insert(key) {
                continue;
            }
            let mut row = match info.protocol {
                Protocol::Raw(_) | Protocol::Icmp => raw::row_of_line(&record, info),
                _ => row::row_of_line(&record, info),
            };
            if !wanted.is_empty() {
                row.set_details(details::details_of_line(wanted, info, &record, tick));
            }
            if rows.emit(row).is_break() {
                return Ok(());
            }
        }
        if !dedup.needs_another_read(lines.chunks) {
            return Ok(());
        }
    }
}

/// Opens the file of a table; `None` where this kernel has no IPv6.
fn open_table(open: Open<'_>, info: &ProtocolInfo, family: Family) -> Result<Option<Opened>, Unread> {
    let Some(name) = info.proc_file else {
        let path = format!("/proc/net ({})", info.protocol);
        return Err(Unread { path, error: ErrorKind::Unsupported.into() });
    };
    let mut missing = None;
    for directory in DIRECTORIES {
        let path = format!("{directory}/{name}");
        match open(&path) {
            Ok(file) if family == Family::Ipv4 => return Ok(Some(Opened { path, file })),
            Ok(_) => {
                // This directory has the IPv4 table, so no other one has a file that it lacks.
                let path = format!("{path}6");
                return match open(&path) {
                    Ok(file) => Ok(Some(Opened { path, file })),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(Unread { path, error }),
                };
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                missing.get_or_insert(Unread { path, error });
            }
            Err(error) => return Err(Unread { path, error }),
        }
    }
    missing.map_or(Ok(None), Err)
}

/// The longest text that is read as a whole: a million unix sockets with long names.
const WHOLE_BYTES: u64 = 256 * 1024 * 1024;

/// Reads the whole text of a file below these directories.
pub(crate) fn read_whole(open: Open<'_>, name: &str) -> Result<Vec<u8>, Unread> {
    let mut missing = None;
    for directory in DIRECTORIES {
        let path = format!("{directory}/{name}");
        let read = open(&path).and_then(|file| {
            let mut text = Vec::new();
            let length = file.take(WHOLE_BYTES).read_to_end(&mut text)?;
            if u64::try_from(length).is_ok_and(|length| length >= WHOLE_BYTES) {
                return Err(ErrorKind::FileTooLarge.into());
            }
            // A file without a heading is not a table: WSL 1 has such empty files.
            if text.is_empty() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(text) }
        });
        match read {
            Ok(text) => return Ok(text),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                missing.get_or_insert(Unread { path, error });
            }
            Err(error) => return Err(Unread { path, error }),
        }
    }
    let path = format!("/proc/net/{name}");
    Err(missing.unwrap_or(Unread { path, error: ErrorKind::NotFound.into() }))
}

/// One line of a file.
pub(super) struct Line<'a> {
    /// The number of the read that ended it, from 1.
    chunk: u32,
    pub(super) text: &'a [u8],
}

/// The lines of a file but the first, which is the heading.
pub(super) struct Lines {
    file: Box<dyn Read>,
    /// The text read so far, from the start of a line.
    text: Vec<u8>,
    /// Where in it the next line starts.
    next: usize,
    has_heading: bool,
    /// Reads that returned something.
    chunks: u32,
}

impl Lines {
    pub(super) fn new(file: Box<dyn Read>) -> Self {
        Self { file, text: Vec::new(), next: 0, has_heading: false, chunks: 0 }
    }

    /// The next line; `None` at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let line = self.advance()?;
        Ok(line.map(|line| Line { chunk: self.chunks, text: self.text.get(line).unwrap_or_default() }))
    }

    /// Finds the next line, and returns where in the text it is.
    fn advance(&mut self) -> io::Result<Option<Range<usize>>> {
        loop {
            let rest = self.text.get(self.next..).unwrap_or_default();
            if let Some(newline) = rest.iter().position(|byte| *byte == b'\n') {
                let line = self.next..self.next + newline + 1;
                self.next = line.end;
                if self.has_heading {
                    return Ok(Some(line));
                }
                self.has_heading = true;
                continue;
            }
            if rest.len() > LINE_BYTES {
                return Err(ErrorKind::InvalidData.into());
            }
            if !self.read()? {
                // A file without a heading is not a table: WSL 1 has such empty files.
                if !self.has_heading {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                let line = self.next..self.text.len();
                self.next = line.end;
                return Ok((!line.is_empty()).then_some(line));
            }
        }
    }

    /// Reads more. False at the end of the file.
    fn read(&mut self) -> io::Result<bool> {
        self.text.drain(..self.next);
        self.next = 0;
        let old = self.text.len();
        self.text.resize(old + READ_BYTES, 0);
        let result = loop {
            match self.file.read(self.text.get_mut(old..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let count = *result.as_ref().unwrap_or(&0);
        self.text.truncate(old + count);
        self.chunks += u32::from(count > 0);
        result.map(|count| count > 0)
    }
}
