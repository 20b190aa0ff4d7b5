//! The calls that neither the standard library nor rustix offers as safe functions.
#![allow(unsafe_code)]
#![allow(clippy::useless_conversion, reason = "C types are not as wide on every processor")]

use rustix::process::Pid;
use rustix::thread::UnshareFlags;
use std::ffi::{c_int, c_uint};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicU64;

/// Forks; the child runs `body` and ends with the exit code that it returns (101 if it panics). It never returns
/// from this function, unwinds out of it, or runs destructors or exit handlers of the parent.
pub(crate) fn fork_with(body: impl FnOnce() -> i32) -> io::Result<Pid> {
    // SAFETY: fork takes no pointers. The child is a copy with this thread alone. It stays in this function until
    // _exit, so no frame of the parent is left twice. The C libraries of Linux (glibc, bionic, musl) put their
    // allocator into a usable state in the child; other locks that other threads may have held (standard error,
    // the panic hook) are kept out of by the callers, and a child that hangs is killed after a time-out.
    let pid = unsafe { libc::fork() };
    if pid == -1 {
        return Err(io::Error::last_os_error());
    }
    match Pid::from_raw(pid) {
        Some(pid) => Ok(pid),
        None => {
            let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(101);
            exit_now(code)
        }
    }
}

/// Makes a child that shares this process's descriptor table; it runs `body` and ends. With `CLONE_PARENT` as the other
/// flags it has the same parent as this process. Only for a process with one thread.
pub(crate) fn fork_sharing_table(other_flags: c_int, body: impl FnOnce() -> i32) -> io::Result<Pid> {
    let flags = libc::CLONE_FILES | other_flags | libc::SIGCHLD;
    // SAFETY: without CLONE_VM, which no caller sets, and with a null stack this is a fork: the child runs on a copy of this
    // stack. The other arguments are read only with flags that are not set. Callers have one thread, so no lock of the C
    // library is held by another, and the child stays in this function until _exit.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::c_long::from(flags), 0, 0, 0, 0) };
    if pid == -1 {
        return Err(io::Error::last_os_error());
    }
    match i32::try_from(pid).ok().and_then(Pid::from_raw) {
        Some(pid) => Ok(pid),
        None => {
            let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(101);
            exit_now(code)
        }
    }
}

/// Makes a child that has this pid, which must be free, and the same parent as this process; it runs `body` and ends. It needs
/// `CAP_SYS_ADMIN`, or `CAP_CHECKPOINT_RESTORE` from Linux 5.9 on. Only for a process with one thread. Linux 5.5.
pub(crate) fn fork_as(pid: i32, body: impl FnOnce() -> i32) -> io::Result<Pid> {
    /// `struct clone_args` of linux/sched.h, as Linux 5.5 has it.
    #[repr(C)]
    #[derive(Default)]
    struct Arguments {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
        set_tid: u64,
        set_tid_size: u64,
    }
    /// The same number on every processor that these tests run on.
    const CLONE3: libc::c_long = 435;
    let flags = u64::from(libc::CLONE_PARENT.unsigned_abs());
    let numbers = [pid];
    let arguments =
        Arguments { flags, set_tid: numbers.as_ptr().addr() as u64, set_tid_size: 1, ..Arguments::default() };
    // SAFETY: the arguments are as long as is said, and what they point to lives until the call returns. Without CLONE_VM and
    // without a stack this is a fork, as in `fork_sharing_table`; callers have one thread.
    let made = unsafe { libc::syscall(CLONE3, &raw const arguments, size_of::<Arguments>()) };
    if made == -1 {
        return Err(io::Error::last_os_error());
    }
    match i32::try_from(made).ok().and_then(Pid::from_raw) {
        Some(pid) => Ok(pid),
        None => {
            let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(101);
            exit_now(code)
        }
    }
}

/// Ends the process without destructors or exit handlers.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes no pointers and is always allowed.
    unsafe { libc::_exit(code) }
}

/// Ends the calling thread alone, without destructors. If it is the first thread, it leaves a process whose leader
/// has exited.
pub(crate) fn exit_thread() -> ! {
    // SAFETY: exit takes no pointers. The stack of the thread stays mapped (the first thread's always; no other
    // thread calls this), so what other threads borrow from it stays valid.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    exit_now(102)
}

/// Closes every descriptor of the calling thread's table from 3 up, but those in `keep`.
///
/// Only for a table that no other code uses: that of a fresh child, which runs no destructors, or of a thread that
/// has just got its own. A value that owns a closed descriptor must not be used in that table afterwards.
pub(crate) fn close_all_but(keep: &[RawFd]) {
    let mut keep: Vec<c_uint> =
        keep.iter().filter_map(|&fd| c_uint::try_from(fd).ok()).filter(|&fd| fd > 2).collect();
    keep.sort_unstable();
    keep.dedup();
    let mut first: c_uint = 3;
    for fd in keep {
        if fd > first {
            close_range(first, fd - 1);
        }
        first = fd + 1;
    }
    close_range(first, c_uint::MAX);
}

