//! Parameters of congestion controls: `union tcp_cc_info` of `linux/inet_diag.h`.
//!
//! All are requested by bit 2 of `ext`, and an algorithm answers with the attribute of its structure or, as CUBIC
//! and Reno do, with none. Its name is an attribute of its own
//! ([`INET_DIAG_CONG`](super::inet_diag::INET_DIAG_CONG)), and only the name identifies the algorithm: Westwood and
//! Illinois fill the structure of Vegas.

use crate::reader::{DecodeError, Reader};

/// One of the structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CongestionInfo {
    /// [`INET_DIAG_VEGASINFO`](super::inet_diag::INET_DIAG_VEGASINFO).
    Vegas(VegasInfo),
    /// [`INET_DIAG_DCTCPINFO`](super::inet_diag::INET_DIAG_DCTCPINFO).
    Dctcp(DctcpInfo),
    /// [`INET_DIAG_BBRINFO`](super::inet_diag::INET_DIAG_BBRINFO).
    Bbr(BbrInfo),
}

/// `struct tcpvegas_info`, 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VegasInfo {
    /// `tcpv_enabled`: Vegas is active; if not, the connection behaves as with Reno.
    pub enabled: bool,
    /// `tcpv_rttcnt`: round trips measured in the present window.
    pub rttcnt: u32,
    /// `tcpv_rtt`: round trip time; 0x7fffffff: not measured.
    pub rtt_us: u32,
    /// `tcpv_minrtt`: the smallest one; 0x7fffffff: not measured.
    pub minrtt_us: u32,
}

impl VegasInfo {
    /// Reads the attribute's payload.
    ///
    /// # Errors
    /// Fewer than 16 bytes.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("INET_DIAG_VEGASINFO", payload);
        let [enabled, rttcnt, rtt_us, minrtt_us] = reader.u32s_ne()?;
        Ok(Self { enabled: enabled != 0, rttcnt, rtt_us, minrtt_us })
    }
}

/// `struct tcp_dctcp_info`, 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DctcpInfo {
    /// `dctcp_enabled`: the peer supports ECN; if not, the connection behaves as with Reno and the rest is 0.
    pub enabled: bool,
    /// `dctcp_ce_state`: whether the last packet had the congestion mark.
    pub ce_state: u16,
    /// `dctcp_alpha`: estimate of how much of the data is marked, in 1024ths.
    pub alpha: u32,
    /// `dctcp_ab_ecn`: bytes acknowledged as marked in the present window.
    pub ab_ecn: u32,
    /// `dctcp_ab_tot`: bytes acknowledged in the present window.
    pub ab_tot: u32,
}

impl DctcpInfo {
    /// Reads the attribute's payload.
    ///
    /// # Errors
    /// Fewer than 16 bytes.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("INET_DIAG_DCTCPINFO", payload);
        let (enabled, ce_state) = (reader.u16_ne()?, reader.u16_ne()?);
        let [alpha, ab_ecn, ab_tot] = reader.u32s_ne()?;
        Ok(Self { enabled: enabled != 0, ce_state, alpha, ab_ecn, ab_tot })
    }
}

/// `struct tcp_bbr_info`, 20 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BbrInfo {
    /// `bbr_bw_lo` and `bbr_bw_hi`: estimate of the path's bandwidth, bytes a second; 0: none yet.
    pub bandwidth: u64,
    /// `bbr_min_rtt`: smallest recent round trip time; `u32::MAX`: not measured.
    pub min_rtt_us: u32,
    /// `bbr_pacing_gain`: the factor of the bandwidth for pacing, in 256ths.
    pub pacing_gain: u32,
    /// `bbr_cwnd_gain`: the factor of bandwidth times round trip for the window, in 256ths.
    pub cwnd_gain: u32,
}

impl BbrInfo {
    /// Reads the attribute's payload.
    ///
    /// # Errors
    /// Fewer than 20 bytes.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("INET_DIAG_BBRINFO", payload);
        let [low, high, min_rtt_us, pacing_gain, cwnd_gain] = reader.u32s_ne()?;
        // The low half comes first on every machine.
        let bandwidth = u64::from(low) | u64::from(high) << 32;
        Ok(Self { bandwidth, min_rtt_us, pacing_gain, cwnd_gain })
    }
}
