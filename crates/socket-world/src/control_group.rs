//! Control groups (version 2) with a name that a test chooses, and processes in them.

use crate::child::Child;
use crate::ffi;
use rustix::thread::UnshareFlags;
use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A group with another one in it, which are removed at the end.
pub struct Group {
    mount: PathBuf,
    outer: PathBuf,
    inner: PathBuf,
}

/// Where they are mounted.
fn mount() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = mounts.find(|words| words.get(2) == Some(&"cgroup2"));
    let mount = mount.and_then(|words| words.get(1).map(PathBuf::from));
    mount.ok_or_else(|| io::Error::other("version 2 is not mounted"))
}

/// Puts this thread into a control group namespace of its own, for good. Its root is the group in which the thread is.
///
/// # Errors
/// The kernel refuses it: without `CAP_SYS_ADMIN`, or before Linux 4.6.
pub fn enter_namespace() -> io::Result<()> {
    ffi::unshare_namespaces(UnshareFlags::NEWCGROUP)
}

impl Group {
    /// Makes a group of this name in one with a name of its own, which ends in this suffix.
    ///
    /// # Errors
    /// Groups cannot be made, or processes not be put into them.
    pub fn new(suffix: &str, name: &str) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mount = mount()?;
        let own = format!("netstat-test-{}-{}{suffix}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let outer = mount.join(own);
        let inner = outer.join(name);
        fs::create_dir_all(&inner)?;
        let group = Self { mount, outer, inner };
        // To put a process into a group is another right than to make it.
        fs::OpenOptions::new().write(true).open(group.inner.join("cgroup.procs"))?;
        Ok(group)
    }

    /// A process of this name that was in the inner group when it made its listener, on this port of loopback.
    ///
    /// # Errors
    /// As of [`Child::fork`].
    pub fn listener(&self, name: &str, port: u16) -> io::Result<Child> {
        let procs = self.inner.join("cgroup.procs");
        Child::fork(Some(name.as_bytes()), &[], move |report| {
            enter(&procs, std::process::id())?;
            report.keep(TcpListener::bind(("127.0.0.1", port))?)?;
            Ok(())
        })
    }

    /// Moves a process from the inner group to the outer one.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn leave(&self, pid: u32) -> io::Result<()> {
        enter(&self.outer.join("cgroup.procs"), pid)
    }

    /// The directory of the inner group.
    pub fn directory(&self) -> &Path {
        &self.inner
    }

    /// The path of the inner group from the root of all.
    pub fn path(&self) -> PathBuf {
        Path::new("/").join(self.inner.strip_prefix(&self.mount).unwrap_or(&self.inner))
    }
}

fn enter(procs: &Path, pid: u32) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(procs)?.write_all(pid.to_string().as_bytes())
}

impl Drop for Group {
    fn drop(&mut self) {
        for group in [&self.inner, &self.outer] {
            // A process that was killed leaves its group a moment later.
            for _ in 0..1000 {
                match fs::remove_dir(group) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::yield_now(),
                    _ => break,
                }
            }
        }
    }
}
