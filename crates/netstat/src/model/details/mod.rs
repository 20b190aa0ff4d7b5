//! What a system knows of a socket beyond its row, collected on request.
//!
//! [`Query::details`](crate::Query::details) names what is wanted, [`Socket::details`](crate::Socket::details)
//! holds it. Names are those of the kernel's headers, as `ss` shows them. Times are
//! [`Duration`](std::time::Duration)s, rates are bytes a second, windows are what the name of the field says:
//! segments (`snd_cwnd`) or bytes.
//!
//! Linux only so far; see [`Support::detail_fields`](crate::Support::detail_fields).
//!
//! # What it costs
//! Details are read in the same pass over the kernel's table. `TIMER`, `OPTIONS`, `CGROUP` and `BACKLOG` are in
//! every record and cost no more than a box a row, about a tenth of a listing without owners. The others make the
//! kernel write more of each socket, and there is more to read: [`TCP_INFO`](DetailFields::TCP_INFO) takes half as
//! long again as such a listing, everything nearly twice as long (measured with 19,000 connections). A row with
//! everything is some 800 bytes larger.

mod congestion;
mod memory;
mod options;
mod tcp;
mod timer;
mod upper_layer;

pub use congestion::{Bbr, Congestion, CongestionParameters, Dctcp, Vegas};
pub use memory::SocketMemory;
pub use options::{Shutdown, SocketOptions};
pub use tcp::{CongestionState, FastOpenFailure, TcpMetrics, TcpOptions};
pub use timer::{Backlog, Timer, TimerKind};
pub use upper_layer::{MptcpSubflow, Tls, TlsCipher, TlsCrypto, UpperLayer};

crate::model::flags::flags! {
    /// Which [`Details`] of a socket a query reads.
    pub struct DetailFields: u16 {
        /// [`Details::tcp`].
        const TCP_INFO = 1;
        /// [`Details::congestion`].
        const CONGESTION = 1 << 1;
        /// [`Details::memory`].
        const MEMORY = 1 << 2;
        /// [`Details::timer`].
        const TIMER = 1 << 3;
        /// [`Details::tos`], [`Details::traffic_class`], [`Details::class_id`] and [`Details::mark`].
        const TRAFFIC = 1 << 4;
        /// [`Details::options`] and [`Details::shutdown`].
        const OPTIONS = 1 << 5;
        /// [`Details::cgroup_id`].
        const CGROUP = 1 << 6;
        /// [`Details::ulp`].
        const UPPER_LAYER = 1 << 7;
        /// [`Details::backlog`].
        const BACKLOG = 1 << 8;
    }
}

/// What is known of a socket beyond its row.
///
/// A part is `None` when it was not asked for, when this kind of socket has no such thing, and when the kernel
/// is too old to report it. TIME_WAIT and SYN_RECV rows are no sockets: they have a timer at most. Where the table
/// was not had from `sock_diag` but from `/proc` (a gap says so), there are [`Details::timer`] and
/// [`Details::backlog`], and nothing else.
///
/// # Sources
/// Linux: `linux/inet_diag.h`, `linux/tcp.h`, sock_diag(7). Keys and tokens that the kernel sends along with
/// them (TCP MD5, MPTCP) are never read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Details {
    /// What the kernel has measured of a TCP connection. `None` for a listener, whose numbers mean nothing.
    pub tcp: Option<Box<TcpMetrics>>,
    /// Which congestion control a TCP socket has, and what that says of itself.
    pub congestion: Option<Congestion>,
    /// The memory that the socket uses, and its limits.
    pub memory: Option<SocketMemory>,
    /// The timer that runs; `None` where none does.
    pub timer: Option<Timer>,
    /// `IP_TOS`: the type of service of what is sent over IPv4. IPv6 sockets have one too.
    pub tos: Option<u8>,
    /// `IPV6_TCLASS`: the traffic class of what is sent over IPv6. IPv6 sockets.
    pub traffic_class: Option<u8>,
    /// The class that the socket's control group (version 1, `net_cls`) gives to traffic control; without one
    /// its `SO_PRIORITY`. Linux 4.14.
    pub class_id: Option<u32>,
    /// `SO_MARK`; 0 is the mark of a socket that was given none. For callers with `CAP_NET_ADMIN` over the network
    /// namespace, Linux 4.9.
    pub mark: Option<u32>,
    /// Which directions are shut down.
    pub shutdown: Option<Shutdown>,
    /// The control group (version 2) in which the socket was made, which stays when its process moves to
    /// another: the inode of the group's directory. Linux 5.8.
    pub cgroup_id: Option<u64>,
    /// The protocol between TCP and the program. Reported to callers with `CAP_NET_ADMIN` only before Linux 6.15.
    pub ulp: Option<UpperLayer>,
    /// Options that are set. Linux 5.10.
    pub options: Option<SocketOptions>,
    /// The queue of connections that a TCP listener has not accepted.
    pub backlog: Option<Backlog>,
}
