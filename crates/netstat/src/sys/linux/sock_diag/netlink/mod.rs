//! The conversation with `NETLINK_SOCK_DIAG`: one dump, from request to its end.
//!
//! A dump is asked for with one datagram and answered with many. Each receive copies out one chunk that the
//! kernel prepared earlier and prepares the next: at most 32 KiB, and never more than the largest buffer
//! this socket has received with. The end is `NLMSG_DONE`, whose payload is the error code: a protocol
//! without a handler in this kernel ends so at once with `-ENOENT`, and who does not look there takes "not
//! supported" for "no sockets". A missing family handler, a refused filter or a busy socket come as
//! `NLMSG_ERROR`.
//!
//! Sources: netlink(7), sock_diag(7), include/uapi/linux/netlink.h, net/netlink/af_netlink.c.

mod ffi;

use crate::sys::linux::errno::Errno;
use crate::sys::linux::sock_diag::pipeline;
use netstat_wire::linux::netlink::{Body, Header, Messages, NLM_F_ACK};
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};

/// Twice the most that the kernel puts into one datagram of a dump.
pub(crate) const BUFFER_BYTES: usize = 64 * 1024;

/// How many seconds one answer may take. The kernel answers within a receive; only a stalled dump waits.
const TIMEOUT: u16 = 5;

/// How many receives may bring nothing of ours (signals, other senders) before a dump is given up.
const IDLE_RECEIVES: u32 = 10_000;

/// The seam to the kernel: one netlink socket. A scripted peer stands here in tests.
pub(crate) trait Peer {
    /// The port id that answers to this socket carry.
    fn port_id(&self) -> u32;
    /// Sends one request.
    fn send(&mut self, request: &[u8]) -> Result<(), Errno>;
    /// Receives one datagram.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno>;

    /// Receives datagrams until `take` has had enough.
    fn receive_all(&mut self, buffer: &mut [u8], take: Take<'_>) {
        while {
            let received = self.receive(buffer);
            take(received, buffer).is_continue()
        } {}
    }

    /// The same on a thread of its own, where one can be had: see [`receive_ahead`](crate::sys::linux::sock_diag::pipeline).
    fn receive_ahead(&mut self, buffer: &mut Vec<u8>, _is_last: IsLast<'_>, take: Take<'_>) {
        self.receive_all(buffer, take);
    }
}

/// Who takes what was received, and says whether there may be more.
pub(crate) type Take<'a> = &'a mut dyn FnMut(Result<Received, Errno>, &[u8]) -> ControlFlow<()>;

/// Whether nothing comes after a datagram.
pub(crate) type IsLast<'a> = &'a (dyn Fn(&[u8]) -> bool + Sync);

/// What one receive brought.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) length: usize,
    /// The datagram did not fit into the buffer; what is missing is lost.
    pub(crate) truncated: bool,
    /// It came from the kernel and from nobody else.
    pub(crate) from_kernel: bool,
}

/// A socket of the real kernel.
pub(crate) struct SockDiag {
    fd: OwnedFd,
    port_id: u32,
}

impl SockDiag {
    /// Opens the socket; no right is needed.
    pub(crate) fn open() -> Result<Self, Errno> {
        let fd = ffi::open()?;
        ffi::set_timeouts(fd.as_fd(), TIMEOUT)?;
        // Bound by hand, so that the port id is known before the first answer.
        let port_id = ffi::bind(fd.as_fd())?;
        Ok(Self { fd, port_id })
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
        let datagram = ffi::receive(self.fd.as_fd(), buffer)?;
        Ok(Received {
            length: datagram.length,
            truncated: datagram.length > buffer.len(),
            from_kernel: datagram.port_id == Some(0),
        })
    }

    fn receive_ahead(&mut self, buffer: &mut Vec<u8>, is_last: IsLast<'_>, take: Take<'_>) {
        pipeline::receive_all(self, buffer, is_last, take);
    }
}

/// How a dump that was not refused ended.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Datagrams that held records. A table that came in one was read in one go.
    pub(crate) chunks: u32,
    /// The kernel said that the table changed while it was dumped.
    pub(crate) interrupted: bool,
    /// The receiver of the records broke off; the socket still has an unfinished dump.
    pub(crate) broken_off: bool,
}

/// Why a conversation failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The socket could not be opened, or a call on it failed.
    Call(&'static str, Errno),
    /// The kernel answered with an error code.
    Refused(io::Error),
    /// The kernel could not queue an answer: it stops there, and nothing more will come.
    Overrun,
    /// An answer was longer than the buffer.
    Truncated,
    /// An answer was not what netlink looks like.
    Malformed(netstat_wire::DecodeError),
    /// Nothing came in time, or nothing but what others sent.
    TimedOut,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call, errno) => write!(f, "{call}: {}", io::Error::from(*errno)),
            Self::Refused(error) => error.fmt(f),
            Self::Overrun => f.write_str("the kernel dropped an answer for want of memory"),
            Self::Truncated => f.write_str("an answer did not fit into the buffer"),
            Self::Malformed(error) => error.fmt(f),
            Self::TimedOut => f.write_str("no answer in time"),
        }
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            // This kernel has no such thing, or a sandbox says so.
            Fault::Call(_, errno @ (Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT | Errno::OPNOTSUPP)) => {
                Self::new(io::ErrorKind::Unsupported, Self::from(errno))
            }
            Fault::Call(_, errno) => errno.into(),
            // It has the interface, without a handler for this family or protocol.
            Fault::Refused(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()) => {
                Self::new(io::ErrorKind::Unsupported, error)
            }
            Fault::Refused(error) => error,
            Fault::TimedOut => Self::new(io::ErrorKind::TimedOut, Fault::TimedOut.to_string()),
            other => Self::other(other.to_string()),
        }
    }
}

