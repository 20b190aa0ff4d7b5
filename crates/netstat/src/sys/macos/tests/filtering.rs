//! Tables that omit sockets of other processes: macOS 27.

use super::cases::{at, holder};
use super::races::stream;
use super::*;
use crate::model::owner::Ownership;

/// So many sockets of root's process 1, which only root can read.
fn foreign(count: u64) -> Vec<Socket> {
    let socket = |number| Socket { uid: 0, last_user: 1, ..at(listener(), 100 + number, 100 + number) };
    (0..count).map(socket).collect()
}

/// A socket that the caller's own process used last.
fn own(number: u64) -> Socket {
    Socket { last_user: 900, ..at(listener(), 200 + number, 200 + number) }
}

/// The sources of the gaps for filtered tables.
fn filtered(gaps: &[Gap]) -> Vec<&str> {
    gaps.iter().filter(|gap| gap.kind == GapKind::TableFiltered).map(|gap| &*gap.source).collect()
}

#[test]
fn user_is_shown_the_sockets_that_libproc_has_with_a_gap() {
    let mut sockets = foreign(57);
    sockets.push(listener());
    let processes = || vec![process(1, 0, &[(3, 0)]), process(100, 501, &[(3, 57)])];
    for counts_shown in [false, true] {
        let machine = |uid| Machine { counts_shown, ..Machine::new(27, uid, 900) };
        for query in [everything(), Query::new(), Query::new().uid(501), Query::new().owners(true).uid(501)] {
            let snapshot = kernel_with(machine(501), processes(), sockets.clone()).snapshot(&query).unwrap();
            let [row] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
            assert_eq!(row.local.to_string(), "127.0.0.1:80");
            assert_eq!(row.uid, Some(501), "the user of its holder");
            assert_eq!(row.owners().is_empty(), !query.wants_owners());
            assert_eq!(filtered(&snapshot.gaps), ["net.inet.tcp.pcblist_n: 0 of 58 sockets shown"]);
        }
        let snapshot = kernel_with(machine(501), processes(), sockets.clone()).snapshot(&Query::new().uid(0));
        assert_eq!(snapshot.unwrap().sockets, []);
        let counts = kernel_with(machine(501), processes(), sockets.clone()).count(&Query::new()).unwrap();
        assert_eq!((counts.total(), filtered(&counts.gaps).len()), (1, 1));
        let (rows, gaps) = stream(&kernel_with(machine(501), processes(), sockets.clone()));
        assert_eq!((rows.len(), filtered(&gaps).len()), (1, 1));
        // Root is shown everything.
        let snapshot = kernel_with(machine(0), processes(), sockets.clone()).snapshot(&everything()).unwrap();
        assert_eq!((snapshot.sockets.len(), snapshot.gaps), (58, Vec::new()));
    }
}

#[test]
fn filter_is_noticed_when_most_sockets_are_shown() {
    // Twelve of the caller's own process, six of root's.
    let sockets: Vec<Socket> = foreign(6).into_iter().chain((0..12).map(own)).collect();
    for counts_shown in [false, true] {
        let machine = Machine { counts_shown, ..Machine::new(27, 501, 900) };
        let xnu = || kernel_with(machine.clone(), vec![process(1, 0, &[(3, 0)])], sockets.clone());
        for query in [everything(), Query::new()] {
            let snapshot = xnu().snapshot(&query).unwrap();
            assert_eq!(snapshot.sockets.len(), 12);
            assert_eq!(filtered(&snapshot.gaps), ["net.inet.tcp.pcblist_n: 12 of 18 sockets shown"]);
        }
        assert_eq!(filtered(&xnu().count(&Query::new()).unwrap().gaps).len(), 1);
    }
}

#[test]
fn filter_for_root_is_noticed_by_the_size_or_by_an_omitted_socket() {
    // The process 1 holds one of the six; the others have no holder.
    let sockets: Vec<Socket> = foreign(6).into_iter().chain((0..12).map(own)).collect();
    for counts_shown in [false, true] {
        let machine = Machine { counts_shown, filters_root: true, ..Machine::new(27, 0, 900) };
        for query in [everything(), Query::new()] {
            let xnu = kernel_with(machine.clone(), vec![process(1, 0, &[(3, 0)])], sockets.clone());
            let snapshot = xnu.snapshot(&query).unwrap();
            assert_eq!(snapshot.sockets.len(), 13);
            assert_eq!(filtered(&snapshot.gaps), ["net.inet.tcp.pcblist_n: 12 of 18 sockets shown"]);
        }
    }
    // Without a holder, only the size shows it.
    let machine = Machine { counts_shown: true, filters_root: true, ..Machine::new(27, 0, 900) };
    let snapshot = kernel_with(machine, Vec::new(), sockets).snapshot(&Query::new()).unwrap();
    assert_eq!((snapshot.sockets.len(), filtered(&snapshot.gaps).len()), (12, 1));
}

