//! Tests of hand-made details, as JSON and as the column "details".

use super::{rendered, tcp};
use netstat::details::{
    Backlog, Bbr, Congestion, CongestionParameters, MptcpSubflow, Shutdown, SocketMemory, SocketOptions,
    TcpMetrics, TcpOptions, Timer, TimerKind, Tls, TlsCipher, TlsCrypto, UpperLayer,
};
use netstat::{Details, Snapshot, State};
use serde_json::{Value, json};
use std::time::Duration;

/// A default value after a change.
fn with<T: Default>(change: impl FnOnce(&mut T)) -> T {
    let mut made = T::default();
    change(&mut made);
    made
}

fn snapshot(details: Details) -> Snapshot {
    let mut socket = tcp("10.0.0.1:80", Some("10.0.0.22:40000"), State::Established);
    socket.set_details(Some(Box::new(details)));
    let mut snapshot = Snapshot::default();
    snapshot.sockets = vec![socket];
    snapshot
}

fn json_of(details: Details) -> Value {
    let line = rendered(&snapshot(details), "--jsonl --details", false);
    let row: Value = serde_json::from_str(&line).unwrap();
    row["details"].clone()
}

fn column_of(details: Details) -> String {
    rendered(&snapshot(details), "--no-header --columns details", false)
}

pub(super) fn everything() -> Details {
    with(|details: &mut Details| {
        details.tcp = Some(Box::new(with(|tcp: &mut TcpMetrics| {
            tcp.options = TcpOptions::TIMESTAMPS | TcpOptions::WINDOW_SCALE;
            (tcp.snd_wscale, tcp.rcv_wscale) = (Some(7), Some(0));
            tcp.rto = Duration::from_millis(204);
            (tcp.rtt, tcp.rttvar) = (Some(Duration::from_micros(25)), Some(Duration::from_micros(1500)));
            tcp.snd_cwnd = 10;
            tcp.total_retrans = 3;
            tcp.pacing_rate = Some(1_000_000);
            tcp.bytes_acked = Some(u64::MAX);
            tcp.busy_time = Some(Duration::ZERO);
        })));
        let bbr = with(|bbr: &mut Bbr| bbr.bandwidth = Some(1000));
        details.congestion = Some(with(|congestion: &mut Congestion| {
            congestion.name = Some("bbr\u{1b}".into());
            congestion.parameters = Some(CongestionParameters::Bbr(bbr));
        }));
        details.memory =
            Some(with(|memory: &mut SocketMemory| (memory.rcvbuf, memory.drops) = (131_072, Some(2))));
        details.timer = Some(Timer::new(TimerKind::Keepalive, Duration::from_micros(4_999_500), 1));
        (details.tos, details.mark, details.cgroup_id) = (Some(0x48), Some(0), Some(77));
        details.shutdown = Some(with(|shutdown: &mut Shutdown| shutdown.send = true));
        let tls = with(|tls: &mut Tls| {
            (tls.version, tls.cipher) = (Some(0x0304), Some(TlsCipher::AesGcm256));
            (tls.tx, tls.rx) = (Some(TlsCrypto::Software), None);
        });
        let subflow =
            with(|subflow: &mut MptcpSubflow| (subflow.local_id, subflow.flags) = (Some(0), Some(0x40)));
        details.ulp = Some(with(|ulp: &mut UpperLayer| {
            (ulp.name, ulp.tls, ulp.mptcp) = (Some("tls".into()), Some(tls), Some(subflow));
        }));
        details.options = Some(SocketOptions::MC_LOOP | SocketOptions::BIND_ADDRESS_NO_PORT);
        details.backlog = Some(Backlog::new(1, None));
    })
}

#[test]
fn json_details_have_units_in_their_names_and_null_for_unknown() {
    let mut details = json_of(everything());
    let tcp = details["tcp"].take();
    let expected = json!({
        "tcp": null,
        "congestion": {"name": "bbr\u{1b}", "bbr": {
            "bandwidth": 1000, "min_rtt_us": null, "pacing_gain": 0, "cwnd_gain": 0,
        }},
        "memory": {
            "rmem_alloc": 0, "rcvbuf": 131_072, "wmem_alloc": 0, "sndbuf": 0, "fwd_alloc": 0, "wmem_queued": 0,
            "optmem": 0, "backlog": null, "drops": 2,
        },
        "timer": {"kind": "keepalive", "remaining_ms": 4999, "retransmits": 1},
        "tos": 72, "traffic_class": null, "class_id": null, "mark": 0,
        "shutdown": {"receive": false, "send": true},
        "cgroup_id": 77,
        "ulp": {
            "name": "tls",
            "tls": {"version": 0x0304, "cipher": "aes-gcm-256", "tx": "software", "rx": null},
            "mptcp": {"remote_id": null, "local_id": 0, "flags": 64},
        },
        "options": ["mc_loop", "bind_address_no_port"],
        "backlog": {"waiting": 1, "limit": null},
    });
    assert_eq!(details, expected);
    for (name, value) in [
        ("options", json!(["timestamps", "window_scale"])),
        ("snd_wscale", json!(7)),
        ("rto_us", json!(204_000)),
        ("rtt_us", json!(25)),
        ("rttvar_us", json!(1500)),
        ("min_rtt_us", Value::Null),
        ("pacing_rate", json!(1_000_000)),
        ("bytes_acked", json!(u64::MAX)),
        ("busy_time_us", json!(0)),
        ("ca_state", json!("open")),
    ] {
        assert_eq!(tcp[name], value, "{name}");
    }
    assert_eq!(tcp.as_object().unwrap().len(), 65);
    assert_eq!(json_of(Details::default()).as_object().unwrap().len(), 13);
}

#[test]
fn column_of_details_omits_zero_and_unknown() {
    assert_eq!(
        column_of(everything()),
        "timer:(keepalive,4999.5,1) backlog:1 cgroup:77 shut-send tos:0x48 \
         skmem:(r0,rb131072,t0,tb0,f0,w0,o0,d2) mc_loop bind_address_no_port ulp:tls tls-version:1.3 \
         tls-cipher:aes-gcm-256 tls-tx:software mptcp-local-id:0 ts bbr\\x1b bbr-bw:8000bps wscale:7,0 rto:204 \
         rtt:0.025/1.5 cwnd:10 bytes_acked:18446744073709551615 pacing_rate:8000000bps retrans:0/3\n"
    );
    assert_eq!(column_of(Details::default()), "-\n");
}
