//! Dumps of all TCP and UDP sockets, received and not decoded.

use crate::Result;
use netstat_wire::linux::inet_diag::{IPPROTO_UDP, Request, SockId};
use netstat_wire::linux::netlink::{Body, Messages, NLM_F_DUMP, NLMSG_DONE};
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_CLOSING, TCP_ESTABLISHED, mask};
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with, sockopt,
};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The size of the library's buffer.
const BUFFER_BYTES: usize = 64 << 10;
/// `nlmsghdr` and the error code.
const DONE_BYTES: usize = 20;

/// A netlink socket, and the requests of the library: both families of a protocol in one pass.
pub(super) struct Dumps {
    socket: OwnedFd,
    buffer: Vec<u8>,
    requests: [Vec<u8>; 2],
}

impl Dumps {
    pub(super) fn open() -> Result<Self> {
        let socket =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(5)))?;
        let states = (TCP_ESTABLISHED..=TCP_CLOSING).fold(0, |all, state| all | mask(state));
        let request = |states, protocol, seq| {
            Request { ext: 0, states, id: SockId::default(), protocol }.encode(NLM_F_DUMP, seq)
        };
        let udp = mask(TCP_ESTABLISHED) | mask(TCP_CLOSE);
        let requests = [request(states, None, 1), request(udp, Some(u32::from(IPPROTO_UDP)), 2)];
        Ok(Self { socket, buffer: vec![0; BUFFER_BYTES], requests })
    }

    /// Receives all dumps, and checks only whether they have ended.
    pub(super) fn read(&mut self) -> io::Result<()> {
        for request in &self.requests {
            ask(&self.socket, request)?;
            loop {
                let (length, _) = recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?;
                if ends(self.buffer.get(..length).unwrap_or_default()) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Receives all dumps and counts the records.
    pub(super) fn count(&mut self) -> Result<u64> {
        let mut rows = 0;
        for request in &self.requests {
            ask(&self.socket, request)?;
            'answer: loop {
                let (length, _) = recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?;
                for message in Messages::new(self.buffer.get(..length).unwrap_or_default()) {
                    match message?.body {
                        Body::Data(_) => rows += 1,
                        Body::Done { code: 0 } => break 'answer,
                        other => return Err(format!("the dump was answered with {other:?}").into()),
                    }
                }
            }
        }
        Ok(rows)
    }
}

fn ask(socket: &OwnedFd, request: &[u8]) -> io::Result<()> {
    sendto(socket, request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    Ok(())
}

/// Whether the last message of a datagram is the end of a dump. A record that ends in the same bytes would be taken
/// for it; the count of the records shows that.
fn ends(datagram: &[u8]) -> bool {
    let last = datagram.last_chunk::<DONE_BYTES>().map(|last| (&last[..4], &last[4..6]));
    let length = u32::try_from(DONE_BYTES).unwrap_or(0).to_ne_bytes();
    datagram.is_empty() || last == Some((&length, &NLMSG_DONE.to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn end_of_a_dump_is_found_with_and_without_records_before_it() {
        let done: Vec<u8> = [
            &20_u32.to_ne_bytes()[..],
            &NLMSG_DONE.to_ne_bytes(),
            &2_u16.to_ne_bytes(),
            &[1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert!(ends(&done));
        assert!(ends(&[vec![7; 88], done.clone()].concat()));
        assert!(!ends(&[done, vec![7; 88]].concat()));
        assert!(!ends(&[7; 88]));
    }

    #[test]
    fn dumps_can_be_read_to_their_end_repeatedly() {
        let _socket = UdpSocket::bind("127.0.0.1:0").expect("a socket to be found");
        let mut dumps = Dumps::open().expect("netlink");
        for _ in 0..3 {
            dumps.read().expect("to the end");
            assert!(dumps.count().expect("records") >= 1);
        }
    }
}
