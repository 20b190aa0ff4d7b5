//! The interface of the crates `netstat` 0.7 and netstat2 0.11, and nothing else.
//!
//! The same names are at the root of this crate, where a program written for either finds them. This module is for
//! programs in which those of the full interface would clash: beside another glob import, a glob import of the
//! root makes `Process`, `Socket` or `Query` ambiguous.
//!
//! ```
//! use netstat::compat::*; // or, where Cargo.toml names the dependency netstat2: use netstat2::compat::*;
//! use processes::*;
//!
//! mod processes {
//!     pub struct Process {
//!         pub pid: u32,
//!     }
//! }
//!
//! # fn main() -> Result<(), error::Error> {
//! let myself = Process { pid: std::process::id() };
//! for info in get_sockets_info(AddressFamilyFlags::all(), ProtocolFlags::TCP)? {
//!     if info.associated_pids.contains(&myself.pid) {
//!         println!("{}:{}", info.local_addr(), info.local_port());
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What differs
//! - [`Error`] is opaque. Instead of matching on `ForeignError` or `OsError(e)`, call
//!   [`Error::raw_os_error`], [`Error::is_permission_denied`] or
//!   [`source`](std::error::Error::source).
//! - [`TcpState`] has the variant [`TcpState::Unknown`], as in netstat2: a `match` without a wildcard that was written
//!   for 0.7 needs an arm for it.
//! - The flags are those of `bitflags` 2: `from_bits_unchecked` of 0.7 is now `from_bits_retain`.
//! - [`iterate_sockets_info_without_pids`] also exists on macOS, and returns both families on Windows.

use crate::model::family::Family;
use crate::model::owner::{OwnerRole, Ownership};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::model::support::Support;
use crate::query::Query;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use crate::model::error::Error;

/// The error, by the path that it has in netstat2.
pub mod error {
    pub use crate::model::error::Error;
}

/// For functions of the caller that return this error and use `?` on an [`io::Error`], as netstat2 allows.
impl From<io::Error> for Error {
    fn from(cause: io::Error) -> Self {
        Self::without_context(cause)
    }
}

bitflags::bitflags! {
    /// Set of address families.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct AddressFamilyFlags: u8 {
        /// IPv4 sockets.
        const IPV4 = 0b0000_0001;
        /// IPv6 sockets, IPv4 traffic on them included.
        const IPV6 = 0b0000_0010;
    }
}

bitflags::bitflags! {
    /// Set of protocols.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct ProtocolFlags: u8 {
        /// TCP sockets.
        const TCP = 0b0000_0001;
        /// UDP sockets.
        const UDP = 0b0000_0010;
    }
}

/// General socket information.
#[derive(Clone, Debug, PartialEq)]
pub struct SocketInfo {
    /// Protocol-specific socket information.
    pub protocol_socket_info: ProtocolSocketInfo,
    /// Identifiers of processes associated with this socket, ascending, each once. Empty where there is
    /// none and where the caller may not see them; the full interface says which ([`Socket::ownership`]).
    pub associated_pids: Vec<u32>,
    /// Inode number of this socket; 0 where it has none.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub inode: u32,
    /// Owner UID of this socket; 0 also where the socket has no owner, 65534 where the user has no number in this user
    /// namespace.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub uid: u32,
}

/// Protocol-specific socket information.
#[derive(Clone, Debug, PartialEq)]
pub enum ProtocolSocketInfo {
    /// TCP-specific socket information.
    Tcp(TcpSocketInfo),
    /// UDP-specific socket information.
    Udp(UdpSocketInfo),
}

/// State of a TCP connection, as RFC 9293 section 3.3.2 names it.
///
/// The variants and their `Display` are those of the crate `netstat` 0.7, and [`TcpState::Unknown`] is that
/// of netstat2. Other tools spell some states differently: `ss` prints `SYN-RECV`, `FIN-WAIT-1` and `ESTAB`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpState {
    /// No connection. On Linux also a socket that is bound but neither listens nor connects.
    Closed,
    /// Waits for connections.
    Listen,
    /// Has asked for a connection.
    SynSent,
    /// Has been asked for a connection and has answered; the third step is missing.
    SynReceived,
    /// Data can flow.
    Established,
    /// Closed locally; the other end has not confirmed yet.
    FinWait1,
    /// Closed locally and acknowledged; the other end may still send.
    FinWait2,
    /// Closed by the other end; this end may still send.
    CloseWait,
    /// Both ends closed at the same time.
    Closing,
    /// Closed by the other end, then locally; the acknowledgement of the local FIN is missing.
    LastAck,
    /// Closed; kept so that late segments do no harm.
    TimeWait,
    /// Windows: the control block is about to be deleted.
    DeleteTcb,
    /// A state that this version of the library has no name for. The row is kept.
    Unknown,
}

