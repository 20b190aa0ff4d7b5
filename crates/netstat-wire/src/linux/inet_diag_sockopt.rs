//! Boolean options of a socket: `struct inet_diag_sockopt`, two bytes of bit fields.

use super::bit_field::bit;
use crate::reader::{DecodeError, Reader};

/// [`INET_DIAG_SOCKOPT`](super::inet_diag::INET_DIAG_SOCKOPT), since 5.10, of every full socket.
///
/// Each is named as in the header, with the option of `setsockopt` that sets it, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "they are the kernel's, one a bit")]
pub struct SockOpt {
    /// `IP_RECVERR`: errors of the network are queued for the program.
    pub recverr: bool,
    /// The socket has connections (TCP, MPTCP); not set for UDP and raw ones. Not an option.
    pub is_icsk: bool,
    /// `IP_FREEBIND`: may bind to an address that the machine does not have.
    pub freebind: bool,
    /// `IP_HDRINCL`: the program writes the IP header.
    pub hdrincl: bool,
    /// `IP_MULTICAST_LOOP`: packets that it sends to a group are also delivered on this machine.
    pub mc_loop: bool,
    /// `IP_TRANSPARENT`: accepts connections for addresses of other machines.
    pub transparent: bool,
    /// `IP_MULTICAST_ALL`: receives for groups that other sockets joined.
    pub mc_all: bool,
    /// `IP_NODEFRAG`: fragments are delivered without reassembly.
    pub nodefrag: bool,
    /// `IP_BIND_ADDRESS_NO_PORT`: the port is chosen when connecting, not when binding.
    pub bind_address_no_port: bool,
    /// `IP_RECVERR_RFC4884`: with the extension of the ICMP message.
    pub recverr_rfc4884: bool,
    /// `TCP_FASTOPEN_CONNECT`: the connection waits for data to go with the SYN.
    pub defer_connect: bool,
}

impl SockOpt {
    /// Reads the attribute's payload.
    ///
    /// # Errors
    /// Fewer than 2 bytes.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("INET_DIAG_SOCKOPT", payload);
        let (first, second) = (reader.u8()?, reader.u8()?);
        Ok(Self {
            recverr: bit(first, 0),
            is_icsk: bit(first, 1),
            freebind: bit(first, 2),
            hdrincl: bit(first, 3),
            mc_loop: bit(first, 4),
            transparent: bit(first, 5),
            mc_all: bit(first, 6),
            nodefrag: bit(first, 7),
            bind_address_no_port: bit(second, 0),
            recverr_rfc4884: bit(second, 1),
            defer_connect: bit(second, 2),
        })
    }
}
