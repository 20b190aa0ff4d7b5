//! Details of sockets made by the test: as their makers set them, and TCP metrics as `ss` shows them.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::row;
use netstat::details::{SocketOptions, TimerKind};
use netstat::{DetailFields, Details, Query, Snapshot};
use rustix::net::{SendFlags, send, sockopt};
use socket_world::namespace::in_network_namespace;
use socket_world::{Made, binding, is_root, live_skip, tcp, udp};
use std::time::Duration;

fn list(fields: DetailFields) -> Snapshot {
    Query::new().details(fields).snapshot().unwrap()
}

/// The details of the `nth` of these sockets.
fn details(snapshot: &Snapshot, made: &Made, nth: usize) -> Details {
    row(snapshot, &made.facts[nth]).details().cloned().unwrap_or_default()
}

#[test]
fn no_details_are_reported_without_a_request() {
    let made = tcp::pair_v4().unwrap();
    assert!(Query::new().snapshot().unwrap().sockets.iter().all(|socket| socket.details().is_none()));
    let snapshot = list(DetailFields::CONGESTION);
    let mut details = details(&snapshot, &made, 0);
    assert!(details.congestion.take().is_some());
    assert_eq!(details, Details::default());
}

#[test]
fn connection_has_metrics_congestion_control_and_memory_as_getsockopt_reports() {
    let made = tcp::pair_v4().unwrap();
    sockopt::set_socket_recv_buffer_size(&made.sockets[0], 100_000).unwrap();
    sockopt::set_socket_send_buffer_size(&made.sockets[0], 50_000).unwrap();
    sockopt::set_ip_tos(&made.sockets[0], 0x48).unwrap();
    let details = details(&list(DetailFields::all()), &made, 0);
    let tcp = details.tcp.unwrap();
    assert!(tcp.rtt.is_some() && tcp.rto >= tcp.rtt.unwrap() && tcp.snd_cwnd > 0 && tcp.snd_mss > 0);
    let name = sockopt::tcp_congestion(&made.sockets[0]).unwrap();
    assert_eq!(details.congestion.unwrap().name.as_deref(), Some(name.as_str()));
    let memory = details.memory.unwrap();
    let sizes =
        |fd| (sockopt::socket_recv_buffer_size(fd).unwrap(), sockopt::socket_send_buffer_size(fd).unwrap());
    let (rcvbuf, sndbuf) = sizes(&made.sockets[0]);
    assert_eq!((memory.rcvbuf as usize, memory.sndbuf as usize), (rcvbuf, sndbuf));
    assert_eq!((details.tos, details.traffic_class, details.backlog), (Some(0x48), None, None));
    let shutdown = details.shutdown.unwrap();
    assert!(!shutdown.receive && !shutdown.send);
}

#[test]
fn listener_has_a_backlog_and_no_metrics() {
    let made = tcp::accept_queue().unwrap();
    let snapshot = list(DetailFields::all());
    let listener = made.facts.iter().position(|facts| facts.state == socket_world::State::Listen).unwrap();
    let details = details(&snapshot, &made, listener);
    let backlog = details.backlog.unwrap();
    assert_eq!(
        Some(backlog.waiting),
        row(&snapshot, &made.facts[listener]).queues.map(|queues| queues.receive())
    );
    assert!(backlog.waiting > 0 && backlog.limit.unwrap() >= backlog.waiting, "{backlog:?}");
    assert_eq!(details.tcp, None);
    assert!(details.congestion.is_some());
}

#[test]
fn closed_direction_keepalive_and_options_are_reported() {
    let made = tcp::half_closed().unwrap();
    let kept = tcp::pair_v6().unwrap();
    sockopt::set_socket_keepalive(&kept.sockets[0], true).unwrap();
    sockopt::set_tcp_keepidle(&kept.sockets[0], Duration::from_secs(5000)).unwrap();
    let fields = DetailFields::OPTIONS | DetailFields::TIMER;
    let snapshot = list(fields);
    let shut: Vec<_> = (0..2).map(|nth| details(&snapshot, &made, nth).shutdown.unwrap()).collect();
    assert!(shut.iter().any(|shutdown| shutdown.send), "{shut:?}");
    assert!(shut.iter().any(|shutdown| shutdown.receive && !shutdown.send), "{shut:?}");
    let details = details(&snapshot, &kept, 0);
    let timer = details.timer.unwrap();
    assert_eq!((timer.kind, timer.retransmits), (TimerKind::Keepalive, 0));
    assert!((4900..=5000).contains(&timer.remaining.as_secs()), "{timer:?}");
    assert!(details.options.unwrap().contains(SocketOptions::MC_LOOP));
}

