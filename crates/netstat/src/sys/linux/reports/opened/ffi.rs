//! A ring of records that a program of the kernel writes: its memory.
#![allow(unsafe_code, reason = "foreign calls and memory that the kernel writes, in a file of this name")]

use crate::sys::linux::errno::errno_of;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// `BPF_RINGBUF_BUSY_BIT`, `BPF_RINGBUF_DISCARD_BIT` and `BPF_RINGBUF_HDR_SZ` of linux/bpf.h.
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER_BYTES: u64 = 8;

/// How often a record is looked at that is being written.
const PATIENCE: u32 = 100;

/// The memory of a `BPF_MAP_TYPE_RINGBUF`: the page with the place of the reader, which it writes, then the page with that
/// of the kernel and the data, twice in succession, so that no record is in two pieces.
///
/// # Sources
/// kernel/bpf/ringbuf.c, the kernel's Documentation/bpf/ringbuf.rst.
#[derive(Debug)]
pub(super) struct Ring {
    reader: Mapped,
    kernel: Mapped,
    page_bytes: usize,
    data_bytes: usize,
}

// SAFETY: the mappings belong to this value alone. What is shared is shared with the kernel, by atomic operations.
unsafe impl Send for Ring {}
// SAFETY: a shared reference gives nothing away: reading takes a mutable one.
unsafe impl Sync for Ring {}

impl Ring {
    /// Maps a ring that was made with so many bytes.
    pub(super) fn map(of: BorrowedFd<'_>, data_bytes: usize) -> Result<Self, Errno> {
        // SAFETY: the call takes an integer and touches no memory.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page_bytes = usize::try_from(page_bytes).map_err(|_| Errno::INVAL)?;
        let reader = Mapped::new(of, page_bytes, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        let offset = libc::off_t::try_from(page_bytes).map_err(|_| Errno::INVAL)?;
        let length = data_bytes.checked_mul(2).and_then(|twice| twice.checked_add(page_bytes));
        let kernel = Mapped::new(of, length.ok_or(Errno::INVAL)?, libc::PROT_READ, offset)?;
        Ok(Self { reader, kernel, page_bytes, data_bytes })
    }

    /// Calls `each` with the records that there are, at most so many, each of `N` bytes at least. False: one is being
    /// written, and has not become readable in a moment, so that there may be others behind it.
    pub(super) fn read<const N: usize>(&mut self, most: usize, each: &mut dyn FnMut(&[u8; N])) -> bool {
        let reader = self.reader.start.cast::<AtomicU64>();
        let kernel = self.kernel.start.cast::<AtomicU64>();
        // SAFETY: both are at the start of a page that is mapped as long as this value, aligned for any number, and only
        // used atomically: by this reader and the kernel (`unsigned long`, of 64 bits where this is compiled to run).
        let (reader, kernel) = unsafe { (reader.as_ref(), kernel.as_ref()) };
        let mut place = reader.load(Ordering::Relaxed);
        for _ in 0..most {
            // What the kernel wrote before it moved its place is seen.
            if place >= kernel.load(Ordering::Acquire) {
                break;
            }
            let Some(length) = self.finished(place) else { return false };
            if length & DISCARDED == 0 {
                let mut record = [0; N];
                if self.copy(place, length, &mut record) {
                    each(&record);
                }
            }
            let bytes = u64::from(length & !DISCARDED);
            place = place.saturating_add((bytes + HEADER_BYTES).next_multiple_of(8));
            // The kernel may write over the record from now on.
            reader.store(place, Ordering::Release);
        }
        true
    }

    /// The length of the record at this place. The program that writes it runs on another processor, or was interrupted.
    fn finished(&self, place: u64) -> Option<u32> {
        (0..PATIENCE).find_map(|_| {
            let length = self.length(place);
            if length.is_none() {
                std::thread::yield_now();
            }
            length
        })
    }

    /// The offset in the kernel's mapping of what is at this place of the ring.
    fn offset(&self, place: u64) -> Option<usize> {
        // The size is a power of two.
        let within = place & (self.data_bytes as u64).wrapping_sub(1);
        self.page_bytes.checked_add(usize::try_from(within).ok()?)
    }

    /// The length of the record at this place, with the mark of one that was given up; `None` while it is written.
    fn length(&self, place: u64) -> Option<u32> {
        let offset = self.offset(place).filter(|offset| offset.saturating_add(8) <= self.kernel.length)?;
        // SAFETY: within the mapping, as was checked, and aligned: places are multiples of 8. The kernel writes it
        // atomically.
        let header = unsafe { self.kernel.start.add(offset).cast::<AtomicU32>().as_ref() };
        let length = header.load(Ordering::Acquire);
        (length & BUSY == 0).then_some(length)
    }

    /// Copies the beginning of the record at this place. False: it is shorter.
    fn copy(&self, place: u64, length: u32, to: &mut [u8]) -> bool {
        let is_long_enough = usize::try_from(length).is_ok_and(|length| length >= to.len());
        let Some(offset) = self.offset(place).and_then(|offset| offset.checked_add(8)) else { return false };
        let is_within = offset.checked_add(to.len()).is_some_and(|end| end <= self.kernel.length);
        if !is_long_enough || !is_within {
            return false;
        }
        // SAFETY: the source is within the mapping, as was checked; the kernel does not write to a finished record before
        // the reader's place is behind it; the destination is other memory of that length.
        unsafe {
            ptr::copy_nonoverlapping(self.kernel.start.add(offset).as_ptr(), to.as_mut_ptr(), to.len())
        };
        true
    }
}

/// A number that programs of the kernel add to: the only value of an array map.
#[derive(Debug)]
pub(super) struct Counter(Mapped);

// SAFETY: as of a ring.
unsafe impl Send for Counter {}
// SAFETY: it is only read, atomically.
unsafe impl Sync for Counter {}

impl Counter {
    /// Maps an array that was made with one value of eight bytes.
    pub(super) fn map(of: BorrowedFd<'_>) -> Result<Self, Errno> {
        Mapped::new(of, size_of::<u64>(), libc::PROT_READ, 0).map(Self)
    }

    pub(super) fn get(&self) -> u64 {
        // SAFETY: at the start of a page that is mapped as long as this value, and only used atomically.
        unsafe { self.0.start.cast::<AtomicU64>().as_ref() }.load(Ordering::Relaxed)
    }
}

/// Memory that is shared with the kernel.
#[derive(Debug)]
struct Mapped {
    start: NonNull<u8>,
    length: usize,
}

impl Mapped {
    fn new(
        of: BorrowedFd<'_>,
        length: usize,
        protection: libc::c_int,
        offset: libc::off_t,
    ) -> Result<Self, Errno> {
        let (anywhere, fd) = (ptr::null_mut(), of.as_raw_fd());
        // SAFETY: a new mapping at a place that the kernel chooses touches no memory in use.
        let start = unsafe { libc::mmap(anywhere, length, protection, libc::MAP_SHARED, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(errno_of(io::Error::last_os_error()));
        }
        Ok(Self { start: NonNull::new(start.cast()).ok_or(Errno::INVAL)?, length })
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this place and length, and nothing borrows it any more. Nothing can be done about a
        // failure.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
