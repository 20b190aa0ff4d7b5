//! Files that lead to network namespaces.

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, fstatfs, open, openat2};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// `NSFS_MAGIC` of linux/magic.h.
const NSFS_MAGIC: i128 = 0x6e73_6673;

/// Where mounts are opened although the kernel has to ask the file system: it is in memory.
const IN_MEMORY: &str = "/run/";

/// A file that leads, or led, to a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Below `/proc`, or a path that the caller has named.
    File(PathBuf),
    /// A mount that this thread sees.
    Mount(PathBuf),
    /// A mount that this process sees, by its path from the root directory of that.
    MountOf { pid: u32, path: PathBuf },
}

impl Place {
    /// The same as a path.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::File(path) | Self::Mount(path) => path.clone(),
            Self::MountOf { pid, path } => {
                let below = path.strip_prefix("/").unwrap_or(path);
                Path::new(&format!("/proc/{pid}/root")).join(below)
            }
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
        }
    }
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
        assert_eq!(place.path(), Path::new("/proc/7/root/run/netns/blue"));
    }
}
