//! What a person should know about a process that listens.

use netstat::{Exposure, Process, Queues, Reach, Socket};
use std::time::{Duration, SystemTime};

/// A process that started so recently, below a parent that is ten times as old, may be one that keeps ending.
const RECENT: Duration = Duration::from_secs(60);

/// Something worth a look.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The program was deleted or replaced since it started.
    ProgramDeleted,
    /// It listens on every address of the machine.
    EveryAddress,
    /// No more connections fit into an accept queue.
    AcceptQueueFull,
    /// It runs as root and can be reached from other machines.
    ReachableAsRoot,
    /// It started within the last minute, long after its parent.
    StartedRecently,
}

impl Warning {
    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::ProgramDeleted => {
                "its program was deleted or replaced since it started: an old version runs"
            }
            Self::EveryAddress => "it listens on every address of this machine; a firewall may allow less",
            Self::AcceptQueueFull => "its accept queue is full: it does not accept connections fast enough",
            Self::ReachableAsRoot => "it runs as root and listens on an address that others may reach",
            Self::StartedRecently => "it started within the last minute, long after its parent: restarted?",
        }
    }

    /// The name in the JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProgramDeleted => "program_deleted",
            Self::EveryAddress => "every_address",
            Self::AcceptQueueFull => "accept_queue_full",
            Self::ReachableAsRoot => "reachable_as_root",
            Self::StartedRecently => "started_recently",
        }
    }
}

/// The warnings about a process, its parent and what it listens on.
pub(super) fn warnings(
    process: &Process,
    parent: Option<&Process>,
    listeners: &[&Socket],
    now: SystemTime,
) -> Vec<Warning> {
    // In another network namespace, addresses are others than those of this machine.
    let is_own = |exposure: &Exposure| exposure.other_netns == Some(false);
    let exposures: Vec<Exposure> =
        listeners.iter().filter_map(|socket| Exposure::of(socket, None).filter(is_own)).collect();
    let is_open = |it: &Exposure| it.reach == Reach::Any && it.interface.is_none();
    let age = |process: &Process| now.duration_since(process.start_time?).ok();
    let is_full = |socket: &&Socket| match socket.queues {
        Some(Queues::Accept { waiting, limit: Some(limit), .. }) => waiting > 0 && waiting >= limit,
        _ => false,
    };
    let is_recent = match (age(process), parent.and_then(age)) {
        (Some(own), Some(of_parent)) => own < RECENT && of_parent > RECENT * 10,
        _ => false,
    };
    let found = [
        (process.path_deleted == Some(true), Warning::ProgramDeleted),
        (exposures.iter().any(is_open), Warning::EveryAddress),
        (listeners.iter().any(is_full), Warning::AcceptQueueFull),
        (
            process.uid == Some(0) && exposures.iter().any(|exposure| exposure.is_exposed()),
            Warning::ReachableAsRoot,
        ),
        (is_recent, Warning::StartedRecently),
    ];
    found.into_iter().filter_map(|(applies, warning)| applies.then_some(warning)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat::{Family, NetnsId, Protocol, State};
    use std::net::SocketAddr;
    use std::num::NonZeroU64;

    fn listener(local: &str, waiting: u32) -> Socket {
        let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, local.parse::<SocketAddr>().unwrap());
        socket.state = Some(State::Listen);
        socket.queues = Some(Queues::Accept { waiting, limit: Some(4) });
        socket
    }

    fn started(uid: u32, seconds: u64) -> Process {
        let mut process = Process::new(9);
        process.uid = Some(uid);
        process.start_time = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        process
    }

    #[test]
    fn each_warning_has_its_reason() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let of = |process: &Process, parent: Option<&Process>, socket: &Socket| {
            warnings(process, parent, &[socket], now)
        };
        let (quiet, local) = (started(1000, 0), listener("127.0.0.1:80", 3));
        assert_eq!(of(&quiet, None, &local), []);
        assert_eq!(of(&started(0, 0), None, &local), []);
        assert_eq!(of(&quiet, None, &listener("0.0.0.0:80", 0)), [Warning::EveryAddress]);
        assert_eq!(
            of(&started(0, 0), None, &listener("0.0.0.0:80", 0)),
            [Warning::EveryAddress, Warning::ReachableAsRoot]
        );
        assert_eq!(of(&started(0, 0), None, &listener("10.0.0.1:80", 0)), [Warning::ReachableAsRoot]);
        assert_eq!(of(&quiet, None, &listener("127.0.0.1:80", 4)), [Warning::AcceptQueueFull]);
        let mut of_container = listener("0.0.0.0:80", 0);
        of_container.netns = NonZeroU64::new(7).map(NetnsId);
        assert_eq!(of(&started(0, 0), None, &of_container), []);
        assert_eq!(of(&started(1000, 990), Some(&started(0, 0)), &local), [Warning::StartedRecently]);
        assert_eq!(of(&started(1000, 990), Some(&started(0, 900)), &local), []);
        let mut deleted = started(1000, 0);
        deleted.path_deleted = Some(true);
        assert_eq!(of(&deleted, None, &local), [Warning::ProgramDeleted]);
    }
}