impl TcpState {
    /// The state in a stable, machine-readable form: `SYN_RCVD`, `FIN_WAIT_1`; `__UNKNOWN` for [`TcpState::Unknown`].
    /// The same as `Display` gives, which is that of the crate `netstat` 0.7.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN_SENT",
            Self::SynReceived => "SYN_RCVD",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN_WAIT_1",
            Self::FinWait2 => "FIN_WAIT_2",
            Self::CloseWait => "CLOSE_WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::DeleteTcb => "DELETE_TCB",
            Self::Unknown => "__UNKNOWN",
        }
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// TCP-specific socket information.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpSocketInfo {
    /// Local address.
    pub local_addr: IpAddr,
    /// Local port.
    pub local_port: u16,
    /// Remote address; the unspecified one of a listener.
    pub remote_addr: IpAddr,
    /// Remote port; 0 of a listener.
    pub remote_port: u16,
    /// State of the connection.
    pub state: TcpState,
}

/// UDP-specific socket information.
#[derive(Clone, Debug, PartialEq)]
pub struct UdpSocketInfo {
    /// Local address.
    pub local_addr: IpAddr,
    /// Local port.
    pub local_port: u16,
}

impl SocketInfo {
    /// Local address of this socket.
    pub fn local_addr(&self) -> IpAddr {
        match &self.protocol_socket_info {
            ProtocolSocketInfo::Tcp(tcp) => tcp.local_addr,
            ProtocolSocketInfo::Udp(udp) => udp.local_addr,
        }
    }

    /// Local port of this socket.
    pub fn local_port(&self) -> u16 {
        match &self.protocol_socket_info {
            ProtocolSocketInfo::Tcp(tcp) => tcp.local_port,
            ProtocolSocketInfo::Udp(udp) => udp.local_port,
        }
    }
}

/// A row as the old interface has it.
///
/// # Errors
/// The row itself, of a socket that the old interface has no form for: neither TCP nor UDP, or without an IP address.
impl<'s> TryFrom<&'s Socket> for SocketInfo {
    type Error = &'s Socket;

