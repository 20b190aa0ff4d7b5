use super::destroyed::Destroyed;
use super::{Reports, beside_ends};
use crate::model::event::{Change, EventSource};
use crate::model::protocol::Protocol;
use crate::model::scope::Scope;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::system::{Report, Reports as _};
use crate::watch::Watcher;
use socket_world::{live_skip, namespace, wait_until};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// In a network namespace, where no other socket is closed.
fn alone(test: impl FnOnce() + Send) {
    if let Err(why) = namespace::in_network_namespace(test) {
        live_skip!("a network namespace: {why}");
    }
}

/// Reads until so many sockets were reported, and what was lost.
fn read(from: &mut Destroyed, wanted: usize) -> (Vec<Socket>, u64) {
    let (mut sockets, mut lost) = (Vec::new(), 0);
    wait_until(SOON, || {
        from.read(None, &mut |report| match report {
            Report::Destroyed(socket) => sockets.push(socket),
            Report::Lost(count, EventSource::Destroy) => lost += count,
            other => panic!("{other:?}"),
        })
        .unwrap();
        sockets.len() >= wanted
    });
    (sockets, lost)
}

#[test]
fn live_end_of_each_socket_is_reported_with_its_ends_and_last_counters() {
    alone(|| {
        let mut destroyed = Destroyed::open().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&[0; 1234]).unwrap();
        server.read_exact(&mut [0; 1234]).unwrap();
        let udp = UdpSocket::bind("[::1]:0").unwrap();
        let (of_client, of_udp) = (client.local_addr().unwrap(), udp.local_addr().unwrap());
        drop(udp);
        drop(client);
        drop(server);
        let (sockets, lost) = read(&mut destroyed, 3);
        assert_eq!((sockets.len(), lost), (3, 0), "{sockets:?}");
        let find = |local: std::net::SocketAddr, remote| {
            let found = sockets.iter().find(|it| it.local == local && it.remote_addr() == remote);
            found.unwrap_or_else(|| panic!("{local}: {sockets:?}"))
        };
        let metrics = |socket: &Socket| socket.details().and_then(|details| details.tcp.clone()).unwrap();
        let at_server = metrics(find(address, Some(of_client)));
        // The FIN counts as one.
        assert_eq!(at_server.bytes_received, Some(1235));
        let at_client = find(of_client, Some(address));
        assert!(metrics(at_client).bytes_acked.unwrap() >= 1234, "{at_client:?}");
        assert!(at_client.cookie.is_some() && at_client.state.is_none() && at_client.uid.is_none());
        assert_eq!(find(of_udp, None).protocol, Protocol::Udp);
    });
}

#[test]
fn live_reports_that_find_no_room_are_counted_and_later_ones_come() {
    const MANY: usize = 2_000;
    alone(|| {
        let mut destroyed = Destroyed::with_buffer(1).unwrap();
        for _ in 0..MANY {
            drop(UdpSocket::bind("127.0.0.1:0").unwrap());
        }
        let (mut seen, mut lost) = (0, 0);
        let complete = wait_until(SOON, || {
            let (sockets, more) = read(&mut destroyed, 0);
            (seen, lost) = (seen + sockets.len() as u64, lost + more);
            seen + lost >= MANY as u64
        });
        assert!(complete && lost > 0 && seen > 0, "{seen} seen, {lost} lost");
        assert_eq!(seen + lost, MANY as u64);
        drop(UdpSocket::bind("127.0.0.1:0").unwrap());
        let (sockets, lost) = read(&mut destroyed, 1);
        assert_eq!((sockets.len(), lost), (1, 0));
    });
}

#[test]
fn what_only_listings_notice_is_a_gap_with_and_without_tracing() {
    let sources = |traced, lists_others| {
        let gaps = beside_ends(traced, lists_others, Duration::from_secs(7));
        gaps.into_iter().map(|gap| gap.source.to_string()).collect::<Vec<_>>()
    };
    let [accepts, udp] = &sources(Ok(()), false)[..] else { panic!("two gaps") };
    assert!(
        accepts.ends_with("only by listings, 7s apart; what lasts less than that may be missed"),
        "{accepts}"
    );
    assert!(udp.starts_with("of a UDP socket that is open for less than 7s only the end"), "{udp}");
    let [both, why] = &sources(Err(Some("no rights")), false)[..] else { panic!("two gaps") };
    assert!(both.starts_with("of a TCP or UDP socket") && both.ends_with("nothing of others"), "{both}");
    assert_eq!(why, "opened TCP sockets: no rights");
    for traced in [Ok(()), Err(None), Err(Some("no rights"))] {
        let (own, all) = (sources(traced, false), sources(traced, true));
        let (last, others) = all.split_last().unwrap();
        assert_eq!(others, own);
        assert!(
            last.starts_with("in other network namespaces changes are noticed only by listings"),
            "{last}"
        );
    }
}

