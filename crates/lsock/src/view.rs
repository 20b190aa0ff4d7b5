//! A snapshot with cached strings for its output: escaped names, names of network interfaces.

use crate::escape;
use crate::host_names::HostNames;
use crate::service_names::ServiceNames;
use crate::time::Rfc3339;
use crate::users::Users;
use netstat::{Exposure, NetnsId, Owner, OwnerRole, Process, Snapshot, Socket, State, Workload};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The namespace of a network interface (`None`: that of this program) and its index.
type InterfaceKey = (Option<NetnsId>, u32);

/// A snapshot and what was looked up to show it.
pub struct View<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The names of users.
    pub users: &'a Users,
    /// Sentences that stand below the table on a terminal.
    pub notes: Vec<String>,
    /// One for each process of the snapshot, in the same order.
    processes: Vec<ProcessView<'a>>,
    /// Their pids: a search over these few bytes is several times as fast as one over the processes.
    pids: Vec<u32>,
    interfaces: Mutex<HashMap<InterfaceKey, Option<Arc<str>>>>,
    /// What the control groups of rows say, looked up together when the first is needed.
    cgroups: OnceLock<HashMap<u64, Workload>>,
    /// The network namespace of this program, if rows have theirs.
    own_netns: Option<NetnsId>,
    /// The names of hosts, if columns show them.
    pub host_names: HostNames,
    /// Read when the first name is needed.
    services: OnceLock<ServiceNames>,
}

/// A process with its strings for output. Every field but `raw` is escaped.
pub struct ProcessView<'a> {
    /// The process as the library returned it.
    pub raw: &'a Process,
    /// The name as a JSON string, with U+FFFD for bytes that are not UTF-8.
    pub(crate) json_name: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The executable, with a note if it was deleted.
    pub path: Option<String>,
    /// The arguments, separated by spaces.
    pub command: Option<String>,
    /// The user it runs as.
    pub user: Option<String>,
    /// When it started (RFC 3339).
    pub started: Option<String>,
    /// The container, or the one behind the published port that it forwards.
    pub container: Option<String>,
    /// The pod.
    pub pod: Option<String>,
    /// The unit of systemd.
    pub unit: Option<String>,
    /// What it belongs to, in one word.
    pub workload: Option<String>,
}

impl<'a> View<'a> {
    /// Prepares a snapshot for output.
    pub fn new(snapshot: &'a Snapshot, users: &'a Users) -> Self {
        let processes = snapshot.processes.iter().map(ProcessView::new).collect();
        let pids = snapshot.processes.iter().map(|process| process.pid).collect();
        let own_netns = if snapshot.namespaces.is_empty() { None } else { NetnsId::current() };
        Self {
            snapshot,
            users,
            notes: Vec::new(),
            processes,
            pids,
            interfaces: Mutex::default(),
            host_names: HostNames::default(),
            own_netns,
            cgroups: OnceLock::new(),
            services: OnceLock::new(),
        }
    }

