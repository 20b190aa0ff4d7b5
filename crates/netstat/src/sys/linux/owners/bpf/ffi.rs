//! bpf(2), one function for each command; the mapping of a sysfs file; the capabilities of a thread.
#![allow(unsafe_code, reason = "foreign calls are made only in files of this name")]

use crate::sys::linux::errno::errno_of;
use rustix::fs::fstatfs;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// `enum bpf_cmd` of linux/bpf.h.
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_RAW_TRACEPOINT_OPEN: libc::c_int = 17;
const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_ITER_CREATE: libc::c_int = 33;

const BPF_PROG_TYPE_TRACING: u32 = 26;
const BPF_TRACE_RAW_TP: u32 = 23;
const BPF_TRACE_ITER: u32 = 28;

/// The licence that the programs declare: the kernel allows the helpers they call only under one compatible with the
/// GPL. It is one of the strings that the kernel accepts (include/linux/license.h). The README states the same: the
/// generated programs are offered under MIT or GPL-2.0, this crate under MIT or Apache-2.0.
const LICENSE: &std::ffi::CStr = c"Dual MIT/GPL";

/// The `BPF_PROG_LOAD` part of `union bpf_attr`, as far as it is used; the kernel treats the rest as zero.
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
}

const _: () = {
    assert!(std::mem::offset_of!(ProgLoad, prog_name) == 48);
    assert!(std::mem::offset_of!(ProgLoad, expected_attach_type) == 68);
    assert!(std::mem::offset_of!(ProgLoad, attach_btf_id) == 108);
    assert!(size_of::<ProgLoad>() == 112);
};

/// The `BPF_LINK_CREATE` part.
#[repr(C)]
struct LinkCreate {
    prog_fd: RawFd,
    target_fd: RawFd,
    attach_type: u32,
    flags: u32,
}

/// The `BPF_RAW_TRACEPOINT_OPEN` part. A program that was loaded for one tracepoint does not name it.
#[repr(C)]
struct TracepointOpen {
    name: u64,
    prog_fd: RawFd,
    padding: u32,
}

/// The `BPF_ITER_CREATE` part.
#[repr(C)]
struct IterCreate {
    link_fd: RawFd,
    flags: u32,
}

/// The `BPF_MAP_CREATE` part, as far as it is used.
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    map_name: [u8; 16],
    map_ifindex: u32,
    btf_fd: u32,
    btf_key_type_id: u32,
    btf_value_type_id: u32,
}

