//! Loading an iterator program, and reading its output.

use super::ffi;
use super::program::Program;
use super::refused::Refused;
use crate::sys::linux::clock::nanoseconds_since_boot;
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, read};
use std::os::fd::{AsFd, OwnedFd};

/// The kernel buffers 8 pages, of at most 64 KiB each, for one read. Each read must take all of it: records left in the
/// buffer would be older than the time of the next read. Memory beyond what a read fills is not touched.
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
    let output = ffi::start_iterator(link.as_fd())?;
    records(|buffer| read(&output, spare_capacity(buffer)), each)
}

/// Reads records of `N` bytes to the end. Each comes with the time at which the read began that returned it. `read` adds to
/// the buffer, within its capacity.
pub(super) fn records<const N: usize>(
    mut read: impl FnMut(&mut Vec<u8>) -> Result<usize, Errno>,
    each: &mut dyn FnMut(u64, [u8; N]),
) -> Result<(), Errno> {
    // Has the bytes of an incomplete record too. Reads end at the end of a record, but no documentation guarantees it.
    let mut buffer = Vec::with_capacity(READ_BYTES + N);
    let mut retries = MAX_RETRIES;
    loop {
        let at = nanoseconds_since_boot();
        match read(&mut buffer) {
            Ok(0) if buffer.is_empty() => return Ok(()),
            // A truncated record, which the kernel does not write.
            Ok(0) => return Err(Errno::BADMSG),
            Ok(_) => {}
            Err(Errno::INTR | Errno::AGAIN) if retries > 0 => {
                retries -= 1;
                continue;
            }
            Err(errno) => return Err(errno),
        }
        let mut rest = buffer.as_slice();
        while let Some((record, after)) = rest.split_first_chunk::<N>() {
            each(at, *record);
            rest = after;
        }
        let taken = buffer.len() - rest.len();
        buffer.drain(..taken);
    }
}
