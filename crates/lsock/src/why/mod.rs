//! `lsock why`: what a port, a process or a name is used by, since when, and what started it.

mod activation;
mod cause;
mod chain;
mod text;
mod unknown;
mod warning;

pub use self::activation::Activation;
pub use self::cause::Cause;
pub use self::text::text;
pub use self::unknown::Unknown;
pub use self::warning::Warning;

use crate::bare_word::BareWord;
use netstat::{
    Error, Filter, Gap, GapKind, Lister, Owner, Process, ProcessFields, Query, Snapshot, Socket, SocketKey,
    Support,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::SystemTime;

/// What was found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Something listens there.
    Listening,
    /// Sockets with this local port are connected; none listens.
    Connected,
    /// What has this local port is no process's any more: TIME_WAIT, or closing.
    Closed,
    /// The port is bound, and neither listening nor connected.
    Bound,
    /// Connections to this port of other machines.
    Remote,
    /// A process, with the sockets that it holds.
    Process,
    /// Nothing.
    Nothing,
}

impl Finding {
    /// The name in the JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listening => "listening",
            Self::Connected => "connected",
            Self::Closed => "closed",
            Self::Bound => "bound",
            Self::Remote => "remote",
            Self::Process => "process",
            Self::Nothing => "nothing",
        }
    }
}

/// The answer.
pub struct Why {
    /// What was found.
    pub finding: Finding,
    /// The sockets in question, with all processes and what could not be seen.
    pub snapshot: Snapshot,
    /// The processes in question: of forked ones the first.
    pub subjects: Vec<Subject>,
    /// The moment of the answer, to which ages are counted.
    pub now: SystemTime,
}

/// A process in question.
pub struct Subject {
    /// The process.
    pub process: Process,
    /// Those below it that hold the same sockets, ascending.
    pub workers: Vec<u32>,
    /// Those above it, its parent first.
    pub ancestors: Vec<Process>,
    /// How it came to run.
    pub cause: Cause,
    /// Whether systemd opened its sockets.
    pub activation: Option<Activation>,
    /// What it and its workers listen on.
    pub listeners: Vec<Socket>,
    /// Their connections.
    pub connections: Vec<Socket>,
    /// What is worth a look.
    pub warnings: Vec<Warning>,
    /// What could not be found out of it.
    pub unknown: Vec<Unknown>,
    /// Why that of what it belongs to is not known.
    pub workload_gaps: Vec<Gap>,
}

const FIELDS: ProcessFields = ProcessFields::NAME
    .union(ProcessFields::PATH)
    .union(ProcessFields::COMMAND_LINE)
    .union(ProcessFields::PARENT)
    .union(ProcessFields::UID)
    .union(ProcessFields::USER)
    .union(ProcessFields::START_TIME)
    .union(ProcessFields::WORKING_DIRECTORY);

/// Finds what a word asks about.
///
/// # Errors
/// The sockets cannot be listed.
pub fn find(word: &BareWord) -> Result<Why, Error> {
    let mut lister = Lister::new();
    let query = Query::new().owners(true).processes(FIELDS);
    let mut all = lister.snapshot(&query)?;
    let (finding, sockets, pids) = match word {
        BareWord::Number(port) => match of_port(&all, *port) {
            Some((finding, sockets)) => (finding, sockets, None),
            None => of_bound_port_or_pid(&mut lister, &query, &mut all, *port)?,
        },
        BareWord::Pid(pid) => of_pid(&mut lister, &query, &mut all, *pid)?,
        BareWord::Name(name) => of_name(&mut lister, &query, &mut all, name)?,
        BareWord::AddressAndPort { filter, .. } | BareWord::Other(filter) => {
            let found = lister.snapshot(&query.clone().filter(filter.clone()))?;
            let (finding, sockets) = best(found.sockets.iter()).unwrap_or((Finding::Nothing, Vec::new()));
            (finding, sockets, None)
        }
    };
    let now = SystemTime::now();
    let mut describe = |pid| described(&all, pid);
    // What systemd opened for a service and passed on is the service's.
    let holders = || sockets.iter().flat_map(Socket::pids).collect();
    let activators =
        if pids.is_none() { activation::activators(&sockets, &mut describe) } else { Vec::new() };
    let mut pids: BTreeSet<u32> = pids.unwrap_or_else(holders);
    pids.retain(|pid| activators.iter().all(|activator| activator.pid != *pid));
    let mut subjects = subjects(&pids, &all, now, &mut describe);
    let is_of_systemd =
        !activators.is_empty() || subjects.iter().any(|subject| activation::is_systemd(&subject.process));
    let units = if is_of_systemd { activation::socket_units(&mut lister, &sockets) } else { HashMap::new() };
    for subject in &mut subjects {
        subject.workload_gaps = add_workload(&mut subject.process);
        subject.unknown = Unknown::of(&subject.process, Support::current().process_fields);
        subject.activation =
            Activation::of(&subject.process, &subject.workers, &sockets, &activators, &units);
    }
    all.gaps.extend(subjects.iter().flat_map(|subject| subject.workload_gaps.iter().cloned()));
    all.sockets = sockets;
    Ok(Why { finding, snapshot: all, subjects, now })
}

