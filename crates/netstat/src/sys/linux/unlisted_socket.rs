//! Sockets that a process holds and no table has listed: of families without a table (Bluetooth, ALG, CAN ...), not bound
//! yet (UDP, netlink, vsock), of a table that could not be read, or opened after it was read.
//!
//! What is known of one is its inode number, its holders, and family, type and protocol: from the BPF program that found it,
//! or by the name that the kernel gives its protocol.

use crate::engine::owner_table::{Holding, OwnerTable};
use crate::engine::parallel::lock;
use crate::filter::Filter;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::gap::{Gap, GapKind};
use crate::model::identity::Identity;
use crate::model::owner::Owner;
use crate::model::protocol::{Protocol, SocketType};
use crate::model::protocol_kind::ProtocolKind;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::families::socket_type;
use crate::sys::linux::netns::ListedNamespaces;
use crate::sys::linux::procfs::Procfs;
use rustix::io::Errno;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The inode numbers of listed sockets, shared by the reading of the tables and the search for owners.
pub(crate) type Listed = Arc<Mutex<Vec<u64>>>;

/// The part of a search for owners that finds what no table has listed.
pub(crate) struct Unlisted {
    listed: Listed,
    /// Which of them are wanted; `None`: none.
    filter: Option<Filter>,
}

impl Unlisted {
    pub(crate) fn new(query: &Query, listed: Listed) -> Self {
        Self { listed, filter: query.wants_unlisted().then(|| query.filter.clone()) }
    }

    /// Whether any are wanted.
    #[cfg(feature = "bpf")]
    pub(crate) fn is_wanted(&self) -> bool {
        self.filter.is_some()
    }

    /// The rows of the sockets in the table of holders that were not listed. `seen`: what the search has seen of sockets,
    /// those of other network namespaces than the listed ones (`netns`) too.
    pub(crate) fn rows<P: Procfs>(
        &self,
        open_procfs: impl FnOnce() -> Result<P, Errno>,
        table: &OwnerTable,
        mut seen: Vec<SeenSocket>,
        netns: &ListedNamespaces,
    ) -> (Vec<Socket>, Vec<Gap>) {
        let Some(filter) = &self.filter else { return (Vec::new(), Vec::new()) };
        let mut listed = std::mem::take(&mut *lock(&self.listed));
        listed.sort_unstable();
        seen.sort_unstable();
        seen.dedup();
        let is_elsewhere = |seen: &&SeenSocket| netns.of_rows(seen.netns).is_none();
        let wanted_elsewhere = seen.iter().filter(is_elsewhere).filter(|seen| is_wanted(filter, &seen.row()));
        let mut elsewhere = wanted_elsewhere.count() as u64;
        let (mut rows, mut undecided, mut unplaced) = (Vec::new(), 0, 0);
        let mut wanted = |row: Socket| {
            if !is_wanted(filter, &row) {
                return None;
            }
            let is_decided = !filter.needs_kernel(kind_of(&row), None);
            undecided += u64::from(!is_decided);
            is_decided.then_some(row)
        };
        let procfs = open_procfs().ok();
        let procfs = procfs.as_ref();
        let mut links = Links::default();
        let mut namespaces = Namespaces::default();
        for holdings in table.by_key() {
            let owners = || holdings.iter().map(Holding::owner);
            let Some(inode) = holdings.first().map(|holding| holding.key) else { continue };
            if listed.binary_search(&inode).is_ok() {
                continue;
            }
            let at = seen.partition_point(|seen| seen.inode < inode);
            let seen = seen.get(at..).unwrap_or_default().iter().take_while(|seen| seen.inode == inode);
            if let Some(seen) = seen.into_iter().find(|seen| !is_elsewhere(seen)) {
                let mut row = seen.row();
                row.netns = netns.of_rows(seen.netns).flatten();
                rows.extend(wanted(row));
                continue;
            }
            // Without a path it has been closed since.
            let name = owners().find_map(|owner| links.protocol_name(procfs?, owner, inode));
            let Some(row) = name.and_then(|name| wanted(row(inode, named(&name)))) else { continue };
            // A process in a namespace may hold sockets of another one: only where it is listed by itself is one taken for its own.
            if !netns.is_own_alone() {
                unplaced += 1;
            } else if owners().any(|owner| namespaces.is_own(procfs, owner.pid)) {
                rows.push(row);
            } else {
                elsewhere += 1;
            }
        }
        rows.sort_by_key(|row| row.protocol);
        let counts = [
            (GapKind::SocketsElsewhere, elsewhere, "in other network namespaces"),
            (GapKind::SocketsElsewhere, unplaced, "of which the network namespace is not known"),
            (GapKind::SocketsElsewhere, links.unread, "of threads, with too many descriptors to look at"),
            (
                GapKind::SocketsUndecided,
                undecided,
                "no table lists them, and only the kernel knows what it compares",
            ),
        ];
        let gaps = counts.into_iter().filter(|(_, count, _)| *count > 0);
        (rows, gaps.map(|(kind, count, source)| Gap::new(kind, count, source)).collect())
    }
}

