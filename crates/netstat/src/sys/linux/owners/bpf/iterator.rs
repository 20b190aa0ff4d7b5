//! Loading a program of the iterator kind, and reading what it writes.

use super::ffi;
use super::program::Program;
use super::refused::Refused;
use crate::sys::linux::clock::nanoseconds_since_boot;
use crate::sys::linux::errno::errno_of;
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

/// The kernel writes into 8 pages, of 64 KiB at the most, between two reads. Each read is to take all of it: what
/// it left would be older than the next read, and memory that no read fills is never touched.
const READ_BYTES: usize = 8 * 64 * 1024;

/// How often reads are repeated that failed for the time being. The kernel breaks off (`EAGAIN`) after a million
/// descriptors of which none is a socket, and goes on from there.
const MAX_RETRIES: u32 = 1000;

/// Loads a program and attaches it; the link, which is returned, holds it from there on.
pub(super) fn attach(name: &[u8; 16], program: &Program) -> Result<OwnedFd, Refused> {
    let loaded = ffi::load_iterator(name, &program.instructions, program.attach_to, &mut []);
    let loaded = loaded.map_err(|errno| Refused::errno("bpf(BPF_PROG_LOAD)", errno))?;
    ffi::link_iterator(loaded.as_fd()).map_err(|errno| Refused::errno("bpf(BPF_LINK_CREATE)", errno))
}

/// Runs a program once and hands over what it writes, in records of `N` bytes.
pub(super) fn run<const N: usize>(link: &OwnedFd, each: &mut dyn FnMut(u64, [u8; N])) -> Result<(), Errno> {
    records(File::from(ffi::start_iterator(link.as_fd())?), each)
}

/// Reads records of `N` bytes to the end. Each comes with the time at which the read began that returned it.
pub(super) fn records<const N: usize>(
    mut file: impl Read,
    each: &mut dyn FnMut(u64, [u8; N]),
) -> Result<(), Errno> {
    let mut buffer = vec![0; READ_BYTES + N];
    // What has been read of the next record: a read ends with a record, but that is not guaranteed.
    let mut begun = 0;
    let mut retries = MAX_RETRIES;
    loop {
        let at = nanoseconds_since_boot();
        let read = match file.read(buffer.get_mut(begun..).unwrap_or_default()).map_err(errno_of) {
            Ok(0) if begun == 0 => return Ok(()),
            // Half a record, which the kernel does not write.
            Ok(0) => return Err(Errno::BADMSG),
            Ok(read) => read,
            Err(Errno::INTR | Errno::AGAIN) if retries > 0 => {
                retries -= 1;
                continue;
            }
            Err(errno) => return Err(errno),
        };
        let filled = begun + read;
        let mut rest = buffer.get(..filled).unwrap_or_default();
        while let Some((record, after)) = rest.split_first_chunk::<N>() {
            each(at, *record);
            rest = after;
        }
        begun = rest.len();
        buffer.copy_within(filled - begun..filled, 0);
    }
}
