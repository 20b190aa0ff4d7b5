//! The scripted machine shows what `Support` promises for macOS, and refuses what it does not.

use super::{datagrams, everything, kernel, listener, process};
use crate::filter::Filter;
use crate::query::Query;
use crate::scripted::world::{Socket as Scripted, State};
use crate::scripted::xnu::Xnu;
use crate::sys::promises::Seen;
use crate::sys::support;

/// A connection, a UDP socket and a listener of IPv6, for root. Others have used them or stand behind them.
fn machine() -> Xnu {
    let connection = Scripted {
        local: "10.0.0.1:50000".parse().unwrap(),
        remote: Some("10.0.0.9:443".parse().unwrap()),
        state: State::Established,
        last_user: 101,
        effective: 102,
        backlog: (0, 0, 0),
        handle: 2,
        generation: 11,
        ..listener()
    };
    let any =
        Scripted { ipv6: true, local: "[::]:80".parse().unwrap(), handle: 3, generation: 12, ..listener() };
    let sockets = vec![connection, any, datagrams(4, 13)];
    let holders =
        vec![process(100, 501, &[(3, 0), (4, 1), (5, 2)]), process(101, 0, &[]), process(102, 0, &[])];
    kernel(26, 0, holders, sockets)
}

#[test]
fn what_is_promised_is_seen_and_nothing_else() {
    let snapshot = machine().snapshot(&everything()).unwrap();
    assert_eq!(Seen::of(&snapshot), Seen::promised(&support::MACOS));
    assert_eq!(support::MACOS.system, "macos");
}

#[test]
fn filter_by_what_rows_do_not_have_is_refused() {
    for filter in [Filter::inode(7), Filter::interface(1), Filter::mark(1), Filter::cgroup_id(1)] {
        let error = machine().snapshot(&Query::new().filter(filter.clone())).unwrap_err();
        assert!(error.is_unsupported(), "{filter}: {error}");
    }
    let own = machine().snapshot(&Query::new().uid(501)).unwrap();
    assert_eq!(own.sockets.len(), 3);
}
