//! Details of a socket in the JSON. Times have their unit in the name, rates are in bytes per second.

use super::writer::{ToJson, Word, members};
use netstat::Details;
use netstat::details::{
    Backlog, Congestion, CongestionParameters, CongestionState, FastOpenFailure, MptcpSubflow, Shutdown,
    SocketMemory, TcpMetrics, Timer, TimerKind, Tls, TlsCipher, TlsCrypto, UpperLayer,
};
use std::time::Duration;

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Names of flags in lower case; the library has them in upper case.
struct Flags(Vec<&'static str>);

impl ToJson for Flags {
    fn push(&self, out: &mut String) {
        out.push('[');
        for (nth, name) in self.0.iter().enumerate() {
            out.push_str(if nth > 0 { ",\"" } else { "\"" });
            out.extend(name.chars().map(|c| c.to_ascii_lowercase()));
            out.push('"');
        }
        out.push(']');
    }
}

impl ToJson for &Details {
    fn push(&self, out: &mut String) {
        members!(out,
            "tcp": self.tcp.as_deref(),
            "congestion": self.congestion.as_ref(),
            "memory": self.memory,
            "timer": self.timer,
            "tos": self.tos,
            "traffic_class": self.traffic_class,
            "class_id": self.class_id,
            "mark": self.mark,
            "shutdown": self.shutdown,
            "cgroup_id": self.cgroup_id,
            "ulp": self.ulp.as_ref(),
            "options": self.options.map(|set| Flags(set.iter_names().map(|(name, _)| name).collect())),
            "backlog": self.backlog,
        );
        out.push('}');
    }
}

impl ToJson for &TcpMetrics {
    fn push(&self, out: &mut String) {
        members!(out,
            "ca_state": Word(CongestionState::as_str(self.ca_state)),
            "retransmits": self.retransmits,
            "probes": self.probes,
            "backoff": self.backoff,
            "options": Flags(self.options.iter_names().map(|(name, _)| name).collect()),
            "snd_wscale": self.snd_wscale,
            "rcv_wscale": self.rcv_wscale,
            "delivery_rate_app_limited": self.delivery_rate_app_limited,
            "fastopen_client_fail": self.fastopen_client_fail.map(|reason| Word(FastOpenFailure::as_str(reason))),
            "rto_us": micros(self.rto),
            "ato_us": self.ato.map(micros),
            "snd_mss": self.snd_mss,
            "rcv_mss": self.rcv_mss,
            "unacked": self.unacked,
            "sacked": self.sacked,
            "lost": self.lost,
            "retrans": self.retrans,
            "last_data_sent_ms": millis(self.last_data_sent),
            "last_data_recv_ms": millis(self.last_data_recv),
            "last_ack_recv_ms": millis(self.last_ack_recv),
            "pmtu": self.pmtu,
            "rcv_ssthresh": self.rcv_ssthresh,
            "rtt_us": self.rtt.map(micros),
            "rttvar_us": self.rttvar.map(micros),
            "snd_ssthresh": self.snd_ssthresh,
            "snd_cwnd": self.snd_cwnd,
            "advmss": self.advmss,
            "reordering": self.reordering,
            "rcv_rtt_us": self.rcv_rtt.map(micros),
            "rcv_space": self.rcv_space,
            "total_retrans": self.total_retrans,
            "pacing_rate": self.pacing_rate,
            "max_pacing_rate": self.max_pacing_rate,
            "bytes_acked": self.bytes_acked,
            "bytes_received": self.bytes_received,
            "segs_out": self.segs_out,
            "segs_in": self.segs_in,
            "notsent_bytes": self.notsent_bytes,
            "min_rtt_us": self.min_rtt.map(micros),
            "data_segs_in": self.data_segs_in,
            "data_segs_out": self.data_segs_out,
            "delivery_rate": self.delivery_rate,
            "busy_time_us": self.busy_time.map(micros),
            "rwnd_limited_us": self.rwnd_limited.map(micros),
            "sndbuf_limited_us": self.sndbuf_limited.map(micros),
            "delivered": self.delivered,
            "delivered_ce": self.delivered_ce,
            "bytes_sent": self.bytes_sent,
            "bytes_retrans": self.bytes_retrans,
            "dsack_dups": self.dsack_dups,
            "reord_seen": self.reord_seen,
            "rcv_ooopack": self.rcv_ooopack,
            "snd_wnd": self.snd_wnd,
            "rcv_wnd": self.rcv_wnd,
            "rehash": self.rehash,
            "total_rto": self.total_rto,
            "total_rto_recoveries": self.total_rto_recoveries,
            "total_rto_time_ms": self.total_rto_time.map(millis),
            "received_ce": self.received_ce,
            "delivered_e1_bytes": self.delivered_e1_bytes,
            "delivered_e0_bytes": self.delivered_e0_bytes,
            "delivered_ce_bytes": self.delivered_ce_bytes,
            "received_e1_bytes": self.received_e1_bytes,
            "received_e0_bytes": self.received_e0_bytes,
            "received_ce_bytes": self.received_ce_bytes,
        );
        out.push('}');
    }
}

impl ToJson for &Congestion {
    fn push(&self, out: &mut String) {
        members!(out, "name": self.name.as_deref());
        match self.parameters {
            Some(CongestionParameters::Vegas(vegas)) => {
                out.push_str(",\"vegas\":");
                members!(out,
                    "enabled": vegas.enabled,
                    "rttcnt": vegas.rttcnt,
                    "rtt_us": vegas.rtt.map(micros),
                    "min_rtt_us": vegas.min_rtt.map(micros),
                );
                out.push('}');
            }
            Some(CongestionParameters::Dctcp(dctcp)) => {
                out.push_str(",\"dctcp\":");
                members!(out,
                    "enabled": dctcp.enabled,
                    "ce_state": dctcp.ce_state,
                    "alpha": dctcp.alpha,
                    "ab_ecn": dctcp.ab_ecn,
                    "ab_tot": dctcp.ab_tot,
                );
                out.push('}');
            }
            Some(CongestionParameters::Bbr(bbr)) => {
                out.push_str(",\"bbr\":");
                members!(out,
                    "bandwidth": bbr.bandwidth,
                    "min_rtt_us": bbr.min_rtt.map(micros),
                    "pacing_gain": bbr.pacing_gain,
                    "cwnd_gain": bbr.cwnd_gain,
                );
                out.push('}');
            }
            _ => {}
        }
        out.push('}');
    }
}

impl ToJson for SocketMemory {
    fn push(&self, out: &mut String) {
        members!(out,
            "rmem_alloc": self.rmem_alloc,
            "rcvbuf": self.rcvbuf,
            "wmem_alloc": self.wmem_alloc,
            "sndbuf": self.sndbuf,
            "fwd_alloc": self.fwd_alloc,
            "wmem_queued": self.wmem_queued,
            "optmem": self.optmem,
            "backlog": self.backlog,
            "drops": self.drops,
        );
        out.push('}');
    }
}

impl ToJson for Timer {
    fn push(&self, out: &mut String) {
        members!(out,
            "kind": Word(TimerKind::as_str(self.kind)),
            "remaining_ms": millis(self.remaining),
            "retransmits": self.retransmits,
        );
        out.push('}');
    }
}

impl ToJson for Shutdown {
    fn push(&self, out: &mut String) {
        members!(out, "receive": self.receive, "send": self.send);
        out.push('}');
    }
}

impl ToJson for Backlog {
    fn push(&self, out: &mut String) {
        members!(out, "waiting": self.waiting, "limit": self.limit);
        out.push('}');
    }
}

impl ToJson for &UpperLayer {
    fn push(&self, out: &mut String) {
        members!(out, "name": self.name.as_deref(), "tls": self.tls, "mptcp": self.mptcp);
        out.push('}');
    }
}

impl ToJson for Tls {
    fn push(&self, out: &mut String) {
        members!(out,
            "version": self.version,
            "cipher": self.cipher.map(|cipher| Word(TlsCipher::as_str(cipher))),
            "tx": self.tx.map(|mode| Word(TlsCrypto::as_str(mode))),
            "rx": self.rx.map(|mode| Word(TlsCrypto::as_str(mode))),
        );
        out.push('}');
    }
}

impl ToJson for MptcpSubflow {
    fn push(&self, out: &mut String) {
        members!(out, "remote_id": self.remote_id, "local_id": self.local_id, "flags": self.flags);
        out.push('}');
    }
}