    fn try_from(socket: &'s Socket) -> Result<Self, &'s Socket> {
        let local = socket.local_addr().ok_or(socket)?;
        let (local_addr, local_port) = (local.ip(), local.port());
        let remote = socket.remote_addr();
        let protocol_socket_info = match socket.protocol {
            Protocol::Tcp => ProtocolSocketInfo::Tcp(TcpSocketInfo {
                local_addr,
                local_port,
                remote_addr: match (remote, socket.family) {
                    (Some(remote), _) => remote.ip(),
                    (None, Family::Ipv4) => Ipv4Addr::UNSPECIFIED.into(),
                    (None, _) => Ipv6Addr::UNSPECIFIED.into(),
                },
                remote_port: remote.map_or(0, |remote| remote.port()),
                state: socket.tcp_state().unwrap_or(TcpState::Unknown),
            }),
            Protocol::Udp => ProtocolSocketInfo::Udp(UdpSocketInfo { local_addr, local_port }),
            _ => return Err(socket),
        };
        let mut associated_pids: Vec<u32> = socket.pids().collect();
        if associated_pids.is_empty() && names_one_process(socket) {
            associated_pids.push(0);
        }
        Ok(Self {
            protocol_socket_info,
            associated_pids,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            inode: socket.inode().and_then(|inode| u32::try_from(inode).ok()).unwrap_or(0),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            uid: old_uid(socket),
        })
    }
}

impl Socket {
    /// The state as the old interface has it; `None` for everything but TCP.
    pub fn tcp_state(&self) -> Option<TcpState> {
        (self.protocol == Protocol::Tcp).then_some(self.state?).map(TcpState::from)
    }
}

/// A state without a variant in the old interface is [`TcpState::Unknown`].
impl From<State> for TcpState {
    fn from(state: State) -> Self {
        match state {
            State::Closed => Self::Closed,
            State::Listen => Self::Listen,
            State::SynSent => Self::SynSent,
            State::SynReceived => Self::SynReceived,
            State::Established => Self::Established,
            State::FinWait1 => Self::FinWait1,
            State::FinWait2 => Self::FinWait2,
            State::CloseWait => Self::CloseWait,
            State::Closing => Self::Closing,
            State::LastAck => Self::LastAck,
            State::TimeWait => Self::TimeWait,
            State::DeleteTcb => Self::DeleteTcb,
            _ => Self::Unknown,
        }
    }
}

/// Whether the system names one process a row, be it the idle process (0), as Windows does: there a row
/// without owner has always had the pid 0.
fn names_one_process(socket: &Socket) -> bool {
    let by_table = Support::current().owner_roles.contains(&OwnerRole::Binder);
    by_table && matches!(socket.ownership(), Ownership::None { .. })
}

/// As in 0.7 and netstat2 on Linux: the kernel's number of a state, include/net/tcp_states.h.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]
impl From<u8> for TcpState {
    fn from(number: u8) -> Self {
        crate::sys::tcp_state(number).into()
    }
}

/// As in 0.7 and netstat2 on Windows: the number of a state, `MIB_TCP_STATE`.
#[cfg(windows)]
impl From<u32> for TcpState {
    fn from(number: u32) -> Self {
        crate::sys::tcp_state(number).into()
    }
}

/// As in 0.7 and netstat2 on macOS: the name of a state, as `Display` writes it.
#[cfg(any(target_vendor = "apple", test))]
impl From<&str> for TcpState {
    fn from(name: &str) -> Self {
        match name {
            "CLOSED" => Self::Closed,
            "LISTEN" => Self::Listen,
            "SYN_SENT" => Self::SynSent,
            "SYN_RCVD" => Self::SynReceived,
            "ESTABLISHED" => Self::Established,
            "FIN_WAIT_1" => Self::FinWait1,
            "FIN_WAIT_2" => Self::FinWait2,
            "CLOSE_WAIT" => Self::CloseWait,
            "CLOSING" => Self::Closing,
            "LAST_ACK" => Self::LastAck,
            "TIME_WAIT" => Self::TimeWait,
            _ => Self::Unknown,
        }
    }
}

/// Retrieves sockets information as a vector, in the order TCP over IPv4, UDP over IPv4, TCP over IPv6, UDP
/// over IPv6. No flag of a kind set means no rows.
///
/// # Errors
/// When no table of sockets could be read. A socket whose processes could not be read is listed without
/// them.
pub fn get_sockets_info(
    af_flags: AddressFamilyFlags,
    proto_flags: ProtocolFlags,
) -> Result<Vec<SocketInfo>, Error> {
    list(af_flags, proto_flags, true)
}

/// Retrieves sockets information as an iterator, in the order of [`get_sockets_info`].
///
/// # Errors
/// As [`get_sockets_info`]. The rows themselves are never errors: a field that could not be read is empty.
pub fn iterate_sockets_info(
    af_flags: AddressFamilyFlags,
    proto_flags: ProtocolFlags,
) -> Result<impl Iterator<Item = Result<SocketInfo, Error>>, Error> {
    Ok(list(af_flags, proto_flags, true)?.into_iter().map(Ok))
}

/// Retrieves sockets information as an iterator, without a search for processes: far less work.
///
/// On Windows it takes `proto_flags` alone, as in netstat2, and returns the sockets of both address families, where
/// netstat2 returned those of IPv4. Elsewhere it takes both sets of flags; netstat2 does not have it on macOS.
///
/// # Errors
/// As [`iterate_sockets_info`].
#[cfg(not(windows))]
pub fn iterate_sockets_info_without_pids(
    af_flags: AddressFamilyFlags,
    proto_flags: ProtocolFlags,
) -> Result<impl Iterator<Item = Result<SocketInfo, Error>>, Error> {
    Ok(list(af_flags, proto_flags, false)?.into_iter().map(Ok))
}

/// Retrieves sockets information as an iterator, without a search for processes, of both address families.
///
/// netstat2 returned the sockets of IPv4 alone. On other systems the function takes the address families too.
///
/// # Errors
/// As [`iterate_sockets_info`].
#[cfg(windows)]
pub fn iterate_sockets_info_without_pids(
    proto_flags: ProtocolFlags,
) -> Result<impl Iterator<Item = Result<SocketInfo, Error>>, Error> {
    Ok(list(AddressFamilyFlags::all(), proto_flags, false)?.into_iter().map(Ok))
}

/// The user as one number. A socket that exists and has no user is one of a user without a number in this user namespace
/// (Linux): the kernel's stand-in for such users, as netstat2 had it, and not 0, which is root.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn old_uid(socket: &Socket) -> u32 {
    const STAND_IN: u32 = 65_534;
    socket.uid.unwrap_or(if socket.inode().is_some() { STAND_IN } else { 0 })
}

/// Lists at once, and not row by row: programs collect the rows, which then happens in the memory of this list.
fn list(af: AddressFamilyFlags, protocols: ProtocolFlags, owners: bool) -> Result<Vec<SocketInfo>, Error> {
    // To a query, no condition of a kind means all; to a flag set, none is none.
    if af.is_empty() || protocols.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new().owners(owners);
    for (flag, family) in [(AddressFamilyFlags::IPV4, Family::Ipv4), (AddressFamilyFlags::IPV6, Family::Ipv6)]
    {
        if af.contains(flag) {
            query = query.family(family);
        }
    }
    for (flag, protocol) in [(ProtocolFlags::TCP, Protocol::Tcp), (ProtocolFlags::UDP, Protocol::Udp)] {
        if protocols.contains(flag) {
            query = query.protocol(protocol);
        }
    }
    Ok(in_old_order(&query.snapshot()?.sockets))
}