fn close_range(first: c_uint, last: c_uint) {
    // SAFETY: takes numbers alone; the callers ensure that these descriptors are not in use (see close_all_but).
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0 as c_uint) };
    if result == 0 {
        return;
    }
    // Before Linux 5.9, or refused by a seccomp filter: one by one, up to the highest possible number.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1 << 20);
    let end = last.min(c_uint::try_from(limit.min(1 << 20)).unwrap_or(1 << 20));
    for fd in first..=end {
        if let Ok(fd) = c_int::try_from(fd) {
            // SAFETY: as above; a number that is not open gives EBADF.
            unsafe { libc::close(fd) };
        }
    }
}

/// Closes one descriptor in a child, where its owner, a value of the parent's, is only borrowed.
pub(crate) fn close_in_child(fd: BorrowedFd<'_>) {
    // SAFETY: takes a number alone. The value that owns the descriptor is a copy of the parent's in a process that
    // runs no destructor of it, and the callers do not use it afterwards.
    unsafe { libc::close(fd.as_raw_fd()) };
}

/// Moves a descriptor to the number `slot`, in place of what it was, and leaves it open.
///
/// Only for a number that no value owns: those of a [`Storm`](crate::Storm) in its own processes.
pub(crate) fn put_in_slot(fd: OwnedFd, slot: RawFd) -> io::Result<BorrowedFd<'static>> {
    if fd.as_raw_fd() == slot {
        let _: RawFd = fd.into_raw_fd();
    // SAFETY: takes numbers alone. What was open under the second is closed, which no value owns.
    } else if unsafe { libc::dup2(fd.as_raw_fd(), slot) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and its user is the caller alone, who knows when it is closed.
    Ok(unsafe { BorrowedFd::borrow_raw(slot) })
}

/// Closes what [`put_in_slot`] has left open under this number, if anything.
pub(crate) fn clear_slot(slot: RawFd) {
    // SAFETY: takes a number alone, which no value owns; one that is not open gives EBADF.
    unsafe { libc::close(slot) };
}

/// Gives the calling thread a descriptor table of its own, a copy.
pub(crate) fn unshare_files() -> io::Result<()> {
    // SAFETY: the danger of unsharing the table is that descriptors that other threads make are not in it, and
    // that those of this thread mean something else to others. The callers close the copies or leave them alone, and use
    // only sockets that they make after.
    Ok(unsafe { rustix::thread::unshare_unsafe(UnshareFlags::FILES) }?)
}

/// Puts the calling thread into a new network namespace.
pub(crate) fn unshare_network() -> io::Result<()> {
    // SAFETY: a network namespace changes where sockets are made, not what descriptors mean.
    Ok(unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }?)
}

/// Puts the calling thread into new namespaces.
pub(crate) fn unshare_namespaces(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: namespaces change what names and numbers mean to later calls, not what memory or descriptors are;
    // callers do not ask for the descriptor table.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// Makes `socket(AF_NETLINK, ..)` fail with `errno` in the calling thread and those it starts.
pub(crate) fn deny_netlink_sockets(errno: u16) -> io::Result<()> {
    /// The low half of the first argument in `seccomp_data`.
    const FAMILY: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };
    deny(
        libc::SYS_socket,
        &[step(LOAD, 0, 0, FAMILY), step(EQUAL, 0, 1, number(libc::AF_NETLINK.into()))],
        errno,
    )
}

/// Makes bpf(2) fail with `errno` in the calling thread and those it starts.
pub(crate) fn deny_bpf(errno: u16) -> io::Result<()> {
    deny(libc::SYS_bpf, &[], errno)
}

// linux/bpf_common.h: BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K.
const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

