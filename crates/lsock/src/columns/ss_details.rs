//! Details of a socket in the words of `ss -tieom`, separated by spaces, each with its value behind a colon. Zero, unset
//! and unknown values are left out.

use super::value::push_millis;
use crate::digits::{push_display, push_hex, push_number};
use crate::escape::escape_into;
use crate::view::View;
use netstat::details::{CongestionParameters, SocketMemory, TcpMetrics, TcpOptions, Timer, TimerKind};
use netstat::{Details, Socket};
use std::time::Duration;

pub(super) fn details(socket: &Socket) -> Option<&Details> {
    socket.details()
}

pub(super) fn tcp(socket: &Socket) -> Option<&TcpMetrics> {
    details(socket)?.tcp.as_deref()
}

pub(super) fn memory(socket: &Socket) -> Option<SocketMemory> {
    details(socket)?.memory
}

pub(super) fn push_congestion(_: &View<'_>, socket: &Socket, out: &mut String) {
    if let Some(name) = details(socket).and_then(|details| details.congestion.as_ref()?.name.as_deref()) {
        escape_into(name.as_bytes(), out);
    }
}

pub(super) fn push_timer(_: &View<'_>, socket: &Socket, out: &mut String) {
    if let Some(timer) = details(socket).and_then(|details| details.timer) {
        push_timer_of(timer, out);
    }
}

fn push_timer_of(timer: Timer, out: &mut String) {
    out.push_str(match timer.kind {
        TimerKind::Retransmit => "on",
        TimerKind::Keepalive => "keepalive",
        TimerKind::TimeWait => "timewait",
        TimerKind::ZeroWindowProbe => "persist",
        TimerKind::DelayedAck => "ack",
        _ => "unknown",
    });
    out.push(',');
    push_millis(timer.remaining, out);
    out.push(',');
    push_number(timer.retransmits, out);
}

/// All details that are known.
pub(super) fn push_all(view: &View<'_>, socket: &Socket, out: &mut String) {
    let Some(details) = details(socket) else { return };
    let mut words = Words { out, first: true };
    if details.timer.is_some() {
        words.with("timer:(", |out| push_timer(view, socket, out)).push(')');
    }
    if let Some(backlog) = details.backlog {
        words.with("backlog:", |out| push_number(backlog.waiting, out));
        if let Some(limit) = backlog.limit {
            push_display(words.out, format_args!("/{limit}"));
        }
    }
    words.hex("fwmark:", details.mark.map(u64::from));
    if let Some(id) = details.cgroup_id {
        words.with("cgroup:", |out| push_number(id, out));
    }
    if let Some(shutdown) = details.shutdown {
        words.flag("shut-receive", shutdown.receive);
        words.flag("shut-send", shutdown.send);
    }
    words.hex("tos:", details.tos.map(u64::from));
    words.hex("tclass:", details.traffic_class.map(u64::from));
    words.number("class_id:", details.class_id);
    if let Some(memory) = details.memory {
        words.with("skmem:(", |out| push_memory(memory, out)).push(')');
    }
    if let Some(options) = details.options {
        for (name, _) in options.iter_names() {
            words.with("", |out| out.push_str(&name.to_ascii_lowercase()));
        }
    }
    if let Some(ulp) = &details.ulp {
        if let Some(name) = &ulp.name {
            words.with("ulp:", |out| escape_into(name.as_bytes(), out));
        }
        if let Some(tls) = ulp.tls {
            if let Some(version) = tls.version {
                words.with("tls-version:", |out| push_tls_version(version, out));
            }
            words.word("tls-cipher:", tls.cipher.map(netstat::details::TlsCipher::as_str));
            words.word("tls-tx:", tls.tx.map(netstat::details::TlsCrypto::as_str));
            words.word("tls-rx:", tls.rx.map(netstat::details::TlsCrypto::as_str));
        }
        if let Some(subflow) = ulp.mptcp {
            // Not `number`: 0 is the id of the first path.
            for (name, id) in [("mptcp-local-id:", subflow.local_id), ("mptcp-remote-id:", subflow.remote_id)]
            {
                if let Some(id) = id {
                    words.with(name, |out| push_number(id, out));
                }
            }
        }
    }
    if let Some(tcp) = &details.tcp {
        push_flags(tcp, &mut words);
    }
    if let Some(congestion) = &details.congestion {
        if congestion.name.is_some() {
            words.with("", |out| push_congestion(view, socket, out));
        }
        push_parameters(congestion.parameters, &mut words);
    }
    if let Some(tcp) = &details.tcp {
        push_metrics(tcp, &mut words);
    }
}