/// The rows table by table. Inside one the order is the kernel's. They are read once: a machine may have a hundred thousand.
fn in_old_order(sockets: &[Socket]) -> Vec<SocketInfo> {
    let mut list = Vec::with_capacity(sockets.len());
    let mut later = [Vec::new(), Vec::new(), Vec::new()];
    for row in sockets {
        let Ok(info) = SocketInfo::try_from(row) else { continue };
        let [udp_v4, tcp_v6, udp_v6] = &mut later;
        match (row.family, row.protocol) {
            (Family::Ipv4, Protocol::Tcp) => list.push(info),
            (Family::Ipv4, Protocol::Udp) => udp_v4.push(info),
            (Family::Ipv6, Protocol::Tcp) => tcp_v6.push(info),
            (Family::Ipv6, Protocol::Udp) => udp_v6.push(info),
            _ => {}
        }
    }
    list.extend(later.into_iter().flatten());
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::owner::Owner;
    use std::error::Error as _;

    fn row_at(protocol: Protocol, local: &str) -> Socket {
        let local: std::net::SocketAddr = local.parse().unwrap();
        let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
        Socket::new(family, protocol, local)
    }

    #[test]
    fn tables_come_in_their_order_and_rows_of_one_in_the_order_of_the_kernel() {
        let row = row_at;
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        let listed = in_old_order(&[
            row(tcp, "[::1]:9"),
            row(tcp, "127.0.0.1:8"),
            row(tcp, "127.0.0.1:7"),
            row(tcp, "[::1]:6"),
            row(udp, "[::1]:5"),
            row(udp, "127.0.0.1:4"),
            row(tcp, "127.0.0.1:3"),
        ]);
        let ports: Vec<u16> = listed.iter().map(SocketInfo::local_port).collect();
        assert_eq!(ports, [8, 7, 3, 4, 9, 6, 5]);
    }

    #[test]
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn user_without_a_number_is_not_root() {
        let uid = |socket: &Socket| SocketInfo::try_from(socket).unwrap().uid;
        let mut socket = row_at(Protocol::Tcp, "127.0.0.1:80");
        assert_eq!(uid(&socket), 0, "a row without a process");
        socket.identity = Some(crate::model::identity::Identity::Inode(7));
        assert_eq!(uid(&socket), 65_534);
        socket.uid = Some(0);
        assert_eq!(uid(&socket), 0);
    }

    #[test]
    fn pids_are_ascending_and_each_is_there_once() {
        let mut socket = row_at(Protocol::Tcp, "127.0.0.1:80");
        let pids = |socket: &Socket| SocketInfo::try_from(socket).unwrap().associated_pids;
        assert_eq!(pids(&socket), []);
        let owner = |pid, fd| Owner::new(pid, Some(fd), OwnerRole::Holder);
        let owners = [owner(9, 3), owner(4, 7), owner(9, 4), owner(4, 3), owner(7, 3)];
        socket.set_owners(owners, Ownership::Known { complete: true });
        assert_eq!(pids(&socket), [4, 7, 9]);
    }

    #[test]
    fn an_io_error_keeps_its_text_its_code_and_its_kind() {
        let Err(error) = std::fs::File::open("").map_err(Error::from) else {
            panic!("a file without a name")
        };
        assert!(error.is_not_found());
        let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(error.raw_os_error(), source.raw_os_error());
        assert_eq!(error.to_string(), source.to_string());
    }

    #[test]
    fn a_row_without_an_old_form_is_given_back() {
        let raw = row_at(Protocol::Raw(58), "[::1]:0");
        assert_eq!(SocketInfo::try_from(&raw).unwrap_err(), &raw);
        assert_eq!(raw.tcp_state(), None);
    }

    #[test]
    fn a_state_that_the_old_interface_lacks_is_unknown() {
        assert_eq!(TcpState::from(State::CookieWait), TcpState::Unknown);
        assert_eq!(TcpState::from(State::Other(99)), TcpState::Unknown);
    }

    #[test]
    fn name_of_a_state_is_read_as_it_is_displayed() {
        use TcpState as S;
        for state in [
            S::Closed,
            S::Listen,
            S::SynSent,
            S::SynReceived,
            S::Established,
            S::FinWait1,
            S::FinWait2,
            S::CloseWait,
            S::Closing,
            S::LastAck,
            S::TimeWait,
            S::Unknown,
        ] {
            assert_eq!(TcpState::from(state.to_string().as_str()), state);
        }
        assert_eq!(TcpState::from("established"), TcpState::Unknown);
    }
}
