//! Details in records of various kernels: attributes that a kernel does not send are absent.

use super::script::{Answer, FileScript, Message, Outcome, Script, answers, done, tcp, udp};
use crate::model::details::{
    Backlog, CongestionParameters, Dctcp, DetailFields, Details, TcpMetrics, TimerKind, TlsCipher, TlsCrypto,
    Vegas,
};
use crate::model::gap::GapKind;
use crate::sys::linux::sock_diag::request::Table;
use std::time::Duration;

fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + payload.len()).unwrap();
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), payload].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn with_details(details: DetailFields, table: Table) -> Table {
    Table { details, ..table }
}

fn list(table: Table, attributes: &[u8]) -> Outcome {
    let row = Answer::Datagram(vec![Message::RowWith(7, attributes.to_vec())]);
    Script::new([answers([row, done()])]).list(&[table])
}

/// The details in a TCP record with these attributes.
fn of_tcp(attributes: &[u8]) -> Details {
    let outcome = list(with_details(DetailFields::all(), tcp()), attributes);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![7], vec![]));
    outcome.rows[0].details().cloned().unwrap_or_default()
}

/// `struct tcp_info` in which the byte at each offset is that offset.
fn tcp_info(length: u8) -> Vec<u8> {
    (0..length).collect()
}

fn metrics(length: u8) -> TcpMetrics {
    *of_tcp(&attribute(2, &tcp_info(length))).tcp.unwrap()
}

#[test]
fn requests_name_the_wanted_attributes_and_no_others() {
    let ext = |details, table: Table| {
        let is_older = table.selection.family.is_none();
        let outcome = Script::new([answers([done()])]).list(&[with_details(details, table)]);
        // After the header of 16: of the older request the fourth byte, of the newer one the third.
        let body = &outcome.requests[0][16..];
        if is_older { body[3] } else { body[2] }
    };
    let free = DetailFields::TIMER | DetailFields::OPTIONS | DetailFields::CGROUP | DetailFields::BACKLOG;
    for (fields, bits) in [
        (DetailFields::empty(), 0),
        (free, 0),
        (DetailFields::TCP_INFO, 0b10),
        (DetailFields::UPPER_LAYER, 0b10),
        (DetailFields::CONGESTION, 0b1100),
        (DetailFields::TRAFFIC, 0b11_0000),
        (DetailFields::MEMORY, 0b100_0000),
        (DetailFields::all(), 0b111_1110),
    ] {
        assert_eq!(ext(fields, tcp()), bits, "{fields:?}");
        assert_eq!(
            ext(fields, super::script::over(crate::model::family::Family::Ipv6, udp())),
            bits,
            "{fields:?}"
        );
    }
}

#[test]
fn tcp_info_of_every_length_that_kernels_send_is_decoded() {
    let whole = metrics(248);
    assert_eq!(whole.rto, Duration::from_micros(u32::from_ne_bytes([8, 9, 10, 11]).into()));
    assert_eq!(whole.total_retrans, u32::from_ne_bytes([100, 101, 102, 103]));
    // Each length, and the last field that it added.
    type Last = fn(&TcpMetrics) -> bool;
    let steps: [(u8, Last); 11] = [
        (120, |tcp| tcp.max_pacing_rate.is_some()),
        (136, |tcp| tcp.bytes_received.is_some()),
        (144, |tcp| tcp.segs_in.is_some()),
        (160, |tcp| tcp.data_segs_out.is_some()),
        (168, |tcp| tcp.delivery_rate.is_some()),
        (192, |tcp| tcp.sndbuf_limited.is_some()),
        (200, |tcp| tcp.delivered_ce.is_some()),
        (224, |tcp| tcp.reord_seen.is_some()),
        (232, |tcp| tcp.snd_wnd.is_some()),
        (240, |tcp| tcp.rehash.is_some()),
        (248, |tcp| tcp.total_rto_time.is_some()),
    ];
    let mut before = 104;
    for (length, has_last) in steps {
        assert!(!has_last(&metrics(before)) && has_last(&metrics(length)), "{length}");
        assert_eq!(metrics(length).total_retrans, whole.total_retrans, "{length}");
        before = length;
    }
    assert_eq!(metrics(104).received_ce, None);
    let newest: Vec<u8> = (0..=255).chain(0..24).collect();
    let newest = of_tcp(&attribute(2, &newest)).tcp.unwrap();
    assert_eq!(newest.received_ce_bytes, Some(u32::from_ne_bytes([16, 17, 18, 19])));
    assert_eq!(TcpMetrics { received_ce: None, ..metrics(248) }, whole);
}