/// `1.3` for 0x0304; a number that is no version of TLS in hex.
fn push_tls_version(version: u16, out: &mut String) {
    match version {
        0x0301..=0x0304 => push_display(out, format_args!("1.{}", (version & 0xff) - 1)),
        other => push_hex(other.into(), out),
    }
}

fn push_memory(memory: SocketMemory, out: &mut String) {
    let SocketMemory { rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, .. } = memory;
    push_display(
        out,
        format_args!(
            "r{rmem_alloc},rb{rcvbuf},t{wmem_alloc},tb{sndbuf},f{fwd_alloc},w{wmem_queued},o{optmem}"
        ),
    );
    if let Some(backlog) = memory.backlog {
        push_display(out, format_args!(",bl{backlog}"));
    }
    if let Some(drops) = memory.drops {
        push_display(out, format_args!(",d{drops}"));
    }
}

fn push_flags(tcp: &TcpMetrics, words: &mut Words<'_>) {
    for (name, option) in [
        ("ts", TcpOptions::TIMESTAMPS),
        ("sack", TcpOptions::SACK),
        ("ecn", TcpOptions::ECN),
        ("ecnseen", TcpOptions::ECN_SEEN),
        ("fastopen", TcpOptions::SYN_DATA),
    ] {
        words.flag(name, tcp.options.contains(option));
    }
}

fn push_parameters(parameters: Option<CongestionParameters>, words: &mut Words<'_>) {
    match parameters {
        Some(CongestionParameters::Bbr(bbr)) => {
            words.rate("bbr-bw:", bbr.bandwidth);
            words.time("bbr-mrtt:", bbr.min_rtt);
        }
        Some(CongestionParameters::Dctcp(dctcp)) if dctcp.enabled => {
            words.number("dctcp-alpha:", Some(dctcp.alpha));
            words.number("dctcp-ab_ecn:", Some(dctcp.ab_ecn));
            words.number("dctcp-ab_tot:", Some(dctcp.ab_tot));
        }
        Some(CongestionParameters::Vegas(vegas)) if vegas.enabled => {
            words.time("vegas-rtt:", vegas.rtt);
            words.time("vegas-minrtt:", vegas.min_rtt);
        }
        _ => {}
    }
}

