//! Whether this machine has the resources for a world.

use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use socket_world::WorldSpec;
use std::fs;
use std::io;

/// The memory of a socket with its file, and with what the bench itself keeps of it, rounded up.
const BYTES_A_SOCKET: u64 = 6 << 10;
const BYTES_A_PROCESS: u64 = 2 << 20;
/// The memory of a contender: the largest of them keeps all rows as text.
const BYTES_TO_LIST_A_SOCKET: u64 = 2 << 10;
/// What a process has open beside its sockets, and what the rest of the machine needs.
const SPARE: u64 = 1000;

/// The resources that are available.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    memory: u64,
    /// Open files, of all processes together.
    files: u64,
    /// Descriptors of one process.
    descriptors: u64,
    processes: u64,
}

impl Limits {
    /// Those of this machine, now. What it does not report is unlimited.
    pub(crate) fn now() -> Self {
        let available = read("/proc/meminfo")
            .lines()
            .find_map(|line| line.strip_prefix("MemAvailable:").map(first_number))
            .map_or(u64::MAX, |kib| kib.saturating_mul(1024));
        let in_use = first_number(&read("/proc/sys/fs/file-nr"));
        let running = fs::read_dir("/proc").map_or(0, Iterator::count);
        let most = first_number(&read("/proc/sys/kernel/pid_max"))
            .min(first_number(&read("/proc/sys/kernel/threads-max")));
        let may_raise =
            capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_RESOURCE));
        let hard = getrlimit(Resource::Nofile).maximum.filter(|_| !may_raise);
        Self {
            memory: available,
            files: first_number(&read("/proc/sys/fs/file-max")).saturating_sub(if in_use == u64::MAX {
                0
            } else {
                in_use
            }),
            descriptors: hard.unwrap_or_else(|| first_number(&read("/proc/sys/fs/nr_open"))),
            processes: most.saturating_sub(u64::try_from(running).unwrap_or(0)),
        }
    }

    /// What the machine lacks for a world, if anything.
    pub(crate) fn shortage(&self, spec: &WorldSpec) -> Option<String> {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let counts = spec.counts();
        let (sockets, processes) = (number(counts.sockets()), number(counts.processes));
        let others = number(counts.plain_descriptors);
        let of_one = WorldSpec { processes: 1, ..*spec }.counts();
        let memory = sockets * (BYTES_A_SOCKET + BYTES_TO_LIST_A_SOCKET) + processes * BYTES_A_PROCESS;
        let needs = [
            (memory >> 20, self.memory >> 20, "MiB of memory"),
            (sockets + others + 5 * processes + SPARE, self.files, "open files"),
            (
                number(of_one.sockets() + of_one.plain_descriptors).max(processes) + SPARE,
                self.descriptors,
                "descriptors in one process",
            ),
            (processes + SPARE, self.processes, "processes"),
        ];
        let missing = needs.into_iter().find(|(need, have, _)| need > have);
        missing.map(|(need, have, what)| format!("it needs {need} {what}, of which {have} can be had"))
    }
}

/// Whether a world could not be built for lack of a resource: memory, processes, descriptors, ports.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, OutOfMemory, WouldBlock};
    let wanting = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EAGAIN, libc::ENOBUFS];
    matches!(error.kind(), AddrInUse | AddrNotAvailable | OutOfMemory | WouldBlock)
        || error.raw_os_error().is_some_and(|code| wanting.contains(&code))
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The first number of a text; without one the resource is unlimited.
fn first_number(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: Limits =
        Limits { memory: u64::MAX, files: u64::MAX, descriptors: u64::MAX, processes: u64::MAX };

    #[test]
    fn world_too_large_for_the_machine_is_refused_with_the_reason() {
        let large = WorldSpec::large();
        assert_eq!(ENOUGH.shortage(&large), None);
        for (limits, what) in [
            (Limits { memory: 100 << 20, ..ENOUGH }, "memory"),
            (Limits { files: 100_000, ..ENOUGH }, "open files"),
            (Limits { descriptors: 1024, ..ENOUGH }, "descriptors in one process"),
            (Limits { processes: 100, ..ENOUGH }, "processes"),
        ] {
            let why = limits.shortage(&large).expect("not to be had");
            assert!(why.contains(what), "{why}");
        }
    }

    #[test]
    fn limits_of_this_machine_are_known() {
        let limits = Limits::now();
        assert!(limits.memory < u64::MAX && limits.processes < u64::MAX, "{limits:?}");
        assert_eq!(
            limits.shortage(&WorldSpec { processes: 1, udp_sockets: 1, ..WorldSpec::default() }),
            None
        );
    }
}
