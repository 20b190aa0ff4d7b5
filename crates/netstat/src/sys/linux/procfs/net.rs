//! Tables read from `/proc/PID/net/{tcp,tcp6,udp,udp6}`, where `sock_diag` cannot be had.
//!
//! The files hold the same sockets, and less of each: no cookie, no interface (and so no scope of a link-local
//! address), no `v6_only`, no limit of a listener's queue. They are slow: a read brings 4 KiB at the most, and
//! that of UDP counts through its whole table again for each.
//!
//! Which network namespace they show is a matter of whose they are: `/proc/net` is that of the process's first
//! thread. So they are read as this thread's.
//!
//! Sources: proc_pid_net(5), net/ipv4/tcp_ipv4.c, net/ipv4/udp.c, fs/seq_file.c.

use crate::model::socket::{Family, Protocol};
use crate::sys::linux::dedup::{ChunkHeads, Reads};
use crate::sys::linux::rows::Rows;
use crate::sys::linux::sock_diag::details;
use crate::sys::linux::{ffi, row};
use netstat_wire::linux::proc_net::{Endian, ProcNet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read};
use std::ops::ControlFlow;
use std::time::Duration;

/// Where the files may be, best first: `thread-self` came with Linux 3.17.
const DIRECTORIES: [&str; 3] = ["/proc/thread-self/net", "/proc/self/net", "/proc/net"];

/// What one read asks for. More than the kernel gives.
const READ_BYTES: usize = 16 * 1024;

/// Longer than any line.
const LINE_BYTES: usize = 64 * 1024;

/// The seam to the kernel: opens a file by its path.
pub(crate) type Open<'a> = &'a mut dyn FnMut(&str) -> io::Result<Box<dyn Read>>;

/// Opens a file of the real kernel.
pub(crate) fn open(path: &str) -> io::Result<Box<dyn Read>> {
    Ok(Box::new(File::open(path)?))
}

/// A file that has been opened.
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

/// How the reading of a file ended.
struct Ended {
    /// Reads that brought something.
    chunks: u32,
    broken_off: bool,
}

/// Tells the rows of one file; whether there is one, which there is not where the kernel has no IPv6. Rows
/// that have been told before a failure stay told.
pub(crate) fn read(
    open: Open<'_>,
    protocol: Protocol,
    family: Family,
    rows: &mut Rows<'_>,
) -> Result<bool, Unread> {
    let (mut heads, mut reads) = (ChunkHeads::default(), Reads::default());
    let hash = RandomState::new();
    let tick = Duration::from_nanos(1_000_000_000 / ffi::ticks_per_second());
    loop {
        let Some(Opened { path, mut file }) = open_table(open, protocol, family)? else {
            return Ok(false);
        };
        let ended = each_line(&mut file, |chunk, line| {
            let Ok(record) = ProcNet::decode(line, Endian::NATIVE) else {
                rows.skipped += 1;
                return ControlFlow::Continue(());
            };
            // The inode alone does not tell one row from another: rows without a process lack it, and the connections
            // of one MPTCP socket share it. All this as one number is that of another row once in 2^64.
            let key = hash.hash_one((record.inode, record.local, record.remote));
            let is_new = match protocol {
                Protocol::Tcp => heads.is_new(chunk, key),
                Protocol::Udp => reads.is_new(key),
            };
            if !is_new {
                return ControlFlow::Continue(());
            }
            let mut row = row::row_of_line(&record, protocol);
            if !rows.details.is_empty() {
                row.details = details::details_of_line(rows.details, protocol, &record, tick);
            }
            rows.tell(row)
        });
        let ended = ended.map_err(|error| Unread { path, error })?;
        if ended.broken_off || protocol == Protocol::Tcp || !reads.again_after(ended.chunks) {
            return Ok(true);
        }
    }
}

/// Opens the file of a table; `None` where this kernel has no IPv6.
fn open_table(open: Open<'_>, protocol: Protocol, family: Family) -> Result<Option<Opened>, Unread> {
    let mut missing = None;
    for directory in DIRECTORIES {
        let path = format!("{directory}/{protocol}");
        match open(&path) {
            Ok(file) if family == Family::Ipv4 => return Ok(Some(Opened { path, file })),
            Ok(_) => {
                // The directory is there, so what is not in it is not there at all.
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

/// Hands over each line but the first, which is headings, with the number of the read that ended it.
fn each_line(file: &mut dyn Read, mut line: impl FnMut(u32, &[u8]) -> ControlFlow<()>) -> io::Result<Ended> {
    let mut ended = Ended { chunks: 0, broken_off: false };
    let mut has_heading = false;
    // What has been read and not handed over: after each round the beginning of a line.
    let mut text = Vec::new();
    loop {
        let old = text.len();
        text.resize(old + READ_BYTES, 0);
        let count = match file.read(text.get_mut(old..).unwrap_or_default()) {
            Err(error) if error.kind() == ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
            Ok(0) => {
                // A table without so much as headings is none: one that is not filled in, as in WSL 1.
                if !has_heading {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                text.truncate(old);
                ended.broken_off = old > 0 && line(ended.chunks, &text).is_break();
                return Ok(ended);
            }
            Ok(count) => {
                ended.chunks += 1;
                count
            }
        };
        text.truncate(old + count);
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        for text in text.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            if has_heading && line(ended.chunks, text).is_break() {
                ended.broken_off = true;
                return Ok(ended);
            }
            has_heading = true;
        }
        text.drain(..whole);
        if text.len() > LINE_BYTES {
            return Err(ErrorKind::InvalidData.into());
        }
    }
}
