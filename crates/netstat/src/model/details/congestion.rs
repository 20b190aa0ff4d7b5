//! Congestion control of a TCP socket.

use std::time::Duration;

/// The congestion control of a TCP socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Congestion {
    /// Its name: `cubic`, `bbr`, `dctcp`.
    pub name: Option<Box<str>>,
    /// What it says of itself. CUBIC and Reno say nothing.
    pub parameters: Option<CongestionParameters>,
}

/// What a congestion control reports about itself. The name distinguishes algorithms: Westwood and Illinois answer as
/// Vegas does.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CongestionParameters {
    /// Vegas, and others that measure round trips.
    Vegas(Vegas),
    /// DCTCP.
    Dctcp(Dctcp),
    /// BBR.
    Bbr(Bbr),
}

/// `struct tcpvegas_info`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Vegas {
    /// It is at work; if not, the connection behaves as with Reno.
    pub enabled: bool,
    /// Round trips measured in the present window.
    pub rttcnt: u32,
    /// Round trip time; `None` until it is measured.
    pub rtt: Option<Duration>,
    /// The smallest one; `None` until it is measured.
    pub min_rtt: Option<Duration>,
}

/// `struct tcp_dctcp_info`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Dctcp {
    /// The peer speaks ECN; if not, the connection behaves as with Reno and the rest is 0.
    pub enabled: bool,
    /// Whether the last packet had the congestion mark.
    pub ce_state: u16,
    /// Estimate of how much of the data is marked, in 1024ths.
    pub alpha: u32,
    /// Bytes acknowledged as marked in the present window.
    pub ab_ecn: u32,
    /// Bytes acknowledged in the present window.
    pub ab_tot: u32,
}

/// `struct tcp_bbr_info`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Bbr {
    /// Estimate of the path's bandwidth, bytes a second; `None` until there is one.
    pub bandwidth: Option<u64>,
    /// Smallest round trip time of late; `None` until it is measured.
    pub min_rtt: Option<Duration>,
    /// By what the bandwidth is multiplied to pace, in 256ths.
    pub pacing_gain: u32,
    /// By what bandwidth times round trip is multiplied for the window, in 256ths.
    pub cwnd_gain: u32,
}