#[test]
fn numbers_that_mean_no_value_are_absent() {
    let mut info = vec![0; 248];
    info[76..80].copy_from_slice(&0x7fff_ffff_u32.to_ne_bytes());
    info[104..120].fill(0xff);
    info[148..152].fill(0xff);
    let tcp = of_tcp(&attribute(2, &info)).tcp.unwrap();
    assert_eq!((tcp.rtt, tcp.rttvar, tcp.min_rtt, tcp.rcv_rtt, tcp.ato), (None, None, None, None, None));
    assert_eq!((tcp.pacing_rate, tcp.max_pacing_rate, tcp.delivery_rate), (None, None, None));
    assert_eq!((tcp.snd_ssthresh, tcp.snd_wscale, tcp.fastopen_client_fail), (None, None, None));
    assert_eq!((tcp.bytes_acked, tcp.busy_time), (Some(0), Some(Duration::ZERO)));
}

#[test]
fn congestion_controls_have_their_name_and_parameters() {
    let numbers =
        |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_ne_bytes()).collect::<Vec<u8>>();
    let of = |name: &[u8], kind, payload: &[u8]| {
        let congestion = of_tcp(&[attribute(4, name), attribute(kind, payload)].concat()).congestion.unwrap();
        (congestion.name.unwrap().into_string(), congestion.parameters)
    };
    let vegas = Vegas { enabled: true, rttcnt: 3, rtt: Some(Duration::from_micros(40)), min_rtt: None };
    assert_eq!(
        of(b"vegas\0", 3, &numbers(&[1, 3, 40, 0x7fff_ffff])),
        ("vegas".to_owned(), Some(CongestionParameters::Vegas(vegas)))
    );
    let payload = [&1_u16.to_ne_bytes()[..], &0_u16.to_ne_bytes(), &numbers(&[512, 7, 9])].concat();
    let dctcp = Dctcp { enabled: true, ce_state: 0, alpha: 512, ab_ecn: 7, ab_tot: 9 };
    assert_eq!(of(b"dctcp\0", 9, &payload), ("dctcp".to_owned(), Some(CongestionParameters::Dctcp(dctcp))));
    let (name, parameters) = of(b"bbr\0", 16, &numbers(&[5, 1, u32::MAX, 739, 512]));
    let Some(CongestionParameters::Bbr(bbr)) = parameters else { panic!("{parameters:?}") };
    assert_eq!((name.as_str(), bbr.bandwidth, bbr.min_rtt), ("bbr", Some(5 + (1 << 32)), None));
}

#[test]
fn kernel_tls_has_version_cipher_and_direction() {
    let number = |kind, number: u16| attribute(kind, &number.to_ne_bytes());
    let tls = [number(1, 0x0304), number(2, 52), number(3, 2), number(4, 3)].concat();
    let details = of_tcp(&attribute(19, &[attribute(1, b"tls\0"), attribute(2, &tls)].concat()));
    let ulp = details.ulp.unwrap();
    let tls = ulp.tls.unwrap();
    assert_eq!((ulp.name.as_deref(), tls.version), (Some("tls"), Some(0x0304)));
    assert_eq!((tls.cipher, tls.tx), (Some(TlsCipher::AesGcm256), Some(TlsCrypto::Software)));
    assert_eq!((tls.rx, ulp.mptcp), (Some(TlsCrypto::Device), None));
}

#[test]
fn attribute_that_is_too_short_costs_the_details_and_not_the_row() {
    let outcome = list(with_details(DetailFields::all(), tcp()), &attribute(7, &[0; 12]));
    assert_eq!(outcome.numbers(), [7]);
    assert_eq!(outcome.rows[0].details(), None);
    assert_eq!(outcome.gaps(), [(GapKind::RecordsSkipped, "sock_diag tcp")]);
    // Attributes are not decoded unless details are requested.
    let outcome = list(tcp(), &attribute(7, &[0; 12]));
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![7], vec![]));
}

#[test]
fn lines_of_proc_have_timers_and_backlog_and_no_other_details() {
    let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0100007F:0050 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 9 1 0 100 0 0 10 0\n   \
        1: 0100007F:0051 0100007F:1388 01 00000000:00000000 02:00000190 00000005     0        2 10 1 0 100 0 0 10 0\n   \
        2: 0100007F:0052 0100007F:1388 01 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0\n";
    let file = [FileScript::Holds(vec![Ok(text.to_owned())])];
    let script = Script::new([]).file_script("/proc/thread-self/net/tcp", file);
    let outcome = script.list(&[with_details(DetailFields::all(), tcp())]);
    let mut details: Vec<Details> =
        outcome.rows.iter().map(|row| row.details().cloned().unwrap_or_default()).collect();
    assert_eq!(details[0].backlog.take(), Some(Backlog { waiting: 3, limit: None }));
    let timer = details[1].timer.take().unwrap();
    assert_eq!(
        (timer.kind, timer.remaining, timer.retransmits),
        (TimerKind::Keepalive, Duration::from_secs(4), 2)
    );
    assert_eq!(details, vec![Details::default(); 3]);
}
