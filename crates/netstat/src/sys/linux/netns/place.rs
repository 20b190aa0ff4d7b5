//! Files and sockets that lead to network namespaces.

use crate::sys::linux::ffi;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, fstatfs, open, openat2};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// `NSFS_MAGIC` of linux/magic.h.
const NSFS_MAGIC: i128 = 0x6e73_6673;

/// Where mounts are opened although the kernel has to ask the file system: it is in memory.
const IN_MEMORY: &str = "/run/";

/// What leads, or led, to a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Below `/proc`, or a path that the caller has named.
    File(PathBuf),
    /// A mount that this thread sees.
    Mount(PathBuf),
    /// A mount that this process sees, by its path from the root directory of that.
    MountOf { pid: u32, path: PathBuf },
    /// A socket that was made in it, by a descriptor of a process.
    Socket { pid: u32, fd: i32 },
}

impl Place {
    /// What [`path`](Self::path) returned.
    pub(crate) fn of_path(path: &Path) -> Self {
        let Ok(in_proc) = path.strip_prefix("/proc") else { return Self::Mount(path.to_owned()) };
        let mut parts = in_proc.components();
        let pid = parts.next().and_then(|part| part.as_os_str().to_str()?.parse().ok());
        match (pid, parts.next()) {
            (Some(pid), Some(root)) if root.as_os_str() == "root" => {
                Self::MountOf { pid, path: Path::new("/").join(parts.as_path()) }
            }
            _ => Self::File(path.to_owned()),
        }
    }

    /// The same as a path, if it is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) | Self::Mount(path) => Some(path.clone()),
            Self::MountOf { pid, path } => {
                let below = path.strip_prefix("/").unwrap_or(path);
                Some(Path::new(&format!("/proc/{pid}/root")).join(below))
            }
            Self::Socket { .. } => None,
        }
    }

    /// Opens it, without waiting for a file system that may not answer: one that another user has mounted on the path to a
    /// namespace.
    pub(crate) fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match self {
            Self::File(path) => open(path, flags, Mode::empty()),
            Self::Mount(path) => match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) {
                Err(_) if path.starts_with(IN_MEMORY) => open(path, flags, Mode::empty()),
                opened => opened,
            },
            Self::MountOf { pid, path } => {
                let root = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let root = open(format!("/proc/{pid}/root"), root, Mode::empty())?;
                let resolve = ResolveFlags::IN_ROOT | ResolveFlags::CACHED;
                openat2(root, path, flags, Mode::empty(), resolve)
            }
            Self::Socket { pid, fd } => {
                let process = ffi::pidfd_open(*pid)?;
                let socket = ffi::pidfd_getfd(process.as_fd(), *fd)?;
                let namespace = ffi::namespace_of_socket(socket.as_fd());
                close_on_a_thread(socket);
                namespace
            }
        }
    }
}

/// How long the closing of a socket is waited for.
const MAX_CLOSE: Duration = Duration::from_millis(100);

/// Closes a copy of another process's socket on a thread of its own, and waits for it, since a search for owners would find
/// the copy. Not for long: if that process has closed the socket meanwhile, and has set `SO_LINGER`, the call returns when
/// its data are sent.
fn close_on_a_thread(socket: OwnedFd) {
    let (closed, is_closed) = mpsc::channel();
    let thread = thread::Builder::new().name("netstat".into());
    // Without a thread the closure is dropped, and the socket with it.
    let _ = thread.spawn(move || {
        drop(socket);
        let _ = closed.send(());
    });
    let _ = is_closed.recv_timeout(MAX_CLOSE);
}

/// The inode number of the namespace that a file is of; fails with `EINVAL` if it is no namespace.
pub(crate) fn number_of(path: &OsStr) -> Result<u64, Errno> {
    number(&Place::File(path.into()).open()?)
}

pub(crate) fn number(file: &OwnedFd) -> Result<u64, Errno> {
    if i128::from(fstatfs(file)?.f_type) != NSFS_MAGIC {
        return Err(Errno::INVAL);
    }
    Ok(fstat(file)?.st_ino)
}

/// The directory of named namespaces.
pub(crate) const NAMED: &str = "/run/netns";

/// The name that a path gives a namespace; `None` outside of the directory of named namespaces.
pub(crate) fn name_in_run(path: &Path) -> Option<&OsStr> {
    path.file_name().filter(|_| path.parent() == Some(Path::new(NAMED)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn only_files_in_the_directory_of_named_namespaces_have_a_name() {
        let name = |path: &'static str| name_in_run(Path::new(path)).and_then(OsStr::to_str);
        assert_eq!(name("/run/netns/blue"), Some("blue"));
        for path in ["/run/docker/netns/blue", "/run/netns/blue/more", "/run/netns", "/", ""] {
            assert_eq!(name(path), None, "{path}");
        }
    }

    #[test]
    fn file_that_is_no_namespace_has_no_number() {
        assert_eq!(number_of(OsStr::new("/dev/null")), Err(Errno::INVAL));
        assert_eq!(number_of(OsStr::new("/no/such/file")), Err(Errno::NOENT));
    }

    #[test]
    fn mount_of_a_process_is_a_path_below_its_root() {
        let place = Place::MountOf { pid: 7, path: "/run/netns/blue".into() };
        assert_eq!(place.path().as_deref(), Some(Path::new("/proc/7/root/run/netns/blue")));
        let files = [Place::File("/proc/7/ns/net".into()), Place::Mount("/run/netns/blue".into()), place];
        for place in files {
            assert_eq!(Place::of_path(&place.path().unwrap()), place);
        }
    }

    #[test]
    fn socket_leads_to_the_namespace_in_which_it_was_made() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let place = Place::Socket { pid: std::process::id(), fd: socket.as_raw_fd() };
        let own = number_of(OsStr::new("/proc/thread-self/ns/net")).unwrap();
        match place.open() {
            Ok(file) => assert_eq!((number(&file), place.path()), (Ok(own), None)),
            Err(errno) => assert!(matches!(errno, Errno::PERM | Errno::NOSYS), "{errno}"),
        }
        let closed = Place::Socket { pid: std::process::id(), fd: i32::MAX };
        assert!(closed.open().is_err());
    }
}
