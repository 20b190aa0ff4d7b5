//! The interface of the crates `netstat` 0.7 and netstat2 0.11, and nothing else.
//!
//! The same names are at the root of this crate, where a program written for either finds them. This module is for
//! programs in which those of the full interface are in the way: beside another glob import, a glob import of the
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

use crate::model::owner::{OwnerRole, Ownership};
use crate::model::socket::{Family, Protocol, Socket};
use crate::model::support::Support;
use crate::query::Query;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

pub use crate::model::error::Error;
pub use crate::model::tcp_state::TcpState;

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

crate::model::flags::flags! {
    /// Set of address families.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct AddressFamilyFlags: u8 {
        /// IPv4 sockets.
        const IPV4 = 0b0000_0001;
        /// IPv6 sockets, IPv4 traffic on them included.
        const IPV6 = 0b0000_0010;
    }
}

crate::model::flags::flags! {
    /// Set of protocols.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// none and where the caller may not see them; the full interface tells which ([`Socket::ownership`]).
    pub associated_pids: Vec<u32>,
    /// Inode number of this socket; 0 where it has none.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub inode: u32,
    /// Owner UID of this socket; 0 also where nobody owns it.
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

impl From<&Socket> for SocketInfo {
    fn from(socket: &Socket) -> Self {
        let (local_addr, local_port) = (socket.local.ip(), socket.local.port());
        let protocol_socket_info = match socket.protocol {
            Protocol::Tcp => ProtocolSocketInfo::Tcp(TcpSocketInfo {
                local_addr,
                local_port,
                remote_addr: match (socket.remote, socket.family) {
                    (Some(remote), _) => remote.ip(),
                    (None, Family::Ipv4) => Ipv4Addr::UNSPECIFIED.into(),
                    (None, Family::Ipv6) => Ipv6Addr::UNSPECIFIED.into(),
                },
                remote_port: socket.remote.map_or(0, |remote| remote.port()),
                state: socket.state.unwrap_or(TcpState::Unknown),
            }),
            Protocol::Udp => ProtocolSocketInfo::Udp(UdpSocketInfo { local_addr, local_port }),
        };
        let mut associated_pids = Vec::new();
        for owner in socket.owners() {
            if associated_pids.last() != Some(&owner.pid) {
                associated_pids.push(owner.pid);
            }
        }
        if associated_pids.is_empty() && names_one_process(socket) {
            associated_pids.push(0);
        }
        Self {
            protocol_socket_info,
            associated_pids,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            inode: socket.inode().and_then(|inode| u32::try_from(inode).ok()).unwrap_or(0),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            uid: socket.uid.unwrap_or(0),
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
        crate::sys::tcp_state(number)
    }
}

/// As in 0.7 and netstat2 on Windows: the number of a state, `MIB_TCP_STATE`.
#[cfg(windows)]
impl From<u32> for TcpState {
    fn from(number: u32) -> Self {
        crate::sys::tcp_state(number)
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
    let listed = Listed::new(af_flags, proto_flags, true)?;
    let mut list = Vec::with_capacity(listed.sockets.len());
    list.extend(listed.rows());
    Ok(list)
}

/// Retrieves sockets information as an iterator, in the order of [`get_sockets_info`].
///
/// # Errors
/// As [`get_sockets_info`]. The rows themselves are never errors: a field that could not be read is empty.
pub fn iterate_sockets_info(
    af_flags: AddressFamilyFlags,
    proto_flags: ProtocolFlags,
) -> Result<impl Iterator<Item = Result<SocketInfo, Error>>, Error> {
    Ok(Listed::new(af_flags, proto_flags, true)?.rows().map(Ok))
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
    Ok(Listed::new(af_flags, proto_flags, false)?.rows().map(Ok))
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
    Ok(Listed::new(AddressFamilyFlags::all(), proto_flags, false)?.rows().map(Ok))
}

/// The sockets of a listing, with the order in which the old interface returns them.
struct Listed {
    sockets: Vec<Socket>,
    /// Ranges of `sockets`. Inside one the order is the kernel's.
    tables: Vec<Range<usize>>,
}

impl Listed {
    fn new(af: AddressFamilyFlags, protocols: ProtocolFlags, owners: bool) -> Result<Self, Error> {
        // To a query, no condition of a kind means all; to a flag set, none is none.
        if af.is_empty() || protocols.is_empty() {
            return Ok(Self { sockets: Vec::new(), tables: Vec::new() });
        }
        let mut query = Query::new().owners(owners);
        for (flag, family) in
            [(AddressFamilyFlags::IPV4, Family::Ipv4), (AddressFamilyFlags::IPV6, Family::Ipv6)]
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
        Ok(Self::of(query.snapshot()?.sockets))
    }

    fn of(sockets: Vec<Socket>) -> Self {
        let table = |socket: &Socket| (socket.family, socket.protocol);
        let mut tables = Vec::new();
        let mut start = 0;
        for rows in sockets.chunk_by(|a, b| table(a) == table(b)) {
            let end = start + rows.len();
            tables.push((rows.first().map(table), start..end));
            start = end;
        }
        tables.sort_by_key(|(table, _)| *table);
        Self { tables: tables.into_iter().map(|(_, rows)| rows).collect(), sockets }
    }

    fn rows(self) -> impl Iterator<Item = SocketInfo> {
        let Self { sockets, tables } = self;
        tables.into_iter().flatten().filter_map(move |row| sockets.get(row).map(SocketInfo::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::owner::Owner;
    use std::error::Error as _;

    #[test]
    fn tables_come_in_their_order_and_rows_of_one_in_the_order_of_the_kernel() {
        let row = |protocol, local: &str| Socket::new(protocol, local.parse().unwrap());
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        let listed = Listed::of(vec![
            row(tcp, "[::1]:9"),
            row(tcp, "127.0.0.1:8"),
            row(tcp, "127.0.0.1:7"),
            row(tcp, "[::1]:6"),
            row(udp, "[::1]:5"),
            row(udp, "127.0.0.1:4"),
            row(tcp, "127.0.0.1:3"),
        ]);
        let ports: Vec<u16> = listed.rows().map(|row| row.local_port()).collect();
        assert_eq!(ports, [8, 7, 3, 4, 9, 6, 5]);
    }

    #[test]
    fn pids_are_ascending_and_each_is_there_once() {
        let mut socket = Socket::new(Protocol::Tcp, "127.0.0.1:80".parse().unwrap());
        let pids = |socket: &Socket| SocketInfo::from(socket).associated_pids;
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
