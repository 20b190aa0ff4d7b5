//! `/proc/PID/mountinfo` (`fs/proc_namespace.c`, `show_mountinfo`): the mounts of a process, one line a mount.
//!
//! ```text
//! 63 43 0:4 net:[4026532177] /run/netns/blue rw shared:1 - nsfs nsfs rw
//! ```
//!
//! A namespace that is kept by a bind mount of its file has the root `net:[N]`, which no path can forge: paths start
//! with a slash. `N` is the inode number of the namespace in nsfs.
//!
//! Traps:
//! - Space, tab, newline, backslash and `#` in a path are printed as `\040` and so on.
//! - The number of optional columns (`shared:1`) varies; a single `-` ends them.
//! - Mount points are as the process sees them from its root directory.

use super::columns::Columns;
use super::proc_pid_fd::network_namespace;
use crate::reader::DecodeError;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// The part of the file system that is mounted, as printed: a path, or `net:[N]`.
    pub root: &'a [u8],
    /// Where it is mounted, as printed: see [`unescaped`].
    pub mount_point: &'a [u8],
    /// The type of the file system.
    pub file_system: &'a [u8],
}

impl<'a> Mount<'a> {
    /// Reads a line with its newline.
    ///
    /// # Errors
    /// A column is missing, is not what it should be, or the newline is missing: then the line may be truncated.
    pub fn decode(line: &'a [u8]) -> Result<Self, DecodeError> {
        let mut columns = Columns::new("/proc/PID/mountinfo", line);
        columns.decimal::<u64>("malformed mount id")?;
        columns.decimal::<u64>("malformed parent")?;
        columns.text("malformed device")?;
        let root = columns.text("malformed root")?;
        let mount_point = columns.text("malformed mount point")?;
        columns.text("malformed options")?;
        while columns.text("no separator")? != b"-" {}
        let file_system = columns.text("malformed file system")?;
        if !columns.rest().ends_with(b"\n") {
            return Err(columns.malformed("no newline"));
        }
        Ok(Self { root, mount_point, file_system })
    }

    /// The inode number of the network namespace whose file is mounted; `None` for any other mount.
    pub fn network_namespace(&self) -> Option<u64> {
        network_namespace(self.root).filter(|_| self.file_system == b"nsfs")
    }
}

/// A path without the escapes `\040` and so on. Other backslashes stay, since the kernel prints none.
pub fn unescaped(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, more)) = rest.split_first() {
        let byte = match more.first_chunk::<3>() {
            Some(digits) if *first == b'\\' => octal(*digits),
            _ => None,
        };
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { more.get(3..).unwrap_or_default() } else { more };
    }
    bytes
}

fn octal(digits: [u8; 3]) -> Option<u8> {
    digits.into_iter().try_fold(0_u8, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        Some(number.checked_mul(8)? | digit)
    })
}
