//! Bounded reads of the files and directories that have names.

use rustix::fs::{Mode, OFlags, open};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Longer than the file of any container of docker or containerd.
pub(super) const MAX_DOCKER_FILE: u64 = 1 << 20;

/// The most entries of a directory that are read, and the most files of docker.
const MAX_ENTRIES: usize = 1 << 14;

/// What was found, or why not.
pub(super) type Lookup<T> = Result<T, String>;

pub(super) fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Reads a file, if it is regular and not longer than this. A pipe in its place is not waited for.
pub(super) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = File::from(open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut content = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > limit {
        return Err(io::Error::new(ErrorKind::InvalidData, "too long"));
    }
    Ok(content)
}

/// What the names in a directory say, by a key.
pub(super) fn entries<T>(
    directory: &Path,
    of_name: impl Fn(&str) -> Option<(String, T)>,
) -> io::Result<HashMap<String, T>> {
    let mut all = HashMap::new();
    for (nth, entry) in fs::read_dir(directory)?.enumerate() {
        if nth == MAX_ENTRIES {
            return Err(io::Error::new(ErrorKind::InvalidData, "too many entries"));
        }
        all.extend(entry?.file_name().to_str().and_then(&of_name));
    }
    Ok(all)
}
