//! Numbers by name: of network interfaces and control groups.

use super::errno::Errno;
use super::ffi;
use crate::model::error::Error;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where the control groups are.
const CGROUPS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Their file system, `CGROUP2_SUPER_MAGIC` of linux/magic.h.
const CGROUP2: i128 = 0x6367_7270;

/// The index of a network interface in the caller's network namespace.
pub(crate) fn interface_index(name: &str) -> Result<u32, Error> {
    let index = CString::new(name).map_err(|_| Errno::INVAL).and_then(|name| ffi::interface_index(&name));
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

/// `None`: no directory of control groups.
fn directory_id(path: &Path) -> Result<Option<u64>, Errno> {
    let id = fs::metadata(path)?.ino();
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::INVAL)?;
    Ok((ffi::file_system_at(&path)? == CGROUP2).then_some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_have_numbers_and_others_are_errors_that_tell_them() {
        let index = interface_index("lo").unwrap();
        assert_eq!(ffi::interface_name(index).unwrap().to_str(), Ok("lo"));
        let error = interface_index("no-such0").unwrap_err().to_string();
        assert!(error.starts_with("cannot find network interface \"no-such0\": "), "{error}");
        let error = cgroup_id(Path::new("/no/such/group")).unwrap_err().to_string();
        assert!(error.starts_with("cannot find control group /no/such/group: "), "{error}");
        // A directory, but none of control groups.
        assert!(cgroup_id(Path::new("/etc")).is_err());
    }
}