fn push_metrics(tcp: &TcpMetrics, words: &mut Words<'_>) {
    if let (Some(send), Some(receive)) = (tcp.snd_wscale, tcp.rcv_wscale) {
        words.with("wscale:", |out| push_display(out, format_args!("{send},{receive}")));
    }
    words.time("rto:", Some(tcp.rto));
    words.number("backoff:", Some(tcp.backoff));
    if let (Some(rtt), Some(deviation)) = (tcp.rtt, tcp.rttvar) {
        words.with("rtt:", |out| {
            push_millis(rtt, out);
            out.push('/');
            push_millis(deviation, out);
        });
    }
    words.time("ato:", tcp.ato);
    words.number("mss:", Some(tcp.snd_mss));
    words.number("pmtu:", Some(tcp.pmtu));
    words.number("rcvmss:", Some(tcp.rcv_mss));
    words.number("advmss:", Some(tcp.advmss));
    words.number("cwnd:", Some(tcp.snd_cwnd));
    words.number("ssthresh:", tcp.snd_ssthresh);
    words.number("bytes_sent:", tcp.bytes_sent);
    words.number("bytes_retrans:", tcp.bytes_retrans);
    words.number("bytes_acked:", tcp.bytes_acked);
    words.number("bytes_received:", tcp.bytes_received);
    words.number("segs_out:", tcp.segs_out);
    words.number("segs_in:", tcp.segs_in);
    words.number("data_segs_out:", tcp.data_segs_out);
    words.number("data_segs_in:", tcp.data_segs_in);
    words.time("lastsnd:", Some(tcp.last_data_sent));
    words.time("lastrcv:", Some(tcp.last_data_recv));
    words.time("lastack:", Some(tcp.last_ack_recv));
    words.rate("pacing_rate:", tcp.pacing_rate);
    words.rate("max_pacing_rate:", tcp.max_pacing_rate);
    words.rate("delivery_rate:", tcp.delivery_rate);
    words.number("delivered:", tcp.delivered);
    words.number("delivered_ce:", tcp.delivered_ce);
    words.flag("app_limited", tcp.delivery_rate_app_limited);
    words.time("busy:", tcp.busy_time);
    words.time("rwnd_limited:", tcp.rwnd_limited);
    words.time("sndbuf_limited:", tcp.sndbuf_limited);
    words.number("unacked:", Some(tcp.unacked));
    if tcp.retrans != 0 || tcp.total_retrans != 0 {
        words
            .with("retrans:", |out| push_display(out, format_args!("{}/{}", tcp.retrans, tcp.total_retrans)));
    }
    words.number("lost:", Some(tcp.lost));
    words.number("sacked:", Some(tcp.sacked));
    words.number("dsack_dups:", tcp.dsack_dups);
    words.number("reord_seen:", tcp.reord_seen);
    words.time("rcv_rtt:", tcp.rcv_rtt);
    words.number("rcv_space:", Some(tcp.rcv_space));
    words.number("rcv_ssthresh:", Some(tcp.rcv_ssthresh));
    words.number("notsent:", tcp.notsent_bytes);
    words.time("minrtt:", tcp.min_rtt);
    words.number("rcv_ooopack:", tcp.rcv_ooopack);
    words.number("snd_wnd:", tcp.snd_wnd);
    words.number("rcv_wnd:", tcp.rcv_wnd);
    words.number("rehash:", tcp.rehash);
    words.number("total_rto:", tcp.total_rto);
    words.number("total_rto_recoveries:", tcp.total_rto_recoveries);
    words.time("total_rto_time:", tcp.total_rto_time);
}

/// Appends words with one space between them.
struct Words<'a> {
    out: &'a mut String,
    first: bool,
}

impl Words<'_> {
    fn with(&mut self, name: &str, value: impl FnOnce(&mut String)) -> &mut String {
        if !self.first {
            self.out.push(' ');
        }
        self.first = false;
        self.out.push_str(name);
        value(self.out);
        self.out
    }

    fn flag(&mut self, name: &str, is_set: bool) {
        if is_set {
            self.with(name, |_| {});
        }
    }

    fn word(&mut self, name: &str, word: Option<&str>) {
        if let Some(word) = word {
            self.with(name, |out| out.push_str(word));
        }
    }

    fn number<N: Into<u64>>(&mut self, name: &str, number: Option<N>) {
        let number = number.map_or(0, Into::into);
        if number != 0 {
            self.with(name, |out| push_number(number, out));
        }
    }

    fn hex(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number.filter(|number| *number != 0) {
            self.with(name, |out| push_hex(number, out));
        }
    }

    /// In bits per second, as in `ss`.
    fn rate(&mut self, name: &str, bytes: Option<u64>) {
        if let Some(bytes) = bytes.filter(|bytes| *bytes != 0) {
            self.with(name, |out| push_display(out, format_args!("{}bps", u128::from(bytes) * 8)));
        }
    }

    fn time(&mut self, name: &str, time: Option<Duration>) {
        if let Some(time) = time.filter(|time| !time.is_zero()) {
            self.with(name, |out| push_millis(time, out));
        }
    }
}
