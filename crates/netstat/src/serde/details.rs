//! Details of a socket. Times have their unit in the name, rates are in bytes per second.

use crate::model::details::{
    Backlog, Bbr, Congestion, CongestionParameters, Dctcp, Details, FastOpenFailure, MptcpSubflow, Shutdown,
    SocketMemory, TcpMetrics, Timer, Tls, TlsCipher, TlsCrypto, UpperLayer, Vegas,
};
use serde_core::ser::{Serialize, SerializeMap, Serializer};
use std::time::Duration;

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The names of flags, in lower case.
fn names<F>(flags: impl Iterator<Item = (&'static str, F)>) -> Vec<String> {
    flags.map(|(name, _)| name.to_ascii_lowercase()).collect()
}

object!(
    /// As in `lsock --json --details`, and so are the parts.
    Details, |it|
    "tcp": it.tcp,
    "congestion": it.congestion,
    "memory": it.memory,
    "timer": it.timer,
    "tos": it.tos,
    "traffic_class": it.traffic_class,
    "class_id": it.class_id,
    "mark": it.mark,
    "shutdown": it.shutdown,
    "cgroup_id": it.cgroup_id,
    "ulp": it.ulp,
    "options": it.options.map(|options| names(options.iter_names())),
    "backlog": it.backlog,
);

object!(TcpMetrics, |it|
    "ca_state": it.ca_state.as_str(),
    "retransmits": it.retransmits,
    "probes": it.probes,
    "backoff": it.backoff,
    "options": names(it.options.iter_names()),
    "snd_wscale": it.snd_wscale,
    "rcv_wscale": it.rcv_wscale,
    "delivery_rate_app_limited": it.delivery_rate_app_limited,
    "fastopen_client_fail": it.fastopen_client_fail.map(FastOpenFailure::as_str),
    "rto_us": micros(it.rto),
    "ato_us": it.ato.map(micros),
    "snd_mss": it.snd_mss,
    "rcv_mss": it.rcv_mss,
    "unacked": it.unacked,
    "sacked": it.sacked,
    "lost": it.lost,
    "retrans": it.retrans,
    "last_data_sent_ms": millis(it.last_data_sent),
    "last_data_recv_ms": millis(it.last_data_recv),
    "last_ack_recv_ms": millis(it.last_ack_recv),
    "pmtu": it.pmtu,
    "rcv_ssthresh": it.rcv_ssthresh,
    "rtt_us": it.rtt.map(micros),
    "rttvar_us": it.rttvar.map(micros),
    "snd_ssthresh": it.snd_ssthresh,
    "snd_cwnd": it.snd_cwnd,
    "advmss": it.advmss,
    "reordering": it.reordering,
    "rcv_rtt_us": it.rcv_rtt.map(micros),
    "rcv_space": it.rcv_space,
    "total_retrans": it.total_retrans,
    "pacing_rate": it.pacing_rate,
    "max_pacing_rate": it.max_pacing_rate,
    "bytes_acked": it.bytes_acked,
    "bytes_received": it.bytes_received,
    "segs_out": it.segs_out,
    "segs_in": it.segs_in,
    "notsent_bytes": it.notsent_bytes,
    "min_rtt_us": it.min_rtt.map(micros),
    "data_segs_in": it.data_segs_in,
    "data_segs_out": it.data_segs_out,
    "delivery_rate": it.delivery_rate,
    "busy_time_us": it.busy_time.map(micros),
    "rwnd_limited_us": it.rwnd_limited.map(micros),
    "sndbuf_limited_us": it.sndbuf_limited.map(micros),
    "delivered": it.delivered,
    "delivered_ce": it.delivered_ce,
    "bytes_sent": it.bytes_sent,
    "bytes_retrans": it.bytes_retrans,
    "dsack_dups": it.dsack_dups,
    "reord_seen": it.reord_seen,
    "rcv_ooopack": it.rcv_ooopack,
    "snd_wnd": it.snd_wnd,
    "rcv_wnd": it.rcv_wnd,
    "rehash": it.rehash,
    "total_rto": it.total_rto,
    "total_rto_recoveries": it.total_rto_recoveries,
    "total_rto_time_ms": it.total_rto_time.map(millis),
    "received_ce": it.received_ce,
    "delivered_e1_bytes": it.delivered_e1_bytes,
    "delivered_e0_bytes": it.delivered_e0_bytes,
    "delivered_ce_bytes": it.delivered_ce_bytes,
    "received_e1_bytes": it.received_e1_bytes,
    "received_e0_bytes": it.received_e0_bytes,
    "received_ce_bytes": it.received_ce_bytes,
);

object!(Congestion, |it|
    "name": it.name,
    "vegas" if known: match it.parameters {
        Some(CongestionParameters::Vegas(vegas)) => Some(vegas),
        _ => None,
    },
    "dctcp" if known: match it.parameters {
        Some(CongestionParameters::Dctcp(dctcp)) => Some(dctcp),
        _ => None,
    },
    "bbr" if known: match it.parameters {
        Some(CongestionParameters::Bbr(bbr)) => Some(bbr),
        _ => None,
    },
);

object!(Vegas, |it|
    "enabled": it.enabled,
    "rttcnt": it.rttcnt,
    "rtt_us": it.rtt.map(micros),
    "min_rtt_us": it.min_rtt.map(micros),
);

object!(Dctcp, |it|
    "enabled": it.enabled,
    "ce_state": it.ce_state,
    "alpha": it.alpha,
    "ab_ecn": it.ab_ecn,
    "ab_tot": it.ab_tot,
);

object!(Bbr, |it|
    "bandwidth": it.bandwidth,
    "min_rtt_us": it.min_rtt.map(micros),
    "pacing_gain": it.pacing_gain,
    "cwnd_gain": it.cwnd_gain,
);

object!(SocketMemory, |it|
    "rmem_alloc": it.rmem_alloc,
    "rcvbuf": it.rcvbuf,
    "wmem_alloc": it.wmem_alloc,
    "sndbuf": it.sndbuf,
    "fwd_alloc": it.fwd_alloc,
    "wmem_queued": it.wmem_queued,
    "optmem": it.optmem,
    "backlog": it.backlog,
    "drops": it.drops,
);

object!(Timer, |it|
    "kind": it.kind.as_str(),
    "remaining_ms": millis(it.remaining),
    "retransmits": it.retransmits,
);

object!(Shutdown, |it|
    "receive": it.receive,
    "send": it.send,
);

object!(Backlog, |it|
    "waiting": it.waiting,
    "limit": it.limit,
);

object!(UpperLayer, |it|
    "name": it.name,
    "tls": it.tls,
    "mptcp": it.mptcp,
);

object!(Tls, |it|
    "version": it.version,
    "cipher": it.cipher.map(TlsCipher::as_str),
    "tx": it.tx.map(TlsCrypto::as_str),
    "rx": it.rx.map(TlsCrypto::as_str),
);

object!(MptcpSubflow, |it|
    "remote_id": it.remote_id,
    "local_id": it.local_id,
    "flags": it.flags,
);
