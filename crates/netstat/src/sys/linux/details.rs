//! Details of a socket: which attributes to request, and how records and lines are converted.

use crate::model::details::{
    Backlog, Bbr, Congestion, CongestionParameters, CongestionState, Dctcp, DetailFields, Details,
    FastOpenFailure, MptcpSubflow, Shutdown, SocketMemory, SocketOptions, TcpMetrics, TcpOptions, Timer,
    TimerKind, Tls, TlsCipher, TlsCrypto, UpperLayer, Vegas,
};
use crate::sys::linux::protocols::ProtocolInfo;
use netstat_wire::DecodeError;
use netstat_wire::linux::inet_diag::{
    INET_DIAG_CONG, INET_DIAG_INFO, INET_DIAG_SKMEMINFO, INET_DIAG_TCLASS, INET_DIAG_TOS,
    INET_DIAG_VEGASINFO, InetDiagMsg,
};
use netstat_wire::linux::inet_diag_congestion::{BbrInfo, CongestionInfo, DctcpInfo, VegasInfo};
use netstat_wire::linux::inet_diag_details as wire;
use netstat_wire::linux::inet_diag_memory::SkMemInfo;
use netstat_wire::linux::inet_diag_sockopt::SockOpt;
use netstat_wire::linux::inet_diag_ulp::{TlsInfo, UlpInfo};
use netstat_wire::linux::proc_net::ProcNet;
use netstat_wire::linux::tcp_info::{INFINITE_SSTHRESH, NO_RATE_LIMIT, TcpInfo};
use netstat_wire::linux::tcp_states as states;
use std::time::Duration;

/// The attributes that a request must name, as `idiag_ext`. Each makes the kernel write more for every socket.
pub(crate) fn extensions(fields: DetailFields) -> u8 {
    let of = |wanted: DetailFields, attributes: &[u16]| {
        let bits = attributes.iter().fold(0_u8, |bits, attribute| bits | 1 << (attribute - 1));
        if fields.intersects(wanted) { bits } else { 0 }
    };
    // The kernel sends all others without a request.
    of(DetailFields::TCP_INFO | DetailFields::UPPER_LAYER, &[INET_DIAG_INFO])
        | of(DetailFields::CONGESTION, &[INET_DIAG_VEGASINFO, INET_DIAG_CONG])
        | of(DetailFields::TRAFFIC, &[INET_DIAG_TOS, INET_DIAG_TCLASS])
        | of(DetailFields::MEMORY, &[INET_DIAG_SKMEMINFO])
}

/// These fields of a record; `None` if it has none of them.
pub(crate) fn details(
    fields: DetailFields,
    info: &ProtocolInfo,
    record: &InetDiagMsg,
    payload: &[u8],
) -> Result<Option<Box<Details>>, DecodeError> {
    let ProtocolInfo { number, has_states, has_tcp_numbers, .. } = *info;
    let wire = wire::Details::decode(number.into(), payload)?;
    let wants = |wanted| fields.contains(wanted);
    let is_listener = has_states && record.state == states::TCP_LISTEN;
    let mut details = Details::default();
    if wants(DetailFields::TCP_INFO) && !is_listener {
        details.tcp = wire.tcp_info.as_ref().map(|info| Box::new(tcp_metrics(info)));
    }
    if wants(DetailFields::CONGESTION) && (wire.congestion.is_some() || wire.congestion_info.is_some()) {
        let name = wire.congestion.map(text);
        details.congestion = Some(Congestion { name, parameters: wire.congestion_info.map(parameters) });
    }
    if wants(DetailFields::MEMORY) {
        details.memory = wire.skmeminfo.as_ref().map(memory);
    }
    if wants(DetailFields::TIMER) && has_tcp_numbers {
        let remaining = Duration::from_millis(record.expires_ms.into());
        details.timer = timer(record.timer, remaining, record.retrans.into());
    }
    if wants(DetailFields::TRAFFIC) {
        details.tos = wire.tos;
        details.traffic_class = wire.tclass;
        details.class_id = wire.class_id;
        details.mark = record.mark;
    }
    if wants(DetailFields::OPTIONS) {
        details.options = wire.sockopt.as_ref().map(options);
        details.shutdown =
            record.shutdown.map(|bits| Shutdown { receive: bits & 1 != 0, send: bits & 2 != 0 });
    }
    if wants(DetailFields::CGROUP) {
        details.cgroup_id = record.cgroup_id;
    }
    if wants(DetailFields::UPPER_LAYER) {
        details.ulp = wire.ulp.as_ref().map(upper_layer);
    }
    if wants(DetailFields::BACKLOG) && is_listener {
        details.backlog = Some(Backlog { waiting: record.rqueue, limit: Some(record.wqueue) });
    }
    Ok(boxed_unless_empty(details))
}

