//! What a caller can know of a model world, told from the world alone.

use crate::model::gap::GapKind;
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership, UnownedReason};
use crate::scripted::world::{
    DescriptorFate, Fate, Hands, Process, Protocol, Socket, State, What, When, World,
};
use crate::scripted::xnu::Machine;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

/// What one process's look gave, or that it gave nothing.
#[derive(Default)]
struct Look {
    held: Vec<(usize, Owner)>,
    closed: u64,
    is_gone: bool,
}

pub(super) struct Oracle<'a> {
    pub(super) world: &'a World,
    pub(super) machine: &'a Machine,
}

/// Everything that is expected of a snapshot.
pub(super) struct Expected {
    pub(super) sockets: Vec<crate::Socket>,
    pub(super) gaps: Vec<(GapKind, u64)>,
}

impl Oracle<'_> {
    fn is_root(&self) -> bool {
        self.machine.uid == 0
    }

    /// Whether the caller's rights let it see this process in a list of those that it can read.
    fn is_mine(&self, process: &Process) -> bool {
        self.is_root() || process.uid == self.machine.uid
    }

    /// The look at one process, call by call.
    fn look(&self, process: &Process) -> Look {
        let mut look = Look::default();
        let ends_after = match process.fate {
            Fate::EndsAfter(count) => count,
            _ => usize::MAX,
        };
        let mut told = 0;
        let mut asked = false;
        let sockets = process.descriptors.iter().filter(|it| it.what != What::File);
        for descriptor in sockets {
            asked = true;
            if told >= ends_after {
                return Look { closed: look.closed, is_gone: true, held: Vec::new() };
            }
            match (descriptor.fate, descriptor.what) {
                (DescriptorFate::Stays, What::Socket(socket)) => {
                    told += 1;
                    look.held.push((socket, Owner::new(process.pid, Some(descriptor.fd), OwnerRole::Holder)));
                }
                (DescriptorFate::Stays, _) => {}
                _ => look.closed += 1,
            }
        }
        for (_, socket) in &process.parked {
            asked = true;
            if told >= ends_after {
                return Look { closed: look.closed, is_gone: true, held: Vec::new() };
            }
            told += 1;
            look.held.push((*socket, Owner::new(process.pid, None, OwnerRole::Holder)));
        }
        if asked && (told >= ends_after || process.fate == Fate::PidIsUsedAgain) {
            return Look { closed: look.closed, is_gone: true, held: Vec::new() };
        }
        look
    }

    /// Whether a process has ended by the time its details are asked for.
    fn has_ended(&self, process: &Process) -> bool {
        match process.fate {
            Fate::Zombie | Fate::EndsBeforeItIsRead => true,
            Fate::EndsAfter(_) => self.is_mine(process) && self.look(process).is_gone,
            _ => false,
        }
    }

    fn protocol_exists(&self, protocol: Protocol) -> impl Iterator<Item = &Socket> {
        let exists = move |it: &&Socket| it.protocol == protocol && it.when != When::AfterTables;
        self.world.sockets.iter().filter(exists)
    }

    fn is_counted_only(socket: &Socket) -> bool {
        matches!(socket.hands, Hands::Detached | Hands::HalfMade)
    }

    /// Whether a table shows the caller this socket.
    fn is_in_table(&self, place: usize) -> bool {
        let socket = &self.world.sockets[place];
        if socket.when == When::AfterTables || Self::is_counted_only(socket) {
            return false;
        }
        let own = self.world.process(self.machine.pid).is_some_and(|process| {
            process.descriptors.iter().any(|descriptor| descriptor.what == What::Socket(place))
        });
        self.machine.major < 27 || self.is_root() || own || socket.last_user == self.machine.pid
    }

    /// How many sockets of a protocol there are, and how many a table shows.
    fn count_and_shown(&self, protocol: Protocol) -> (usize, usize) {
        let shown = (0..self.world.sockets.len())
            .filter(|place| self.world.sockets[*place].protocol == protocol && self.is_in_table(*place));
        (self.protocol_exists(protocol).count(), shown.count())
    }

    /// Whether most of a table is kept back from this caller.
    pub(super) fn looks_filtered(&self, protocol: Protocol) -> bool {
        let (count, shown) = self.count_and_shown(protocol);
        !self.is_root() && 2 * shown < count
    }

    fn has_row(socket: &Socket) -> bool {
        !Self::is_counted_only(socket)
    }

    /// All holders that were seen, by socket.
    fn holders(&self) -> BTreeMap<usize, Vec<Owner>> {
        let mut holders: BTreeMap<usize, Vec<Owner>> = BTreeMap::new();
        for process in &self.world.processes {
            let is_read = matches!(process.fate, Fate::Lives | Fate::EndsAfter(_) | Fate::PidIsUsedAgain);
            if is_read && self.is_mine(process) {
                for (socket, owner) in self.look(process).held {
                    holders.entry(socket).or_default().push(owner);
                }
            }
        }
        holders
    }

    /// Whether every process that could hold a socket was read.
    fn all_seen(&self) -> bool {
        self.is_root() && self.world.processes.iter().all(|process| process.fate != Fate::Refuses)
    }

    /// The row of a socket without its owners. `listed`: by a table, which knows more of it.
    fn row(&self, socket: &Socket, listed: bool) -> crate::Socket {
        let protocol = match socket.protocol {
            Protocol::Tcp => crate::Protocol::Tcp,
            Protocol::Udp => crate::Protocol::Udp,
        };
        let family = if socket.ipv6 { crate::Family::Ipv6 } else { crate::Family::Ipv4 };
        let mut row = crate::Socket::new(family, protocol, socket.local);
        let tcp = protocol == crate::Protocol::Tcp;
        row.socket_type = Some(if tcp { crate::SocketType::Stream } else { crate::SocketType::Datagram });
        row.remote = socket.remote.map(crate::Endpoint::from);
        if socket.protocol == Protocol::Tcp {
            row.state = Some(match socket.state {
                State::Closed => crate::State::Closed,
                State::Listen => crate::State::Listen,
                State::SynSent => crate::State::SynSent,
                State::SynReceived => crate::State::SynReceived,
                State::Established => crate::State::Established,
                State::CloseWait => crate::State::CloseWait,
                State::FinWait1 => crate::State::FinWait1,
                State::Closing => crate::State::Closing,
                State::LastAck => crate::State::LastAck,
                State::FinWait2 => crate::State::FinWait2,
                State::TimeWait => crate::State::TimeWait,
                State::Unheard => crate::State::Other(77),
            });
        }
        let is_any = socket.local.ip().is_unspecified() && socket.local.port() != 0;
        if socket.ipv6 && is_any && row.is_listening() {
            row.v6_only = Some(socket.v6_only);
        }
        if socket.hands != Hands::Flow {
            row.cookie = NonZeroU64::new(socket.generation);
        }
        if socket.hands != Hands::NoSocket {
            let (waiting, in_the_making, limit) = socket.backlog;
            row.queues = if row.state == Some(crate::State::Listen) && socket.hands != Hands::Flow {
                Some(crate::Queues::Accept {
                    waiting: (waiting - in_the_making).into(),
                    limit: Some(limit.into()),
                })
            } else if socket.hands == Hands::Flow && socket.protocol == Protocol::Udp {
                // The kernel reports one queue of two.
                None
            } else {
                Some(crate::Queues::Bytes { receive: socket.received, send: socket.to_send })
            };
        }
        if !matches!(socket.hands, Hands::NoSocket | Hands::Flow) {
            row.identity = Some(crate::Identity::Handle(socket.handle));
            row.uid = listed.then_some(socket.uid);
        }
        row
    }

    /// Who owns a socket, as far as this caller can know.
    fn ownership(&self, place: usize, holders: &[Owner], listed: bool) -> (Vec<Owner>, Ownership) {
        let socket = &self.world.sockets[place];
        let mut owners: Vec<Owner> = holders.to_vec();
        let is_holder = |pid| holders.iter().any(|owner| owner.pid == pid);
        if listed && socket.hands != Hands::NoSocket {
            let Socket { last_user, effective, .. } = *socket;
            if last_user != 0 && !is_holder(last_user) {
                owners.push(Owner::new(last_user, None, OwnerRole::LastUser));
            }
            if effective != 0 && effective != last_user && !is_holder(effective) {
                owners.push(Owner::new(effective, None, OwnerRole::Effective));
            }
        }
        let attributed = if owners.is_empty() {
            Ownership::None { reason: UnownedReason::KernelOrInFlight }
        } else {
            Ownership::Known { complete: false }
        };
        let none = |reason| Ownership::None { reason };
        if !holders.is_empty() {
            let sole = self.world.references(place) == 1;
            return (owners, Ownership::Known { complete: self.all_seen() || sole });
        }
        let is_time_wait = socket.protocol == Protocol::Tcp && socket.state == State::TimeWait;
        let is_syn_received = socket.protocol == Protocol::Tcp && socket.state == State::SynReceived;
        let ownership = match socket.hands {
            Hands::NoSocket if is_time_wait => none(UnownedReason::TimeWait),
            Hands::NoSocket if is_syn_received => none(UnownedReason::SynReceived),
            Hands::NoSocket => none(UnownedReason::Orphan),
            Hands::Flow => attributed,
            // Before macOS 13 nothing tells a subflow from an orphan.
            Hands::Subflow if self.machine.major >= 13 => attributed,
            Hands::Waiting | Hands::HalfOpen | Hands::Orphan | Hands::Subflow if is_time_wait => {
                none(UnownedReason::TimeWait)
            }
            Hands::Waiting => none(UnownedReason::AcceptQueue),
            Hands::HalfOpen => none(UnownedReason::SynReceived),
            Hands::Orphan | Hands::Subflow => none(UnownedReason::Orphan),
            Hands::Open | Hands::Detached | Hands::HalfMade => {
                let may_be_seen = self.is_root() || socket.uid == self.machine.uid;
                if socket.when == When::UntilTables && socket.last_user != 0 && may_be_seen {
                    Ownership::Hidden { reason: HiddenReason::Vanished }
                } else if self.all_seen() {
                    none(UnownedReason::KernelOrInFlight)
                } else if owners.is_empty() {
                    Ownership::Hidden { reason: HiddenReason::UnreadableProcess }
                } else {
                    Ownership::Known { complete: false }
                }
            }
        };
        (owners, ownership)
    }

    /// The sockets of a protocol that only the walk shows.
    fn unlisted(&self, holders: &BTreeMap<usize, Vec<Owner>>, protocol: Protocol) -> Vec<usize> {
        let is_unlisted = |place: &usize| {
            let socket = &self.world.sockets[*place];
            socket.protocol == protocol && Self::has_row(socket) && !self.is_in_table(*place)
        };
        holders.keys().copied().filter(is_unlisted).collect()
    }

    /// What a query for everything must answer.
    pub(super) fn everything(&self) -> Expected {
        let holders = self.holders();
        let mut sockets = Vec::new();
        let mut gaps = Vec::new();
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let unlisted = self.unlisted(&holders, protocol);
            let of_protocol =
                (0..self.world.sockets.len()).filter(|it| self.world.sockets[*it].protocol == protocol);
            for place in of_protocol {
                let listed = self.is_in_table(place);
                if !listed && !unlisted.contains(&place) {
                    continue;
                }
                let mut row = self.row(&self.world.sockets[place], listed);
                let held: &[Owner] = holders.get(&place).map_or(&[], |held| held);
                let (owners, ownership) = self.ownership(place, held, listed);
                row.set_owners(owners, ownership);
                sockets.push(row);
            }
            let is_older = |place: &usize| self.world.sockets[*place].when == When::Always;
            if self.looks_filtered(protocol) || unlisted.iter().any(is_older) {
                gaps.push((GapKind::TableFiltered, 1));
            }
        }
        gaps.extend(self.walk_gaps());
        gaps.retain(|(_, count)| *count > 0);
        gaps.sort_unstable();
        Expected { sockets, gaps }
    }

    fn walk_gaps(&self) -> [(GapKind, u64); 3] {
        let (mut unreadable, mut vanished, mut closed) = (0, 0, 0);
        for process in &self.world.processes {
            if !self.is_mine(process) {
                unreadable += 1;
                continue;
            }
            match process.fate {
                Fate::Zombie => {}
                Fate::EndsBeforeItIsRead => vanished += 1,
                Fate::Refuses => unreadable += 1,
                Fate::Lives | Fate::EndsAfter(_) | Fate::PidIsUsedAgain => {
                    let look = self.look(process);
                    vanished += u64::from(look.is_gone);
                    closed += look.closed;
                }
            }
        }
        [
            (GapKind::ProcessesUnreadable, unreadable),
            (GapKind::ProcessesVanished, vanished),
            (GapKind::DescriptorsVanished, closed),
        ]
    }

    /// What a query without owners must answer.
    pub(super) fn rows_alone(&self) -> Vec<crate::Socket> {
        let holders = self.holders();
        let is_shown = |place: &usize| {
            let protocol = self.world.sockets[*place].protocol;
            let stands_in = || self.unlisted(&holders, protocol).contains(place);
            self.is_in_table(*place) || (self.looks_filtered(protocol) && stands_in())
        };
        (0..self.world.sockets.len())
            .filter(is_shown)
            .map(|place| self.row(&self.world.sockets[place], self.is_in_table(place)))
            .collect()
    }

    /// What must be told of a process.
    pub(super) fn process(&self, pid: u32) -> crate::Process {
        let mut told = crate::Process::new(pid);
        let Some(process) = self.world.process(pid).filter(|process| !self.has_ended(process)) else {
            return told;
        };
        let file = process.path.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let is_whole = process.name.len() < 15 || !file.starts_with(&process.name[..15]);
        let name = if is_whole { &process.name[..process.name.len().min(15)] } else { file };
        told.name = Some(name.into());
        told.path = process.path.as_ref().map(Into::into);
        told.parent = Some(process.parent).filter(|parent| *parent != 0);
        told.uid = Some(process.uid);
        told.user = match process.uid {
            0 => Some("root".to_owned()),
            70 => Some("_www".to_owned()),
            _ => None,
        };
        if self.is_mine(process) && process.fate != Fate::Refuses {
            let since = Duration::from_secs(process.started) + Duration::from_millis(250);
            told.start_time = Some(SystemTime::UNIX_EPOCH + since);
            told.start = u64::try_from(since.as_micros()).ok();
        }
        told
    }
}