/// What these sockets are, the most telling of them: listeners before connections, connections before what is closed.
fn best<'s>(sockets: impl Iterator<Item = &'s Socket>) -> Option<(Finding, Vec<Socket>)> {
    let sockets: Vec<&Socket> = sockets.collect();
    let of = |keep: &dyn Fn(&Socket) -> bool| -> Vec<Socket> {
        sockets.iter().copied().filter(|socket| keep(socket)).cloned().collect()
    };
    let kinds: [(Finding, Vec<Socket>); 3] = [
        (Finding::Listening, of(&Socket::is_listening)),
        (Finding::Connected, of(&|socket| !socket.owners().is_empty() || socket.inode().is_some())),
        (Finding::Closed, of(&|_| true)),
    ];
    kinds.into_iter().find(|(_, sockets)| !sockets.is_empty())
}

/// The sockets with a local port, or those connected to such a port elsewhere.
fn of_port(all: &Snapshot, port: u16) -> Option<(Finding, Vec<Socket>)> {
    let port_of = |address: Option<std::net::SocketAddr>| address.map(|address| address.port());
    let local = all.sockets.iter().filter(|socket| port_of(socket.local_addr()) == Some(port));
    best(local).or_else(|| {
        let remote = all.sockets.iter().filter(|socket| port_of(socket.remote_addr()) == Some(port));
        let remote: Vec<Socket> = remote.cloned().collect();
        (!remote.is_empty()).then_some((Finding::Remote, remote))
    })
}

type Found = (Finding, Vec<Socket>, Option<BTreeSet<u32>>);

/// The sockets that are only bound to a port, or else the process with this number.
fn of_bound_port_or_pid(
    lister: &mut Lister,
    query: &Query,
    all: &mut Snapshot,
    number: u16,
) -> Result<Found, Error> {
    // A system that does not list such sockets has none to show.
    if let Ok(bound) = lister.snapshot(&query.clone().local_port(number).bound_inactive(true))
        && !bound.sockets.is_empty()
    {
        all.processes = bound.processes;
        return Ok((Finding::Bound, bound.sockets, None));
    }
    of_pid(lister, query, all, number.into())
}

/// A process by its pid.
fn of_pid(lister: &mut Lister, query: &Query, all: &mut Snapshot, pid: u32) -> Result<Found, Error> {
    let of_it = lister.snapshot(&query.clone().pid(pid))?;
    add_elsewhere(all, of_it);
    Ok(of_pids(all, BTreeSet::from([pid])))
}

/// Adds what a listing of the processes in question alone has: their sockets in other network namespaces, as those of
/// containers are, and what is said of those that are not listed.
fn add_elsewhere(all: &mut Snapshot, of_them: Snapshot) {
    let known: HashSet<SocketKey> = all.sockets.iter().map(Socket::key).collect();
    let is_new = |socket: &Socket| !known.contains(&socket.key());
    all.sockets.extend(of_them.sockets.into_iter().filter(is_new));
    if all.namespaces.is_empty() {
        all.namespaces = of_them.namespaces;
    }
    all.gaps.extend(of_them.gaps.into_iter().filter(is_about_name));
}

/// Processes by their pids, with their sockets.
fn of_pids(all: &Snapshot, pids: BTreeSet<u32>) -> Found {
    let existing: BTreeSet<u32> = pids
        .into_iter()
        .filter(|pid| described(all, *pid).is_some_and(|process| is_seen(&process)))
        .collect();
    let held = all.sockets.iter().filter(|socket| socket.pids().any(|pid| existing.contains(&pid)));
    let finding = if existing.is_empty() { Finding::Nothing } else { Finding::Process };
    (finding, held.cloned().collect(), Some(existing))
}