#[test]
fn time_wait_has_a_timer_and_nothing_else() {
    let made = tcp::time_wait().unwrap();
    let snapshot = list(DetailFields::all().difference(DetailFields::TRAFFIC));
    let waits = made.facts.iter().position(|facts| facts.state == socket_world::State::TimeWait).unwrap();
    let mut details = details(&snapshot, &made, waits);
    let timer = details.timer.take().unwrap();
    assert_eq!(timer.kind, TimerKind::TimeWait);
    assert!(timer.remaining <= Duration::from_secs(60), "{timer:?}");
    assert_eq!(details, Details::default());
}

#[test]
fn datagram_socket_has_memory_and_drops_and_no_metrics() {
    let made = udp::pair_v6().unwrap();
    send(&made.sockets[0], &[0; 100], SendFlags::empty()).unwrap();
    let snapshot = list(DetailFields::all());
    let receiver = (0..2)
        .map(|nth| details(&snapshot, &made, nth))
        .find(|details| details.memory.unwrap().rmem_alloc > 100)
        .unwrap();
    assert_eq!(receiver.memory.unwrap().drops, Some(0));
    assert_eq!((receiver.tcp, receiver.congestion), (None, None));
    assert_eq!((receiver.tos, receiver.traffic_class), (Some(0), Some(0)));
}

#[test]
fn live_mark_is_reported_to_privileged_callers() {
    if !is_root() {
        live_skip!("needs CAP_NET_ADMIN");
    }
    let made = match binding::tcp_with_mark(0x2a) {
        Ok(made) => made,
        Err(why) => live_skip!("a mark: {why}"),
    };
    let snapshot = list(DetailFields::TRAFFIC);
    assert!((0..made.sockets.len()).any(|nth| details(&snapshot, &made, nth).mark == Some(0x2a)));
}

mod beside_ss {
    use super::*;
    use netstat::details::{CongestionParameters, TcpMetrics, TcpOptions};
    use std::collections::BTreeMap;
    use std::process::Command;

    /// The names in `ss`, with their numbers.
    type Fields = BTreeMap<String, Vec<f64>>;

    /// Times since an event, which grow between two readings.
    const MOVING: [&str; 3] = ["lastsnd", "lastrcv", "lastack"];

    /// What every version of `ss` shows of a connection that has carried data.
    const ALWAYS: [&str; 14] = [
        "rto",
        "rtt",
        "mss",
        "pmtu",
        "rcvmss",
        "advmss",
        "cwnd",
        "bytes_acked",
        "bytes_received",
        "segs_out",
        "segs_in",
        "data_segs_out",
        "data_segs_in",
        "minrtt",
    ];

