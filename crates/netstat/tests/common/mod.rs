//! Compares rows with what the makers of sockets report of them.
#![allow(dead_code, reason = "each test file uses its part")]

use netstat::{Owner, OwnerRole, OwnerSource, Ownership, Protocol, Query, Snapshot, Socket, UnownedReason};
use socket_world::{Held, SocketFacts, State, Transport, kernel};

/// Everything, with owners.
pub(crate) fn list() -> Snapshot {
    Query::new().owners(true).cookies(true).snapshot().expect("a listing")
}

/// The sources of owners that this kernel has for this process, determined without the library: it must use BPF
/// where the kernel has it, and nowhere else.
pub(crate) fn sources() -> Vec<OwnerSource> {
    let query = Query::new().tcp().listening().owners(true).owner_source(OwnerSource::Bpf);
    let from = query.clone().snapshot().expect("a listing").owner_source.expect("a source");
    if !cfg!(feature = "bpf") {
        assert_eq!((from.source, &*from.reason), (OwnerSource::Procfs, "built without bpf"));
        return vec![OwnerSource::Procfs];
    }
    match kernel::bpf_iterators() {
        Ok(()) => {
            assert_eq!(from.source, OwnerSource::Bpf, "the kernel has it: {from}");
            let mut sources = vec![OwnerSource::Procfs, OwnerSource::Bpf];
            let from = query.owner_source(OwnerSource::OnePass).snapshot().expect("a listing").owner_source;
            let from = from.expect("a source");
            if kernel::is_before(6, 4) {
                assert_ne!(from.source, OwnerSource::OnePass, "the kernel lacks it: {from}");
            } else {
                assert_eq!(from.source, OwnerSource::OnePass, "the kernel has it: {from}");
                sources.push(OwnerSource::OnePass);
            }
            sources
        }
        Err(why) => {
            assert_eq!(from.source, OwnerSource::Procfs, "{why}; {from}");
            socket_world::skipped(format_args!("{why}"));
            vec![OwnerSource::Procfs]
        }
    }
}

/// Everything, with owners found by this source alone.
pub(crate) fn list_by(source: OwnerSource) -> Snapshot {
    snapshot_by(&Query::new().owners(true), source)
}

/// The snapshot of a query, with owners found by this source alone.
pub(crate) fn snapshot_by(query: &Query, source: OwnerSource) -> Snapshot {
    if source == OwnerSource::OnePass {
        // The kernel gives a socket its cookie when it is asked for it, which this source does not do.
        query.clone().owner_source(OwnerSource::Procfs).snapshot().expect("a listing");
    }
    let snapshot = query.clone().owner_source(source).snapshot().expect("a listing");
    let from = snapshot.owner_source.as_ref().expect("a source");
    assert_eq!((from.source, &*from.reason), (source, "asked for"));
    snapshot
}

pub(crate) fn protocol(facts: &SocketFacts) -> Protocol {
    match facts.protocol {
        Transport::Tcp => Protocol::Tcp,
        Transport::Udp => Protocol::Udp,
    }
}

pub(crate) fn state(facts: &SocketFacts) -> Option<netstat::State> {
    Some(match facts.state {
        State::Established => netstat::State::Established,
        State::SynSent => netstat::State::SynSent,
        State::SynReceived => netstat::State::SynReceived,
        State::FinWait1 => netstat::State::FinWait1,
        State::FinWait2 => netstat::State::FinWait2,
        State::TimeWait => netstat::State::TimeWait,
        State::Close => netstat::State::Closed,
        State::CloseWait => netstat::State::CloseWait,
        State::LastAck => netstat::State::LastAck,
        State::Listen => netstat::State::Listen,
        State::Closing => netstat::State::Closing,
        State::UdpUnconnected | State::UdpConnected => return None,
    })
}

/// The only row of a socket: by its inode, or where it has none by its ends.
pub(crate) fn row<'a>(snapshot: &'a Snapshot, facts: &SocketFacts) -> &'a Socket {
    let is_it = |socket: &&Socket| match facts.inode {
        Some(inode) => socket.inode() == Some(inode),
        None => {
            socket.inode().is_none()
                && socket.protocol == protocol(facts)
                && socket.local == facts.local
                && socket.remote_addr() == facts.remote
        }
    };
    let rows: Vec<&Socket> = snapshot.into_iter().filter(is_it).collect();
    match rows[..] {
        [row] => row,
        _ => panic!("{} rows instead of one for {facts:?}: {rows:?}", rows.len()),
    }
}

/// Checks everything that a maker reports of a socket except its holders.
pub(crate) fn check_row(socket: &Socket, facts: &SocketFacts) {
    check_row_of_any_source(socket, facts);
    assert!(socket.cookie.is_some(), "{facts:?}");
    assert!(facts.inode.is_none() || socket.queues.and_then(|queues| queues.send()).is_some(), "{facts:?}");
}

/// The same, without what only the best source reports.
pub(crate) fn check_row_of_any_source(socket: &Socket, facts: &SocketFacts) {
    assert_eq!(socket.protocol, protocol(facts), "{facts:?}");
    assert_eq!((socket.local_addr(), socket.remote_addr()), (Some(facts.local), facts.remote), "{facts:?}");
    assert_eq!(socket.state, state(facts), "{facts:?}");
    assert_eq!(socket.inode(), facts.inode, "{facts:?}");
    match facts.inode {
        Some(_) => assert_eq!(socket.uid, facts.uid, "{facts:?}"),
        // A zero is no user. Kernels since 6.17 or so keep the real one for what once had a process.
        None => assert_ne!(socket.uid, Some(0), "{facts:?}"),
    }
    if let Some(queue) = facts.rx_queue {
        assert_eq!(socket.queues.map(|queues| queues.receive()), Some(queue), "{facts:?}");
    }
    if matches!(facts.state, State::TimeWait | State::SynReceived) {
        assert_eq!((socket.queues, socket.uid), (None, None), "{facts:?}");
    }
}

/// Why a socket that no process can hold has no owner.
pub(crate) fn reason(facts: &SocketFacts) -> UnownedReason {
    match facts.state {
        State::TimeWait => UnownedReason::TimeWait,
        State::SynReceived => UnownedReason::SynReceived,
        State::Established | State::CloseWait => UnownedReason::AcceptQueue,
        _ => UnownedReason::Orphan,
    }
}

/// The owners that processes report of themselves, for one inode.
pub(crate) fn owners<'a>(held: impl IntoIterator<Item = &'a Held>, inode: u64) -> Vec<Owner> {
    let mut owners: Vec<Owner> = held
        .into_iter()
        .filter(|held| held.inode == inode)
        .map(|held| Owner::new(held.pid, Some(held.fd), OwnerRole::Holder))
        .collect();
    owners.sort_unstable();
    owners
}

/// Checks that a row has exactly these owners, and none else.
pub(crate) fn check_owners(socket: &Socket, expected: &[Owner]) {
    assert_eq!(socket.owners(), expected, "{socket:?}");
    assert!(matches!(socket.ownership(), Ownership::Known { .. }), "{socket:?}");
}
