//! Loading an iterator program, and reading its output.

use super::ffi;
use super::program::Program;
use super::refused::Refused;
use crate::sys::linux::clock::nanoseconds_since_boot;
use crate::sys::linux::errno::errno_of;
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

/// The kernel buffers 8 pages, of at most 64 KiB each, for one read. Each read must take all of it: records left in the
/// buffer would be older than the time of the next read. Memory beyond what a read fills is never touched.
const READ_BYTES: usize = 8 * 64 * 1024;

/// How often a read is retried. The kernel returns `EAGAIN` after a million descriptors without a socket, and continues
/// from there with the next read.
const MAX_RETRIES: u32 = 1000;

/// How often a load is tried: the verifier gives up with `EAGAIN` when a signal is pending. libbpf tries as often.
const MAX_LOADS: u32 = 5;

/// Loads a program, attaches it, and returns the link, which keeps it loaded.
pub(super) fn attach(name: &[u8; 16], program: &Program) -> Result<OwnedFd, Refused> {
    let loaded = load_with(&|| ffi::load_iterator(name, &program.instructions, program.attach_to, &mut []))?;
    ffi::link_iterator(loaded.as_fd()).map_err(|errno| Refused::errno("bpf(BPF_LINK_CREATE)", errno))
}

/// The same of a program that runs at a tracepoint, given by the number of its function type. Returns the program too, of
/// which the kernel says how often it did not run.
pub(crate) fn attach_to_tracepoint(
    name: &[u8; 16],
    instructions: &[[u8; 8]],
    attach_to: u32,
) -> Result<(OwnedFd, OwnedFd), Refused> {
    let loaded = load_with(&|| ffi::load_tracepoint(name, instructions, attach_to, &mut []))?;
    let link = ffi::link_tracepoint(loaded.as_fd());
    let link = link.map_err(|errno| Refused::errno("bpf(BPF_RAW_TRACEPOINT_OPEN)", errno))?;
    Ok((loaded, link))
}

fn load_with(load: &dyn Fn() -> Result<OwnedFd, Errno>) -> Result<OwnedFd, Refused> {
    let mut loaded = load();
    for _ in 1..MAX_LOADS {
        if !matches!(loaded, Err(Errno::AGAIN)) {
            break;
        }
        loaded = load();
    }
    loaded.map_err(|errno| Refused::errno("bpf(BPF_PROG_LOAD)", errno))
}

/// Runs a program once and calls `each` with its output, in records of `N` bytes.
pub(super) fn run<const N: usize>(link: &OwnedFd, each: &mut dyn FnMut(u64, [u8; N])) -> Result<(), Errno> {
    records(File::from(ffi::start_iterator(link.as_fd())?), each)
}

/// Reads records of `N` bytes to the end. Each comes with the time at which the read began that returned it.
pub(super) fn records<const N: usize>(
    mut file: impl Read,
    each: &mut dyn FnMut(u64, [u8; N]),
) -> Result<(), Errno> {
    let mut buffer = vec![0; READ_BYTES + N];
    // The bytes of an incomplete record. Reads end at the end of a record, but no documentation guarantees it.
    let mut partial = 0;
    let mut retries = MAX_RETRIES;
    loop {
        let at = nanoseconds_since_boot();
        let read = match file.read(buffer.get_mut(partial..).unwrap_or_default()).map_err(errno_of) {
            Ok(0) if partial == 0 => return Ok(()),
            // A truncated record, which the kernel does not write.
            Ok(0) => return Err(Errno::BADMSG),
            Ok(read) => read,
            Err(Errno::INTR | Errno::AGAIN) if retries > 0 => {
                retries -= 1;
                continue;
            }
            Err(errno) => return Err(errno),
        };
        let filled = partial + read;
        let mut rest = buffer.get(..filled).unwrap_or_default();
        while let Some((record, after)) = rest.split_first_chunk::<N>() {
            each(at, *record);
            rest = after;
        }
        partial = rest.len();
        buffer.copy_within(filled - partial..filled, 0);
    }
}
