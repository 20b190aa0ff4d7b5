//! Compares rows with what the makers of sockets say of them.
#![allow(dead_code, reason = "each test file uses its part")]

use netstat::{
    NoOwner, Owner, OwnerRole, OwnerSource, Ownership, Protocol, Query, Snapshot, Socket, TcpState,
};
use socket_world::{Held, SocketFacts, State, Transport, kernel};

/// Everything, with owners.
pub(crate) fn list() -> Snapshot {
    Query::new().owners(true).snapshot().expect("a listing")
}

/// The sources of owners that this kernel has for this process. Which they are is not asked of the library: it must
/// use BPF where the kernel has it, and nowhere else.
pub(crate) fn sources() -> Vec<OwnerSource> {
    let query = Query::new().tcp().listening().owners(true).owner_source(OwnerSource::Bpf);
    let from = query.snapshot().expect("a listing").owners_from.expect("a source");
    match kernel::bpf_iterators() {
        Ok(()) => {
            assert_eq!(from.source, OwnerSource::Bpf, "the kernel has it: {from}");
            vec![OwnerSource::Procfs, OwnerSource::Bpf]
        }
        Err(why) => {
            assert_eq!(from.source, OwnerSource::Procfs, "{why}; {from}");
            socket_world::skipped(format_args!("{why}"));
            vec![OwnerSource::Procfs]
        }
    }
}

/// Everything, with owners that were found in this way and no other.
pub(crate) fn list_by(source: OwnerSource) -> Snapshot {
    asked(&Query::new().owners(true), source)
}

/// The answer to a query, with owners that were found in this way and no other.
pub(crate) fn asked(query: &Query, source: OwnerSource) -> Snapshot {
    let snapshot = query.clone().owner_source(source).snapshot().expect("a listing");
    let from = snapshot.owners_from.as_ref().expect("a source");
    assert_eq!((from.source, &*from.reason), (source, "asked for"));
    snapshot
}

pub(crate) fn protocol(facts: &SocketFacts) -> Protocol {
    match facts.protocol {
        Transport::Tcp => Protocol::Tcp,
        Transport::Udp => Protocol::Udp,
    }
}

pub(crate) fn state(facts: &SocketFacts) -> Option<TcpState> {
    Some(match facts.state {
        State::Established => TcpState::Established,
        State::SynSent => TcpState::SynSent,
        State::SynReceived => TcpState::SynReceived,
        State::FinWait1 => TcpState::FinWait1,
        State::FinWait2 => TcpState::FinWait2,
        State::TimeWait => TcpState::TimeWait,
        State::Close => TcpState::Closed,
        State::CloseWait => TcpState::CloseWait,
        State::LastAck => TcpState::LastAck,
        State::Listen => TcpState::Listen,
        State::Closing => TcpState::Closing,
        State::UdpUnconnected | State::UdpConnected => return None,
    })
}

/// The one row that a socket has: by its inode, or where it has none by its ends.
pub(crate) fn row<'a>(snapshot: &'a Snapshot, facts: &SocketFacts) -> &'a Socket {
    let is_it = |socket: &&Socket| match facts.inode {
        Some(inode) => socket.inode() == Some(inode),
        None => {
            socket.inode().is_none()
                && socket.protocol == protocol(facts)
                && (socket.local, socket.remote) == (facts.local, facts.remote)
        }
    };
    let rows: Vec<&Socket> = snapshot.into_iter().filter(is_it).collect();
    match rows[..] {
        [row] => row,
        _ => panic!("{} rows instead of one for {facts:?}: {rows:?}", rows.len()),
    }
}

/// Checks everything that a maker says of a socket but who holds it.
pub(crate) fn check_row(socket: &Socket, facts: &SocketFacts) {
    check_row_of_any_source(socket, facts);
    assert!(socket.cookie.is_some(), "{facts:?}");
    assert!(facts.inode.is_none() || socket.tx_queue.is_some(), "{facts:?}");
}

/// The same, but for what only the best source tells.
pub(crate) fn check_row_of_any_source(socket: &Socket, facts: &SocketFacts) {
    assert_eq!(socket.protocol, protocol(facts), "{facts:?}");
    assert_eq!((socket.local, socket.remote), (facts.local, facts.remote), "{facts:?}");
    assert_eq!(socket.state, state(facts), "{facts:?}");
    assert_eq!(socket.inode(), facts.inode, "{facts:?}");
    match facts.inode {
        Some(_) => assert_eq!(socket.uid, facts.uid, "{facts:?}"),
        // A zero is no user. Kernels since 6.17 or so keep the real one for what once had a process.
        None => assert_ne!(socket.uid, Some(0), "{facts:?}"),
    }
    if let Some(queue) = facts.rx_queue {
        assert_eq!(socket.rx_queue, Some(queue), "{facts:?}");
    }
    if matches!(facts.state, State::TimeWait | State::SynReceived) {
        assert_eq!((socket.rx_queue, socket.tx_queue, socket.uid), (None, None, None), "{facts:?}");
    }
}

/// Why a socket that no process can hold has no owner.
pub(crate) fn reason(facts: &SocketFacts) -> NoOwner {
    match facts.state {
        State::TimeWait => NoOwner::TimeWait,
        State::SynReceived => NoOwner::SynReceived,
        State::Established | State::CloseWait => NoOwner::AcceptQueue,
        _ => NoOwner::Orphan,
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