#[test]
fn socket_that_closes_between_size_and_table_is_not_a_filter_for_root() {
    let closing = Socket { lifetime: Lifetime::ClosedBeforeTables, ..at(listener(), 2, 11) };
    let xnu = kernel(27, 0, Vec::new(), vec![listener(), closing]);
    assert_eq!(xnu.snapshot(&Query::new()).unwrap().gaps, []);
}

#[test]
fn count_of_zero_with_a_trailer_is_a_filter_on_every_version() {
    for (major, uid) in [(15, 501), (26, 0), (27, 501), (27, 0)] {
        let machine = Machine {
            filters: true,
            filters_root: true,
            counts_shown: true,
            ..Machine::new(major, uid, 900)
        };
        for query in [everything(), Query::new()] {
            let xnu = kernel_with(machine.clone(), vec![process(100, 501, &[(3, 0)])], vec![listener()]);
            let snapshot = xnu.snapshot(&query).unwrap();
            assert_eq!((snapshot.sockets.len(), filtered(&snapshot.gaps).len()), (1, 1), "{major} {uid}");
        }
    }
    // Without sockets there is no trailer.
    let snapshot = kernel(27, 501, Vec::new(), Vec::new()).snapshot(&Query::new()).unwrap();
    assert_eq!((snapshot.sockets, snapshot.gaps), (Vec::new(), Vec::new()));
}

#[test]
fn older_kernel_filters_only_if_a_socket_that_was_seen_before_the_table_is_not_in_it() {
    let sockets = || vec![own(0), own(1), listener()];
    let machine = || Machine { filters: true, ..Machine::new(15, 501, 900) };
    let xnu = || kernel_with(machine(), vec![process(100, 501, &[(3, 2)])], sockets());
    // The scan comes first.
    let (rows, gaps) = stream(&xnu());
    assert_eq!((rows.len(), filtered(&gaps)), (3, vec!["net.inet.tcp.pcblist_n: 2 of 3 sockets shown"]));
    // The table comes first: the socket may not have been initialised then.
    let snapshot = xnu().snapshot(&everything()).unwrap();
    assert_eq!((snapshot.sockets.len(), filtered(&snapshot.gaps)), (3, Vec::new()));
    let row = &snapshot.sockets[2];
    assert_eq!((row.owners(), row.ownership()), (&[holder(100, 3)][..], Ownership::Known { complete: true }));
}

#[test]
fn user_of_a_socket_that_only_libproc_has_is_unknown_if_its_holders_differ() {
    let shared = vec![process(100, 501, &[(3, 0)]), process(101, 502, &[(3, 0)])];
    let machine = Machine { filters_root: true, ..Machine::new(27, 0, 900) };
    let snapshot = kernel_with(machine, shared, vec![listener()]).snapshot(&everything()).unwrap();
    assert_eq!(snapshot.sockets[0].uid, None);
    assert_eq!(snapshot.sockets[0].owners(), [holder(100, 3), holder(101, 3)]);
}

#[test]
fn sockets_of_unknown_users_are_counted_where_the_filter_asks_for_a_user() {
    let shared = || vec![process(100, 501, &[(3, 0)]), process(101, 502, &[(3, 0)])];
    let machine = || Machine { filters_root: true, ..Machine::new(27, 0, 900) };
    let xnu = || kernel_with(machine(), shared(), vec![listener()]);
    let undecided = |gaps: &[Gap]| -> u64 {
        gaps.iter().filter(|gap| gap.kind == GapKind::SocketsUndecided).map(|gap| gap.count).sum()
    };
    let of_501 = crate::Filter::uid(501);
    for (filter, rows) in [(of_501.clone(), 0), (!of_501.clone(), 1)] {
        for owners in [false, true] {
            let query = Query::new().filter(filter.clone()).owners(owners);
            let snapshot = xnu().snapshot(&query).unwrap();
            assert_eq!((snapshot.sockets.len(), undecided(&snapshot.gaps)), (rows, 1), "{filter} {owners}");
            let counts = xnu().count(&query).unwrap();
            assert_eq!((counts.total(), undecided(&counts.gaps)), (rows as u64, 1));
            let mut streamed = 0;
            let gaps = xnu().for_each(&query, |_| {
                streamed += 1;
                std::ops::ControlFlow::Continue(())
            });
            assert_eq!((streamed, undecided(&gaps.unwrap())), (rows, 1));
            let decided = xnu().snapshot(&query.only_decided(true)).unwrap();
            assert_eq!((decided.sockets.len(), decided.undecided.len()), (0, 1));
        }
    }
    // Other conditions decide.
    let snapshot = xnu().snapshot(&Query::new().filter(of_501 & crate::Filter::local_port(81))).unwrap();
    assert_eq!((snapshot.sockets.len(), undecided(&snapshot.gaps)), (0, 0));
}

