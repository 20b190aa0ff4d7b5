//! The calls on a netlink socket, one a function.
#![allow(unsafe_code, reason = "foreign calls are made only in files of this name")]

use crate::sys::linux::errno::Errno;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The result of one receive.
pub(crate) struct Datagram {
    /// Its length, which may exceed the buffer.
    pub(crate) length: usize,
    /// The sender's port: 0 is the kernel.
    pub(crate) port_id: Option<u32>,
}

const ADDRESS_BYTES: libc::socklen_t = size_of_as::<libc::sockaddr_nl>();

/// The size of a structure, in the type that calls take.
const fn size_of_as<T>() -> libc::socklen_t {
    #[allow(clippy::cast_possible_truncation, reason = "structures of some bytes")]
    let size = size_of::<T>() as libc::socklen_t;
    size
}

/// The address of the kernel. In a bind, the kernel chooses the port.
const fn kernel() -> libc::sockaddr_nl {
    // SAFETY: a structure of numbers, all of which may be zero.
    let mut address: libc::sockaddr_nl = unsafe { mem::zeroed() };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 16")]
    let family = libc::AF_NETLINK as libc::sa_family_t;
    address.nl_family = family;
    address
}

fn done(answer: libc::c_int) -> Result<(), Errno> {
    if answer == 0 { Ok(()) } else { Err(Errno::last()) }
}

/// Opens a socket of `NETLINK_SOCK_DIAG`, closed on exec.
///
/// # Sources
/// socket(2), netlink(7), sock_diag(7).
pub(crate) fn open() -> Result<OwnedFd, Errno> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: the call takes integers only.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) };
    if fd < 0 {
        return Err(Errno::last());
    }
    // SAFETY: the kernel has just made it for this caller, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets how many seconds one call may wait, to send or to receive.
///
/// # Sources
/// socket(7), `SO_RCVTIMEO` and `SO_SNDTIMEO`.
pub(crate) fn set_timeouts(socket: BorrowedFd<'_>, seconds: u16) -> Result<(), Errno> {
    let value = libc::timeval { tv_sec: seconds.into(), tv_usec: 0 };
    for option in [libc::SO_RCVTIMEO, libc::SO_SNDTIMEO] {
        let (fd, size) = (socket.as_raw_fd(), size_of_as::<libc::timeval>());
        // SAFETY: the value is the one of these options, and of the size given.
        done(unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, option, (&raw const value).cast(), size) })?;
    }
    Ok(())
}

/// Binds to a port that the kernel chooses, and returns the port.
///
/// # Sources
/// bind(2), getsockname(2), netlink(7).
pub(crate) fn bind(socket: BorrowedFd<'_>) -> Result<u32, Errno> {
    let fd = socket.as_raw_fd();
    let mut address = kernel();
    // SAFETY: the address is one of netlink, and of the size given.
    done(unsafe { libc::bind(fd, (&raw const address).cast(), ADDRESS_BYTES) })?;
    let mut size = ADDRESS_BYTES;
    // SAFETY: the address may be written to the size given.
    done(unsafe { libc::getsockname(fd, (&raw mut address).cast(), &raw mut size) })?;
    Ok(address.nl_pid)
}

/// Sends one datagram to the kernel.
///
/// # Sources
/// sendto(2), netlink(7).
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), Errno> {
    let (fd, start, length, to) = (socket.as_raw_fd(), bytes.as_ptr(), bytes.len(), kernel());
    // SAFETY: there are so many bytes, and the address is one of netlink and of the size given.
    let sent = unsafe { libc::sendto(fd, start.cast(), length, 0, (&raw const to).cast(), ADDRESS_BYTES) };
    if sent < 0 { Err(Errno::last()) } else { Ok(()) }
}

/// Receives one datagram; what does not fit into the buffer is lost.
///
/// # Sources
/// recvfrom(2), netlink(7); `MSG_TRUNC`: the length is that of the datagram, whether or not it fits.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Datagram, Errno> {
    let (fd, start, length) = (socket.as_raw_fd(), buffer.as_mut_ptr(), buffer.len());
    let (mut from, mut size) = (kernel(), ADDRESS_BYTES);
    let address = (&raw mut from).cast();
    // SAFETY: the buffer may be written to its length, and the address to the size given.
    let received =
        unsafe { libc::recvfrom(fd, start.cast(), length, libc::MSG_TRUNC, address, &raw mut size) };
    let length = usize::try_from(received).map_err(|_| Errno::last())?;
    Ok(Datagram { length, port_id: (size == ADDRESS_BYTES).then_some(from.nl_pid) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat_wire::linux::netlink::{Messages, NLM_F_ACK, NLM_F_REQUEST};
    use std::os::fd::AsFd;

    /// A header alone, of a message that there is nothing to do for but to acknowledge it.
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
        let socket = open().unwrap();
        set_timeouts(socket.as_fd(), 5).unwrap();
        let port_id = bind(socket.as_fd()).unwrap();
        assert_ne!(port_id, 0);
        send(socket.as_fd(), &noop()).unwrap();
        let mut buffer = [0; 64];
        let datagram = receive(socket.as_fd(), &mut buffer).unwrap();
        assert_eq!(datagram.port_id, Some(0));
        let answer = Messages::new(&buffer[..datagram.length]).next().unwrap().unwrap();
        assert_eq!((answer.header.port_id, answer.header.seq), (port_id, 7));
    }

    #[test]
    fn length_is_that_of_the_datagram_even_if_there_is_no_room_for_it() {
        let socket = open().unwrap();
        set_timeouts(socket.as_fd(), 5).unwrap();
        bind(socket.as_fd()).unwrap();
        let length = |room| {
            send(socket.as_fd(), &noop()).unwrap();
            receive(socket.as_fd(), &mut vec![0; room]).unwrap().length
        };
        let whole = length(64);
        assert!(whole > 16, "{whole}");
        assert_eq!(length(16), whole);
    }
}
