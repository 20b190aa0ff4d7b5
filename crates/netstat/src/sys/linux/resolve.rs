//! Resolves names of network interfaces and control groups to numbers.

use super::errno::errno_of;
use crate::model::error::Error;
use rustix::fs::statfs;
use rustix::io::Errno;
use rustix::net::netdevice::{index_to_name, name_to_index};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The usual mount points of control groups.
pub(crate) const CGROUPS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The file system of control groups, `CGROUP2_SUPER_MAGIC` of linux/magic.h.
const CGROUP2: i128 = 0x6367_7270;

/// A socket for requests about network interfaces. A socket of any kind accepts them.
///
/// # Sources
/// netdevice(7).
fn any_socket() -> Result<OwnedFd, Errno> {
    socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
}

/// The name of a network interface in the network namespace of this thread.
pub(crate) fn interface_name(index: u32) -> Option<String> {
    index_to_name(any_socket().ok()?, index).ok()
}

/// The index of a network interface in the network namespace of this thread.
pub(crate) fn interface_index(name: &str) -> Result<u32, Error> {
    // The kernel reads a name up to its first NUL, and would find another interface.
    let index = if name.contains('\0') {
        Err(Errno::INVAL)
    } else {
        any_socket().and_then(|socket| name_to_index(socket, name))
    };
    index.map_err(|errno| Error::system("find", format!("network interface {name:?}"), errno))
}

/// The id of a control group: the inode number of its directory.
///
/// # Sources
/// fs/kernfs: the file handle of a directory of control groups is its inode number.
pub(crate) fn cgroup_id(path: &Path) -> Result<u64, Error> {
    let below = path.strip_prefix("/").unwrap_or(path);
    let places = CGROUPS.iter().map(|root| Path::new(root).join(below));
    let mut failed = Errno::NOENT;
    for place in std::iter::once(path.to_owned()).chain(places) {
        match directory_id(&place) {
            Ok(Some(id)) => return Ok(id),
            Ok(None) => {}
            Err(errno) => failed = errno,
        }
    }
    Err(Error::system("find", format!("control group {}", path.display()), failed))
}

/// Whether this is a directory of control groups.
pub(crate) fn is_group(path: &Path) -> bool {
    directory_id(path).is_ok_and(|id| id.is_some())
}

/// `None`: not a directory of control groups.
fn directory_id(path: &Path) -> Result<Option<u64>, Errno> {
    let id = fs::metadata(path).map_err(errno_of)?.ino();
    let file_system = i128::from(statfs(path)?.f_type);
    Ok((file_system == CGROUP2).then_some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_have_numbers_and_others_are_errors_with_the_name() {
        let index = interface_index("lo").unwrap();
        assert_eq!(interface_name(index).as_deref(), Some("lo"));
        assert_eq!(interface_name(u32::MAX >> 1), None);
        // Longer than any name; must not be truncated to the name of another interface.
        let error = interface_index("no-such-interface").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::NODEV.raw_os_error()));
        assert!(interface_index("lo\0").is_err());
        let error = interface_index("no-such0").unwrap_err().to_string();
        assert!(error.starts_with("cannot find network interface \"no-such0\": "), "{error}");
        let error = cgroup_id(Path::new("/no/such/group")).unwrap_err().to_string();
        assert!(error.starts_with("cannot find control group /no/such/group: "), "{error}");
        // A directory that is not one of control groups.
        assert!(cgroup_id(Path::new("/etc")).is_err());
    }
}
