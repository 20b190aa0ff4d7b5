//! Sockets counted by what they have in common.

use crate::model::escape::escaped;
use crate::model::exposure::Exposure;
use crate::model::gap::Gap;
use crate::model::owner::Ownership;
use crate::model::process::{Process, ProcessFields};
use crate::model::queues::Queues;
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::model::spelling::{UnknownName, same_name};
use crate::model::state::State;
use crate::model::workload::Workload;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// What the sockets of a [`Group`] have in common.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GroupKey {
    /// The names of the processes that own them; the pid of one without a name.
    Process,
    /// The number of the user who created them.
    User,
    /// What the owners belong to ([`Workload`] as it is displayed).
    Workload,
    /// The unit of systemd of the owners. Linux, as the next two.
    Unit,
    /// The container of the owners.
    Container,
    /// The pod of the owners.
    Pod,
    /// The protocol.
    Protocol,
    /// The family of addresses.
    Family,
    /// The state.
    State,
    /// The remote address, without the port.
    Remote,
    /// Protocol and local port: `tcp:80`.
    LocalPort,
    /// How far the address of a listener reaches.
    Exposure,
    /// The network namespace, by its name or number, where others than the caller's are listed.
    Netns,
}

impl GroupKey {
    /// Every one.
    pub const ALL: [Self; 13] = [
        Self::Process,
        Self::User,
        Self::Workload,
        Self::Unit,
        Self::Container,
        Self::Pod,
        Self::Protocol,
        Self::Family,
        Self::State,
        Self::Remote,
        Self::LocalPort,
        Self::Exposure,
        Self::Netns,
    ];

    /// The stable name: `process`, `local-port`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::User => "user",
            Self::Workload => "workload",
            Self::Unit => "unit",
            Self::Container => "container",
            Self::Pod => "pod",
            Self::Protocol => "protocol",
            Self::Family => "family",
            Self::State => "state",
            Self::Remote => "remote",
            Self::LocalPort => "local-port",
            Self::Exposure => "exposure",
            Self::Netns => "netns",
        }
    }

    /// The details of processes that a query must ask for ([`Query::processes`](crate::Query::processes)), beside their owners;
    /// empty for a key that has nothing to do with owners.
    pub fn process_fields(self) -> ProcessFields {
        match self {
            Self::Process => ProcessFields::NAME,
            Self::Workload | Self::Unit | Self::Container | Self::Pod => ProcessFields::WORKLOAD,
            _ => ProcessFields::empty(),
        }
    }

    /// Whether more is needed than the sockets one by one: their owners, or names of namespaces.
    pub(crate) fn needs_snapshot(self) -> bool {
        !self.process_fields().is_empty() || self == Self::Netns
    }

    /// The name of the group of a socket, or why it has none.
    fn of(self, snapshot: &Snapshot, socket: &Socket) -> Result<String, Option<&'static str>> {
        let found = match self {
            Self::Process => {
                return of_owners(snapshot, socket, |pid, process| {
                    let name = process.and_then(|process| process.name.as_ref());
                    Some(Some(name.map_or_else(|| pid.to_string(), |name| escaped(&name.to_string_lossy()))))
                });
            }
            Self::Workload => {
                return of_workloads(snapshot, socket, |it| {
                    Some(it.to_string()).filter(|name| !name.is_empty())
                });
            }
            Self::Unit => return of_workloads(snapshot, socket, |it| it.nearest_unit().map(escaped)),
            Self::Container => {
                return of_workloads(snapshot, socket, |it| it.container.as_ref().map(ToString::to_string));
            }
            Self::Pod => {
                return of_workloads(snapshot, socket, |it| it.pod.as_ref().map(ToString::to_string));
            }
            Self::User => socket.uid.map(|uid| uid.to_string()),
            Self::Protocol => Some(socket.protocol.to_string()),
            Self::Family => Some(socket.family.to_string()),
            Self::State => socket.state.map(|state| state.to_string()),
            Self::Remote => {
                let address = socket.remote.as_ref().and_then(|remote| remote.ip());
                address.map(|address| address.to_canonical().to_string())
            }
            Self::LocalPort => socket.local.port().map(|port| format!("{}:{port}", socket.protocol)),
            Self::Exposure => Exposure::of(socket, None).map(|exposure| exposure.reach.to_string()),
            Self::Netns => socket.netns.map(|id| match snapshot.namespace(id) {
                Some(namespace) => escaped(&namespace.to_string()),
                None => id.to_string(),
            }),
        };
        found.ok_or(None)
    }
}

/// What the owners of a socket have, each different value once, or why that is not known. `of` returns `None` where that of a
/// process is not known, and `Some(None)` where it has none.
fn of_owners(
    snapshot: &Snapshot,
    socket: &Socket,
    of: impl Fn(u32, Option<&Process>) -> Option<Option<String>>,
) -> Result<String, Option<&'static str>> {
    if socket.owners().is_empty() {
        return Err(socket.ownership().reason());
    }
    let holders = snapshot.holders(socket).map(|holder| of(holder.pid, holder.process));
    let known: Vec<Option<String>> = holders.flatten().collect();
    if known.is_empty() && socket.ownership() != Ownership::NotAsked {
        return Err(Some("not_read"));
    }
    let mut names: Vec<String> = known.into_iter().flatten().collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { Err(None) } else { Ok(names.join(",")) }
}

