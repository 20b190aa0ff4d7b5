//! The netlink socket, and the trait by which tests replace it with a scripted one.

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketFlags, SocketType, bind, connect, getsockname,
    recvfrom, sendto, socket_with,
};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// Twice the largest datagram of a dump.
pub(crate) const BUFFER_BYTES: usize = 64 * 1024;

/// The longest time that one call may wait, to send or to receive. The kernel answers within a receive; only a
/// stalled dump waits.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The address of the kernel. In a bind, the kernel chooses the port.
const KERNEL: SocketAddrNetlink = SocketAddrNetlink::new(0, 0);

/// The seam to the kernel: one netlink socket.
pub(crate) trait Peer: Send {
    /// The port id that answers to this socket carry.
    fn port_id(&self) -> u32;
    /// Sends one request.
    fn send(&mut self, request: &[u8]) -> Result<(), Errno>;
    /// Receives one datagram in place of what is in the buffer, whose capacity stays what it is.
    fn receive(&mut self, buffer: &mut Vec<u8>) -> Result<Received, Errno>;

    /// Receives from this socket on another thread. `None`: only this thread can.
    fn receiver(&self) -> Option<Receiver> {
        None
    }
}

/// Receives one datagram, on any thread.
pub(crate) type Receiver = Box<dyn FnMut(&mut Vec<u8>) -> Result<Received, Errno> + Send>;

/// What one receive returned.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// The datagram did not fit into the buffer; what is missing is lost.
    pub(crate) truncated: bool,
    /// The kernel sent it, and no other process.
    pub(crate) from_kernel: bool,
}

/// A netlink socket of the kernel.
///
/// Sources: netlink(7), sock_diag(7), socket(7), recvfrom(2).
pub(crate) struct SockDiag {
    fd: Arc<OwnedFd>,
    port_id: u32,
}

impl SockDiag {
    /// Opens the socket; no privileges are needed.
    pub(crate) fn open() -> Result<Self, Errno> {
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
        set_socket_timeout(&fd, Timeout::Recv, Some(TIMEOUT))?;
        set_socket_timeout(&fd, Timeout::Send, Some(TIMEOUT))?;
        // Bound explicitly, so that the port id is known before the first answer.
        bind(&fd, &KERNEL)?;
        let port_id = port_id_of(Some(getsockname(&fd)?)).ok_or(Errno::AFNOSUPPORT)?;
        // A connected socket receives from its peer alone: another process with CAP_NET_ADMIN cannot fill its buffer, so
        // that the kernel's answer would be lost. What came before is passed over; a sandbox may refuse the call.
        let _ = connect(&fd, &KERNEL);
        Ok(Self { fd: Arc::new(fd), port_id })
    }
}

impl Peer for SockDiag {
    fn port_id(&self) -> u32 {
        self.port_id
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        sendto(&self.fd, request, SendFlags::empty(), &KERNEL).map(drop)
    }

    fn receive(&mut self, buffer: &mut Vec<u8>) -> Result<Received, Errno> {
        receive(&self.fd, buffer)
    }

    fn receiver(&self) -> Option<Receiver> {
        let fd = Arc::clone(&self.fd);
        Some(Box::new(move |buffer| receive(&fd, buffer)))
    }
}

/// Receives one datagram in place of what is in the buffer; what exceeds its capacity is lost.
pub(crate) fn receive(fd: &OwnedFd, buffer: &mut Vec<u8>) -> Result<Received, Errno> {
    buffer.clear();
    // With TRUNC the length is that of the datagram, even if it does not fit.
    let (_, length, sender) = recvfrom(fd, spare_capacity(buffer), RecvFlags::TRUNC)?;
    let from_kernel = port_id_of(sender) == Some(KERNEL.pid());
    Ok(Received { truncated: length > buffer.len(), from_kernel })
}

/// The port of a netlink address; `None` for another kind of address.
fn port_id_of(address: Option<SocketAddrAny>) -> Option<u32> {
    Some(SocketAddrNetlink::try_from(address?).ok()?.pid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat_wire::linux::netlink::{Messages, NLM_F_ACK, NLM_F_REQUEST};
    use rustix::io::{FdFlags, fcntl_getfd};
    use rustix::net::sockopt::socket_timeout;

    /// A header alone, of a message that the kernel only acknowledges.
    fn noop() -> Vec<u8> {
        let (length, kind, flags) = (16_u32, 0_u16, NLM_F_REQUEST | NLM_F_ACK);
        let (seq, port_id) = (7_u32, 0_u32);
        [
            &length.to_ne_bytes()[..],
            &kind.to_ne_bytes(),
            &flags.to_ne_bytes(),
            &seq.to_ne_bytes(),
            &port_id.to_ne_bytes(),
        ]
        .concat()
    }

    #[test]
    fn kernel_acknowledges_to_the_port_that_it_has_chosen() {
        let mut socket = SockDiag::open().unwrap();
        assert_ne!(socket.port_id(), 0);
        socket.send(&noop()).unwrap();
        let mut buffer = Vec::with_capacity(64);
        let received = socket.receive(&mut buffer).unwrap();
        assert!(received.from_kernel && !received.truncated);
        let answer = Messages::new(&buffer).next().unwrap().unwrap();
        assert_eq!((answer.header.port_id, answer.header.seq), (socket.port_id(), 7));
    }

    #[test]
    fn datagram_of_another_process_is_refused_by_the_kernel() {
        let mut socket = SockDiag::open().unwrap();
        let other =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG));
        let to = SocketAddrNetlink::new(socket.port_id(), 0);
        let errno = sendto(other.unwrap(), &noop(), SendFlags::empty(), &to).unwrap_err();
        // Only with CAP_NET_ADMIN may a process send to others over this protocol.
        assert!([Errno::CONNREFUSED, Errno::PERM].contains(&errno), "{errno}");
        // The kernel's own still come.
        socket.send(&noop()).unwrap();
        assert!(socket.receive(&mut Vec::with_capacity(64)).unwrap().from_kernel);
    }

    #[test]
    fn datagram_that_does_not_fit_is_reported_as_such_and_replaces_what_was_in_the_buffer() {
        let mut socket = SockDiag::open().unwrap();
        let mut received = |room: usize| {
            socket.send(&noop()).unwrap();
            let mut buffer = vec![1; room];
            let received = socket.receive(&mut buffer).unwrap();
            (received, buffer)
        };
        let (received_whole, whole) = received(64);
        assert!(whole.len() > 16 && whole.len() < 64 && !received_whole.truncated, "{received_whole:?}");
        let (received_part, part) = received(16);
        assert_eq!(received_part, Received { truncated: true, ..received_whole });
        assert_eq!(part, whole[..16]);
    }

    #[test]
    fn socket_is_closed_on_exec_and_waits_no_longer_than_the_time_out() {
        let socket = SockDiag::open().unwrap();
        assert_eq!(fcntl_getfd(&socket.fd), Ok(FdFlags::CLOEXEC));
        for call in [Timeout::Recv, Timeout::Send] {
            assert_eq!(socket_timeout(&socket.fd, call), Ok(Some(TIMEOUT)));
        }
    }
}