/// What a search for owners has seen of a socket, beside its holder.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeenSocket {
    pub(crate) inode: u64,
    /// The inode number of its network namespace.
    pub(crate) netns: u32,
    /// Its family, `AF_*`.
    pub(crate) family: u16,
    /// Its type, `SOCK_*`.
    pub(crate) socket_type: u16,
    /// Its protocol, within its family.
    pub(crate) protocol: u16,
}

impl SeenSocket {
    fn row(&self) -> Socket {
        const RAW: u16 = 3;
        let protocol = match (self.family, self.protocol, u8::try_from(self.protocol)) {
            (2 | 10, _, Ok(number)) if self.socket_type == RAW => Protocol::Raw(number),
            (2 | 10, 6, _) => Protocol::Tcp,
            (2 | 10, 17, _) => Protocol::Udp,
            (2, 1, _) | (10, 58, _) => Protocol::Icmp,
            (2 | 10, 132, _) => Protocol::Sctp,
            (2 | 10, 136, _) => Protocol::UdpLite,
            (2 | 10, 262, _) => Protocol::Mptcp,
            (1, ..) => Protocol::Unix,
            (16, _, Ok(number)) => Protocol::Netlink(number),
            (40, ..) => Protocol::Vsock,
            (_, number, _) => Protocol::Other(number),
        };
        let family = match self.family {
            1 => Family::Unix,
            2 => Family::Ipv4,
            10 => Family::Ipv6,
            16 => Family::Netlink,
            17 => Family::Packet,
            40 => Family::Vsock,
            number => Family::Other(number),
        };
        row(self.inode, (family, protocol, Some(socket_type(self.socket_type.into()))))
    }
}

/// Whether a row may pass. One without the number of its protocol is of a kind that the filter may exclude.
fn is_wanted(filter: &Filter, row: &Socket) -> bool {
    filter.matches(row) && filter.wants_kind(kind_of(row), row.family)
}

/// The kind of a socket's protocol, also where the number that belongs to it is not known.
fn kind_of(row: &Socket) -> ProtocolKind {
    kind((row.family, row.protocol, row.socket_type))
}

fn kind((family, protocol, socket_type): (Family, Protocol, Option<SocketType>)) -> ProtocolKind {
    match (family, protocol, socket_type) {
        (Family::Netlink, ..) => ProtocolKind::Netlink,
        (Family::Packet, ..) => ProtocolKind::Packet,
        (Family::Ipv4 | Family::Ipv6, Protocol::Other(0), Some(SocketType::Raw)) => ProtocolKind::Raw,
        (_, protocol, _) => protocol.kind(),
    }
}

/// Protocol and family of a socket, by the name that the kernel gives its protocol.
pub(super) fn kind_and_family_named(name: &[u8]) -> (ProtocolKind, Family) {
    let named = named(name);
    (kind(named), named.0)
}

/// Looks where the descriptors of threads lead.
struct Links {
    /// How many more are looked at: a process may have tens of thousands of threads.
    left: usize,
    /// The sockets that were not looked for any more.
    unread: u64,
}

impl Default for Links {
    fn default() -> Self {
        Self { left: 1 << 16, unread: 0 }
    }
}

