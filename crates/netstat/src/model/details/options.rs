//! What is switched on or off at a socket.

crate::model::flags::flags! {
    /// Options of a socket, by the names that `setsockopt` has for them.
    pub struct SocketOptions: u16 {
        /// `IP_RECVERR`: errors of the network are queued for the program.
        const RECVERR = 1;
        /// `IP_FREEBIND`: may bind to an address that the machine does not have.
        const FREEBIND = 1 << 1;
        /// `IP_HDRINCL`: the program writes the IP header.
        const HDRINCL = 1 << 2;
        /// `IP_MULTICAST_LOOP`: what it sends to a group comes back to this machine. On unless switched off.
        const MC_LOOP = 1 << 3;
        /// `IP_TRANSPARENT`: takes connections for addresses of other machines.
        const TRANSPARENT = 1 << 4;
        /// `IP_MULTICAST_ALL`: receives for groups that others joined. On unless switched off.
        const MC_ALL = 1 << 5;
        /// `IP_NODEFRAG`: fragments are handed on as they are.
        const NODEFRAG = 1 << 6;
        /// `IP_BIND_ADDRESS_NO_PORT`: the port is chosen when connecting, not when binding.
        const BIND_ADDRESS_NO_PORT = 1 << 7;
        /// `IP_RECVERR_RFC4884`: errors with the extension of the ICMP message.
        const RECVERR_RFC4884 = 1 << 8;
        /// `TCP_FASTOPEN_CONNECT`: the connection waits for data to go with the SYN.
        const DEFER_CONNECT = 1 << 9;
    }
}

/// Which directions of a socket are shut down, by `shutdown` or by the other end.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Shutdown {
    /// Nothing more is received.
    pub receive: bool,
    /// Nothing more is sent.
    pub send: bool,
}