/// Makes the call with a command, one that returns a new descriptor, and its part of `union bpf_attr`.
///
/// # Safety
/// `A` is the part for that command, without padding, and each pointer in it is valid for the length it states.
unsafe fn bpf<A>(command: libc::c_int, attributes: &mut A) -> Result<OwnedFd, Errno> {
    // SAFETY: the attributes have the size given, and their pointers are valid as the caller guarantees.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attributes, size_of::<A>()) };
    if answer < 0 {
        return Err(errno_of(io::Error::last_os_error()));
    }
    let fd = RawFd::try_from(answer).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel has just opened it for this call, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A command that makes an object, whose part of `union bpf_attr` holds no pointers.
enum Plain {
    Map(MapCreate),
    Link(LinkCreate),
    Tracepoint(TracepointOpen),
    Iterator(IterCreate),
}

fn bpf_plain(command: Plain) -> Result<OwnedFd, Errno> {
    const BPF_MAP_CREATE: libc::c_int = 0;
    // SAFETY: each part is that of its command, has no padding and holds no pointers.
    unsafe {
        match command {
            Plain::Map(mut part) => bpf(BPF_MAP_CREATE, &mut part),
            Plain::Link(mut part) => bpf(BPF_LINK_CREATE, &mut part),
            Plain::Tracepoint(mut part) => bpf(BPF_RAW_TRACEPOINT_OPEN, &mut part),
            Plain::Iterator(mut part) => bpf(BPF_ITER_CREATE, &mut part),
        }
    }
}

/// Makes an array map with one value, which can be mapped.
///
/// # Sources
/// bpf(2), `BPF_MAP_CREATE`; kernel/bpf/arraymap.c. The descriptor is closed on exec.
pub(crate) fn create_array(name: &[u8; 16], value_size: u32) -> Result<OwnedFd, Errno> {
    const BPF_MAP_TYPE_ARRAY: u32 = 2;
    const BPF_F_MMAPABLE: u32 = 1 << 10;
    create_map(name, [BPF_MAP_TYPE_ARRAY, 4, value_size, 1, BPF_F_MMAPABLE])
}

/// Makes a ring of so many bytes, a power of two.
///
/// # Sources
/// bpf(2), `BPF_MAP_CREATE`; kernel/bpf/ringbuf.c, Linux 5.8. The descriptor is closed on exec.
pub(crate) fn create_ring(name: &[u8; 16], bytes: u32) -> Result<OwnedFd, Errno> {
    const BPF_MAP_TYPE_RINGBUF: u32 = 27;
    create_map(name, [BPF_MAP_TYPE_RINGBUF, 0, 0, bytes, 0])
}

fn create_map(
    name: &[u8; 16],
    [map_type, key_size, value_size, max_entries, map_flags]: [u32; 5],
) -> Result<OwnedFd, Errno> {
    bpf_plain(Plain::Map(MapCreate {
        map_type,
        key_size,
        value_size,
        max_entries,
        map_flags,
        inner_map_fd: 0,
        numa_node: 0,
        map_name: *name,
        map_ifindex: 0,
        btf_fd: 0,
        btf_key_type_id: 0,
        btf_value_type_id: 0,
    }))
}

/// Loads a program for the iterator whose type has the number `attach_to`. The verifier writes to `log`, unless that is
/// empty; if the log is too short, the load fails with `ENOSPC`.
///
/// # Sources
/// bpf(2), `BPF_PROG_LOAD`; linux/bpf.h. The descriptor is closed on exec.
pub(crate) fn load_iterator(
    name: &[u8; 16],
    instructions: &[[u8; 8]],
    attach_to: u32,
    log: &mut [u8],
) -> Result<OwnedFd, Errno> {
    load(name, instructions, (BPF_TRACE_ITER, attach_to), log)
}

/// Loads a program for the tracepoint whose function type has the number `attach_to`, as [`load_iterator`].
pub(crate) fn load_tracepoint(
    name: &[u8; 16],
    instructions: &[[u8; 8]],
    attach_to: u32,
    log: &mut [u8],
) -> Result<OwnedFd, Errno> {
    load(name, instructions, (BPF_TRACE_RAW_TP, attach_to), log)
}

/// Attaches a program to its tracepoint. The link holds the program, and both end with the descriptor.
///
/// # Sources
/// bpf(2), `BPF_RAW_TRACEPOINT_OPEN`, for such programs Linux 5.5. The descriptor is closed on exec.
pub(crate) fn link_tracepoint(program: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    bpf_plain(Plain::Tracepoint(TracepointOpen { name: 0, prog_fd: program.as_raw_fd(), padding: 0 }))
}

fn load(
    name: &[u8; 16],
    instructions: &[[u8; 8]],
    (attach_type, attach_to): (u32, u32),
    log: &mut [u8],
) -> Result<OwnedFd, Errno> {
    let mut attributes = ProgLoad {
        prog_type: BPF_PROG_TYPE_TRACING,
        insn_cnt: u32::try_from(instructions.len()).map_err(|_| Errno::TOOBIG)?,
        insns: address(instructions.as_ptr()),
        license: address(LICENSE.as_ptr()),
        log_level: u32::from(!log.is_empty()),
        log_size: u32::try_from(log.len()).map_err(|_| Errno::TOOBIG)?,
        log_buf: if log.is_empty() { 0 } else { address(log.as_mut_ptr()) },
        kern_version: 0,
        prog_flags: 0,
        prog_name: *name,
        prog_ifindex: 0,
        expected_attach_type: attach_type,
        prog_btf_fd: 0,
        func_info_rec_size: 0,
        func_info: 0,
        func_info_cnt: 0,
        line_info_rec_size: 0,
        line_info: 0,
        line_info_cnt: 0,
        attach_btf_id: attach_to,
    };
    // SAFETY: the part is that of the command and its layout is checked above; instructions are 8 bytes each, the
    // license ends with NUL, the log is writable and not otherwise used, and all of them outlive the call.
    unsafe { bpf(BPF_PROG_LOAD, &mut attributes) }
}

/// Attaches a program to its iterator. The link holds the program, and both end with the descriptor.
///
/// # Sources
/// bpf(2), `BPF_LINK_CREATE`. The descriptor is closed on exec.
pub(crate) fn link_iterator(program: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let (prog_fd, attach_type) = (program.as_raw_fd(), BPF_TRACE_ITER);
    bpf_plain(Plain::Link(LinkCreate { prog_fd, target_fd: 0, attach_type, flags: 0 }))
}

/// Starts one run, and returns the file from which the output of the program is read.
///
/// # Sources
/// bpf(2), `BPF_ITER_CREATE`. The descriptor is closed on exec.
pub(crate) fn start_iterator(link: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    bpf_plain(Plain::Iterator(IterCreate { link_fd: link.as_raw_fd(), flags: 0 }))
}

/// A pointer as `union bpf_attr` holds it: 64 bits, on processors of 32 bits too.
fn address<T>(pointer: *const T) -> u64 {
    u64::try_from(pointer.addr()).unwrap_or(0)
}

/// A file or a map, mapped into memory for reading.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: std::ptr::NonNull<u8>,
    length: usize,
}