/// Processes by their name, or by a part of it if none is called that.
fn of_name(lister: &mut Lister, query: &Query, all: &mut Snapshot, name: &str) -> Result<Found, Error> {
    let named = lister.snapshot(&query.clone().filter(Filter::process(name)))?;
    let mut pids: BTreeSet<u32> = named.sockets.iter().flat_map(Socket::pids).collect();
    // Not every holder of such a socket has the name.
    let wanted = name.to_lowercase();
    let has = |process: &Process| {
        process.name.as_ref().is_some_and(|name| name.to_string_lossy().to_lowercase().contains(&wanted))
    };
    let of_part: BTreeSet<u32> = all.processes.iter().filter(|it| has(it)).map(|it| it.pid).collect();
    if pids.intersection(&of_part).next().is_some() {
        pids.retain(|pid| of_part.contains(pid));
    } else if pids.is_empty() {
        pids = of_part;
    }
    add_elsewhere(all, named);
    Ok(of_pids(all, pids))
}

/// Adds what a process belongs to, which is read of the processes in question alone. No process but this one started when it
/// did and has its pid. Returns why it is not known.
fn add_workload(process: &mut Process) -> Vec<Gap> {
    let fields = ProcessFields::START_TIME | ProcessFields::WORKLOAD;
    let (mut read, gaps) = netstat::processes_and_gaps([process.pid], fields);
    let is_it = |read: &Process| read.id().is_some() && read.start_time == process.start_time;
    process.workload = read.pop().filter(is_it).and_then(|read| read.workload);
    gaps
}

/// What is said of a name that has no row.
fn is_about_name(gap: &Gap) -> bool {
    matches!(gap.kind, GapKind::SocketsElsewhere | GapKind::SocketsOfOtherKinds | GapKind::SocketsUndecided)
}

/// A process of the listing, or one that holds no socket.
fn described(all: &Snapshot, pid: u32) -> Option<Process> {
    let listed = all.processes.iter().find(|process| process.pid == pid).cloned();
    listed.or_else(|| netstat::processes([pid], FIELDS).pop()).filter(is_seen)
}

/// Whether anything but its pid is known.
fn is_seen(process: &Process) -> bool {
    process.start_time.is_some() || process.name.is_some()
}

/// One subject for each process whose parent is none of them.
fn subjects(
    pids: &BTreeSet<u32>,
    all: &Snapshot,
    now: SystemTime,
    describe: &mut impl FnMut(u32) -> Option<Process>,
) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = Vec::new();
    let mut workers: Vec<(u32, Vec<u32>)> = Vec::new();
    for pid in pids {
        let process = describe(*pid).unwrap_or_else(|| Process::new(*pid));
        let ancestors = chain::ancestors(&process, &mut *describe);
        // The topmost of those in question.
        match ancestors.iter().rev().find(|above| pids.contains(&above.pid)) {
            Some(master) => workers.push((*pid, vec![master.pid])),
            None => subjects.push(subject(process, ancestors)),
        }
    }
    for subject in &mut subjects {
        let own = workers.iter().filter(|(_, masters)| masters.contains(&subject.process.pid));
        subject.workers = own.map(|(pid, _)| *pid).collect();
        let holds = |socket: &&Socket| {
            let is_of = |owner: &Owner| {
                owner.pid == subject.process.pid || subject.workers.binary_search(&owner.pid).is_ok()
            };
            socket.owners().iter().any(is_of)
        };
        let (listeners, connections) =
            all.sockets.iter().filter(holds).cloned().partition::<Vec<_>, _>(Socket::is_listening);
        let listening: Vec<&Socket> = listeners.iter().collect();
        subject.warnings = warning::warnings(&subject.process, subject.ancestors.first(), &listening, now);
        (subject.listeners, subject.connections) = (listeners, connections);
    }
    subjects
}

fn subject(process: Process, ancestors: Vec<Process>) -> Subject {
    let cause = Cause::of(&process, ancestors.first());
    Subject {
        process,
        workers: Vec::new(),
        ancestors,
        cause,
        activation: None,
        listeners: Vec::new(),
        connections: Vec::new(),
        warnings: Vec::new(),
        unknown: Vec::new(),
        workload_gaps: Vec::new(),
    }
}