#[test]
fn live_reports_of_one_namespace_are_not_all_that_a_listing_of_every_one_shows() {
    let about_others = |scope: Option<Scope>| {
        let query = scope.into_iter().fold(Query::new(), Query::netns);
        let gaps = Reports::open(&query).unseen(Duration::from_secs(7));
        gaps.iter().any(|gap| gap.source.contains("in other network namespaces"))
    };
    assert!(!about_others(None) && about_others(Some(Scope::All)));
}

/// The first process of the system, which is none that runs tests.
const ANOTHER: u32 = 1;

fn read_all(from: &mut Reports) -> Vec<Report> {
    let mut read = Vec::new();
    from.read(&mut |report| read.push(report));
    read
}

#[test]
fn live_child_takes_nothing_from_its_parent_and_opens_what_it_reads_itself() {
    alone(|| {
        let query = Query::new();
        let mut reports = Reports::open(&query);
        assert_eq!(read_all(&mut reports), []);
        drop(UdpSocket::bind("127.0.0.1:0").unwrap());
        let own = reports.opened_in.0;
        reports.opened_in.0 = ANOTHER;
        // As a child sees it, which shares the queue with its parent; time for the report to come.
        for _ in 0..20 {
            reports.wait(Duration::from_millis(1));
            assert_eq!(read_all(&mut reports), []);
        }
        reports.opened_in.0 = own;
        let mut read = Vec::new();
        wait_until(SOON, || {
            read.extend(read_all(&mut reports));
            !read.is_empty()
        });
        assert!(matches!(read[..], [Report::Destroyed(_)]), "{read:?}");
        reports.opened_in.0 = ANOTHER;
        reports.renew(&query);
        assert_eq!(reports.opened_in.0, own);
        assert_eq!(read_all(&mut reports), [Report::Lost(1, EventSource::Destroy)]);
        assert_eq!(read_all(&mut reports), []);
        // Nothing has changed.
        reports.renew(&query);
        assert_eq!(read_all(&mut reports), []);
    });
}

#[test]
fn live_source_that_has_ended_is_opened_anew_and_something_was_lost() {
    alone(|| {
        let query = Query::new();
        let mut reports = Reports::open(&query);
        let with_tracing = reports.opened.is_ok();
        let comes = |reports: &mut Reports| {
            reports.renew(&query);
            let mut read = read_all(reports);
            drop(UdpSocket::bind("127.0.0.1:0").unwrap());
            wait_until(SOON, || {
                read.extend(read_all(reports));
                read.iter().any(|report| matches!(report, Report::Destroyed(_)))
            });
            read.retain(|report| matches!(report, Report::Lost(..)));
            (read, reports.opened.is_ok())
        };
        assert_eq!(comes(&mut reports), (vec![], with_tracing));
        reports.destroyed.as_mut().unwrap().end();
        let lost = || vec![Report::Lost(1, EventSource::Destroy)];
        assert_eq!(read_all(&mut reports), lost());
        assert_eq!(read_all(&mut reports), [], "said once");
        assert_eq!(comes(&mut reports), (lost(), with_tracing));
        #[cfg(feature = "bpf")]
        if let Ok(opened) = &mut reports.opened {
            opened.end();
            reports.listing();
            assert_eq!(comes(&mut reports), (lost(), with_tracing));
            assert!(reports.opened.as_ref().is_ok_and(|opened| opened.is_attached()));
        }
    });
}

#[test]
fn live_source_that_cannot_be_read_at_all_is_a_gap_and_is_not_opened_again_and_again() {
    alone(|| {
        let query = Query::new();
        let mut reports = Reports::open(&query);
        reports.destroyed.as_mut().unwrap().end();
        assert_eq!(read_all(&mut reports), [Report::Lost(1, EventSource::Destroy)]);
        for _ in 0..3 {
            reports.listing();
            reports.renew(&query);
            assert_eq!(read_all(&mut reports), []);
        }
        assert!(reports.descriptor().is_none());
        let gaps = reports.unseen(Duration::from_secs(7));
        assert!(gaps.iter().any(|gap| gap.source.starts_with("closed sockets: ")), "{gaps:?}");
    });
}

#[test]
fn live_watcher_in_a_child_or_in_another_namespace_says_that_something_was_lost_and_lists() {
    alone(|| {
        let mut watcher = Watcher::new(Query::new(), Duration::from_secs(3600)).unwrap();
        let another: [fn(&mut Watcher); 2] = [
            |watcher| watcher.reports_mut().opened_in.0 = ANOTHER,
            |_| namespace::enter_network_namespace().unwrap(),
        ];
        for (change, open) in another.into_iter().zip([1, 2]) {
            change(&mut watcher);
            let _sockets: Vec<_> = (0..open).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
            let mut changes = Vec::new();
            let complete = wait_until(SOON, || {
                let events = watcher.wait(Duration::from_millis(10)).unwrap();
                changes.extend(events.into_iter().map(|event| event.change));
                watcher.snapshot().sockets.len() == open
            });
            assert!(complete, "{changes:?}");
            let lost = |change: &Change| matches!(change, Change::Lost { .. });
            assert!(lost(&changes[0]) && changes.iter().filter(|it| lost(it)).count() == 1, "{changes:?}");
        }
    });
}
