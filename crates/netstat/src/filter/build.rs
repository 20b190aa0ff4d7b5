//! The public constructors of filters, one for each kind of term.

use super::base::Filter;
use super::expr::Expr;
use super::net::Net;
use super::states::{OTHER, States};
use super::term::{End, Term};
use super::unix_pattern::UnixPattern;
use crate::model::family::Family;
use crate::model::identity::NetnsId;
use crate::model::protocol::{Protocol, SocketType};
use crate::model::protocol_kind::ProtocolKind;
use crate::model::state::State;
use crate::model::workload_part::WorkloadPart;
use std::ffi::OsString;
use std::net::IpAddr;
use std::ops::{Bound, RangeBounds};

fn term(term: Term) -> Filter {
    Filter(Expr::Term(term))
}

/// The term for a range of ports; what no port is in lets nothing through.
fn ports(end: End, ports: impl RangeBounds<u16>) -> Filter {
    ports_between(end, ports.start_bound().cloned(), ports.end_bound().cloned())
}

fn ports_between(end: End, first: Bound<u16>, last: Bound<u16>) -> Filter {
    let first = match first {
        Bound::Included(first) => Some(first),
        Bound::Excluded(before) => before.checked_add(1),
        Bound::Unbounded => Some(0),
    };
    let last = match last {
        Bound::Included(last) => Some(last),
        Bound::Excluded(after) => after.checked_sub(1),
        Bound::Unbounded => Some(u16::MAX),
    };
    match (first, last) {
        (Some(first), Some(last)) if first <= last => term(Term::Port(end, first..=last)),
        _ => Filter::none(),
    }
}

fn net(end: End, address: impl Into<IpAddr>, prefix: u8) -> Filter {
    term(Term::Net(end, Net::new(address.into(), prefix)))
}

/// Terms as they are read.
impl Filter {
    /// A set that contains the states without a name is written as the complement of those that it lacks.
    pub(super) fn in_set(states: States) -> Self {
        if states.contains(OTHER) {
            return !Self::in_set(States::ALL.without(states));
        }
        if states == States::NONE { Self::none() } else { term(Term::States(states)) }
    }

    pub(super) fn in_ports(end: End, range: impl RangeBounds<u16>) -> Self {
        ports(end, range)
    }

    pub(super) fn in_net(end: End, net: Net) -> Self {
        term(Term::Net(end, net))
    }
}

/// Everything and nothing, protocols and states.
impl Filter {
    /// Lets every socket through: a filter without terms.
    pub fn all() -> Self {
        Self(Expr::TRUE)
    }

    /// Lets nothing through.
    pub fn none() -> Self {
        Self(Expr::FALSE)
    }

    /// TCP sockets.
    pub fn tcp() -> Self {
        Self::protocol(Protocol::Tcp)
    }

    /// UDP sockets.
    pub fn udp() -> Self {
        Self::protocol(Protocol::Udp)
    }

    /// Sockets of this protocol.
    pub fn protocol(protocol: Protocol) -> Self {
        term(Term::Protocol(protocol))
    }

    /// Sockets of this protocol, whatever number belongs to it: all raw sockets, all netlink sockets.
    pub fn protocol_kind(kind: ProtocolKind) -> Self {
        kind.protocol().map_or_else(|| term(Term::ProtocolKind(kind)), Self::protocol)
    }

    /// Sockets of this type ([`Socket::socket_type`](crate::Socket::socket_type)), and those whose type is not known.
    #[doc(alias = "SOCK_STREAM")]
    pub fn socket_type(socket_type: SocketType) -> Self {
        term(Term::Type(socket_type))
    }

    /// IPv4 sockets.
    pub fn ipv4() -> Self {
        Self::family(Family::Ipv4)
    }

    /// IPv6 sockets, IPv4 traffic on them included.
    pub fn ipv6() -> Self {
        Self::family(Family::Ipv6)
    }

    /// Sockets of this family.
    pub fn family(family: Family) -> Self {
        term(Term::Family(family))
    }

    /// Sockets in this state. A UDP socket counts as established when it has a remote end and as closed when
    /// it has none.
    pub fn state(state: State) -> Self {
        Self::states([state])
    }

    /// Sockets in one of these states.
    pub fn states(states: impl IntoIterator<Item = State>) -> Self {
        Self::in_set(states.into_iter().collect())
    }

    /// TCP sockets in LISTEN and UDP sockets without a remote end, as `ss -l`; UDP-Lite, ping and raw sockets without a
    /// remote end, unix sockets in LISTEN, and unix datagram sockets with a name and no peer.
    pub fn listening() -> Self {
        term(Term::Listening)
    }

