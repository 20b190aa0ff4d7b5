//! Sockets of many kinds, and child processes that restrict themselves before they list them.
#![allow(dead_code, reason = "each test file uses its part")]

use crate::common::{owners, reason, row};
use netstat::{Gap, GapKind, HiddenReason, Ownership, Snapshot, Socket};
use socket_world::{Child, Held, Made, SocketFacts, tcp, udp};
use std::io::{self, ErrorKind};

/// The id of a user and of a group that no account has.
pub(crate) const TEST_USER: u32 = 54_321;

/// Sockets of many kinds, held by the test.
pub(crate) struct Scene {
    made: Vec<Made>,
    pub(crate) held: Vec<Held>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let makers: [fn() -> io::Result<Made>; 11] = [
            tcp::listener_v4,
            tcp::listener_dual_stack,
            tcp::pair_v4,
            tcp::pair_v6,
            tcp::pair_mapped,
            tcp::half_closed,
            tcp::accept_queue,
            tcp::syn_received,
            tcp::time_wait,
            udp::unconnected_v4,
            udp::pair_v6,
        ];
        let made: Vec<Made> = makers.iter().map(|make| make().unwrap()).collect();
        let held = made.iter().flat_map(|made| made.held().unwrap()).collect();
        Self { made, held }
    }

    pub(crate) fn facts(&self) -> impl Iterator<Item = &SocketFacts> {
        self.made.iter().flat_map(|made| &made.facts)
    }

    /// Checks that each socket is listed once and in full.
    pub(crate) fn check_rows(&self, snapshot: &Snapshot, check: impl Fn(&Socket, &SocketFacts)) {
        for facts in self.facts() {
            check(row(snapshot, facts), facts);
        }
    }

    /// Checks the holders of all that can be held, and the reason of the rest.
    pub(crate) fn check_owners(&self, snapshot: &Snapshot, check: impl Fn(&Socket)) {
        for facts in self.facts() {
            let socket = row(snapshot, facts);
            match facts.inode {
                Some(inode) => {
                    if matches!(socket.ownership(), Ownership::Known { .. }) {
                        assert_eq!(socket.owners(), owners(&self.held, inode), "{facts:?}");
                    }
                    check(socket);
                }
                None => assert_eq!(socket.ownership(), Ownership::None { reason: reason(facts) }),
            }
        }
    }
}

pub(crate) fn is_known(socket: &Socket) {
    assert!(matches!(socket.ownership(), Ownership::Known { .. }), "{socket:?}");
}

/// Some holders are known, and the list may be incomplete.
pub(crate) fn is_incomplete(socket: &Socket) {
    assert_eq!(socket.ownership(), Ownership::Known { complete: false }, "{socket:?}");
}

pub(crate) fn is_hidden(reason: HiddenReason) -> impl Fn(&Socket) {
    move |socket| assert_eq!(socket.ownership(), Ownership::Hidden { reason }, "{socket:?}")
}

pub(crate) fn has_gap(snapshot: &Snapshot, is_it: impl Fn(&Gap) -> bool) {
    assert!(snapshot.gaps.iter().any(is_it), "{:?}", snapshot.gaps);
}

pub(crate) fn has_gap_of(snapshot: &Snapshot, kind: GapKind) {
    has_gap(snapshot, |gap| gap.kind == kind);
}

/// Runs `look` in a child process, which fails as the test does; an error means that the process could not be
/// restricted.
pub(crate) fn in_child(look: impl FnOnce() -> io::Result<()>) -> Result<(), io::Error> {
    match Child::fork(Some(b"restricted"), &[], |_| look()) {
        Err(error) if error.kind() == ErrorKind::Other => panic!("{error}"),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

/// As [`in_child`], or skips the test.
macro_rules! restricted {
    ($what:literal, $look:expr) => {
        if let Err(why) = $crate::scene::in_child($look) {
            socket_world::live_skip!("{}: {why}", $what);
        }
    };
}
