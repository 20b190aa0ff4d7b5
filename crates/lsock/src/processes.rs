//! Processes that hold no listed socket, as far as they are easily found: parents.

use crate::escape;

/// The parent of a process. Linux.
pub fn parent_of(pid: u32) -> Option<u32> {
    // The name in brackets may have spaces and brackets in it.
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let behind_name = stat.iter().rposition(|byte| *byte == b')')?;
    let text = std::str::from_utf8(stat.get(behind_name + 1..)?).ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

/// The name of a process as the kernel keeps it, escaped. Linux.
pub fn name_of(pid: u32) -> Option<String> {
    let name = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(escape::escaped(name.strip_suffix(b"\n").unwrap_or(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_is_that_of_this_process_where_there_is_a_proc() {
        let own = std::process::id();
        // Under Wine there is one, with other numbers.
        let is_own =
            std::fs::read_link("/proc/self").is_ok_and(|link| link.to_str() == Some(&own.to_string()));
        if !is_own {
            return;
        }
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        assert_eq!(parent_of(own), line.and_then(|pid| pid.trim().parse().ok()));
        assert_eq!(name_of(own).is_some(), line.is_some());
        assert_eq!((parent_of(u32::MAX), name_of(u32::MAX)), (None, None));
    }
}
