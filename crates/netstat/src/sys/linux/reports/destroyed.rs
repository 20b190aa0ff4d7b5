//! The multicast groups of destroyed sockets: `SKNLGRP_INET_TCP_DESTROY` and its three companions.
//!
//! A message is that of a dump, of a socket in CLOSE without inode and user, with the protocol as an attribute. TCP sockets
//! have `tcp_info`: the last counters. One comes for each full socket that is freed: a connection that goes to TIME_WAIT is
//! freed then, and the end of TIME_WAIT is not reported.
//!
//! Sources: net/core/sock_diag.c, `sock_diag_broadcast_destroy`; net/ipv4/inet_diag.c.

use crate::model::details::DetailFields;
use crate::model::event::EventSource;
use crate::model::identity::NetnsId;
use crate::model::socket::Socket;
use crate::sys::linux::details::details;
use crate::sys::linux::ffi::dropped_messages;
use crate::sys::linux::protocols::{ProtocolInfo, TCP, UDP};
use crate::sys::linux::row::row;
use crate::sys::linux::sock_diag::netlink::receive;
use crate::sys::system::Report;
use netstat_wire::DecodeError;
use netstat_wire::linux::inet_diag::{IPPROTO_TCP, IPPROTO_UDP, InetDiagMsg, SOCK_DIAG_BY_FAMILY};
use netstat_wire::linux::netlink::{Body, Message, Messages};
use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// `SKNLGRP_INET_TCP_DESTROY`, `_UDP_`, and the same of IPv6: groups 1 to 4, a bit each.
const GROUPS: u32 = 0b1111;

/// The memory for reports that wait to be read; without the right to more than the system's limit, that limit.
const BUFFER_BYTES: usize = 8 << 20;

/// The reports that one call reads at most.
const MOST: usize = 16 * 1024;

/// Larger than any report.
const MESSAGE_BYTES: usize = 8 * 1024;

/// A socket in the groups.
#[derive(Debug)]
pub(super) struct Destroyed {
    fd: OwnedFd,
    buffer: Vec<u8>,
    /// How many reports were dropped so far; `None`: this kernel does not count them.
    dropped: Option<u32>,
}

impl Destroyed {
    pub(super) fn open() -> Result<Self, Errno> {
        Self::with_buffer(BUFFER_BYTES)
    }

    pub(super) fn with_buffer(bytes: usize) -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(SOCK_DIAG))?;
        set_socket_recv_buffer_size_force(&fd, bytes).or_else(|_| set_socket_recv_buffer_size(&fd, bytes))?;
        bind(&fd, &SocketAddrNetlink::new(0, GROUPS))?;
        let dropped = dropped_messages(fd.as_fd()).ok();
        Ok(Self { fd, buffer: Vec::with_capacity(MESSAGE_BYTES), dropped })
    }

    /// Reads what there is. `netns`: what the rows have as their network namespace.
    ///
    /// # Errors
    /// It cannot be read, for instance because something has closed all descriptors of this process.
    pub(super) fn read(&mut self, netns: Option<u64>, each: &mut dyn FnMut(Report)) -> Result<(), Errno> {
        let (mut overflows, mut end) = (0, Ok(()));
        for _ in 0..MOST {
            match receive(&self.fd, &mut self.buffer) {
                Ok(received) if received.from_kernel => {}
                Ok(_) | Err(Errno::INTR) => continue,
                // The queue was full. It is not read to its end yet.
                Err(Errno::NOBUFS) => {
                    overflows += 1;
                    continue;
                }
                Err(Errno::AGAIN) => break,
                Err(errno) => {
                    end = Err(errno);
                    break;
                }
            }
            for message in Messages::new(&self.buffer) {
                match message.and_then(|message| socket(&message)) {
                    Ok(Some(mut socket)) => {
                        socket.netns = netns.and_then(NonZeroU64::new).map(NetnsId);
                        each(Report::Destroyed(socket));
                    }
                    Ok(None) => {}
                    Err(_) => {
                        each(Report::Lost(1, EventSource::Destroy));
                        break;
                    }
                }
            }
        }
        let dropped = dropped_messages(self.fd.as_fd()).ok();
        let lost = match (self.dropped, dropped) {
            (Some(before), Some(now)) => u64::from(now.wrapping_sub(before)),
            _ => overflows,
        };
        self.dropped = dropped;
        if lost > 0 {
            each(Report::Lost(lost, EventSource::Destroy));
        }
        end
    }
}

#[cfg(test)]
impl Destroyed {
    /// As if something else had closed the descriptor, whose number is that of another file by now.
    pub(super) fn end(&mut self) {
        let other = std::fs::File::open("/dev/null").unwrap();
        rustix::io::dup2(other, &mut self.fd).unwrap();
    }
}

impl AsFd for Destroyed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a message says of its socket. `None` for a protocol that has no rows, and for a socket that had no port: no table
/// lists such a one.
fn socket(message: &Message<'_>) -> Result<Option<Socket>, DecodeError> {
    let (SOCK_DIAG_BY_FAMILY, Body::Data(payload)) = (message.header.kind, message.body) else {
        return Ok(None);
    };
    let record = InetDiagMsg::decode(payload)?;
    let info: &'static ProtocolInfo = match record.protocol {
        Some(IPPROTO_TCP) => &TCP,
        Some(IPPROTO_UDP) => &UDP,
        _ => return Ok(None),
    };
    let Some(mut socket) = row(&record, info).filter(|_| record.id.sport != 0) else { return Ok(None) };
    // Those that it had before it was closed are not said.
    (socket.state, socket.queues) = (None, None);
    // Those of a listener mean nothing.
    if socket.remote.is_some() {
        socket.set_details(details(DetailFields::TCP_INFO, info, &record, payload)?);
    }
    Ok(Some(socket))
}