fn of_workloads(
    snapshot: &Snapshot,
    socket: &Socket,
    of: impl Fn(&Workload) -> Option<String>,
) -> Result<String, Option<&'static str>> {
    of_owners(snapshot, socket, |_, process| {
        let workload = process?.workload.as_deref()?;
        let name = of(workload);
        // What is above the root of a namespace is not known.
        (name.is_some() || workload.is_complete).then_some(name)
    })
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for GroupKey {
    type Err = UnknownName;

    /// In any case, with `-`, `_` or neither.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|key| same_name(key.as_str(), text));
        found.ok_or_else(|| UnknownName::new(text, "what sockets can be grouped by"))
    }
}

/// Sockets with something in common, counted. Each socket is in one group: one with several owners in that of all their names
/// (`nginx,php`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Group {
    /// What they have in common. Names from other processes are escaped, so that they can be shown. `None`: the sockets
    /// without it.
    pub name: Option<String>,
    /// Why there is no name, where that is known: as [`Ownership::reason`], or `not_read` where the owners could not be
    /// described.
    pub reason: Option<&'static str>,
    /// How many.
    pub sockets: u64,
    /// Of these, how many wait for others ([`Socket::is_listening`]).
    pub listening: u64,
    /// Of these, how many are in ESTABLISHED, or have a remote end where there are no states.
    pub established: u64,
    /// Bytes that were received and not read yet ([`Queues::Bytes`]).
    pub receive_bytes: u64,
    /// Bytes that were sent or queued and not acknowledged yet.
    pub send_bytes: u64,
    /// Bytes of kernel memory in the queues of sockets that count in it ([`Queues::Memory`]).
    pub memory_bytes: u64,
    /// Connections that wait to be accepted ([`Queues::Accept`]).
    pub waiting: u64,
}

impl Group {
    fn add(&mut self, socket: &Socket) {
        self.sockets += 1;
        self.listening += u64::from(socket.is_listening());
        let is_established = match socket.state {
            Some(state) => state == State::Established,
            None => socket.remote.is_some(),
        };
        self.established += u64::from(is_established);
        match socket.queues {
            Some(Queues::Bytes { receive, send }) => {
                self.receive_bytes += u64::from(receive);
                self.send_bytes += u64::from(send);
            }
            Some(Queues::Memory { receive, send }) => {
                self.memory_bytes += u64::from(receive) + u64::from(send)
            }
            Some(Queues::Accept { waiting, .. }) => self.waiting += u64::from(waiting),
            None => {}
        }
    }
}

/// What sockets have in common, and what could not be counted: the answer to [`Query::count_by`](crate::Query::count_by).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Groups {
    /// The largest first.
    pub groups: Vec<Group>,
    /// What could not be counted. Empty when everything was.
    pub gaps: Vec<Gap>,
}

/// The group of a socket, or why it has none.
type Name = Result<String, Option<&'static str>>;

/// Counts sockets one by one.
pub(crate) struct GroupCounter<'s> {
    key: GroupKey,
    snapshot: &'s Snapshot,
    groups: HashMap<Name, Group>,
}

impl<'s> GroupCounter<'s> {
    /// `snapshot`: where owners and namespaces are described. An empty one will do for a key that needs none
    /// ([`GroupKey::needs_snapshot`]).
    pub(crate) fn new(key: GroupKey, snapshot: &'s Snapshot) -> Self {
        Self { key, snapshot, groups: HashMap::new() }
    }

    pub(crate) fn add(&mut self, socket: &Socket) {
        self.groups.entry(self.key.of(self.snapshot, socket)).or_default().add(socket);
    }

    /// The largest first.
    pub(crate) fn groups(self) -> Vec<Group> {
        let named = |(name, group): (Name, Group)| match name {
            Ok(name) => Group { name: Some(name), ..group },
            Err(reason) => Group { reason, ..group },
        };
        let mut groups: Vec<Group> = self.groups.into_iter().map(named).collect();
        groups.sort_unstable_by(|a, b| {
            let order = |group: &Group| (group.name.is_none(), group.name.clone(), group.reason);
            b.sockets.cmp(&a.sockets).then_with(|| order(a).cmp(&order(b)))
        });
        groups
    }
}

impl Snapshot {
    /// Counts the sockets of this snapshot by what they have in common, the largest group first. The numbers of all groups
    /// add up to those of the snapshot. The query must have asked for what the key needs
    /// ([`GroupKey::process_fields`]). [`Query::count_by`](crate::Query::count_by) asks for that itself, and keeps no rows
    /// where the key needs none.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// use netstat::{GroupKey, Query};
    ///
    /// let query = Query::new().tcp().processes(GroupKey::Process.process_fields());
    /// for group in query.snapshot()?.group_by(GroupKey::Process) {
    ///     println!("{:6} {}", group.sockets, group.name.as_deref().unwrap_or("-"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn group_by(&self, key: GroupKey) -> Vec<Group> {
        let mut groups = GroupCounter::new(key, self);
        self.into_iter().for_each(|socket| groups.add(socket));
        groups.groups()
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
