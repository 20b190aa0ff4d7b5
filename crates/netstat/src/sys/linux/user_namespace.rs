//! Users without a number in the caller's user namespace.
//!
//! The kernel shows each of them as one stand-in number (`overflowuid`, usually 65534), which `/etc/passwd` calls `nobody`. It
//! is not the number of that user, so it becomes `None`. Where the namespace gives the number to a user of its own too, the
//! two cannot be distinguished, and the user is unknown all the same.
//!
//! Sources: user_namespaces(7), kernel/user_namespace.c (`from_kuid_munged`).

use std::fs;
use std::io::ErrorKind;

/// The initial user namespace, `PROC_USER_INIT_INO` of include/linux/proc_ns.h, which has a number for every user.
const INITIAL_USER_NAMESPACE: &str = "user:[4026531837]";

/// `DEFAULT_OVERFLOWUID` of linux/highuid.h.
const DEFAULT_OVERFLOW_UID: u32 = 65_534;

/// The stand-in number; `None` in a namespace that has a number for every user.
pub(crate) fn stand_in_uid() -> Option<u32> {
    // One system call, for nearly all callers.
    if fs::read_link("/proc/thread-self/ns/user").is_ok_and(|link| link.as_os_str() == INITIAL_USER_NAMESPACE)
    {
        return None;
    }
    let maps_all = match fs::read_to_string("/proc/thread-self/uid_map") {
        Ok(map) => maps_every_user(&map),
        // A kernel without user namespaces has the directory and not the file.
        Err(error) => {
            error.kind() == ErrorKind::NotFound && fs::exists("/proc/thread-self/stat").unwrap_or(false)
        }
    };
    let overflow_uid = || fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok();
    (!maps_all).then(|| overflow_uid().unwrap_or(DEFAULT_OVERFLOW_UID))
}

/// Whether the lines `inside outside count` cover all numbers. The last number is none: it means "no user".
fn maps_every_user(map: &str) -> bool {
    let counts = map.lines().map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    counts.sum::<Option<u64>>().is_some_and(|count| count >= u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_map_of_all_numbers_maps_every_user() {
        for map in ["         0          0 4294967295\n", "0 0 1\n1 1 4294967294\n"] {
            assert!(maps_every_user(map), "{map}");
        }
        for map in ["", "0 1000 1\n", "0 1000 1\n1 100000 65536\n", "0 0 x\n", "0 0\n", "0 0 4294967294\n"] {
            assert!(!maps_every_user(map), "{map}");
        }
    }
}
