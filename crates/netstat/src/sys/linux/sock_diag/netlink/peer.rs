//! The netlink socket, behind a seam at which tests put a scripted one.

use super::ffi;
use crate::sys::linux::errno::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Twice the most that the kernel puts into one datagram of a dump.
pub(crate) const BUFFER_BYTES: usize = 64 * 1024;

/// How many seconds one answer may take. The kernel answers within a receive; only a stalled dump waits.
const TIMEOUT: u16 = 5;

/// The seam to the kernel: one netlink socket.
pub(crate) trait Peer: Send {
    /// The port id that answers to this socket carry.
    fn port_id(&self) -> u32;
    /// Sends one request.
    fn send(&mut self, request: &[u8]) -> Result<(), Errno>;
    /// Receives one datagram.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno>;

    /// Receives from this socket on another thread. `None`: only this thread can.
    fn receiver(&self) -> Option<Receiver> {
        None
    }
}

/// Receives one datagram, on any thread.
pub(crate) type Receiver = Box<dyn FnMut(&mut [u8]) -> Result<Received, Errno> + Send>;

/// What one receive returned.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) length: usize,
    /// The datagram did not fit into the buffer; what is missing is lost.
    pub(crate) truncated: bool,
    /// The kernel sent it, and no other process.
    pub(crate) from_kernel: bool,
}

/// A socket of the real kernel.
pub(crate) struct SockDiag {
    fd: Arc<OwnedFd>,
    port_id: u32,
}

impl SockDiag {
    /// Opens the socket; no right is needed.
    pub(crate) fn open() -> Result<Self, Errno> {
        let fd = ffi::open()?;
        ffi::set_timeouts(fd.as_fd(), TIMEOUT)?;
        // Bound explicitly, so that the port id is known before the first answer.
        let port_id = ffi::bind(fd.as_fd())?;
        Ok(Self { fd: Arc::new(fd), port_id })
    }
}

impl Peer for SockDiag {
    fn port_id(&self) -> u32 {
        self.port_id
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        ffi::send(self.fd.as_fd(), request)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        receive(&self.fd, buffer)
    }

    fn receiver(&self) -> Option<Receiver> {
        let fd = Arc::clone(&self.fd);
        Some(Box::new(move |buffer| receive(&fd, buffer)))
    }
}

fn receive(fd: &OwnedFd, buffer: &mut [u8]) -> Result<Received, Errno> {
    let datagram = ffi::receive(fd.as_fd(), buffer)?;
    Ok(Received {
        length: datagram.length,
        truncated: datagram.length > buffer.len(),
        from_kernel: datagram.port_id == Some(0),
    })
}