    /// Of [`Filter::listening`], those with an IP address that others than this machine can reach
    /// ([`Exposure::is_exposed`](crate::Exposure::is_exposed)): any but loopback, and not on the loopback device. It speaks of
    /// the address; a firewall may allow less.
    pub fn exposed() -> Self {
        term(Term::Exposed)
    }

    /// Of [`Filter::listening`], those that only this machine can reach: with a loopback address, or on the loopback device.
    pub fn loopback_only() -> Self {
        term(Term::Local)
    }

    /// In every state but LISTEN and CLOSED.
    pub fn connected() -> Self {
        Self::in_set(States::CONNECTED)
    }

    /// Connected, without SYN_SENT.
    pub fn synchronized() -> Self {
        Self::in_set(States::SYNCHRONIZED)
    }

    /// In TIME_WAIT or SYN_RECV, which the Linux kernel keeps in a short form.
    pub fn bucket() -> Self {
        Self::in_set(States::BUCKET)
    }

    /// All but TIME_WAIT and SYN_RECV, as `big` in `ss`: what the kernel keeps whole. The opposite of [`Filter::bucket`].
    pub fn big() -> Self {
        !Self::bucket()
    }
}

/// Ports and addresses.
impl Filter {
    /// Sockets with this local port.
    pub fn local_port(port: u16) -> Self {
        Self::local_ports(port..=port)
    }

    /// Sockets with a local port in this range: `8000..=8999`, `..1024`, `1024..`.
    pub fn local_ports(range: impl RangeBounds<u16>) -> Self {
        ports(End::Local, range)
    }

    /// Sockets with this remote port.
    pub fn remote_port(port: u16) -> Self {
        Self::remote_ports(port..=port)
    }

    /// Sockets with a remote port in this range.
    pub fn remote_ports(range: impl RangeBounds<u16>) -> Self {
        ports(End::Remote, range)
    }

    /// Sockets with this port on either end.
    pub fn port(port: u16) -> Self {
        Self::ports(port..=port)
    }

    /// Sockets with a port in this range on either end.
    pub fn ports(range: impl RangeBounds<u16>) -> Self {
        ports(End::Either, range)
    }

    /// Sockets with this local address. That of a socket that is bound to all addresses is the unspecified
    /// one (`0.0.0.0`, `::`).
    pub fn local_address(address: impl Into<IpAddr>) -> Self {
        Self::local_net(address, u8::MAX)
    }

    /// Sockets with a local address that has these first bits. Bits beyond the prefix do not matter; a prefix
    /// that is longer than the address counts as long as that.
    pub fn local_net(address: impl Into<IpAddr>, prefix: u8) -> Self {
        net(End::Local, address, prefix)
    }

    /// Sockets with this remote address.
    pub fn remote_address(address: impl Into<IpAddr>) -> Self {
        Self::remote_net(address, u8::MAX)
    }

    /// Sockets with a remote address that has these first bits.
    pub fn remote_net(address: impl Into<IpAddr>, prefix: u8) -> Self {
        net(End::Remote, address, prefix)
    }

    /// Sockets with this address on either end.
    pub fn address(address: impl Into<IpAddr>) -> Self {
        Self::net(address, u8::MAX)
    }

    /// Sockets with an address on either end that has these first bits.
    pub fn net(address: impl Into<IpAddr>, prefix: u8) -> Self {
        net(End::Either, address, prefix)
    }

    /// Unix sockets whose own name matches this pattern: `/run/*`, or `@dbus*` for an abstract name. `*` stands for any bytes,
    /// also slashes and none, `?` for one byte, and a backslash for the next byte itself. A socket without a name matches
    /// none. As `src` in `ss`.
    pub fn local_unix_name(pattern: impl Into<Vec<u8>>) -> Self {
        term(Term::UnixName(End::Local, UnixPattern::new(pattern)))
    }

    /// Unix sockets whose peer has a name that matches this pattern. As `dst` in `ss`.
    pub fn remote_unix_name(pattern: impl Into<Vec<u8>>) -> Self {
        term(Term::UnixName(End::Remote, UnixPattern::new(pattern)))
    }

    /// Unix sockets of which either end has a name that matches this pattern.
    pub fn unix_name(pattern: impl Into<Vec<u8>>) -> Self {
        term(Term::UnixName(End::Either, UnixPattern::new(pattern)))
    }

    /// Sockets that are bound to the network interface with this index ([`Socket::interface`](crate::Socket::interface)).
    /// Linux.
    pub fn interface(index: u32) -> Self {
        term(Term::Interface(index))
    }
}

/// Whose a socket is, and what the kernel knows of it.
impl Filter {
    /// Sockets made by this user ([`Socket::uid`](crate::Socket::uid)).
    pub fn uid(uid: u32) -> Self {
        term(Term::Uid(uid))
    }

