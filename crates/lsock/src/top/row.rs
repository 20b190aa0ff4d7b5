//! One socket of the live view, with what is known of it from the samples before.

use crate::escape;
use netstat::{Owner, Process, Snapshot, Socket, SocketKey};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a socket is marked as new, or stays in the list when it is gone.
pub(super) const MARKED: Duration = Duration::from_secs(2);

/// A process that holds sockets, with its text for the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) process: Process,
    /// Escaped, as everything that is shown; `?` where it is not known.
    pub(super) name: String,
    pub(super) user: Option<String>,
    pub(super) command: Option<String>,
}

impl Holder {
    fn new(process: Process) -> Self {
        let text = |bytes: &[u8]| escape::escaped(bytes);
        let name = process.name.as_ref().map(|name| text(name.as_encoded_bytes()));
        let command = process.command_line.as_ref().filter(|words| !words.is_empty());
        let command = command.map(|words| {
            words.iter().map(|word| text(word.as_encoded_bytes())).collect::<Vec<_>>().join(" ")
        });
        let user = process.user.as_ref().map(|user| text(user.as_bytes()));
        Self { name: name.unwrap_or_else(|| "?".to_owned()), user, command, process }
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid
    }

    pub(super) fn started(&self) -> Option<SystemTime> {
        self.process.start_time
    }
}

/// The processes of a sample, by pid.
pub(super) type Holders = BTreeMap<u32, Arc<Holder>>;

/// Those of a snapshot; one that was there before keeps its text.
pub(super) fn holders(processes: Vec<Process>, before: &Holders) -> Holders {
    let known = |process: Process| match before.get(&process.pid) {
        Some(holder) if holder.process == process => Arc::clone(holder),
        _ => Arc::new(Holder::new(process)),
    };
    processes.into_iter().map(|process| (process.pid, known(process))).collect()
}

/// Bytes a second.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) down: u64,
    pub(super) up: u64,
}

impl Rates {
    pub(super) fn add(&mut self, other: Self) {
        self.down = self.down.saturating_add(other.down);
        self.up = self.up.saturating_add(other.up);
    }
}

/// A socket.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) socket: Socket,
    pub(super) key: SocketKey,
    /// The process that is shown: of several, the one from which the others were forked.
    pub(super) holder: Option<Arc<Holder>>,
    /// How many other processes hold it.
    pub(super) others: usize,
    /// Whether this end of a connection accepted it; `None` where that is not known.
    pub(super) accepted: Option<bool>,
    /// Between the last two samples; `None` where the system does not count, or there was no sample before.
    pub(super) rates: Option<Rates>,
    /// When it was first seen; `None` for one that the first sample had.
    pub(super) born: Option<Duration>,
    /// Since when it is gone.
    pub(super) gone: Option<Duration>,
}

impl Row {
    pub(super) fn new(socket: Socket, holders: &Holders, born: Option<Duration>) -> Self {
        let (holder, others) = master(&socket, holders);
        Self { key: socket.key(), socket, holder, others, accepted: None, rates: None, born, gone: None }
    }

    /// Bytes received and acknowledged since the connection began.
    pub(super) fn counters(&self) -> Option<(u64, u64)> {
        let tcp = self.socket.details()?.tcp.as_ref()?;
        tcp.bytes_received.zip(tcp.bytes_acked)
    }

    /// Takes the rates from the counters of the sample before, which was so long ago.
    pub(super) fn set_rates(&mut self, before: &Self, elapsed: Duration) {
        let (Some((down, up)), Some((down_before, up_before))) = (self.counters(), before.counters()) else {
            return;
        };
        let per_second = |now: u64, before: u64| {
            let bytes = u128::from(now.saturating_sub(before)) * 1_000;
            u64::try_from(bytes / elapsed.as_millis().max(1)).unwrap_or(u64::MAX)
        };
        self.rates = Some(Rates { down: per_second(down, down_before), up: per_second(up, up_before) });
    }

    pub(super) fn is_new(&self, now: Duration) -> bool {
        self.gone.is_none() && self.born.is_some_and(|born| now.saturating_sub(born) < MARKED)
    }

    /// Since when it waits for one of its ends to close, if that is too long.
    pub(super) fn lingers(&self) -> Option<Duration> {
        const TOO_LONG: Duration = Duration::from_secs(60);
        use netstat::State::{CloseWait, FinWait2};
        let tcp = self.socket.details()?.tcp.as_ref()?;
        let is_waiting = matches!(self.socket.state, Some(CloseWait | FinWait2));
        Some(tcp.last_ack_recv).filter(|since| is_waiting && *since >= TOO_LONG)
    }

    pub(super) fn state_name(&self) -> &'static str {
        self.socket.state.and_then(netstat::State::as_str).unwrap_or("-")
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        self.socket.details()?.tcp.as_ref()?.rtt
    }
}

/// The process that stands for all holders of a socket, and how many others there are: the first whose parent is not among
/// them.
fn master(socket: &Socket, holders: &Holders) -> (Option<Arc<Holder>>, usize) {
    let mut pids: Vec<u32> = Vec::new();
    let ended = netstat::OwnerRole::EndedBinder;
    for Owner { pid, .. } in socket.owners().iter().filter(|owner| owner.role != ended) {
        if pids.last() != Some(pid) {
            pids.push(*pid);
        }
    }
    let known = || pids.iter().filter_map(|pid| holders.get(pid));
    let is_first = |holder: &&Arc<Holder>| {
        holder.process.parent.is_none_or(|parent| pids.binary_search(&parent).is_err())
    };
    let master = known().find(is_first).or_else(|| known().next()).cloned();
    (master, pids.len().saturating_sub(1))
}

/// The sockets and processes of a snapshot, of rows that are shown.
pub(super) fn snapshot_of<'r>(rows: impl Iterator<Item = &'r Row>, holders: &Holders) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.taken_at = SystemTime::now();
    snapshot.sockets = rows.map(|row| row.socket.clone()).collect();
    snapshot.processes = holders.values().map(|holder| holder.process.clone()).collect();
    snapshot
}
