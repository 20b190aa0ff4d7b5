//! Sockets that systemd opens for a service (socket activation): it holds them too, and before the service starts it alone.

use netstat::{Process, Socket};

/// How systemd has to do with the sockets of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activation {
    /// It opened them, passed them on, and holds them too.
    PassedOn(Process),
    /// It listens itself until a service is needed.
    Waiting,
}

impl Activation {
    /// The name in the JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::PassedOn(_) => "passed_on",
            Self::Waiting => "waiting",
        }
    }

    /// The words for it.
    pub(super) fn words(&self) -> String {
        match self {
            Self::PassedOn(systemd) => format!("{systemd} opened it and passed it on (socket activation)"),
            Self::Waiting => {
                "held for a unit that starts with the first connection (socket activation)".to_owned()
            }
        }
    }

    /// That of a process with these workers, whose sockets `activators` may have passed on.
    pub(super) fn of(
        process: &Process,
        workers: &[u32],
        sockets: &[Socket],
        activators: &[Process],
    ) -> Option<Self> {
        let is_own = |socket: &&Socket| socket.pids().any(|pid| pid == process.pid || workers.contains(&pid));
        let mut own = sockets.iter().filter(is_own);
        if is_systemd(process) {
            return own.any(Socket::is_listening).then_some(Self::Waiting);
        }
        let holds =
            |systemd: &&Process| own.clone().any(|socket| socket.pids().any(|pid| pid == systemd.pid));
        activators.iter().find(holds).cloned().map(Self::PassedOn)
    }
}

/// The managers among the holders of these sockets that share each of theirs with another process.
pub(super) fn activators(
    sockets: &[Socket],
    describe: &mut impl FnMut(u32) -> Option<Process>,
) -> Vec<Process> {
    let mut pids: Vec<u32> = sockets.iter().flat_map(Socket::pids).collect();
    pids.sort_unstable();
    pids.dedup();
    let is_shared = |pid: u32| {
        let mut held = sockets.iter().filter(|socket| socket.pids().any(|holder| holder == pid));
        held.all(|socket| socket.pids().any(|holder| holder != pid))
    };
    pids.retain(|pid| is_shared(*pid));
    pids.into_iter().filter_map(describe).filter(is_systemd).collect()
}

/// Whether it is systemd, that of the system or of a user.
fn is_systemd(process: &Process) -> bool {
    process.name.as_ref().is_some_and(|name| name == "systemd")
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat::{Family, Owner, OwnerRole, Ownership, Protocol, State};
    use std::net::SocketAddr;

    fn process(pid: u32) -> Process {
        let mut process = Process::new(pid);
        process.name = Some(if pid == 1 { "systemd" } else { "sshd" }.into());
        process
    }

    fn listener(pids: &[u32]) -> Socket {
        let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], 22)));
        socket.state = Some(State::Listen);
        let owners = pids.iter().map(|pid| Owner::new(*pid, Some(3), OwnerRole::Holder));
        socket.set_owners(owners, Ownership::Known { complete: true });
        socket
    }

    #[test]
    fn listener_that_systemd_shares_was_passed_on_and_one_that_it_has_alone_waits() {
        let (shared, alone) = (listener(&[1, 9]), listener(&[1]));
        let mut describe = |pid| Some(process(pid));
        let passing = activators(std::slice::from_ref(&shared), &mut describe);
        assert_eq!(passing, [process(1)]);
        let of = |pid, sockets: &[Socket], passing: &[Process]| {
            Activation::of(&process(pid), &[], sockets, passing)
        };
        assert_eq!(of(9, std::slice::from_ref(&shared), &passing), Some(Activation::PassedOn(process(1))));
        let both = [shared, alone.clone()];
        assert_eq!(activators(&both, &mut describe), []);
        assert_eq!(of(1, &[alone], &[]), Some(Activation::Waiting));
        // Two programs share a listener without systemd.
        let inherited = [listener(&[8, 9])];
        assert_eq!((activators(&inherited, &mut describe), of(9, &inherited, &[])), (vec![], None));
    }
}