fn step(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

fn number(value: libc::c_long) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Makes a call fail with `errno` if `condition` passes. Its last step may skip one instruction.
fn deny(call: libc::c_long, condition: &[libc::sock_filter], errno: u16) -> io::Result<()> {
    /// The number of the call in `seccomp_data`.
    const NUMBER: u32 = 0;
    let past = u8::try_from(condition.len() + 1).map_err(io::Error::other)?;
    let mut filter = vec![step(LOAD, 0, 0, NUMBER), step(EQUAL, 0, past, number(call))];
    filter.extend(condition);
    filter.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | u32::from(errno)));
    filter.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    rustix::thread::set_no_new_privs(true)?;
    let len = u16::try_from(filter.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
    let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: the third argument points to a program whose steps live through the call; the kernel copies and
    // checks it, and writes nothing. The callers of the calls that fail afterwards see an ordinary error.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The id of the first object after `start`, by `BPF_PROG_GET_NEXT_ID` and the like; `None` after the last.
pub(crate) fn bpf_next_id(command: c_int, start: u32) -> io::Result<Option<u32>> {
    // start_id, next_id, open_flags
    match bpf(command, &mut [start, 0, 0]) {
        Ok((_, [_, next, _])) => Ok(Some(next)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The program with an id, by `BPF_PROG_GET_FD_BY_ID`.
pub(crate) fn bpf_program(id: u32) -> io::Result<OwnedFd> {
    bpf_object(13, id)
}

/// The map with an id, by `BPF_MAP_GET_FD_BY_ID`.
pub(crate) fn bpf_map(id: u32) -> io::Result<OwnedFd> {
    bpf_object(14, id)
}

fn bpf_object(command: c_int, id: u32) -> io::Result<OwnedFd> {
    // prog_id or map_id, next_id, open_flags
    let (fd, _) = bpf(command, &mut [id, 0, 0])?;
    // SAFETY: the kernel has just made the descriptor for this caller, which alone has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The ids of the maps of a program, by `BPF_OBJ_GET_INFO_BY_FD`; at the most 16.
pub(crate) fn bpf_maps_of(program: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    let mut ids = [0_u32; 16];
    // struct bpf_prog_info: nr_map_ids is the 14th number, before the address of as many ids.
    let mut info = [0_u32; 16];
    info[13] = 16;
    let address = u64::try_from(ids.as_mut_ptr().addr()).map_err(io::Error::other)?.to_ne_bytes();
    let [a, b, c, d, e, f, g, h] = address;
    info[14] = u32::from_ne_bytes([a, b, c, d]);
    info[15] = u32::from_ne_bytes([e, f, g, h]);
    // The kernel writes no more ids than the number says, to memory that is writable and lives through the call.
    bpf_info(program, &mut info)?;
    Ok(ids.into_iter().take(usize::try_from(info[13]).unwrap_or(0)).collect())
}

/// The kernel's description of an object, as much as fits, by `BPF_OBJ_GET_INFO_BY_FD`.
pub(crate) fn bpf_info(object: BorrowedFd<'_>, info: &mut [u32]) -> io::Result<()> {
    /// The command's part of `union bpf_attr`.
    #[repr(C)]
    struct InfoByFd {
        bpf_fd: RawFd,
        info_len: u32,
        info: u64,
    }
    const BPF_OBJ_GET_INFO_BY_FD: c_int = 15;
    let length = u32::try_from(size_of_val(info)).map_err(io::Error::other)?;
    let address = u64::try_from(info.as_mut_ptr().addr()).map_err(io::Error::other)?;
    let mut part = InfoByFd { bpf_fd: object.as_raw_fd(), info_len: length, info: address };
    // SAFETY: the part is that of the command and of the size given; what it points to is writable, of the length
    // given, and made of integers, for which any bytes will do.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &raw mut part, size_of::<InfoByFd>()) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A command whose part of `union bpf_attr` is three numbers, without pointers. Returns the result, and the part
/// afterwards.
fn bpf(command: c_int, part: &mut [u32; 3]) -> io::Result<(RawFd, [u32; 3])> {
    // SAFETY: the kernel reads and writes as many bytes as the size says, which is that of `part`.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, part.as_mut_ptr(), size_of_val(part)) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((RawFd::try_from(answer).map_err(io::Error::other)?, *part))
}

/// Sets a socket option whose value is an int.
fn set_option(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    set_option_bytes(fd, level, name, &value.to_ne_bytes())
}

/// Sets a socket option whose value is of any type.
fn set_option_bytes(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: &[u8]) -> io::Result<()> {
    let size = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open; the pointer is to `size` bytes that live through the call. The kernel copies
    // them from any alignment.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// SO_MARK.
pub(crate) fn set_mark(fd: BorrowedFd<'_>, mark: u32) -> io::Result<()> {
    set_option_bytes(fd, libc::SOL_SOCKET, libc::SO_MARK, &mark.to_ne_bytes())
}

/// SO_BINDTODEVICE.
pub(crate) fn bind_to_device(fd: BorrowedFd<'_>, device: &str) -> io::Result<()> {
    set_option_bytes(fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, device.as_bytes())
}

/// TCP_DEFER_ACCEPT: a connection is not made until data comes, for about `seconds`.
pub(crate) fn defer_accept(fd: BorrowedFd<'_>, seconds: u16) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, c_int::from(seconds))
}

/// IP_BIND_ADDRESS_NO_PORT: a bind to port 0 sets the address alone; `connect` chooses the port, which is quick
/// and needs to be free only for this pair of ends.
pub(crate) fn bind_address_no_port(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// The first byte of `TCP_INFO`: `tcpi_state`.
pub(crate) fn tcp_info_state(fd: BorrowedFd<'_>) -> io::Result<u8> {
    let mut state = 0_u8;
    let mut size: libc::socklen_t = 1;
    // SAFETY: the descriptor is open; the kernel writes at most `size` = 1 byte to `state`, and a length to `size`;
    // both live through the call.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut state).cast(),
            &raw mut size,
        )
    };
    if result == 0 { Ok(state) } else { Err(io::Error::last_os_error()) }
}

/// Numbers, 0 at first, that a process shares with the children that it forks afterwards.
pub(crate) struct Shared<const COUNT: usize>(NonNull<[AtomicU64; COUNT]>);

// SAFETY: the memory is atomics alone and is mapped until the drop of this value.
unsafe impl<const COUNT: usize> Send for Shared<COUNT> {}
// SAFETY: as above.
unsafe impl<const COUNT: usize> Sync for Shared<COUNT> {}

impl<const COUNT: usize> Shared<COUNT> {
    const BYTES: usize = COUNT * size_of::<AtomicU64>();

    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let at = unsafe {
            libc::mmap(
                null_mut(),
                Self::BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(at.cast()).map(Self).ok_or_else(|| io::Error::other("mapped at the null address"))
    }

    pub(crate) fn get(&self) -> &[AtomicU64; COUNT] {
        // SAFETY: the mapping is page-aligned, large enough, zeroed (a valid AtomicU64) and exists until the drop.
        unsafe { self.0.as_ref() }
    }
}

impl<const COUNT: usize> Drop for Shared<COUNT> {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this size and no reference into it outlives the value.
        unsafe { libc::munmap(self.0.as_ptr().cast(), Self::BYTES) };
    }
}

/// Loads a program that returns 0, of the oldest program type, and frees it.
pub(crate) fn bpf_load_nothing() -> io::Result<()> {
    /// The command's part of `union bpf_attr`. The kernel wants the first four members; valgrind reads more, whatever the
    /// size, so that there is zeroed room for what was added since.
    #[repr(C)]
    struct Load {
        prog_type: u32,
        insn_cnt: u32,
        insns: u64,
        license: u64,
        added_since: [u64; 16],
    }
    const BPF_PROG_LOAD: c_int = 5;
    const BPF_PROG_TYPE_SOCKET_FILTER: u32 = 1;
    // struct bpf_insn: code, registers, offset (2), immediate (4): `r0 = 0`, `exit`
    let instructions: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
    let license = c"MIT";
    let part = Load {
        prog_type: BPF_PROG_TYPE_SOCKET_FILTER,
        insn_cnt: 2,
        insns: u64::try_from(instructions.as_ptr().addr()).map_err(io::Error::other)?,
        license: u64::try_from(license.as_ptr().addr()).map_err(io::Error::other)?,
        added_since: [0; 16],
    };
    // SAFETY: the part is that of the command and at least of the size given; the kernel only reads it and what it points
    // to: as many instructions as its count, and a string that ends with 0. Both live through the call.
    let fd = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const part, std::mem::offset_of!(Load, added_since))
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made the descriptor for this caller, which alone has it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

/// An io_uring in which `fd` is registered.
pub(crate) fn ring_with(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    /// `IORING_REGISTER_FILES` of linux/io_uring.h.
    const REGISTER_FILES: c_uint = 2;
    let mut parameters = [0_u64; 15];
    // SAFETY: the call reads and writes `struct io_uring_params`, whose 120 bytes the array has.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()) };
    let ring = RawFd::try_from(ring).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just opened it, and nothing else owns it.
    let ring = unsafe { OwnedFd::from_raw_fd(ring) };
    let files = [fd.as_raw_fd()];
    // SAFETY: the call reads one descriptor from the array.
    let registered = unsafe {
        libc::syscall(libc::SYS_io_uring_register, ring.as_raw_fd(), REGISTER_FILES, files.as_ptr(), 1)
    };
    if registered == 0 { Ok(ring) } else { Err(io::Error::last_os_error()) }
}

/// A page of a socket, mapped for reading.
#[derive(Debug)]
pub(crate) struct Mapping(NonNull<libc::c_void>);

impl Mapping {
    const BYTES: usize = 4096;

    pub(crate) fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        // SAFETY: a new mapping at a place that the kernel chooses touches no memory in use.
        let start = unsafe {
            libc::mmap(null_mut(), Self::BYTES, libc::PROT_READ, libc::MAP_SHARED, fd.as_raw_fd(), 0)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(NonNull::new(start).ok_or(io::ErrorKind::Other)?))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this place and length, and nothing borrows from it.
        unsafe { libc::munmap(self.0.as_ptr(), Self::BYTES) };
    }
}