    /// The fields of each connection, by its local and remote end; `None` without `ss`.
    fn ss() -> Option<BTreeMap<(String, String), Fields>> {
        let output = Command::new("ss").args(["-tieOHn", "state", "connected"]).output().ok()?;
        let text = String::from_utf8(output.stdout).unwrap();
        let fields = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_state, _received, _sent, local, remote, ..] = words[..] else {
                panic!("a line of ss: {line:?}")
            };
            let mut fields = Fields::new();
            for (nth, word) in words.iter().enumerate() {
                let rate =
                    |text: &str| text.split("bps").next().and_then(|number| number.parse::<f64>().ok());
                match word.split_once(':') {
                    Some((name, numbers)) => {
                        let numbers = numbers.trim_end_matches("ms").split(['/', ',']);
                        let numbers: Result<Vec<f64>, _> = numbers.map(str::parse).collect();
                        fields.extend(numbers.ok().map(|numbers| (name.to_owned(), numbers)));
                    }
                    None if ["pacing_rate", "delivery_rate"].contains(word) => {
                        let number = words.get(nth + 1).and_then(|text| rate(text)).unwrap();
                        fields.insert((*word).to_owned(), vec![number]);
                    }
                    None if ["ts", "sack", "app_limited", "ecn"].contains(word) => {
                        fields.insert((*word).to_owned(), vec![1.0]);
                    }
                    None => {}
                }
            }
            ((local.to_owned(), remote.to_owned()), fields)
        };
        Some(text.lines().map(fields).collect())
    }

    fn ours() -> BTreeMap<(String, String), Fields> {
        let snapshot = Query::new().tcp().details(DetailFields::all()).snapshot().unwrap();
        let connections = snapshot.sockets.iter().filter_map(|socket| {
            let details = socket.details()?;
            let fields = fields(details.tcp.as_ref()?);
            Some(((socket.local.to_string(), socket.remote.as_ref()?.to_string()), fields))
        });
        connections.collect()
    }

    fn fields(tcp: &TcpMetrics) -> Fields {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let number = |number: Option<u32>| number.map(f64::from);
        #[allow(clippy::cast_precision_loss, reason = "ss prints six digits")]
        let large = |number: Option<u64>| number.map(|number| number as f64);
        let flag = |option| tcp.options.contains(option).then_some(1.0);
        let single = [
            ("ts", flag(TcpOptions::TIMESTAMPS)),
            ("sack", flag(TcpOptions::SACK)),
            ("ecn", flag(TcpOptions::ECN)),
            ("app_limited", tcp.delivery_rate_app_limited.then_some(1.0)),
            ("rto", Some(ms(tcp.rto))),
            ("ato", tcp.ato.map(ms)),
            ("backoff", Some(tcp.backoff.into())),
            ("mss", Some(tcp.snd_mss.into())),
            ("pmtu", Some(tcp.pmtu.into())),
            ("rcvmss", Some(tcp.rcv_mss.into())),
            ("advmss", Some(tcp.advmss.into())),
            ("cwnd", Some(tcp.snd_cwnd.into())),
            ("ssthresh", number(tcp.snd_ssthresh)),
            ("bytes_sent", large(tcp.bytes_sent)),
            ("bytes_retrans", large(tcp.bytes_retrans)),
            ("bytes_acked", large(tcp.bytes_acked)),
            ("bytes_received", large(tcp.bytes_received)),
            ("segs_out", number(tcp.segs_out)),
            ("segs_in", number(tcp.segs_in)),
            ("data_segs_out", number(tcp.data_segs_out)),
            ("data_segs_in", number(tcp.data_segs_in)),
            ("lastsnd", Some(ms(tcp.last_data_sent))),
            ("lastrcv", Some(ms(tcp.last_data_recv))),
            ("lastack", Some(ms(tcp.last_ack_recv))),
            ("pacing_rate", large(tcp.pacing_rate).map(|rate| rate * 8.0)),
            ("delivery_rate", large(tcp.delivery_rate).map(|rate| rate * 8.0)),
            ("delivered", number(tcp.delivered)),
            ("delivered_ce", number(tcp.delivered_ce)),
            ("busy", tcp.busy_time.map(|time| ms(time).floor())),
            ("unacked", Some(tcp.unacked.into())),
            ("lost", Some(tcp.lost.into())),
            ("sacked", Some(tcp.sacked.into())),
            ("dsack_dups", number(tcp.dsack_dups)),
            ("reord_seen", number(tcp.reord_seen)),
            ("reordering", Some(tcp.reordering.into())),
            ("rcv_rtt", tcp.rcv_rtt.map(ms)),
            ("rcv_space", Some(tcp.rcv_space.into())),
            ("rcv_ssthresh", Some(tcp.rcv_ssthresh.into())),
            ("notsent", number(tcp.notsent_bytes)),
            ("minrtt", tcp.min_rtt.map(ms)),
            ("rcv_ooopack", number(tcp.rcv_ooopack)),
            ("snd_wnd", number(tcp.snd_wnd)),
            ("rcv_wnd", number(tcp.rcv_wnd)),
            ("rehash", number(tcp.rehash)),
            ("total_rto", tcp.total_rto.map(f64::from)),
        ];
        let pairs = [
            ("rtt", tcp.rtt.map(ms).zip(tcp.rttvar.map(ms))),
            ("wscale", tcp.snd_wscale.map(f64::from).zip(tcp.rcv_wscale.map(f64::from))),
            ("retrans", Some((tcp.retrans.into(), tcp.total_retrans.into()))),
        ];
        let single = single.into_iter().filter_map(|(name, value)| Some((name.to_owned(), vec![value?])));
        let pairs = pairs.into_iter().filter_map(|(name, pair)| {
            let (first, second) = pair?;
            Some((name.to_owned(), vec![first, second]))
        });
        single.chain(pairs).collect()
    }

    /// Equal to six digits, as many as `ss` prints.
    fn are_equal(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= a.abs().max(b.abs()) * 1e-5)
    }

    /// The differences between a reading and two of `ss`, before and after it, and how many fields were compared.
    fn differences(before: &Fields, between: &Fields, after: &Fields) -> (Vec<String>, usize) {
        let mut differing = Vec::new();
        let mut compared = 0;
        for (name, value) in between {
            let (Some(before), Some(after)) = (before.get(name), after.get(name)) else { continue };
            compared += 1;
            let is_right = if MOVING.contains(&name.as_str()) {
                before[0] <= value[0] && value[0] <= after[0]
            } else {
                are_equal(before, value) && are_equal(value, after)
            };
            if !is_right {
                differing.push(format!("{name}: {before:?} {value:?} {after:?}"));
            }
        }
        (differing, compared)
    }

    fn connections() -> Vec<Made> {
        let talked = tcp::pair_v4().unwrap();
        for (nth, bytes) in [(0, 100_000), (1, 10)] {
            let sent = send(&talked.sockets[nth], &vec![b'x'; bytes], SendFlags::empty()).unwrap();
            assert_eq!(sent, bytes);
            let mut left = bytes;
            while left > 0 {
                let mut buffer = vec![0; left];
                left -= rustix::io::read(&talked.sockets[1 - nth], &mut buffer[..]).unwrap();
            }
        }
        vec![talked, tcp::pair_v6().unwrap(), tcp::unread(12_345).unwrap(), tcp::half_closed().unwrap()]
    }

    /// Reads three times, until nothing changed meanwhile but the fields in `MOVING`.
    fn compare(
        a: impl Fn() -> BTreeMap<(String, String), Fields>,
        b: impl Fn() -> BTreeMap<(String, String), Fields>,
    ) {
        let mut last = Vec::new();
        for _ in 0..20 {
            last.clear();
            let (before, between, after) = (a(), b(), a());
            assert_eq!(before.len(), 8, "{before:?}");
            assert!(before.keys().eq(between.keys()) && before.keys().eq(after.keys()), "{between:?}");
            for (ends, between) in &between {
                let (differing, compared) = differences(&before[ends], between, &after[ends]);
                last.extend(differing.into_iter().map(|what| format!("{ends:?} {what}")));
                assert!(compared >= 20, "only {compared} fields of {ends:?}: {between:?}");
            }
            if last.is_empty() {
                return;
            }
        }
        panic!("{last:#?}");
    }

    #[test]
    fn live_tcp_metrics_are_those_of_ss_in_both_orders() {
        let done = in_network_namespace(|| {
            if ss().is_none() {
                live_skip!("there is no ss on this machine");
            }
            let _made = connections();
            compare(ours, || ss().unwrap());
            compare(|| ss().unwrap(), ours);
            let shown = ss().unwrap();
            let talked =
                shown.values().find(|fields| fields.get("bytes_acked") == Some(&vec![100_001.0])).unwrap();
            for name in ALWAYS {
                assert!(talked.contains_key(name), "{name}: {talked:?}");
            }
            assert!(
                ours()
                    .values()
                    .all(|fields| ["rto", "mss", "cwnd"].iter().all(|name| fields.contains_key(*name)))
            );
        });
        if let Err(why) = done {
            live_skip!("a network namespace: {why}");
        }
    }

    #[test]
    fn live_parameters_of_bbr_are_reported() {
        let made = tcp::pair_v4().unwrap();
        if let Err(why) = sockopt::set_tcp_congestion(&made.sockets[0], "bbr") {
            live_skip!("bbr: {why}");
        }
        let congestion = details(&list(DetailFields::CONGESTION), &made, 0).congestion.unwrap();
        assert_eq!(congestion.name.as_deref(), Some("bbr"));
        assert!(matches!(congestion.parameters, Some(CongestionParameters::Bbr(bbr)) if bbr.pacing_gain > 0));
    }
}