    /// The process of an owner, if the query collected details of it. As [`Snapshot::process_of`]: none for an owner
    /// that has ended, since another process may have its pid now.
    pub fn process_of(&self, owner: &Owner) -> Option<&ProcessView<'a>> {
        if owner.role == OwnerRole::EndedBinder {
            return None;
        }
        self.pids.binary_search(&owner.pid).ok().and_then(|index| self.processes.get(index))
    }

    /// As from this network namespace, wherever a test runs.
    #[cfg(test)]
    pub(crate) fn seen_from(self, own: NetnsId) -> Self {
        Self { own_netns: Some(own), ..self }
    }

    /// The path of a row's control group, by its number, not escaped.
    pub(crate) fn cgroup(&self, id: u64) -> Option<&Path> {
        let of = |socket: &Socket| socket.details()?.cgroup_id;
        let look_up = || netstat::cgroup_workloads(self.snapshot.sockets.iter().filter_map(of));
        self.cgroups.get_or_init(look_up).get(&id).and_then(|workload| workload.cgroup.as_deref())
    }

    /// All processes of the snapshot.
    pub fn processes(&self) -> &[ProcessView<'a>] {
        &self.processes
    }

    /// The name of a port in the system's list of services.
    pub(crate) fn service_name(&self, protocol: &str, port: u16) -> Option<&str> {
        self.services.get_or_init(ServiceNames::of_system).get(protocol, port)
    }

    /// Takes a list of services in place of that of the system.
    #[cfg(test)]
    pub(crate) fn name_services(&self, text: &str) {
        let _ = self.services.set(ServiceNames::parse(text));
    }

    /// Names a network interface of a world that is made for a test.
    #[cfg(test)]
    pub(crate) fn name_interface(&self, index: u32, name: &str) {
        let mut known = self.interfaces.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((None, index), Some(name.into()));
    }

    /// From where a socket can be reached, as far as its address says.
    pub(crate) fn exposure(&self, socket: &Socket) -> Option<Exposure> {
        Exposure::of(socket, self.own_netns)
    }

    /// The name of a network interface of a row, not escaped. Each is looked up once, in the network namespace of the row.
    pub fn interface(&self, socket: &Socket, index: u32) -> Option<Arc<str>> {
        let netns = socket.netns.filter(|netns| Some(*netns) != self.own_netns);
        let name = || match netns {
            None => netstat::interface_name(index),
            Some(netns) => self.snapshot.namespace(netns)?.interface_name(index),
        };
        let mut known = self.interfaces.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry((netns, index)).or_insert_with(|| name().map(Arc::from)).clone()
    }
}

impl<'a> ProcessView<'a> {
    fn new(raw: &'a Process) -> Self {
        let workload = raw.workload.as_deref();
        Self {
            raw,
            json_name: raw.name.as_ref().map(|name| {
                let mut shown = String::new();
                escape::json_string_into(&name.to_string_lossy(), &mut shown);
                shown
            }),
            name: raw.name.as_ref().map(|name| escape::escaped(name.as_encoded_bytes())),
            path: raw.path.as_ref().map(|path| {
                let mut shown = escape::escaped(path.as_os_str().as_encoded_bytes());
                if raw.path_deleted == Some(true) {
                    shown.push_str(" (deleted)");
                }
                shown
            }),
            command: raw.command_line.as_ref().filter(|arguments| !arguments.is_empty()).map(|arguments| {
                let shown: Vec<_> = arguments.iter().map(|a| escape::escaped(a.as_encoded_bytes())).collect();
                shown.join(" ")
            }),
            user: raw.user.as_ref().map(|user| escape::escaped(user.as_bytes())),
            started: raw.start_time.and_then(Rfc3339::new).map(|time| time.to_string()),
            container: workload.and_then(|it| match (&it.container, &it.published) {
                (Some(container), _) => Some(container.to_string()),
                (None, published) => published.as_ref().map(ToString::to_string),
            }),
            pod: workload.and_then(|it| it.pod.as_ref()).map(ToString::to_string),
            unit: workload.and_then(|it| it.nearest_unit()).map(|unit| escape::escaped(unit.as_bytes())),
            workload: workload.map(ToString::to_string).filter(|text| !text.is_empty()),
        }
    }
}

/// The name of a state in all output; none for UDP, and for a state without a name.
pub fn state_name(state: Option<State>) -> Option<&'static str> {
    state?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_states_have_no_name() {
        assert_eq!(state_name(Some(State::SynReceived)), Some("SYN_RCVD"));
        assert_eq!(state_name(Some(State::Other(99))), None);
        assert_eq!(state_name(None), None);
    }

    #[test]
    fn processes_are_found_as_the_library_finds_them() {
        let mut snapshot = Snapshot::default();
        snapshot.processes = vec![Process::new(7), Process::new(9)];
        let users = Users::known(&[]);
        let view = View::new(&snapshot, &users);
        let roles = [
            OwnerRole::Holder,
            OwnerRole::Binder,
            OwnerRole::LastUser,
            OwnerRole::Effective,
            OwnerRole::EndedBinder,
        ];
        for role in roles {
            for pid in [7, 8, 9] {
                let owner = Owner::new(pid, None, role);
                let found = view.process_of(&owner).map(|shown| shown.raw);
                assert_eq!(found, snapshot.process_of(&owner), "{owner:?}");
            }
        }
    }
}
