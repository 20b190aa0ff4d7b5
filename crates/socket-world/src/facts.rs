//! What the maker of a socket reports of it.

use crate::ffi;
use rustix::fs::fstat;
use rustix::io::ioctl_fionread;
use rustix::net::{getpeername, getsockname, ipproto, sockopt};
use rustix::process::getpid;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// One descriptor of a socket that a process holds, as that process reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The process; for the descriptor table of a thread, the process of the thread.
    pub pid: u32,
    /// The number in its descriptor table.
    pub fd: i32,
    /// The socket's inode, from `fstat`.
    pub inode: u64,
}

impl Held {
    /// `fd` as held by the calling process.
    ///
    /// # Errors
    /// `fstat` fails: it is not open.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        let fd = fd.as_fd();
        Ok(Self {
            pid: getpid().as_raw_nonzero().get().unsigned_abs(),
            fd: fd.as_raw_fd(),
            inode: try_inode_of(fd)?,
        })
    }
}

/// TCP or UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Transport {
    Tcp,
    Udp,
}

/// The state of a socket: one of TCP's, or whether a UDP socket has a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum State {
    Established,
    SynSent,
    SynReceived,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
    UdpUnconnected,
    UdpConnected,
}

impl State {
    /// The number that the kernel's tables show (`net/tcp_states.h`): 1 for ESTABLISHED up to 11 for CLOSING. UDP
    /// sockets show 7 (CLOSE) without a peer and 1 (ESTABLISHED) with one.
    pub fn kernel_number(self) -> u8 {
        match self {
            Self::Established | Self::UdpConnected => 1,
            Self::SynSent => 2,
            Self::SynReceived => 3,
            Self::FinWait1 => 4,
            Self::FinWait2 => 5,
            Self::TimeWait => 6,
            Self::Close | Self::UdpUnconnected => 7,
            Self::CloseWait => 8,
            Self::LastAck => 9,
            Self::Listen => 10,
            Self::Closing => 11,
        }
    }

    fn of_tcp_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }
}

/// The row that a listing must show for a socket, from what its maker knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SocketFacts {
    /// TCP or UDP.
    pub protocol: Transport,
    /// The local end. IPv4 traffic of an IPv6 socket has mapped addresses, as the socket itself has.
    pub local: SocketAddr,
    /// The other end; `None` for a listener and for a UDP socket without a peer.
    pub remote: Option<SocketAddr>,
    /// Its state.
    pub state: State,
    /// Its inode; `None` where no process can hold it (TIME_WAIT, SYN_RECV, accept queue, orphan).
    pub inode: Option<u64>,
    /// The uid of its maker; `None` where the inode is, since the kernel has none then either.
    pub uid: Option<u32>,
    /// Received and unread bytes of a TCP connection as the kernel's tables count them (an unread FIN counts as
    /// one), or the connections that wait in a listener's queue. `None` where not known: UDP, whose tables count
    /// memory, not bytes, and sockets without an inode.
    pub rx_queue: Option<u32>,
}

impl SocketFacts {
    /// The facts of `fd`, an IP socket of this process, from `getsockname`, `getpeername`, `TCP_INFO`,
    /// `FIONREAD` and `fstat`.
    ///
    /// # Errors
    /// It is not an IP socket of TCP or UDP, or one of the calls failed.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        let fd = fd.as_fd();
        let stat = fstat(fd)?;
        let local = SocketAddr::try_from(getsockname(fd)?)?;
        let peer = match getpeername(fd) {
            Ok(peer) => peer.map(SocketAddr::try_from).transpose()?,
            Err(rustix::io::Errno::NOTCONN) => None,
            Err(error) => return Err(error.into()),
        };
        let (protocol, state, rx_queue) = match sockopt::socket_protocol(fd)? {
            Some(ipproto::TCP) => {
                let state = tcp_state(fd)?;
                let fin = u64::from(matches!(state, State::CloseWait | State::LastAck | State::Closing));
                let rx_queue = match state {
                    State::Listen => 0,
                    State::SynSent | State::Close => 0,
                    _ => ioctl_fionread(fd)? + fin,
                };
                (Transport::Tcp, state, u32::try_from(rx_queue).ok())
            }
            Some(ipproto::UDP) => {
                let state = if peer.is_some() { State::UdpConnected } else { State::UdpUnconnected };
                (Transport::Udp, state, None)
            }
            other => return Err(io::Error::other(format!("neither TCP nor UDP: {other:?}"))),
        };
        Ok(Self {
            protocol,
            local,
            remote: peer,
            state,
            inode: Some(stat.st_ino),
            uid: Some(stat.st_uid),
            rx_queue,
        })
    }
}

/// The inode of an open descriptor, for a socket the number in `socket:[n]`.
///
/// # Panics
/// `fstat` fails, which it does for no open descriptor.
pub fn inode_of(fd: impl AsFd) -> u64 {
    try_inode_of(fd).expect("fstat of an open descriptor")
}

pub(crate) fn try_inode_of(fd: impl AsFd) -> io::Result<u64> {
    Ok(fstat(fd)?.st_ino)
}

/// The state of a TCP socket of this process, from `TCP_INFO`.
///
/// # Errors
/// `fd` is not a TCP socket.
pub fn tcp_state(fd: impl AsFd) -> io::Result<State> {
    let number = ffi::tcp_info_state(fd.as_fd())?;
    State::of_tcp_number(number).ok_or_else(|| io::Error::other(format!("TCP state {number}")))
}

/// Open sockets and the rows that a listing must show for them.
#[derive(Debug, Default)]
pub struct Made {
    /// The sockets, open in this process, in the order that the function that made them documents.
    pub sockets: Vec<OwnedFd>,
    /// The rows that a listing must show: first one for each of `sockets` in their order, then those that no
    /// process holds.
    pub facts: Vec<SocketFacts>,
}

impl Made {
    /// These sockets, with their facts from [`SocketFacts::of`].
    ///
    /// # Errors
    /// As [`SocketFacts::of`].
    pub fn of(sockets: Vec<OwnedFd>) -> io::Result<Self> {
        let facts = sockets.iter().map(SocketFacts::of).collect::<io::Result<_>>()?;
        Ok(Self { sockets, facts })
    }

    /// The descriptors, as held by this process.
    ///
    /// # Errors
    /// `fstat` fails.
    pub fn held(&self) -> io::Result<Vec<Held>> {
        self.sockets.iter().map(Held::of).collect()
    }

    /// The only row in this state.
    ///
    /// # Panics
    /// There is none, or more than one.
    pub fn only(&self, state: State) -> &SocketFacts {
        let mut found = self.facts.iter().filter(|facts| facts.state == state);
        match (found.next(), found.next()) {
            (Some(facts), None) => facts,
            _ => panic!("not one row in {state:?}: {:?}", self.facts),
        }
    }
}