#[test]
fn connection_without_a_socket_has_no_user_and_one_in_a_processs_own_stack_an_unknown_one() {
    let time_wait =
        Socket { attachment: Attachment::NoSocket, state: State::TimeWait, ..at(listener(), 5, 20) };
    let flow = Socket { attachment: Attachment::Flow, last_user: 321, ..datagrams(9, 21) };
    for (socket, undecided) in [(time_wait, 0), (flow, 1)] {
        let xnu = kernel(15, 0, vec![process(321, 501, &[])], vec![socket]);
        let gaps = xnu.snapshot(&Query::new().uid(501)).unwrap().gaps;
        assert_eq!(gaps.iter().filter(|gap| gap.kind == GapKind::SocketsUndecided).count(), undecided);
    }
}

#[test]
fn old_interface_has_the_sockets_that_libproc_shows() {
    for (owners, pids) in [(true, &[100][..]), (false, &[])] {
        // The query of the old interface.
        let families = Query::new().owners(owners).family(crate::Family::Ipv4).family(crate::Family::Ipv6);
        let query = families.protocol(crate::Protocol::Tcp).protocol(crate::Protocol::Udp);
        let sockets = vec![own(1), own(2), listener()];
        let snapshot = kernel(27, 501, vec![process(100, 501, &[(3, 2)])], sockets).snapshot(&query).unwrap();
        let rows: Vec<crate::SocketInfo> =
            snapshot.sockets.iter().map(|row| crate::SocketInfo::try_from(row).unwrap()).collect();
        assert_eq!((rows.len(), rows[2].local_port(), &rows[2].associated_pids[..]), (3, 80, pids));
    }
}

#[test]
fn scan_that_finds_no_omitted_socket_leaves_no_gap() {
    let dead = Socket { attachment: Attachment::Detached, ..at(listener(), 5, 10) };
    let ended = Process { fate: Fate::EndsBeforeItIsRead, ..process(101, 501, &[]) };
    let xnu = kernel(27, 0, vec![process(100, 501, &[(3, 0)]), ended], vec![dead, at(listener(), 6, 11)]);
    let snapshot = xnu.snapshot(&Query::new()).unwrap();
    assert_eq!((snapshot.sockets.len(), snapshot.gaps), (1, Vec::new()));
}

#[test]
fn dead_sockets_that_are_counted_and_omitted_are_not_a_filter() {
    let dead = |number: u64| Socket {
        attachment: Attachment::Detached,
        ..at(listener(), 100 + number, 100 + number)
    };
    let live = |number: u64| at(listener(), 200 + number, 200 + number);
    let sockets: Vec<Socket> = (0..4).map(dead).chain((0..5).map(live)).collect();
    let held: Vec<(i32, usize)> = (3..).zip(0..9).collect();
    for (major, uid) in [(15, 501), (26, 0), (27, 0)] {
        for query in [everything(), Query::new()] {
            let xnu = kernel(major, uid, vec![process(100, 501, &held)], sockets.clone());
            let snapshot = xnu.snapshot(&query).unwrap();
            // A socket has no row if its connection is gone, though a descriptor refers to it.
            assert_eq!((snapshot.sockets.len(), snapshot.gaps), (5, Vec::new()), "{major} {uid}");
        }
    }
}

#[cfg(feature = "log")]
#[test]
fn filtered_table_logs_one_line() {
    use crate::log::recorder::lines_of;
    for (uid, expected) in
        [(501, &["a table is filtered: net.inet.tcp.pcblist_n: 0 of 57 sockets shown"][..]), (0, &[])]
    {
        let xnu = kernel(27, uid, vec![process(1, 0, &[(3, 0)])], foreign(57));
        let (_, lines) = lines_of(|| xnu.snapshot(&everything()).unwrap());
        assert_eq!(lines, expected, "{uid}");
    }
}
