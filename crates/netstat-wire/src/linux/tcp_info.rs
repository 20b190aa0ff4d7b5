//! `struct tcp_info` (`linux/tcp.h`): the kernel's metrics of a TCP connection, in [`INET_DIAG_INFO`] of a TCP
//! socket and from the socket option `TCP_INFO`.
//!
//! The structure only ever grew at its end, and a kernel sends all that it has. Its length shows which fields there
//! are, never a version: distributions backport fields to older kernels.
//!
//! | bytes | since | up to                                                                       |
//! |------:|-------|-----------------------------------------------------------------------------|
//! |   104 | 2.6   | [`total_retrans`](TcpInfo::total_retrans): every field that is no `Option`  |
//! |   120 | 3.15  | [`max_pacing_rate`](TcpInfo::max_pacing_rate)                               |
//! |   136 | 4.1   | [`bytes_received`](TcpInfo::bytes_received)                                 |
//! |   144 | 4.2   | [`segs_in`](TcpInfo::segs_in)                                               |
//! |   160 | 4.6   | [`data_segs_out`](TcpInfo::data_segs_out)                                   |
//! |   168 | 4.9   | [`delivery_rate`](TcpInfo::delivery_rate)                                   |
//! |   192 | 4.10  | [`sndbuf_limited_us`](TcpInfo::sndbuf_limited_us)                           |
//! |   200 | 4.18  | [`delivered_ce`](TcpInfo::delivered_ce)                                     |
//! |   224 | 4.19  | [`reord_seen`](TcpInfo::reord_seen)                                         |
//! |   232 | 5.4   | [`snd_wnd`](TcpInfo::snd_wnd)                                               |
//! |   240 | 6.2   | [`rehash`](TcpInfo::rehash)                                                 |
//! |   248 | 6.7   | [`total_rto_time_ms`](TcpInfo::total_rto_time_ms)                           |
//! |   280 | 6.18  | [`ecn_bits`](TcpInfo::ecn_bits)                                             |
//!
//! Traps:
//! - The structure is the socket's past, not its state: counters stay when the connection ends, and what
//!   was never measured is 0 ([`rcv_rtt_us`](TcpInfo::rcv_rtt_us)), all ones ([`min_rtt_us`](TcpInfo::min_rtt_us))
//!   or what the connection began with ([`rtt_us`](TcpInfo::rtt_us) of 0, a window of 10 segments).
//! - Of a listener two fields have another meaning ([`unacked`](TcpInfo::unacked), [`sacked`](TcpInfo::sacked)),
//!   and few of the others any.
//! - A rate of [`NO_RATE_LIMIT`] is no rate.
//! - Segments count as sent on the wire: one buffer of 64 KiB that the device cuts is many.
//!
//! [`INET_DIAG_INFO`]: super::inet_diag::INET_DIAG_INFO

use super::bit_field::{bit, bit_field};
use crate::reader::{DecodeError, Reader};

const RECORD: &str = "tcp_info";

/// A pacing rate that means "unlimited": the kernel's `~0`, on 32-bit machines too.
pub const NO_RATE_LIMIT: u64 = u64::MAX;

/// A slow start threshold that means "none yet" (`TCP_INFINITE_SSTHRESH`).
pub const INFINITE_SSTHRESH: u32 = 0x7fff_ffff;

