//! Restrictions under which tests run: sandboxes, unprivileged users, namespaces, capabilities.
//!
//! Each function restricts the calling thread, permanently, and with it the threads and processes that it starts
//! afterwards. Call it in the body of a [`Child`](crate::Child), which has one thread, and list in that body.

use crate::ffi;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};
use rustix::process::{
    DumpableBehavior, Gid, Resource, Rlimit, Uid, getrlimit, set_dumpable_behavior, setrlimit,
};
use rustix::process::{WaitOptions, waitpid};
use rustix::thread::{CapabilitySet, UnshareFlags, capabilities, set_capabilities};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::ffi::CStr;
use std::io::{self, Read, Write};
use std::path::Path;

/// Afterwards no netlink socket can be opened: `socket` fails with `errno`, as under a seccomp sandbox. All other
/// sockets can.
///
/// # Errors
/// The kernel has no seccomp filters, or this processor makes sockets by another system call.
pub fn deny_netlink(errno: u16) -> io::Result<()> {
    if cfg!(target_arch = "x86") {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "sockets are made by socketcall too"));
    }
    ffi::deny_netlink_sockets(errno)
}

/// Afterwards bpf(2) fails with `errno`, as under a seccomp sandbox.
///
/// # Errors
/// The kernel has no seccomp filters.
pub fn deny_bpf(errno: u16) -> io::Result<()> {
    ffi::deny_bpf(errno)
}

/// Becomes an unprivileged user. As after an exec, the process may be read by others of that user, itself among
/// them.
///
/// # Errors
/// Permission denied unless root.
pub fn become_user(id: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    Ok(set_dumpable_behavior(DumpableBehavior::Dumpable)?)
}

/// Drops these capabilities, and keeps the user.
///
/// # Errors
/// None that is known.
pub fn drop_capabilities(dropped: CapabilitySet) -> io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.effective.remove(dropped);
    sets.permitted.remove(dropped);
    sets.inheritable.remove(dropped);
    Ok(set_capabilities(None, sets)?)
}

/// Limits the descriptors to `count`, until the limit is raised.
///
/// # Errors
/// More than the process may have.
pub fn limit_descriptors(count: u64) -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum })?)
}

/// Limits the processes and threads of the user to `count`, for a user other than root.
///
/// # Errors
/// None that is known.
pub fn limit_threads(count: u64) -> io::Result<()> {
    Ok(setrlimit(Resource::Nproc, Rlimit { current: Some(count), maximum: Some(count) })?)
}

/// Afterwards `/proc` is an empty directory, in a new mount namespace.
///
/// # Errors
/// Permission denied unless root.
pub fn without_proc() -> io::Result<()> {
    empty_directory(c"/proc")
}

/// From here on this directory is empty, and can be written, in a mount namespace of its own.
///
/// # Errors
/// Permission denied unless root; there is no such directory.
pub fn empty_directory(path: &CStr) -> io::Result<()> {
    own_mounts()?;
    Ok(mount(c"none", path, c"tmpfs", MountFlags::empty(), None)?)
}

/// From here on these files are pipes without a writer, in a mount namespace of its own. A read would block.
///
/// # Errors
/// Permission denied unless root; a file does not exist.
pub fn pipes_in_place_of(files: &[&CStr]) -> io::Result<()> {
    empty_directory(c"/mnt")?;
    mknodat(CWD, c"/mnt/pipe", FileType::Fifo, Mode::from_raw_mode(0o644), 0)?;
    for file in files {
        mount_bind(c"/mnt/pipe", *file)?;
    }
    Ok(())
}

/// Mounts a `/proc` of the calling process's pid namespace with these options, such as `hidepid=2`, in a new mount
/// namespace.
///
/// # Errors
/// Permission denied unless root; the kernel does not know the option.
pub fn own_proc(options: &CStr) -> io::Result<()> {
    own_mounts()?;
    Ok(mount(c"proc", c"/proc", c"proc", MountFlags::empty(), options)?)
}

/// From here on the first directory is also seen at the second, in a mount namespace of its own.
///
/// # Errors
/// Permission denied unless root; there is no such directory.
pub fn bind_directory(from: &Path, to: &Path) -> io::Result<()> {
    own_mounts()?;
    Ok(mount_bind(from, to)?)
}

fn own_mounts() -> io::Result<()> {
    ffi::unshare_namespaces(UnshareFlags::NEWNS)?;
    // So that the mounts stay in this namespace.
    Ok(mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

/// Enters a new user namespace, in which it is root, as an unprivileged user may, and with it the namespaces in
/// `others`.
///
/// # Errors
/// The system does not allow it.
pub fn enter_user_namespace(others: UnshareFlags) -> io::Result<()> {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    ffi::unshare_namespaces(UnshareFlags::NEWUSER | others)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Runs `work` as the first process of a new pid namespace, and waits for it. `/proc` is still that of the old one.
/// Only for a process with one thread.
///
/// # Errors
/// Permission denied unless root or in a user namespace; what `work` returned, or the text of its panic.
pub fn in_pid_namespace(work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    ffi::unshare_namespaces(UnshareFlags::NEWPID)?;
    let (mut from_child, mut to_parent) = io::pipe()?;
    let pid = ffi::fork_with(|| {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let (code, text) = match done {
            Ok(Ok(())) => return 0,
            // The code distinguishes what is unavailable from what is wrong.
            Ok(Err(error)) => match error.kind() {
                io::ErrorKind::Unsupported => (2, error.to_string()),
                io::ErrorKind::PermissionDenied => (3, error.to_string()),
                _ => (1, error.to_string()),
            },
            Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
                (Some(text), _) => (1, text.clone()),
                (None, Some(text)) => (1, (*text).to_owned()),
                (None, None) => (1, "a panic".to_owned()),
            },
        };
        // Nothing can be done about a parent that does not read.
        let _ = to_parent.write_all(text.as_bytes());
        code
    })?;
    drop(to_parent);
    let mut text = String::new();
    from_child.read_to_string(&mut text)?;
    let status = rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()))?;
    match status.and_then(|(_, status)| status.exit_status()) {
        Some(0) => Ok(()),
        Some(2) => Err(io::Error::new(io::ErrorKind::Unsupported, text)),
        Some(3) => Err(io::Error::new(io::ErrorKind::PermissionDenied, text)),
        _ => Err(io::Error::other(text)),
    }
}