impl Links {
    /// The name of the socket's protocol, by this owner's descriptor; `None` if it does not have it any more. Empty: not
    /// known.
    fn protocol_name(&mut self, procfs: &impl Procfs, owner: Owner, inode: u64) -> Option<Vec<u8>> {
        let Owner { pid, fd: Some(fd), .. } = owner else { return None };
        let name = |thread| match procfs.socket_protocol(pid, thread, fd, Some(inode)) {
            Ok(name) => Some(name),
            Err(Errno::NOENT | Errno::SRCH) => None,
            // It is there, and its name cannot be read.
            Err(_) => Some(Vec::new()),
        };
        if let Some(name) = name(None) {
            // One that was opened with O_PATH does not keep the socket open.
            return (procfs.is_path_only(pid, fd) != Ok(true)).then_some(name);
        }
        // A thread may have a table of its own.
        let count = procfs.sizes(pid).ok()?.threads;
        let Some(left) = usize::try_from(count).ok().and_then(|count| self.left.checked_sub(count)) else {
            self.unread += 1;
            return None;
        };
        self.left = left;
        let threads = procfs.threads(pid).ok()?;
        threads.into_iter().find_map(|thread| name(Some(thread)))
    }
}

/// Which processes are in the network namespace of this thread.
#[derive(Default)]
struct Namespaces {
    own: HashMap<u32, bool>,
}

impl Namespaces {
    /// True also if it is not known.
    fn is_own(&mut self, procfs: Option<&impl Procfs>, pid: u32) -> bool {
        let link = |of: &str| procfs?.link(&format!("{of}/ns/net")).ok();
        *self.own.entry(pid).or_insert_with(|| {
            let both = link("thread-self").zip(link(&pid.to_string()));
            both.is_none_or(|(own, other)| own == other)
        })
    }
}

fn row(inode: u64, (family, protocol, socket_type): (Family, Protocol, Option<SocketType>)) -> Socket {
    let mut socket = Socket::new(family, protocol, Endpoint::Unknown);
    socket.socket_type = socket_type;
    socket.identity = Some(Identity::Inode(inode));
    socket
}

/// A protocol whose number is not known.
const UNNUMBERED: Protocol = Protocol::Other(0);

/// `AF_UNSPEC`, the family where the name is not known.
const UNNAMED: Family = Family::Other(0);

/// Family and protocol of a socket, by the name that the kernel gives its protocol, which may say nothing of its number;
/// `None`: the name is not known.
pub(crate) fn family_and_protocol_named(name: &[u8]) -> Option<(Family, Option<Protocol>)> {
    let (family, protocol, _) = named(name);
    (family != UNNAMED).then(|| (family, Some(protocol).filter(|protocol| *protocol != UNNUMBERED)))
}

