//! Sockets that systemd opens for a service (socket activation): it holds them too, and before the service starts it alone.

use crate::escape::escaped;
use netstat::{DetailFields, Lister, Process, Query, Socket, SocketKey, Workload};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The `.socket` units in whose control groups listeners were made.
pub(super) type SocketUnits = HashMap<SocketKey, String>;

/// How systemd has to do with the sockets of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activation {
    /// It opened them, passed them on, and holds them too.
    PassedOn {
        /// systemd.
        by: Box<Process>,
        /// Its units for these sockets, where the kernel shows them.
        units: Vec<String>,
    },
    /// It listens itself until a service is needed.
    Waiting {
        /// Its units for these sockets, where the kernel shows them.
        units: Vec<String>,
    },
}

impl Activation {
    /// The name in the JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::PassedOn { .. } => "passed_on",
            Self::Waiting { .. } => "waiting",
        }
    }

    /// Units of systemd: `ssh.socket`.
    pub fn units(&self) -> &[String] {
        let (Self::PassedOn { units, .. } | Self::Waiting { units }) = self;
        units
    }

    /// The words for it.
    pub(super) fn words(&self) -> String {
        let units = self.units().iter().map(|unit| escaped(unit.as_bytes())).collect::<Vec<_>>().join(", ");
        match self {
            Self::PassedOn { by, .. } if units.is_empty() => {
                format!("{by} opened it and passed it on (socket activation)")
            }
            Self::PassedOn { by, .. } => {
                format!("{by} opened it for {units} and passed it on (socket activation)")
            }
            Self::Waiting { .. } if units.is_empty() => {
                "held for a unit that starts with the first connection (socket activation)".to_owned()
            }
            Self::Waiting { .. } => {
                format!(
                    "held for {units}, which starts its service with the first connection (socket activation)"
                )
            }
        }
    }

    /// That of a process with these workers, whose sockets `activators` may have passed on.
    pub(super) fn of(
        process: &Process,
        workers: &[u32],
        sockets: &[Socket],
        activators: &[Process],
        units: &SocketUnits,
    ) -> Option<Self> {
        let is_own = |socket: &&Socket| socket.pids().any(|pid| pid == process.pid || workers.contains(&pid));
        let mut own = sockets.iter().filter(is_own);
        let units_of = |sockets: &mut dyn Iterator<Item = &Socket>| {
            let units: BTreeSet<&String> = sockets.filter_map(|socket| units.get(&socket.key())).collect();
            units.into_iter().cloned().collect()
        };
        if is_systemd(process) {
            let units = units_of(&mut own.clone());
            return own.any(Socket::is_listening).then_some(Self::Waiting { units });
        }
        let is_held = |socket: &Socket, systemd: &Process| socket.pids().any(|pid| pid == systemd.pid);
        let by = activators.iter().find(|systemd| own.clone().any(|socket| is_held(socket, systemd)))?;
        let units = units_of(&mut own.filter(|socket| is_held(socket, by)));
        Some(Self::PassedOn { by: Box::new(by.clone()), units })
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

/// The units of these sockets. systemd makes a listener in the control group of its unit, in which it stays.
pub(super) fn socket_units(lister: &mut Lister, sockets: &[Socket]) -> SocketUnits {
    // Without this detail, and on systems without it, no unit is known.
    let query = Query::new().listening().details(DetailFields::CGROUP);
    let Ok(listed) = lister.snapshot(&query) else { return SocketUnits::new() };
    let wanted: BTreeSet<SocketKey> = sockets.iter().map(Socket::key).collect();
    let groups: BTreeMap<SocketKey, u64> = listed
        .sockets
        .iter()
        .filter(|socket| wanted.contains(&socket.key()))
        .filter_map(|socket| Some((socket.key(), socket.details()?.cgroup_id?)))
        .collect();
    let units = netstat::cgroup_workloads(groups.values().copied());
    let unit = |workload: &Workload| {
        let unit = workload.nearest_unit().filter(|unit| unit.ends_with(".socket"));
        unit.map(str::to_owned)
    };
    groups.into_iter().filter_map(|(key, id)| Some((key, unit(units.get(&id)?)?))).collect()
}

/// Whether it is systemd, that of the system or of a user.
pub(super) fn is_systemd(process: &Process) -> bool {
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
        let units = SocketUnits::from([(shared.key(), "ssh.socket".to_owned())]);
        let mut describe = |pid| Some(process(pid));
        let passing = activators(std::slice::from_ref(&shared), &mut describe);
        assert_eq!(passing, [process(1)]);
        let of = |pid, sockets: &[Socket], passing: &[Process]| {
            Activation::of(&process(pid), &[], sockets, passing, &units)
        };
        let passed_on = |units: &[&str]| {
            let units = units.iter().map(|unit| (*unit).to_owned()).collect();
            Some(Activation::PassedOn { by: Box::new(process(1)), units })
        };
        assert_eq!(of(9, std::slice::from_ref(&shared), &passing), passed_on(&["ssh.socket"]));
        let words = passed_on(&["ssh.socket"]).unwrap().words();
        assert_eq!(words, "systemd (1) opened it for ssh.socket and passed it on (socket activation)");
        assert_eq!(
            passed_on(&[]).unwrap().words(),
            "systemd (1) opened it and passed it on (socket activation)"
        );
        let both = [shared, alone.clone()];
        assert_eq!(activators(&both, &mut describe), []);
        let waiting = Some(Activation::Waiting { units: vec!["ssh.socket".to_owned()] });
        assert_eq!(of(1, &[alone], &[]), waiting);
        // Two programs share a listener without systemd.
        let inherited = [listener(&[8, 9])];
        assert_eq!((activators(&inherited, &mut describe), of(9, &inherited, &[])), (vec![], None));
    }
}
