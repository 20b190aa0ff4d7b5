//! The processes above a process, up to the first one.

use netstat::Process;

/// More than any real chain has.
const LONGEST: usize = 64;

/// The parent of a process, its parent, and so on. `describe` reads one by its pid.
///
/// A pid may have been given to another process since the parent ended: no parent started after its child, and the chain
/// ends where one did.
pub(super) fn ancestors(process: &Process, mut describe: impl FnMut(u32) -> Option<Process>) -> Vec<Process> {
    let mut chain: Vec<Process> = Vec::new();
    while chain.len() < LONGEST {
        let child = chain.last().unwrap_or(process);
        let Some(parent) = child.parent.and_then(&mut describe) else { break };
        let is_older = match (parent.start_time, child.start_time) {
            (Some(parent), Some(child)) => parent <= child,
            _ => true,
        };
        let is_repeated = parent.pid == process.pid || chain.iter().any(|known| known.pid == parent.pid);
        if !is_older || is_repeated {
            break;
        }
        chain.push(parent);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn process(pid: u32, parent: u32, started: u64) -> Process {
        let mut process = Process::new(pid);
        process.parent = Some(parent);
        process.start_time = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(started));
        process
    }

    fn chain(process: &Process, others: &[Process]) -> Vec<u32> {
        let describe = |pid| others.iter().find(|other| other.pid == pid).cloned();
        ancestors(process, describe).iter().map(|process| process.pid).collect()
    }

    #[test]
    fn chain_ends_at_the_first_process_and_where_a_pid_was_used_again() {
        let above = [process(7, 3, 20), process(3, 1, 10), process(1, 0, 0)];
        assert_eq!(chain(&process(9, 7, 30), &above), [7, 3, 1]);
        // The parent has ended, and a younger process has its pid.
        assert_eq!(chain(&process(9, 7, 15), &above), [0; 0]);
        assert_eq!(chain(&process(9, 8, 30), &above), [0; 0]);
    }

    #[test]
    fn circle_of_parents_ends() {
        let above = [process(7, 3, 20), process(3, 7, 20)];
        assert_eq!(chain(&process(9, 7, 30), &above), [7, 3]);
        assert_eq!(chain(&process(9, 9, 30), &[process(9, 9, 30)]), [0; 0]);
    }
}