/// These fields of a line of `/proc/net`. `tick`: the unit of its times.
pub(crate) fn details_of_line(
    fields: DetailFields,
    info: &ProtocolInfo,
    line: &ProcNet,
    tick: Duration,
) -> Option<Box<Details>> {
    let mut details = Details::default();
    if fields.contains(DetailFields::TIMER) {
        let ticks = u32::try_from(line.expires_ticks).unwrap_or(u32::MAX);
        let is_probe = matches!(line.timer, TIMER_KEEPALIVE | TIMER_PROBE);
        let retransmits = if is_probe { line.probes } else { line.retransmits };
        details.timer = timer(line.timer, tick.saturating_mul(ticks), retransmits);
    }
    let is_listener = info.has_states && line.state == states::TCP_LISTEN;
    if fields.contains(DetailFields::BACKLOG) && is_listener {
        details.backlog = Some(Backlog { waiting: line.rx_queue, limit: None });
    }
    boxed_unless_empty(details)
}

/// `None` instead of an empty box.
fn boxed_unless_empty(details: Details) -> Option<Box<Details>> {
    (details != Details::default()).then(|| Box::new(details))
}

/// `idiag_timer` and `tr`.
const TIMER_KEEPALIVE: u8 = 2;
const TIMER_PROBE: u8 = 4;

fn timer(number: u8, remaining: Duration, retransmits: u32) -> Option<Timer> {
    let kind = match number {
        0 => return None,
        1 => TimerKind::Retransmit,
        TIMER_KEEPALIVE => TimerKind::Keepalive,
        3 => TimerKind::TimeWait,
        TIMER_PROBE => TimerKind::ZeroWindowProbe,
        5 => TimerKind::DelayedAck,
        _ => TimerKind::Unknown,
    };
    Some(Timer { kind, remaining, retransmits })
}

/// A name from the kernel. All known names are ASCII.
fn text(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}

fn micros(number: u32) -> Duration {
    Duration::from_micros(number.into())
}

fn millis(number: u32) -> Duration {
    Duration::from_millis(number.into())
}

/// A time; 0 means that it was not measured.
fn measured(micros: u32) -> Option<Duration> {
    (micros != 0).then(|| self::micros(micros))
}

fn tcp_metrics(info: &TcpInfo) -> TcpMetrics {
    let options = TcpOptions::from_bits(info.options);
    let scaled = |shift: u8| options.contains(TcpOptions::WINDOW_SCALE).then_some(shift);
    let limit = |rate: Option<u64>| rate.filter(|rate| *rate != NO_RATE_LIMIT);
    TcpMetrics {
        ca_state: match info.ca_state {
            0 => CongestionState::Open,
            1 => CongestionState::Disorder,
            2 => CongestionState::CwndReduced,
            3 => CongestionState::Recovery,
            4 => CongestionState::Loss,
            _ => CongestionState::Unknown,
        },
        retransmits: info.retransmits,
        probes: info.probes,
        backoff: info.backoff,
        options,
        snd_wscale: scaled(info.snd_wscale),
        rcv_wscale: scaled(info.rcv_wscale),
        delivery_rate_app_limited: info.delivery_rate_app_limited,
        fastopen_client_fail: match info.fastopen_client_fail {
            1 => Some(FastOpenFailure::NoCookie),
            2 => Some(FastOpenFailure::DataNotAcked),
            3 => Some(FastOpenFailure::SynRetransmitted),
            _ => None,
        },
        rto: micros(info.rto_us),
        ato: measured(info.ato_us),
        snd_mss: info.snd_mss,
        rcv_mss: info.rcv_mss,
        unacked: info.unacked,
        sacked: info.sacked,
        lost: info.lost,
        retrans: info.retrans,
        last_data_sent: millis(info.last_data_sent_ms),
        last_data_recv: millis(info.last_data_recv_ms),
        last_ack_recv: millis(info.last_ack_recv_ms),
        pmtu: info.pmtu,
        rcv_ssthresh: info.rcv_ssthresh,
        rtt: measured(info.rtt_us),
        rttvar: measured(info.rtt_us).map(|_| micros(info.rttvar_us)),
        snd_ssthresh: (info.snd_ssthresh != INFINITE_SSTHRESH).then_some(info.snd_ssthresh),
        snd_cwnd: info.snd_cwnd,
        advmss: info.advmss,
        reordering: info.reordering,
        rcv_rtt: measured(info.rcv_rtt_us),
        rcv_space: info.rcv_space,
        total_retrans: info.total_retrans,
        pacing_rate: limit(info.pacing_rate),
        max_pacing_rate: limit(info.max_pacing_rate),
        bytes_acked: info.bytes_acked,
        bytes_received: info.bytes_received,
        segs_out: info.segs_out,
        segs_in: info.segs_in,
        notsent_bytes: info.notsent_bytes,
        min_rtt: info.min_rtt_us.filter(|micros| *micros != u32::MAX).map(micros),
        data_segs_in: info.data_segs_in,
        data_segs_out: info.data_segs_out,
        delivery_rate: info.delivery_rate.filter(|rate| *rate != 0),
        busy_time: info.busy_time_us.map(Duration::from_micros),
        rwnd_limited: info.rwnd_limited_us.map(Duration::from_micros),
        sndbuf_limited: info.sndbuf_limited_us.map(Duration::from_micros),
        delivered: info.delivered,
        delivered_ce: info.delivered_ce,
        bytes_sent: info.bytes_sent,
        bytes_retrans: info.bytes_retrans,
        dsack_dups: info.dsack_dups,
        reord_seen: info.reord_seen,
        rcv_ooopack: info.rcv_ooopack,
        snd_wnd: info.snd_wnd,
        rcv_wnd: info.rcv_wnd,
        rehash: info.rehash,
        total_rto: info.total_rto,
        total_rto_recoveries: info.total_rto_recoveries,
        total_rto_time: info.total_rto_time_ms.map(millis),
        received_ce: info.received_ce,
        delivered_e1_bytes: info.delivered_e1_bytes,
        delivered_e0_bytes: info.delivered_e0_bytes,
        delivered_ce_bytes: info.delivered_ce_bytes,
        received_e1_bytes: info.received_e1_bytes,
        received_e0_bytes: info.received_e0_bytes,
        received_ce_bytes: info.received_ce_bytes,
    }
}

