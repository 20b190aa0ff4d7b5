//! What a kernel measures of a TCP connection.

use std::time::Duration;

crate::model::flags::flags! {
    /// What the two ends of a connection agreed on, and what came of it.
    pub struct TcpOptions: u8 {
        /// Timestamps (RFC 7323). `ts` in `ss`.
        const TIMESTAMPS = 1;
        /// Selective acknowledgements (RFC 2018).
        const SACK = 1 << 1;
        /// Window scaling (RFC 7323).
        const WINDOW_SCALE = 1 << 2;
        /// Explicit congestion notification (RFC 3168).
        const ECN = 1 << 3;
        /// A packet that could carry the congestion mark has been seen. `ecnseen` in `ss`.
        const ECN_SEEN = 1 << 4;
        /// Data in the SYN was acknowledged (RFC 7413). `fastopen` in `ss`.
        const SYN_DATA = 1 << 5;
        /// The timestamps count microseconds (Linux 6.7).
        const TIMESTAMPS_US = 1 << 6;
        /// Opened by TCP Fast Open at this end.
        const FAST_OPEN_CHILD = 1 << 7;
    }
}

impl TcpOptions {
    /// From `tcpi_options`, each bit of which has a name.
    #[allow(dead_code, reason = "only Linux reports them")]
    pub(crate) const fn from_bits(options: u8) -> Self {
        Self(options)
    }
}

/// What congestion control is doing.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CongestionState {
    /// Nothing is amiss.
    #[default]
    Open,
    /// Duplicate or selective acknowledgements came: something may be lost or out of order.
    Disorder,
    /// The window is being reduced, on a mark of congestion.
    CwndReduced,
    /// Lost segments are being retransmitted.
    Recovery,
    /// A timeout fired.
    Loss,
    /// One that this library does not know.
    Unknown,
}

impl CongestionState {
    /// The stable, machine-readable name, such as `cwnd_reduced`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Disorder => "disorder",
            Self::CwndReduced => "cwnd_reduced",
            Self::Recovery => "recovery",
            Self::Loss => "loss",
            Self::Unknown => "unknown",
        }
    }
}

/// Why TCP Fast Open did not work for a client.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FastOpenFailure {
    /// There was no cookie.
    NoCookie,
    /// The data in the SYN was not acknowledged.
    DataNotAcked,
    /// The SYN was retransmitted.
    SynRetransmitted,
}

impl FastOpenFailure {
    /// The stable, machine-readable name, such as `no_cookie`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCookie => "no_cookie",
            Self::DataNotAcked => "data_not_acked",
            Self::SynRetransmitted => "syn_retransmitted",
        }
    }
}

