//! The paths of control groups (version 2) by their numbers, which sockets have: those of their directories.
//!
//! The tree is searched, which needs no right. `open_by_handle_at` would find one group at once, and needs
//! `CAP_DAC_READ_SEARCH`.
//!
//! Sources: fs/kernfs: the id of a node is the inode number of its directory (64 bits wide on machines of 64 bits).

use super::super::resolve::{CGROUPS, is_group};
use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The most groups that are looked at.
const MAX_GROUPS: usize = 1 << 16;

/// Where control groups of version 2 are mounted.
pub(super) fn root() -> Option<&'static Path> {
    CGROUPS.iter().map(Path::new).find(|root| is_group(root))
}

/// The paths of these groups, ascending, from the root of the caller's tree; those of removed groups, and of groups outside of it, are
/// absent.
pub(crate) fn of_ids(wanted: &[u64]) -> HashMap<u64, PathBuf> {
    let mut found = HashMap::new();
    let Some(root) = root() else { return found };
    let is_wanted = |id| wanted.binary_search(&id).is_ok();
    let of_root = fs::metadata(root).ok().map(|root| root.ino());
    found.extend(of_root.filter(|id| is_wanted(*id)).map(|id| (id, PathBuf::from("/"))));
    let mut next = VecDeque::from([root.to_owned()]);
    let mut seen = 0;
    while let Some(directory) = next.pop_front() {
        if found.len() == wanted.len() {
            break;
        }
        // One that was removed in the meantime has no groups.
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir())) {
            seen += 1;
            if seen > MAX_GROUPS {
                return found;
            }
            let path = entry.path();
            if is_wanted(entry.ino()) {
                let below = path.strip_prefix(root).unwrap_or(&path);
                found.insert(entry.ino(), Path::new("/").join(below));
            }
            next.push_back(path);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_this_machine_are_found_by_their_numbers_and_others_are_not() {
        let Some(root) = root() else {
            assert!(of_ids(&[1, 2]).is_empty());
            return;
        };
        let number = |path: &Path| fs::metadata(path).unwrap().ino();
        let mut expected = HashMap::from([(number(root), PathBuf::from("/"))]);
        let mut children = fs::read_dir(root).unwrap().flatten().map(|entry| entry.path());
        if let Some(child) = children.find(|child| child.is_dir()) {
            expected.insert(number(&child), Path::new("/").join(child.file_name().unwrap()));
        }
        let mut wanted: Vec<u64> = expected.keys().copied().collect();
        wanted.push(u64::MAX);
        wanted.sort_unstable();
        assert_eq!(of_ids(&wanted), expected);
        assert!(of_ids(&[]).is_empty());
    }
}
