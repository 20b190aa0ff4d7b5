//! The interface of the crate `netstat` 0.7, and of netstat2 0.11, over the full one.

use crate::model::error::Error;
use crate::model::owner::{OwnerRole, Ownership};
use crate::model::socket::{Family, Protocol, Socket};
use crate::model::support::Support;
use crate::model::tcp_state::TcpState;
use crate::query::Query;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// As 0.7 and netstat2 have it on Windows: the number of a state, `MIB_TCP_STATE`.
#[cfg(windows)]
impl From<u32> for TcpState {
    fn from(number: u32) -> Self {
        crate::sys::tcp_state(number)
    }
}

/// As 0.7 and netstat2 have it on macOS: the name of a state, as its `Display` has it.
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
/// As [`get_sockets_info`]. The rows themselves are never errors: what cannot be read of one is left out
/// of it.
pub fn iterate_sockets_info(
    af_flags: AddressFamilyFlags,
    proto_flags: ProtocolFlags,
) -> Result<impl Iterator<Item = Result<SocketInfo, Error>>, Error> {
    Ok(list(af_flags, proto_flags, true)?.into_iter().map(Ok))
}

/// Retrieves sockets information as an iterator, without looking for processes: far less work. The same
/// function on every system.
///
/// # Errors
/// As [`iterate_sockets_info`].
pub fn iterate_sockets_info_without_pids(
    af_flags: AddressFamilyFlags,
    proto_flags: ProtocolFlags,
) -> Result<impl Iterator<Item = Result<SocketInfo, Error>>, Error> {
    Ok(list(af_flags, proto_flags, false)?.into_iter().map(Ok))
}

fn list(af: AddressFamilyFlags, protocols: ProtocolFlags, owners: bool) -> Result<Vec<SocketInfo>, Error> {
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
    // To a query, no term of a kind means all; to a flag set, none is none.
    if af.is_empty() || protocols.is_empty() {
        return Ok(Vec::new());
    }
    let sockets = query.snapshot()?.sockets;
    // Inside a table the order is the kernel's.
    let mut list = Vec::with_capacity(sockets.len());
    for table in [
        (Family::Ipv4, Protocol::Tcp),
        (Family::Ipv4, Protocol::Udp),
        (Family::Ipv6, Protocol::Tcp),
        (Family::Ipv6, Protocol::Udp),
    ] {
        for socket in &sockets {
            if (socket.family, socket.protocol) == table {
                list.push(SocketInfo::from(socket));
            }
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

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