/// What the kernel has measured of a TCP connection: `struct tcp_info` of `linux/tcp.h`, which `TCP_INFO` gives a
/// program of its own socket.
///
/// The names are the header's, without `tcpi_`. An `Option` is `None` where the running kernel is too old to have
/// the field (the version that introduced it is named), and where its number says that there is nothing: a round
/// trip that was not measured, a limit that is not set. Segments are counted as they are on the wire; counters
/// count from the beginning of the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "tcp_info")]
#[doc(alias = "TCP_INFO")]
#[doc(alias = "INET_DIAG_INFO")]
pub struct TcpMetrics {
    /// What congestion control is doing.
    pub ca_state: CongestionState,
    /// Timeouts in a row for the same data.
    pub retransmits: u8,
    /// Probes of a closed window or of an idle connection that were not answered.
    pub probes: u8,
    /// How often the timeout was doubled.
    pub backoff: u8,
    /// What the two ends agreed on.
    pub options: TcpOptions,
    /// Shift of the windows that the peer announces; `None` without window scaling.
    pub snd_wscale: Option<u8>,
    /// Window scale of the windows that this end announces; `None` without window scaling.
    pub rcv_wscale: Option<u8>,
    /// The delivery rate is what the program had to send, not what the path took. Linux 4.9.
    pub delivery_rate_app_limited: bool,
    /// Why TCP Fast Open did not work for this client. Linux 5.5.
    pub fastopen_client_fail: Option<FastOpenFailure>,
    /// Retransmission timeout.
    pub rto: Duration,
    /// How long an acknowledgement may be delayed; `None` before data was received.
    pub ato: Option<Duration>,
    /// Bytes of a segment that is sent.
    pub snd_mss: u32,
    /// Bytes of a segment that is received, as guessed.
    pub rcv_mss: u32,
    /// Segments that are not acknowledged.
    pub unacked: u32,
    /// Segments acknowledged selectively.
    pub sacked: u32,
    /// Segments taken for lost.
    pub lost: u32,
    /// Retransmitted segments that are not yet acknowledged.
    pub retrans: u32,
    /// Since data was sent, or since the connection began if none was.
    pub last_data_sent: Duration,
    /// Since data was received, or since the connection began.
    pub last_data_recv: Duration,
    /// Since an acknowledgement was received.
    pub last_ack_recv: Duration,
    /// MTU of the path in bytes.
    pub pmtu: u32,
    /// Bytes up to which the window that this end announces may grow at present.
    pub rcv_ssthresh: u32,
    /// Smoothed round trip time; `None` until it is measured.
    pub rtt: Option<Duration>,
    /// Its mean deviation; `None` as `rtt` is.
    pub rttvar: Option<Duration>,
    /// Segments at which slow start ends; `None` while it has not ended once.
    pub snd_ssthresh: Option<u32>,
    /// Congestion window in segments.
    pub snd_cwnd: u32,
    /// Segment size announced to the peer, in bytes.
    pub advmss: u32,
    /// By how many segments packets may be out of order before one is taken for lost.
    pub reordering: u32,
    /// Round trip time as the receiver sees it; `None` until it is measured.
    pub rcv_rtt: Option<Duration>,
    /// Bytes that the program reads in a round trip, by which the receive buffer grows.
    pub rcv_space: u32,
    /// Segments retransmitted since the connection began.
    pub total_retrans: u32,
    /// Bytes a second at which segments are let out; `None`: without limit. Linux 3.15.
    pub pacing_rate: Option<u64>,
    /// `SO_MAX_PACING_RATE`, bytes a second; `None`: without limit, which is the default. Linux 3.15.
    pub max_pacing_rate: Option<u64>,
    /// Bytes acknowledged by the peer; the SYN counts as one. Linux 4.1.
    pub bytes_acked: Option<u64>,
    /// Bytes received in order; the peer's FIN counts as one. Linux 4.1.
    pub bytes_received: Option<u64>,
    /// Segments sent, bare acknowledgements and repetitions included. Linux 4.2.
    pub segs_out: Option<u32>,
    /// Segments received. Linux 4.2.
    pub segs_in: Option<u32>,
    /// Bytes that the program wrote and that were not yet sent. Linux 4.6.
    pub notsent_bytes: Option<u32>,
    /// Smallest round trip time of late; `None` until it is measured. Linux 4.6.
    pub min_rtt: Option<Duration>,
    /// Segments received that carried data. Linux 4.6.
    pub data_segs_in: Option<u32>,
    /// Segments sent that carried data, repetitions included. Linux 4.6.
    pub data_segs_out: Option<u32>,
    /// Bytes a second that the path delivered of late; `None` until it is measured. Linux 4.9.
    pub delivery_rate: Option<u64>,
    /// How long there was something to send. Linux 4.10.
    pub busy_time: Option<Duration>,
    /// How much of that the peer's window limited sending. Linux 4.10.
    pub rwnd_limited: Option<Duration>,
    /// How much of that the send buffer was too small. Linux 4.10.
    pub sndbuf_limited: Option<Duration>,
    /// Segments delivered, also out of order, the SYN counted. Linux 4.18.
    pub delivered: Option<u32>,
    /// Of them those that the peer says were marked by congestion (ECN). Linux 4.18.
    pub delivered_ce: Option<u32>,
    /// Bytes sent, repetitions included. Linux 4.19.
    pub bytes_sent: Option<u64>,
    /// Bytes retransmitted. Linux 4.19.
    pub bytes_retrans: Option<u64>,
    /// Segments that arrived twice at the peer, as it said by DSACK. Linux 4.19.
    pub dsack_dups: Option<u32>,
    /// How often packets were seen to be out of order. Linux 4.19.
    pub reord_seen: Option<u32>,
    /// Segments received out of order. Linux 5.4.
    pub rcv_ooopack: Option<u32>,
    /// Window that the peer announced, in bytes. Linux 5.4.
    pub snd_wnd: Option<u32>,
    /// Receive window announced to the peer, in bytes. Linux 6.2.
    pub rcv_wnd: Option<u32>,
    /// How often another path was tried because this one was congested or dead. Linux 6.2.
    pub rehash: Option<u32>,
    /// Retransmission timeouts. Linux 6.7.
    pub total_rto: Option<u16>,
    /// Recoveries from them. Linux 6.7.
    pub total_rto_recoveries: Option<u16>,
    /// How long these took, the present one too. Linux 6.7.
    pub total_rto_time: Option<Duration>,
    /// Packets received with the congestion mark. This and what follows: Accurate ECN (RFC 9768), Linux 6.18.
    pub received_ce: Option<u32>,
    /// Bytes delivered that the peer saw with ECT(1).
    pub delivered_e1_bytes: Option<u32>,
    /// Bytes delivered that the peer saw with ECT(0).
    pub delivered_e0_bytes: Option<u32>,
    /// Bytes delivered that the peer saw with the congestion mark.
    pub delivered_ce_bytes: Option<u32>,
    /// Bytes received with ECT(1).
    pub received_e1_bytes: Option<u32>,
    /// Bytes received with ECT(0).
    pub received_e0_bytes: Option<u32>,
    /// Bytes received with the congestion mark.
    pub received_ce_bytes: Option<u32>,
}
