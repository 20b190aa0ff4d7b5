//! The public type `Filter` with its operators, and the documentation of the language that it is read from.

use super::expr::Expr;
use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

/// Which sockets: an expression over everything that is known of one, of any shape.
///
/// Terms are made by the constructors and combined with `&`, `|` and `!`. [`Query::filter`](crate::Query::filter)
/// narrows a query to what a filter lets through.
///
/// # What is decided how
/// - A UDP socket counts as established when it has a remote end and as closed when it has none, as in `ss`.
/// - A term about the remote end is not met by a socket without one, and its negation is.
/// - An IPv4 network also takes the IPv4 traffic of IPv6 sockets (`::ffff:a.b.c.d`), as in the kernel.
/// - Terms about processes speak of the owners that were found. A socket whose owners are hidden is not one
///   of process 12, and so it is kept by `!Filter::pid(12)`: no row is left out for want of an owner.
/// - A socket that has no user (TIME_WAIT) is not one of user 0, and is kept by `!Filter::uid(0)`. Of one whose user is
///   not known (a user without a number in the caller's user namespace; macOS: see [`Socket::uid`](crate::Socket::uid))
///   neither is certain: it is handled as one with hidden owners, and counted in a gap
///   ([`GapKind::SocketsUndecided`](crate::GapKind::SocketsUndecided)).
/// - A term about a property that this system does not report for sockets makes the query an error
///   ([`Error::is_unsupported`](crate::Error::is_unsupported)), never a guess. Mark, control group and explicit
///   binding are known to the Linux kernel alone and decided by it; where such a term stands in an `|` beside
///   one that the kernel does not know (a user, a process), neither side can decide both, and that is an error too.
///
/// # As text
/// A filter is read from text ([`str::parse`]) in the language of `ss`, and printed in it. Its states, addresses,
/// ports, `dev`, `fwmark`, `cgroup`, `autobound`, its operators and their spellings are those of ss(8); states that
/// stand first narrow all that follows, and `and` binds closer than `or`, as that manual says (`ss` 6.1 itself reads
/// both from left to right). Beside them there are
///
/// - `exposed` and `local`, for listeners that others than this machine can reach by their address, and those on loopback,
/// - `listening`, `ipv4`, `ipv6`, the name of a protocol (`tcp`, `udp`, `udplite`, `icmp` or `ping`, `raw` or `raw:58`,
///   `sctp`, `mptcp`, `unix`, `netlink`, `packet`, `vsock`) and the name of a state, by themselves,
/// - `proto raw`, `family unix`, `type dgram`,
/// - `src /run/*`, `dst @dbus*`, `host unix:*.sock`, for names of unix sockets,
/// - `port :80`, or `:80` by itself, and `host 10.0.0.0/8`, for either end,
/// - ranges and lists of ports, `sport = :80,8000-8999`,
/// - `container web`, `pod default/web-0`, `unit ssh.service`, for what the owners belong to,
/// - `process nginx`, `pid 12`, `user www-data`, `uid 33`, `inode 4711`,
/// - `peer process nginx`, `peer pid 12`, of the socket at the other end,
/// - `netns blue`, a network namespace by its name, its path or its number,
/// - any value `"in quotation marks"`, where it holds spaces or signs; `\"`, `\\` and `\u{41}` stand for what
///   they stand for in Rust.
///
/// Hosts are numeric: nothing that could wait for a network is asked. Names of services are those of
/// `/etc/services` or, without it, the most usual ones.
///
/// # Examples
/// ```
/// let filter: netstat::Filter =
///     "state established ( dport = :443 or dst 10.0.0.0/8 ) and not process nginx".parse().unwrap();
/// assert_eq!(
///     filter.to_string(),
///     "state established and ( dport = :443 or dst = 10.0.0.0/8 ) and not process = nginx",
/// );
/// ```
/// ```
/// # fn main() -> Result<(), netstat::Error> {
/// use netstat::{Filter, Query};
///
/// let web = Filter::local_port(443) | Filter::local_ports(8000..=8999);
/// let outside = !Filter::remote_net([10, 0, 0, 0], 8);
/// let snapshot = Query::new().tcp().filter(web & Filter::connected() & outside).snapshot()?;
/// println!("{} connections", snapshot.sockets.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[doc(alias = "INET_DIAG_REQ_BYTECODE")]
#[must_use = "a filter does nothing until a query has it"]
pub struct Filter(pub(super) Expr);

impl Filter {
    pub(crate) fn expr(&self) -> &Expr {
        &self.0
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::all()
    }
}

impl BitAnd for Filter {
    type Output = Self;

    /// What both let through.
    fn bitand(self, other: Self) -> Self {
        Self(self.0.and(other.0))
    }
}

impl BitOr for Filter {
    type Output = Self;

    /// What either lets through.
    fn bitor(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }
}

impl Not for Filter {
    type Output = Self;

    /// What this does not let through.
    fn not(self) -> Self {
        Self(self.0.not())
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({self})")
    }
}