/// `struct tcp_info`. The names are the header's without `tcpi_`, with the unit where it is a time.
///
/// An `Option` is `None` where the kernel's structure ends before the field does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// A number of [`tcp_states`](super::tcp_states).
    pub state: u8,
    /// State of congestion control: 0 open, 1 disorder, 2 reducing its window, 3 recovery, 4 loss.
    pub ca_state: u8,
    /// Consecutive timeouts for the same data.
    pub retransmits: u8,
    /// Unanswered probes of a closed window or of an idle connection.
    pub probes: u8,
    /// How often the timeout was doubled.
    pub backoff: u8,
    /// Bits: 1 timestamps, 2 SACK, 4 window scaling, 8 ECN, 0x10 ECN seen in a packet, 0x20 data in the SYN was
    /// acknowledged, 0x40 timestamps in microseconds (6.7), 0x80 opened by TCP Fast Open.
    pub options: u8,
    /// Shift of the windows that the peer announces (4 bits).
    pub snd_wscale: u8,
    /// Shift of the windows that this end announces (4 bits).
    pub rcv_wscale: u8,
    /// The delivery rate is limited by the program, not by the path (false before 4.9).
    pub delivery_rate_app_limited: bool,
    /// Why TCP Fast Open did not work for this client (0 before 5.5): 0 not reported, 1 no cookie, 2 data not
    /// acknowledged, 3 the SYN was retransmitted.
    pub fastopen_client_fail: u8,
    /// Retransmission timeout.
    pub rto_us: u32,
    /// How long an acknowledgement may be delayed.
    pub ato_us: u32,
    /// Bytes of a segment that is sent.
    pub snd_mss: u32,
    /// Bytes of a segment that is received, as guessed.
    pub rcv_mss: u32,
    /// Segments that are not acknowledged. LISTEN: connections that wait to be accepted.
    pub unacked: u32,
    /// Segments acknowledged selectively. LISTEN: how many connections may wait.
    pub sacked: u32,
    /// Segments considered lost.
    pub lost: u32,
    /// Segments retransmitted and not yet acknowledged.
    pub retrans: u32,
    /// Segments up to the highest selective acknowledgement; 0 since 4.15.
    pub fackets: u32,
    /// Since data was sent, or since the connection began if none was.
    pub last_data_sent_ms: u32,
    /// Always 0: no kernel keeps it.
    pub last_ack_sent_ms: u32,
    /// Since data was received, or since the connection began.
    pub last_data_recv_ms: u32,
    /// Since an acknowledgement was received.
    pub last_ack_recv_ms: u32,
    /// MTU of the path in bytes.
    pub pmtu: u32,
    /// Bytes up to which the window that this end announces may currently grow.
    pub rcv_ssthresh: u32,
    /// Smoothed round trip time; 0: not measured.
    pub rtt_us: u32,
    /// Its mean deviation.
    pub rttvar_us: u32,
    /// Segments at which slow start ends; [`INFINITE_SSTHRESH`]: not known.
    pub snd_ssthresh: u32,
    /// Congestion window in segments.
    pub snd_cwnd: u32,
    /// Segment size announced to the peer, in bytes.
    pub advmss: u32,
    /// How many segments packets may be out of order before one is considered lost.
    pub reordering: u32,
    /// Round trip time as the receiver sees it; 0: not measured.
    pub rcv_rtt_us: u32,
    /// Bytes that the program reads in a round trip, by which the receive buffer grows.
    pub rcv_space: u32,
    /// Segments retransmitted since the connection began.
    pub total_retrans: u32,
    /// Bytes a second at which segments are sent; [`NO_RATE_LIMIT`]: unlimited.
    pub pacing_rate: Option<u64>,
    /// `SO_MAX_PACING_RATE`, bytes a second; [`NO_RATE_LIMIT`]: unlimited, the default.
    pub max_pacing_rate: Option<u64>,
    /// Bytes acknowledged by the peer; the SYN counts as one.
    pub bytes_acked: Option<u64>,
    /// Bytes received in order; the peer's FIN counts as one.
    pub bytes_received: Option<u64>,
    /// Segments sent, with bare acknowledgements and retransmissions.
    pub segs_out: Option<u32>,
    /// Segments received.
    pub segs_in: Option<u32>,
    /// Bytes that the program wrote and that were not yet sent.
    pub notsent_bytes: Option<u32>,
    /// Smallest recent round trip time; `u32::MAX`: not measured.
    pub min_rtt_us: Option<u32>,
    /// Segments received that carried data.
    pub data_segs_in: Option<u32>,
    /// Segments sent that carried data, with retransmissions.
    pub data_segs_out: Option<u32>,
    /// Bytes a second that the path delivered recently; 0: not measured.
    pub delivery_rate: Option<u64>,
    /// How long there was something to send.
    pub busy_time_us: Option<u64>,
    /// How much of that the peer's window was the limit.
    pub rwnd_limited_us: Option<u64>,
    /// How much of that the send buffer was the limit.
    pub sndbuf_limited_us: Option<u64>,
    /// Segments delivered, also out of order, the SYN counted.
    pub delivered: Option<u32>,
    /// Of them those that the peer reported as marked by congestion (ECN).
    pub delivered_ce: Option<u32>,
    /// Bytes sent, with retransmissions.
    pub bytes_sent: Option<u64>,
    /// Bytes retransmitted.
    pub bytes_retrans: Option<u64>,
    /// Segments that the peer received twice, as reported by DSACK.
    pub dsack_dups: Option<u32>,
    /// How often packets were seen to be out of order.
    pub reord_seen: Option<u32>,
    /// Segments received out of order.
    pub rcv_ooopack: Option<u32>,
    /// Window that the peer announced, in bytes.
    pub snd_wnd: Option<u32>,
    /// Window that this end announced, in bytes.
    pub rcv_wnd: Option<u32>,
    /// How often another path was tried because this one was congested or dead.
    pub rehash: Option<u32>,
    /// Retransmission timeouts since the connection began.
    pub total_rto: Option<u16>,
    /// Recoveries from them.
    pub total_rto_recoveries: Option<u16>,
    /// How long these took, the present one too.
    pub total_rto_time_ms: Option<u32>,
    /// Packets received with the congestion mark (this and what follows: Accurate ECN, RFC 9768).
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
    /// How Accurate ECN was negotiated and how it failed, as a raw word: two fields of 16 bits in 6.18, bit fields
    /// in 7.0, at the same offset of a structure of the same length. Decoding it takes the version of the kernel.
    pub ecn_bits: Option<u32>,
}