// SAFETY: the memory belongs to this value alone, and is only read.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps a file for reading; fails with `EINVAL` if it is not of sysfs or is empty.
    ///
    /// Only files of sysfs are known not to be written or truncated while they are mapped: their bytes are the kernel's
    /// own, and do not change. Older kernels cannot map them (`ENODEV`).
    ///
    /// # Sources
    /// mmap(2), fs/kernfs/file.c.
    pub(crate) fn of_sysfs(file: &File) -> Result<Self, Errno> {
        /// `SYSFS_MAGIC` of linux/magic.h.
        const SYSFS_MAGIC: i128 = 0x6265_6572;
        let length = usize::try_from(file.metadata().map_err(errno_of)?.len()).map_err(|_| Errno::INVAL)?;
        if i128::from(fstatfs(file)?.f_type) != SYSFS_MAGIC || length == 0 {
            return Err(Errno::INVAL);
        }
        Self::map(file.as_fd(), 0, length, libc::MAP_PRIVATE)
    }

    /// Makes an array map of one value, in two parts of whole pages, and maps each. Its program is the only one to write to it,
    /// and writes to a part only while a thread reads an iterator for it.
    pub(crate) fn of_new_array(name: &[u8; 16], part_size: usize) -> Result<(OwnedFd, [Self; 2]), Errno> {
        let map = create_array(name, u32::try_from(2 * part_size).map_err(|_| Errno::INVAL)?)?;
        let part = |at| Self::map(map.as_fd(), at, part_size, libc::MAP_SHARED);
        let parts = [part(0)?, part(part_size)?];
        Ok((map, parts))
    }

    fn map(of: BorrowedFd<'_>, at: usize, length: usize, flags: libc::c_int) -> Result<Self, Errno> {
        let at = libc::off_t::try_from(at).map_err(|_| Errno::INVAL)?;
        let (anywhere, fd) = (std::ptr::null_mut(), of.as_raw_fd());
        // SAFETY: a new mapping at a place that the kernel chooses touches no memory in use.
        let start = unsafe { libc::mmap(anywhere, length, libc::PROT_READ, flags, fd, at) };
        if start == libc::MAP_FAILED {
            return Err(errno_of(io::Error::last_os_error()));
        }
        let start = std::ptr::NonNull::new(start.cast()).ok_or(Errno::INVAL)?;
        Ok(Self { start, length })
    }
}

impl std::ops::Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is readable, of this length, and lives as long as this value. Nothing writes to it while
        // the slice is borrowed: sysfs never does, and the program of a map only in a call that borrows the part mutably.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this place and length, and borrows of it have ended. Nothing can be done
        // about a failure.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// The cookie of a socket; `None`: the kernel is older than 4.12, or rustix has no call for it on this system (Android).
///
/// # Sources
/// socket(7), `SO_COOKIE`.
pub(crate) fn socket_cookie(socket: &OwnedFd) -> Option<u64> {
    #[cfg(target_os = "linux")]
    return rustix::net::sockopt::socket_cookie(socket).ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = socket;
        None
    }
}

/// The effective capabilities of the calling thread, a bit for each.
///
/// # Sources
/// capget(2), `_LINUX_CAPABILITY_VERSION_3`. C libraries have no function for it.
pub(crate) fn effective_capabilities() -> Result<u64, Errno> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    // Effective, permitted and inheritable: first the lower halves of the three, then the upper ones.
    let mut sets = [[0_u32; 3]; 2];
    // SAFETY: the header is a version and a pid, 0 for the caller; this version writes two times three numbers.
    let answer = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()) };
    if answer < 0 {
        return Err(errno_of(io::Error::last_os_error()));
    }
    let [[lower, ..], [upper, ..]] = sets;
    Ok(u64::from(upper) << 32 | u64::from(lower))
}