/// Family, protocol and type of a socket, by the name that the kernel gives its protocol. A raw, netlink or packet socket
/// has a number besides, which is not known.
fn named(name: &[u8]) -> (Family, Protocol, Option<SocketType>) {
    use Family::{Ipv4, Ipv6};
    use SocketType::{Datagram, Raw, Stream};
    let other = |family| (Family::Other(family), UNNUMBERED, None);
    match name {
        b"TCP" => (Ipv4, Protocol::Tcp, Some(Stream)),
        b"TCPv6" => (Ipv6, Protocol::Tcp, Some(Stream)),
        b"UDP" => (Ipv4, Protocol::Udp, Some(Datagram)),
        b"UDPv6" => (Ipv6, Protocol::Udp, Some(Datagram)),
        b"UDP-Lite" => (Ipv4, Protocol::UdpLite, Some(Datagram)),
        b"UDPLITEv6" => (Ipv6, Protocol::UdpLite, Some(Datagram)),
        b"PING" => (Ipv4, Protocol::Icmp, Some(Datagram)),
        b"PINGv6" => (Ipv6, Protocol::Icmp, Some(Datagram)),
        b"RAW" => (Ipv4, UNNUMBERED, Some(Raw)),
        b"RAWv6" => (Ipv6, UNNUMBERED, Some(Raw)),
        b"SCTP" => (Ipv4, Protocol::Sctp, None),
        b"SCTPv6" => (Ipv6, Protocol::Sctp, None),
        b"MPTCP" => (Ipv4, Protocol::Mptcp, Some(Stream)),
        b"MPTCPv6" => (Ipv6, Protocol::Mptcp, Some(Stream)),
        b"DCCP" | b"L2TP/IP" => (Ipv4, UNNUMBERED, None),
        b"DCCPv6" | b"L2TPv6/IP" | b"L2TP/IPv6" => (Ipv6, UNNUMBERED, None),
        b"UNIX-STREAM" => (Family::Unix, Protocol::Unix, Some(Stream)),
        b"UNIX" => (Family::Unix, Protocol::Unix, None),
        b"NETLINK" => (Family::Netlink, UNNUMBERED, None),
        b"PACKET" => (Family::Packet, UNNUMBERED, None),
        b"AF_VSOCK" => (Family::Vsock, Protocol::Vsock, None),
        b"AX25" => other(3),
        b"IPX" => other(4),
        b"DDP" => other(5),
        b"NETROM" => other(6),
        b"X25" => other(9),
        b"ROSE" => other(11),
        b"KEY" => other(15),
        b"RDS" => other(21),
        b"PPPOE" | b"PPTP" | b"PPPOL2TP" | b"PPPOX" => other(24),
        b"LLC" => other(26),
        b"CAN_RAW" | b"CAN_BCM" | b"CAN_ISOTP" | b"CAN_J1939" => other(29),
        b"TIPC" => other(30),
        b"HCI" | b"L2CAP" | b"SCO" | b"RFCOMM" | b"BNEP" | b"CMTP" | b"HIDP" | b"ISO" => other(31),
        b"AF_IUCV" => other(32),
        b"RXRPC" => other(33),
        b"PHONET" | b"PNPIPE" => other(35),
        b"IEEE-802.15.4-MAC" | b"IEEE-802.15.4-DGRAM" | b"IEEE-802.15.4-RAW" => other(36),
        b"CAIF" => other(37),
        b"ALG" => other(38),
        b"NFC_RAW" | b"NFC_LLCP" => other(39),
        b"KCM" => other(41),
        b"QIPCRTR" => other(42),
        b"SMC" | b"SMC6" => other(43),
        b"XDP" => other(44),
        b"MCTP" => other(45),
        _ => (UNNAMED, UNNUMBERED, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::owner::OwnerRole;
    use crate::sys::linux::procfs::Proc;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream;

    #[test]
    fn descriptors_of_threads_are_looked_at_up_to_a_bound_and_the_rest_is_counted() {
        let (socket, _other) = UnixStream::pair().unwrap();
        let owner = Owner::new(std::process::id(), Some(socket.as_raw_fd()), OwnerRole::Holder);
        let procfs = Proc::open().unwrap();
        let link = format!("/proc/self/fd/{}", socket.as_raw_fd());
        let inode = std::fs::metadata(link).unwrap().ino();
        let mut links = Links { left: 0, unread: 0 };
        let name = |links: &mut Links, inode| links.protocol_name(&procfs, owner, inode);
        // That of the process is always looked at.
        assert_eq!(name(&mut links, inode).as_deref(), Some(&b"UNIX-STREAM"[..]));
        assert_eq!(links.unread, 0);
        // It leads to another socket by now, so that those of all threads are looked at.
        assert_eq!(name(&mut links, inode + 1_000_000_000), None);
        assert_eq!(links.unread, 1);
        let mut links = Links::default();
        assert_eq!(name(&mut links, inode + 1_000_000_000), None);
        assert_eq!(links.unread, 0);
        assert!(links.left < Links::default().left);
    }

    #[test]
    fn kind_is_known_where_the_number_of_the_protocol_is_not() {
        use ProtocolKind as P;
        let kinds = ["RAW", "RAWv6", "NETLINK", "PACKET", "TCPv6", "UNIX", "ALG", "?"];
        let kinds = kinds.map(|name| kind_and_family_named(name.as_bytes()).0);
        assert_eq!(kinds, [P::Raw, P::Raw, P::Netlink, P::Packet, P::Tcp, P::Unix, P::Other, P::Other]);
    }
}