/// Sends one request and hands over each record of the answer, with the number of the datagram it came in.
///
/// The request's sequence number must be new to this socket: answers with another one, of another type or
/// for another port are left aside. A request that is no dump is answered by one record without an end:
/// with `one`, the first record ends the conversation. With `ahead`, a long answer is received on a thread of its own.
pub(crate) fn converse<P: Peer>(
    peer: &mut P,
    buffer: &mut Vec<u8>,
    request: &[u8],
    one: bool,
    ahead: bool,
    record: &mut dyn FnMut(u32, &[u8]) -> ControlFlow<()>,
) -> Result<Ended, Fault> {
    let asked = Messages::new(request).next().ok_or(Fault::TimedOut)?.map_err(Fault::Malformed)?.header;
    let question = Question { asked: Header { port_id: peer.port_id(), ..asked }, one };
    let mut idle = 0;
    while let Err(errno) = peer.send(request) {
        if errno != Errno::INTR || idle >= IDLE_RECEIVES {
            return Err(Fault::Call("send", errno));
        }
        idle += 1;
    }
    let mut ended = Ended::default();
    let mut outcome = Err(Fault::TimedOut);
    let mut take = |received: Result<Received, Errno>, buffer: &[u8]| {
        if idle >= IDLE_RECEIVES {
            return ControlFlow::Break(());
        }
        match question.take(received, buffer, &mut ended, record) {
            Ok(Told::More { ours }) => {
                idle = if ours { 0 } else { idle + 1 };
                ControlFlow::Continue(())
            }
            Ok(Told::All) => {
                outcome = Ok(());
                ControlFlow::Break(())
            }
            Err(fault) => {
                outcome = Err(fault);
                ControlFlow::Break(())
            }
        }
    };
    if ahead {
        peer.receive_ahead(buffer, &|datagram| question.is_last(datagram), &mut take);
    } else {
        peer.receive_all(buffer, &mut take);
    }
    outcome.map(|()| ended)
}

/// What was asked, and by whom.
struct Question {
    /// The header of the request, with the port that the answer comes to.
    asked: Header,
    one: bool,
}

/// What one receive told.
enum Told {
    /// There is more to come; whether this was part of the answer.
    More {
        ours: bool,
    },
    All,
}

impl Question {
    fn is_ours(&self, header: &Header) -> bool {
        header.seq == self.asked.seq && header.port_id == self.asked.port_id
    }

    /// Whether nothing comes after this datagram.
    fn is_last(&self, datagram: &[u8]) -> bool {
        Messages::new(datagram).any(|message| match message {
            Ok(message) => {
                let goes_on = matches!(message.body, Body::Data(_) | Body::Noop | Body::Error { code: 0 });
                self.is_ours(&message.header) && !goes_on
            }
            Err(_) => true,
        })
    }

    /// Hands over the records of one datagram.
    fn take(
        &self,
        received: Result<Received, Errno>,
        buffer: &[u8],
        ended: &mut Ended,
        record: &mut dyn FnMut(u32, &[u8]) -> ControlFlow<()>,
    ) -> Result<Told, Fault> {
        let received = match received {
            Ok(received) => received,
            Err(Errno::INTR) => return Ok(Told::More { ours: false }),
            // EAGAIN is what a receive time-out looks like.
            Err(Errno::AGAIN) => return Err(Fault::TimedOut),
            Err(Errno::NOBUFS) => return Err(Fault::Overrun),
            Err(errno) => return Err(Fault::Call("receive", errno)),
        };
        if !received.from_kernel {
            return Ok(Told::More { ours: false });
        }
        if received.truncated {
            return Err(Fault::Truncated);
        }
        let datagram = buffer.get(..received.length).ok_or(Fault::Truncated)?;
        let mut has_records = false;
        let mut ours = false;
        for message in Messages::new(datagram) {
            let message = message.map_err(Fault::Malformed)?;
            if !self.is_ours(&message.header) {
                continue;
            }
            ours = true;
            ended.interrupted |= message.interrupted();
            match message.body {
                // What was to be acknowledged has been.
                Body::Error { code: 0 } if self.asked.flags & NLM_F_ACK != 0 => return Ok(Told::All),
                Body::Noop | Body::Error { code: 0 } => {}
                Body::Done { code: 0 } => return Ok(Told::All),
                Body::Done { code } | Body::Error { code } => {
                    return Err(Fault::Refused(io::Error::from_raw_os_error(code.saturating_neg())));
                }
                Body::Overrun => return Err(Fault::Overrun),
                Body::Data(_) if message.header.kind != self.asked.kind => {}
                Body::Data(payload) => {
                    if !has_records {
                        has_records = true;
                        ended.chunks += 1;
                    }
                    if record(ended.chunks, payload).is_break() {
                        ended.broken_off = true;
                        return Ok(Told::All);
                    }
                    if self.one {
                        return Ok(Told::All);
                    }
                }
            }
        }
        Ok(Told::More { ours })
    }
}