    /// Sockets that this process owns. A query with such a term looks up owners.
    pub fn pid(pid: u32) -> Self {
        term(Term::Pid(pid))
    }

    /// Sockets that a process of this name owns, by the rules of
    /// [`Query::process_name`](crate::Query::process_name). A query with such a term looks up owners.
    pub fn process(name: impl Into<OsString>) -> Self {
        term(Term::Process(name.into()))
    }

    /// Sockets that a process in this container owns: by its name, by its id, or by the beginning of the id of twelve digits or
    /// more. A query with such a term looks up owners. Linux.
    pub fn container(name: impl Into<String>) -> Self {
        term(Term::Workload(WorkloadPart::Container, name.into()))
    }

    /// Sockets that a process in this pod of Kubernetes owns: by `NAMESPACE/NAME`, name or uid. A query with such a term looks
    /// up owners. Linux.
    pub fn pod(name: impl Into<String>) -> Self {
        term(Term::Workload(WorkloadPart::Pod, name.into()))
    }

    /// Sockets that a process in this unit of systemd owns, of the system's manager or of a user's: `ssh.service`, or `ssh`
    /// for that. A query with such a term looks up owners. Linux.
    pub fn unit(name: impl Into<String>) -> Self {
        term(Term::Workload(WorkloadPart::Unit, name.into()))
    }

    /// Sockets that a process owns which belongs to this, whatever it is: a container, pod, unit, snap or Flatpak, by the
    /// names that [`Filter::container`], [`Filter::pod`] and [`Filter::unit`] take, a project (`shop`) or service
    /// (`shop/web`) of docker's Compose, or the path of its control group. Before the name may stand its kind, or the engine of a
    /// container: `docker:web`, `compose:shop`, `unit:ssh`, `snap:lxd`. On Windows a service (`service:Dnscache`)
    /// or a package (`package:Microsoft.WindowsTerminal`); on macOS an application (`app:Safari`), or the identifier or team of
    /// the signature. A query with such a term looks up owners.
    pub fn workload(name: impl Into<String>) -> Self {
        term(Term::Workload(WorkloadPart::Workload, name.into()))
    }

    /// Sockets of connections within this machine whose other end this process owns
    /// ([`Snapshot::peer`](crate::Snapshot::peer)). A query with such a term looks up the owners of both ends.
    ///
    /// # Examples
    /// Who talks to the database?
    /// ```no_run
    /// # fn main() -> Result<(), netstat::Error> {
    /// use netstat::{Filter, ProcessFields, Query};
    ///
    /// let clients = Query::new().filter(Filter::peer_process("postgres")).processes(ProcessFields::NAME).snapshot()?;
    /// for socket in &clients {
    ///     for client in clients.holders(socket) { println!("{client}"); }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn peer_pid(pid: u32) -> Self {
        term(Term::PeerPid(pid))
    }

    /// Sockets of connections within this machine whose other end a process of this name owns: as
    /// [`Filter::peer_pid`], by the rules of [`Query::process_name`](crate::Query::process_name).
    pub fn peer_process(name: impl Into<OsString>) -> Self {
        term(Term::PeerProcess(name.into()))
    }

    /// The socket with this inode number ([`Socket::inode`](crate::Socket::inode)). Linux.
    pub fn inode(inode: u64) -> Self {
        term(Term::Inode(inode))
    }

    /// Sockets of this network namespace ([`Socket::netns`](crate::Socket::netns)). A query whose filter lets through such
    /// sockets only lists these namespaces, wherever the caller is, and any query with such a term has
    /// [`Socket::netns`](crate::Socket::netns) in every row. Linux.
    pub fn netns(netns: NetnsId) -> Self {
        term(Term::Netns(netns))
    }

    /// Sockets that were made in the control group (version 2) with this id, the inode number of its
    /// directory. Not in those below it. Linux 5.8.
    pub fn cgroup_id(id: u64) -> Self {
        term(Term::Cgroup(id))
    }

    /// Sockets with this mark (`SO_MARK`). Linux, with `CAP_NET_ADMIN`.
    pub fn mark(value: u32) -> Self {
        Self::mark_masked(value, u32::MAX)
    }

    /// Sockets whose mark has this value in the bits of the mask. Linux, with `CAP_NET_ADMIN`.
    pub fn mark_masked(value: u32, mask: u32) -> Self {
        // The kernel compares with the value as it is: a bit outside the mask could never be met.
        if value & !mask != 0 { Self::none() } else { term(Term::Mark { value, mask }) }
    }

    /// Sockets whose local port was not bound explicitly: the system has chosen it, or it is that of the listener
    /// that accepted the connection. (`ss` also wants it to be in `ip_local_port_range`.) Linux.
    pub fn autobound() -> Self {
        term(Term::Autobound)
    }
}
