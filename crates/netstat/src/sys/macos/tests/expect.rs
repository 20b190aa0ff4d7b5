//! What a caller can know of a model world, derived from the world alone.

use crate::model::gap::GapKind;
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership, UnownedReason};
use crate::model::workload::{Bundle, Signature, Workload};
use crate::scripted::world::{
    Attachment, DescriptorFate, Fate, Lifetime, Process, Protocol, Socket, State, Target, World,
};
use crate::scripted::xnu::Machine;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

/// The result of the scan over one process.
#[derive(Default)]
struct Scanned {
    held: Vec<(usize, Owner)>,
    closed: u64,
    /// It ended during the scan, so that `held` is empty.
    has_ended: bool,
}

pub(super) struct Oracle<'a> {
    /// Whether the scan over processes comes before the tables.
    pub(super) scan_first: bool,
    pub(super) world: &'a World,
    pub(super) machine: &'a Machine,
}

/// The expected content of a snapshot.
pub(super) struct Expected {
    pub(super) sockets: Vec<crate::Socket>,
    pub(super) gaps: Vec<(GapKind, u64)>,
}

impl Oracle<'_> {
    fn is_root(&self) -> bool {
        self.machine.uid == 0
    }

    /// Whether the process is in the list of those that the caller can read.
    fn is_mine(&self, process: &Process) -> bool {
        self.is_root() || process.uid == self.machine.uid
    }

    /// Scans one process, call by call.
    fn scan(&self, process: &Process) -> Scanned {
        let mut scanned = Scanned::default();
        let ends_after = match process.fate {
            Fate::EndsAfter(count) => count,
            _ => usize::MAX,
        };
        let mut read = 0;
        let mut has_sockets = false;
        let sockets = process.descriptors.iter().filter(|it| it.target != Target::File);
        for descriptor in sockets {
            has_sockets = true;
            if read >= ends_after {
                return Scanned { closed: scanned.closed, has_ended: true, held: Vec::new() };
            }
            match (descriptor.fate, descriptor.target) {
                (DescriptorFate::Stays, Target::Socket(socket)) => {
                    read += 1;
                    scanned
                        .held
                        .push((socket, Owner::new(process.pid, Some(descriptor.fd), OwnerRole::Holder)));
                }
                (DescriptorFate::Stays, _) => {}
                _ => scanned.closed += 1,
            }
        }
        for (_, socket) in &process.parked {
            has_sockets = true;
            if read >= ends_after {
                return Scanned { closed: scanned.closed, has_ended: true, held: Vec::new() };
            }
            read += 1;
            scanned.held.push((*socket, Owner::new(process.pid, None, OwnerRole::Holder)));
        }
        if has_sockets && (read >= ends_after || process.fate == Fate::PidIsReused) {
            return Scanned { closed: scanned.closed, has_ended: true, held: Vec::new() };
        }
        scanned
    }

    /// Whether a process has ended before its details are read.
    fn has_ended(&self, process: &Process) -> bool {
        match process.fate {
            Fate::Zombie | Fate::EndsBeforeItIsRead => true,
            Fate::EndsAfter(_) => self.is_mine(process) && self.scan(process).has_ended,
            _ => false,
        }
    }

    /// The number of sockets of a protocol without these lifetimes.
    fn count_without(&self, protocol: Protocol, lifetimes: &[Lifetime]) -> usize {
        let exists = |it: &&Socket| it.protocol == protocol && !lifetimes.contains(&it.lifetime);
        self.world.sockets.iter().filter(exists).count()
    }

    /// Whether a socket has a row, in a table or from libproc.
    fn has_row(socket: &Socket) -> bool {
        !matches!(socket.attachment, Attachment::Detached | Attachment::Uninitialised)
            && !matches!(socket.lifetime, Lifetime::ClosedBeforeTables | Lifetime::DetachedBeforeTables)
    }

    /// Whether a table shows the caller this socket.
    fn is_in_table(&self, place: usize) -> bool {
        let socket = &self.world.sockets[place];
        if socket.lifetime == Lifetime::OpenedAfterTables || !Self::has_row(socket) {
            return false;
        }
        let own = self.world.process(self.machine.pid).is_some_and(|process| {
            process.descriptors.iter().any(|descriptor| descriptor.target == Target::Socket(place))
        });
        !self.machine.filters_caller() || own || socket.last_user == self.machine.pid
    }

    fn kernel_filters(&self) -> bool {
        self.machine.major >= 27
    }

    /// Whether the counts of a table show that it was filtered, as they do for every caller or for root.
    fn counts_show_filter(&self, protocol: Protocol, is_root: bool) -> bool {
        let shown = (0..self.world.sockets.len())
            .filter(|place| self.world.sockets[*place].protocol == protocol && self.is_in_table(*place))
            .count();
        // Before the table is read, while it is, and after that.
        let before = self.count_without(protocol, &[Lifetime::OpenedAfterTables]);
        let counted =
            self.count_without(protocol, &[Lifetime::OpenedAfterTables, Lifetime::ClosedBeforeTables]);
        let after =
            self.count_without(protocol, &[Lifetime::ClosedAfterTables, Lifetime::ClosedBeforeTables]);
        let in_header =
            if self.machine.filters_caller() && self.machine.counts_shown { shown } else { counted };
        let sized = if before > in_header { before.min(after) } else { before };
        let omits = if is_root { sized > in_header } else { sized.max(in_header) > shown };
        (in_header == 0 && counted > 0) || (self.kernel_filters() && omits)
    }

    /// All holders that were seen, by socket.
    fn holders(&self) -> BTreeMap<usize, Vec<Owner>> {
        let mut holders: BTreeMap<usize, Vec<Owner>> = BTreeMap::new();
        for process in &self.world.processes {
            let is_read = matches!(process.fate, Fate::Lives | Fate::EndsAfter(_) | Fate::PidIsReused);
            if is_read && self.is_mine(process) {
                for (socket, owner) in self.scan(process).held {
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

    /// The user of a socket: its creator if a table lists it, else the user of all its holders.
    fn uid(&self, socket: &Socket, listed: bool, holders: &[Owner]) -> Option<u32> {
        if listed {
            return Some(socket.uid);
        }
        let mut uids = holders.iter().filter_map(|holder| Some(self.world.process(holder.pid)?.uid));
        let first = uids.next()?;
        uids.all(|uid| uid == first).then_some(first)
    }

    /// The row of a socket without its owners. `listed`: a table lists it.
    fn row(&self, socket: &Socket, listed: bool, holders: &[Owner]) -> crate::Socket {
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
                State::Unknown => crate::State::Other(77),
            });
        }
        let is_any = socket.local.ip().is_unspecified() && socket.local.port() != 0;
        if socket.ipv6 && is_any && row.is_listening() {
            row.v6_only = Some(socket.v6_only);
        }
        if socket.attachment != Attachment::Flow {
            row.cookie = NonZeroU64::new(socket.generation);
        }
        if socket.attachment != Attachment::NoSocket {
            let (waiting, in_the_making, limit) = socket.backlog;
            row.queues = if row.state == Some(crate::State::Listen) && socket.attachment != Attachment::Flow {
                Some(crate::Queues::Accept {
                    waiting: (waiting - in_the_making).into(),
                    limit: Some(limit.into()),
                })
            } else if socket.attachment == Attachment::Flow && socket.protocol == Protocol::Udp {
                // The kernel returns one queue of two.
                None
            } else {
                Some(crate::Queues::Bytes { receive: socket.received, send: socket.to_send })
            };
        }
        if !matches!(socket.attachment, Attachment::NoSocket | Attachment::Flow) {
            row.identity = Some(crate::Identity::Handle(socket.handle));
            row.uid = self.uid(socket, listed, holders);
        }
        row
    }

    /// The owners of a socket, as far as this caller can know them.
    fn ownership(&self, place: usize, holders: &[Owner], listed: bool) -> (Vec<Owner>, Ownership) {
        let socket = &self.world.sockets[place];
        let mut owners: Vec<Owner> = holders.to_vec();
        let is_holder = |pid| holders.iter().any(|owner| owner.pid == pid);
        if listed && socket.attachment != Attachment::NoSocket {
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
        let ownership = match socket.attachment {
            Attachment::NoSocket if is_time_wait => none(UnownedReason::TimeWait),
            Attachment::NoSocket if is_syn_received => none(UnownedReason::SynReceived),
            Attachment::NoSocket => none(UnownedReason::Orphan),
            Attachment::Flow => attributed,
            // Before macOS 13 a subflow looks like an orphan.
            Attachment::Subflow if self.machine.major >= 13 => attributed,
            Attachment::AcceptQueue | Attachment::HalfOpen | Attachment::Orphan | Attachment::Subflow
                if is_time_wait =>
            {
                none(UnownedReason::TimeWait)
            }
            Attachment::AcceptQueue => none(UnownedReason::AcceptQueue),
            Attachment::HalfOpen => none(UnownedReason::SynReceived),
            Attachment::Orphan | Attachment::Subflow => none(UnownedReason::Orphan),
            Attachment::Open | Attachment::Detached | Attachment::Uninitialised => {
                let may_be_seen = self.is_root() || socket.uid == self.machine.uid;
                if socket.lifetime == Lifetime::ClosedAfterTables && socket.last_user != 0 && may_be_seen {
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

    /// The sockets of a protocol that only the scan shows.
    fn unlisted(&self, holders: &BTreeMap<usize, Vec<Owner>>, protocol: Protocol) -> Vec<usize> {
        let is_unlisted = |place: &usize| {
            let socket = &self.world.sockets[*place];
            socket.protocol == protocol && Self::has_row(socket) && !self.is_in_table(*place)
        };
        holders.keys().copied().filter(is_unlisted).collect()
    }

    /// The expected snapshot of a query for everything.
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
                let held: &[Owner] = holders.get(&place).map_or(&[], |held| held);
                let mut row = self.row(&self.world.sockets[place], listed, held);
                let (owners, ownership) = self.ownership(place, held, listed);
                row.set_owners(owners, ownership);
                sockets.push(row);
            }
        }
        gaps.extend(self.filter_gaps());
        gaps.extend(self.walk_gaps());
        gaps.retain(|(_, count)| *count > 0);
        gaps.sort_unstable();
        Expected { sockets, gaps }
    }

    /// The tables of which the caller can know that they were filtered.
    pub(super) fn filter_gaps(&self) -> Vec<(GapKind, u64)> {
        let holders = self.holders();
        let is_older = |place: &usize| self.world.sockets[*place].lifetime == Lifetime::Always;
        let is_filtered = |protocol: &Protocol| {
            self.counts_show_filter(*protocol, self.is_root())
                || ((self.kernel_filters() || self.scan_first)
                    && self.unlisted(&holders, *protocol).iter().any(is_older))
        };
        let filtered = [Protocol::Tcp, Protocol::Udp].into_iter().filter(is_filtered);
        filtered.map(|_| (GapKind::TableFiltered, 1)).collect()
    }

    fn walk_gaps(&self) -> [(GapKind, u64); 3] {
        let (mut unreadable, mut vanished, mut closed) = (0, 0, 0);
        for process in &self.world.processes {
            if !self.is_mine(process) {
                // A process that does not run holds nothing.
                let runs = !matches!(process.fate, Fate::Zombie | Fate::EndsBeforeItIsRead);
                unreadable += u64::from(runs);
                continue;
            }
            match process.fate {
                Fate::Zombie => {}
                Fate::EndsBeforeItIsRead => vanished += 1,
                Fate::Refuses => unreadable += 1,
                Fate::Lives | Fate::EndsAfter(_) | Fate::PidIsReused => {
                    let scanned = self.scan(process);
                    vanished += u64::from(scanned.has_ended);
                    closed += scanned.closed;
                }
            }
        }
        [
            (GapKind::ProcessesUnreadable, unreadable),
            (GapKind::ProcessesVanished, vanished),
            (GapKind::DescriptorsVanished, closed),
        ]
    }

    /// The expected rows of a query without owners.
    pub(super) fn rows_alone(&self) -> Vec<crate::Socket> {
        let holders = self.holders();
        let is_shown = |place: &usize| {
            let protocol = self.world.sockets[*place].protocol;
            let is_unlisted = || self.unlisted(&holders, protocol).contains(place);
            self.is_in_table(*place) || (self.counts_show_filter(protocol, false) && is_unlisted())
        };
        let row = |place: usize| {
            let held: &[Owner] = holders.get(&place).map_or(&[], |held| held);
            self.row(&self.world.sockets[place], self.is_in_table(place), held)
        };
        (0..self.world.sockets.len()).filter(is_shown).map(row).collect()
    }

    /// The expected details of a process.
    pub(super) fn process(&self, pid: u32) -> crate::Process {
        let mut expected = crate::Process::new(pid);
        let Some(process) = self.world.process(pid).filter(|process| !self.has_ended(process)) else {
            return expected;
        };
        let file = process.path.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let is_complete = process.name.len() < 15 || !file.starts_with(&process.name[..15]);
        let name = if is_complete { &process.name[..process.name.len().min(15)] } else { file };
        expected.name = Some(name.into());
        expected.path = process.path.as_ref().map(Into::into);
        let mut workload = Workload::none();
        let mut bundle = None;
        // As the scripted kernel signs them.
        workload.signature = process.path.as_deref().map(|path| match path.strip_prefix("/Applications/") {
            None => Signature::new(format!("com.apple.{}", process.name)),
            Some(_) => {
                let mut signature = Signature::new(format!("org.example.{}", process.name));
                signature.team = Some("ABCDE12345".to_owned());
                bundle = path.split_once("/Contents/").map(|(app, _)| Bundle::App(app.to_owned()));
                signature
            }
        });
        workload.bundle = bundle;
        // The application of a deleted program is not known.
        workload.is_complete = process.path.is_some();
        expected.workload = Some(Box::new(workload));
        expected.parent = Some(process.parent).filter(|parent| *parent != 0);
        expected.uid = Some(process.uid);
        expected.user = match process.uid {
            0 => Some("root".to_owned()),
            70 => Some("_www".to_owned()),
            _ => None,
        };
        if self.is_mine(process) && process.fate != Fate::Refuses {
            let since = Duration::from_secs(process.started) + Duration::from_millis(250);
            expected.start_time = Some(SystemTime::UNIX_EPOCH + since);
            expected.start = u64::try_from(since.as_micros()).ok();
        }
        expected
    }
}