impl TcpInfo {
    /// Reads the structure, of any length from 104 on.
    ///
    /// A field of which some bytes are missing is missing as a whole, and so are all after it. Bytes beyond the
    /// last known field are ignored.
    ///
    /// # Errors
    /// Fewer than the 104 bytes that every kernel with `inet_diag` sends. (A `struct mptcp_info` may be so short,
    /// and is in the same attribute: see [`Details`](super::inet_diag_details::Details).)
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, bytes);
        let [state, ca_state, retransmits, probes, backoff, options, wscales, flags] = reader.bytes()?;
        let [rto_us, ato_us, snd_mss, rcv_mss, unacked, sacked, lost, retrans, fackets] = reader.u32s_ne()?;
        let [last_data_sent_ms, last_ack_sent_ms, last_data_recv_ms, last_ack_recv_ms] = reader.u32s_ne()?;
        let [
            pmtu,
            rcv_ssthresh,
            rtt_us,
            rttvar_us,
            snd_ssthresh,
            snd_cwnd,
            advmss,
            reordering,
            rcv_rtt_us,
            rcv_space,
            total_retrans,
        ] = reader.u32s_ne()?;
        let reader = &mut reader;
        // The fields that follow are evaluated in the order in which they are written: that of the structure.
        Ok(Self {
            state,
            ca_state,
            retransmits,
            probes,
            backoff,
            options,
            snd_wscale: bit_field(wscales, 0, 4),
            rcv_wscale: bit_field(wscales, 4, 4),
            delivery_rate_app_limited: bit(flags, 0),
            fastopen_client_fail: bit_field(flags, 1, 2),
            rto_us,
            ato_us,
            snd_mss,
            rcv_mss,
            unacked,
            sacked,
            lost,
            retrans,
            fackets,
            last_data_sent_ms,
            last_ack_sent_ms,
            last_data_recv_ms,
            last_ack_recv_ms,
            pmtu,
            rcv_ssthresh,
            rtt_us,
            rttvar_us,
            snd_ssthresh,
            snd_cwnd,
            advmss,
            reordering,
            rcv_rtt_us,
            rcv_space,
            total_retrans,
            pacing_rate: later(reader, Reader::u64_ne),
            max_pacing_rate: later(reader, Reader::u64_ne),
            bytes_acked: later(reader, Reader::u64_ne),
            bytes_received: later(reader, Reader::u64_ne),
            segs_out: later(reader, Reader::u32_ne),
            segs_in: later(reader, Reader::u32_ne),
            notsent_bytes: later(reader, Reader::u32_ne),
            min_rtt_us: later(reader, Reader::u32_ne),
            data_segs_in: later(reader, Reader::u32_ne),
            data_segs_out: later(reader, Reader::u32_ne),
            delivery_rate: later(reader, Reader::u64_ne),
            busy_time_us: later(reader, Reader::u64_ne),
            rwnd_limited_us: later(reader, Reader::u64_ne),
            sndbuf_limited_us: later(reader, Reader::u64_ne),
            delivered: later(reader, Reader::u32_ne),
            delivered_ce: later(reader, Reader::u32_ne),
            bytes_sent: later(reader, Reader::u64_ne),
            bytes_retrans: later(reader, Reader::u64_ne),
            dsack_dups: later(reader, Reader::u32_ne),
            reord_seen: later(reader, Reader::u32_ne),
            rcv_ooopack: later(reader, Reader::u32_ne),
            snd_wnd: later(reader, Reader::u32_ne),
            rcv_wnd: later(reader, Reader::u32_ne),
            rehash: later(reader, Reader::u32_ne),
            total_rto: later(reader, Reader::u16_ne),
            total_rto_recoveries: later(reader, Reader::u16_ne),
            total_rto_time_ms: later(reader, Reader::u32_ne),
            received_ce: later(reader, Reader::u32_ne),
            delivered_e1_bytes: later(reader, Reader::u32_ne),
            delivered_e0_bytes: later(reader, Reader::u32_ne),
            delivered_ce_bytes: later(reader, Reader::u32_ne),
            received_e1_bytes: later(reader, Reader::u32_ne),
            received_e0_bytes: later(reader, Reader::u32_ne),
            received_ce_bytes: later(reader, Reader::u32_ne),
            ecn_bits: later(reader, Reader::u32_ne),
        })
    }
}

/// A field that not every kernel has. After a missing or incomplete one, all are missing.
///
/// Not inlined: the compiler would duplicate the code for a missing field at each of its many uses.
#[inline(never)]
fn later<'a, T>(
    reader: &mut Reader<'a>,
    take: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Option<T> {
    let field = take(reader).ok();
    if field.is_none() {
        // Otherwise a narrower field would be read from the bytes of this one.
        *reader = Reader::new(RECORD, &[]);
    }
    field
}
