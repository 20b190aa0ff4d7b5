//! Reads the answer to one request, record by record.

use super::fault::Fault;
use super::peer::{Peer, Received};
use super::pipeline::Pipeline;
use netstat_wire::linux::netlink::{Body, Header, Messages, NLM_F_ACK, NLM_F_DUMP, NLMSG_HDRLEN};
use rustix::io::Errno;
use std::io;
use std::ops::Range;

/// How many successive calls may contribute nothing to an answer (signals, other senders) before the answer is
/// abandoned.
const IDLE_CALLS: u32 = 10_000;

/// How many datagrams are received before a second thread is started: a short table is complete by then.
const SYNC_DATAGRAMS: u32 = 8;

/// One record of an answer.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Record<'a> {
    /// The number of the datagram that it came in, from 1.
    pub(crate) chunk: u32,
    pub(crate) payload: &'a [u8],
}

/// An answer that is being read.
///
/// A complete answer leaves nothing on the socket, which is then kept for the next request. If it is dropped before
/// that, also by a panic, it closes the socket: the rest of the answer would be taken for part of the next one.
pub(crate) struct Answer<'d> {
    sent: SentRequest,
    /// `None` when the answer has ended.
    peer: Option<Box<dyn Peer>>,
    /// Where the socket is kept for the next request.
    kept: &'d mut Option<Box<dyn Peer>>,
    may_receive_ahead: bool,
    pipeline: Option<Pipeline>,
    buffer: &'d mut Vec<u8>,
    /// The datagram in the buffer: where its next message starts, and whether a record was found in it.
    offset: usize,
    has_records: bool,
    received: u32,
    idle: u32,
    chunks: u32,
    interrupted: bool,
}

impl<'d> Answer<'d> {
    /// Sends a request, whose sequence number must be new to this socket. The buffer is empty, and has room for a datagram. With `ahead`, a long answer is received on a
    /// second thread.
    pub(crate) fn begin(
        mut peer: Box<dyn Peer>,
        kept: &'d mut Option<Box<dyn Peer>>,
        buffer: &'d mut Vec<u8>,
        request: &[u8],
        ahead: bool,
    ) -> Result<Self, Fault> {
        let header = Messages::new(request).next().ok_or(Fault::TimedOut)?.map_err(Fault::Malformed)?.header;
        let sent = SentRequest { header: Header { port_id: peer.port_id(), ..header } };
        let mut idle = 0;
        while let Err(errno) = peer.send(request) {
            if errno != Errno::INTR || idle >= IDLE_CALLS {
                return Err(Fault::Call("send", errno));
            }
            idle += 1;
        }
        Ok(Self {
            may_receive_ahead: ahead && sent.is_dump(),
            sent,
            peer: Some(peer),
            kept,
            pipeline: None,
            buffer,
            offset: 0,
            has_records: false,
            received: 0,
            idle,
            chunks: 0,
            interrupted: false,
        })
    }

