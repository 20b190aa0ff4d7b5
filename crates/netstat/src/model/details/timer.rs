//! What a socket waits for.

use std::time::Duration;

/// A timer of a socket, while it runs.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Timer {
    /// What it is for.
    pub kind: TimerKind,
    /// How long until it fires; zero when it is due.
    pub remaining: Duration,
    /// How often in a row it has fired for the same cause: retransmitted data, retransmitted SYN-ACKs, or probes that
    /// were not answered.
    pub retransmits: u32,
}

impl Timer {
    /// A timer of your own, for a test say.
    pub fn new(kind: TimerKind, remaining: Duration, retransmits: u32) -> Self {
        Self { kind, remaining, retransmits }
    }
}

/// What a timer is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TimerKind {
    /// Data, or a SYN-ACK, is retransmitted. `on` in `ss`.
    Retransmit,
    /// An idle connection is probed.
    Keepalive,
    /// The end of TIME_WAIT.
    TimeWait,
    /// A closed window is probed. `persist` in `ss`.
    ZeroWindowProbe,
    /// An acknowledgement that waits for data to go with it.
    DelayedAck,
    /// One that this library does not know.
    Unknown,
}

impl TimerKind {
    /// The stable, machine-readable name, such as `zero_window_probe`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retransmit => "retransmit",
            Self::Keepalive => "keepalive",
            Self::TimeWait => "time_wait",
            Self::ZeroWindowProbe => "zero_window_probe",
            Self::DelayedAck => "delayed_ack",
            Self::Unknown => "unknown",
        }
    }
}

/// The queue of a listener, in connections.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Backlog {
    /// How many wait to be accepted.
    pub waiting: u32,
    /// How many may wait: the backlog given to `listen`, or the system's own limit. `None` where the table was read from
    /// `/proc`.
    pub limit: Option<u32>,
}

impl Backlog {
    /// A queue of your own, for a test say.
    pub fn new(waiting: u32, limit: Option<u32>) -> Self {
        Self { waiting, limit }
    }
}