fn parameters(info: CongestionInfo) -> CongestionParameters {
    match info {
        CongestionInfo::Vegas(VegasInfo { enabled, rttcnt, rtt_us, minrtt_us }) => {
            // The initial value is longer than any round trip.
            let measured = |time| (time != 0 && time != 0x7fff_ffff).then(|| micros(time));
            let (rtt, min_rtt) = (measured(rtt_us), measured(minrtt_us));
            CongestionParameters::Vegas(Vegas { enabled, rttcnt, rtt, min_rtt })
        }
        CongestionInfo::Dctcp(DctcpInfo { enabled, ce_state, alpha, ab_ecn, ab_tot }) => {
            CongestionParameters::Dctcp(Dctcp { enabled, ce_state, alpha, ab_ecn, ab_tot })
        }
        CongestionInfo::Bbr(BbrInfo { bandwidth, min_rtt_us, pacing_gain, cwnd_gain }) => {
            let bandwidth = (bandwidth != 0).then_some(bandwidth);
            let min_rtt = (min_rtt_us != u32::MAX).then(|| micros(min_rtt_us));
            CongestionParameters::Bbr(Bbr { bandwidth, min_rtt, pacing_gain, cwnd_gain })
        }
    }
}

fn memory(info: &SkMemInfo) -> SocketMemory {
    let SkMemInfo { rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops } =
        *info;
    SocketMemory { rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops }
}

fn options(sockopt: &SockOpt) -> SocketOptions {
    [
        (sockopt.recverr, SocketOptions::RECVERR),
        (sockopt.freebind, SocketOptions::FREEBIND),
        (sockopt.hdrincl, SocketOptions::HDRINCL),
        (sockopt.mc_loop, SocketOptions::MC_LOOP),
        (sockopt.transparent, SocketOptions::TRANSPARENT),
        (sockopt.mc_all, SocketOptions::MC_ALL),
        (sockopt.nodefrag, SocketOptions::NODEFRAG),
        (sockopt.bind_address_no_port, SocketOptions::BIND_ADDRESS_NO_PORT),
        (sockopt.recverr_rfc4884, SocketOptions::RECVERR_RFC4884),
        (sockopt.defer_connect, SocketOptions::DEFER_CONNECT),
    ]
    .into_iter()
    .filter_map(|(is_set, option)| is_set.then_some(option))
    .collect()
}

fn upper_layer(ulp: &UlpInfo<'_>) -> UpperLayer {
    UpperLayer {
        name: ulp.name.map(text),
        tls: ulp.tls.as_ref().map(tls),
        mptcp: ulp.mptcp.as_ref().map(|subflow| MptcpSubflow {
            remote_id: subflow.id_rem,
            local_id: subflow.id_loc,
            flags: subflow.flags,
        }),
    }
}

fn tls(info: &TlsInfo) -> Tls {
    let cipher = |number| match number {
        51 => TlsCipher::AesGcm128,
        52 => TlsCipher::AesGcm256,
        53 => TlsCipher::AesCcm128,
        54 => TlsCipher::Chacha20Poly1305,
        55 => TlsCipher::Sm4Gcm,
        56 => TlsCipher::Sm4Ccm,
        57 => TlsCipher::AriaGcm128,
        58 => TlsCipher::AriaGcm256,
        other => TlsCipher::Other(other),
    };
    let crypto = |number| match number {
        1 => TlsCrypto::Base,
        2 => TlsCrypto::Software,
        3 => TlsCrypto::Device,
        4 => TlsCrypto::DeviceRecord,
        _ => TlsCrypto::Unknown,
    };
    Tls {
        version: info.version,
        cipher: info.cipher.map(cipher),
        tx: info.txconf.map(crypto),
        rx: info.rxconf.map(crypto),
    }
}