    /// The next record; `None` when the answer is complete.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, Fault> {
        if self.peer.is_none() {
            return Ok(None);
        }
        match self.advance() {
            Ok(Some(payload)) => {
                if self.sent.is_lookup() {
                    self.keep_socket();
                }
                let payload = self.buffer.get(payload).unwrap_or_default();
                Ok(Some(Record { chunk: self.chunks, payload }))
            }
            Ok(None) => {
                self.keep_socket();
                Ok(None)
            }
            Err(fault) => {
                match &fault {
                    // The answer is an error code, and nothing follows it; with EBUSY, another dump is running on
                    // the socket.
                    Fault::Refused(error) if error.raw_os_error() != Some(Errno::BUSY.raw_os_error()) => {
                        self.keep_socket();
                    }
                    _ => self.close_socket(),
                }
                Err(fault)
            }
        }
    }

    /// Reads the answer to its end.
    pub(crate) fn finish(mut self) -> Result<(), Fault> {
        while self.next()?.is_some() {}
        Ok(())
    }

    /// How many datagrams held records. A table in one datagram was read atomically.
    pub(crate) fn chunks(&self) -> u32 {
        self.chunks
    }

    /// Whether the kernel has reported that the table changed while it was dumped.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted
    }

    fn keep_socket(&mut self) {
        self.pipeline = None;
        *self.kept = self.peer.take();
    }

    fn close_socket(&mut self) {
        self.pipeline = None;
        self.peer = None;
    }

    /// Finds the next record, and returns where in the buffer its payload is.
    fn advance(&mut self) -> Result<Option<Range<usize>>, Fault> {
        loop {
            let mut messages = Messages::resume(self.buffer, self.offset);
            while let Some(message) = messages.next() {
                let start = self.offset + NLMSG_HDRLEN;
                self.offset = messages.offset();
                let message = message.map_err(Fault::Malformed)?;
                if !self.sent.is_ours(&message.header) {
                    continue;
                }
                self.idle = 0;
                self.interrupted |= message.interrupted();
                match message.body {
                    Body::Error { code: 0 } if self.sent.wants_acknowledgement() => return Ok(None),
                    Body::Noop | Body::Error { code: 0 } => {}
                    Body::Done { code: 0 } => return Ok(None),
                    Body::Done { code } | Body::Error { code } => {
                        return Err(Fault::Refused(io::Error::from_raw_os_error(code.saturating_neg())));
                    }
                    Body::Overrun => return Err(Fault::Overrun),
                    Body::Data(_) if message.header.kind != self.sent.header.kind => {}
                    Body::Data(payload) => {
                        if !self.has_records {
                            self.has_records = true;
                            self.chunks += 1;
                        }
                        return Ok(Some(start..start + payload.len()));
                    }
                }
            }
            self.receive()?;
        }
    }

    /// Receives the next datagram of the kernel.
    fn receive(&mut self) -> Result<(), Fault> {
        while self.idle < IDLE_CALLS {
            // Reset when a message of this answer is found in it.
            self.idle += 1;
            let received = match self.receive_one() {
                Ok(received) => received,
                Err(Errno::INTR) => continue,
                // EAGAIN is how a receive time-out is reported.
                Err(Errno::AGAIN) => return Err(Fault::TimedOut),
                Err(Errno::NOBUFS) => return Err(Fault::Overrun),
                Err(errno) => return Err(Fault::Call("receive", errno)),
            };
            if !received.from_kernel {
                continue;
            }
            if received.truncated {
                return Err(Fault::Truncated);
            }
            (self.offset, self.has_records) = (0, false);
            return Ok(());
        }
        Err(Fault::TimedOut)
    }

    /// Receives one datagram, on this thread or from the pipeline.
    fn receive_one(&mut self) -> Result<Received, Errno> {
        let Some(peer) = &mut self.peer else { return Err(Errno::BADF) };
        if self.may_receive_ahead && self.received >= SYNC_DATAGRAMS {
            self.may_receive_ahead = false;
            let sent = self.sent;
            self.pipeline = peer
                .receiver()
                .and_then(|receiver| Pipeline::start(receiver, move |datagram| sent.is_last(datagram)));
        }
        self.received = self.received.saturating_add(1);
        match &mut self.pipeline {
            Some(pipeline) => pipeline.receive(self.buffer),
            None => peer.receive(self.buffer),
        }
    }
}

/// The request, and the port that sent it.
#[derive(Copy, Clone)]
struct SentRequest {
    /// The header of the request, with the port that the answer is sent to.
    header: Header,
}

impl SentRequest {
    fn is_dump(&self) -> bool {
        self.header.flags & NLM_F_DUMP != 0
    }

    fn wants_acknowledgement(&self) -> bool {
        self.header.flags & NLM_F_ACK != 0
    }

    /// Whether the answer is one record, with nothing after it.
    fn is_lookup(&self) -> bool {
        !self.is_dump() && !self.wants_acknowledgement()
    }

    /// Whether a message answers this request. One with another sequence number or for another port does not.
    fn is_ours(&self, header: &Header) -> bool {
        header.seq == self.header.seq && header.port_id == self.header.port_id
    }

    /// Whether the kernel sends nothing after this datagram of a dump.
    fn is_last(&self, datagram: &[u8]) -> bool {
        Messages::new(datagram).any(|message| match message {
            Ok(message) => {
                let goes_on = matches!(message.body, Body::Data(_) | Body::Noop | Body::Error { code: 0 });
                self.is_ours(&message.header) && !goes_on
            }
            Err(_) => true,
        })
    }
}
