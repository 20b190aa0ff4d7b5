//! Tables read from `NETLINK_SOCK_DIAG`: dumps begun anew where the kernel gave up, each row told once.

use super::details;
use super::netlink::{self, BUFFER_BYTES, Ended, Fault, Peer};
use crate::model::socket::Protocol;
use crate::sys::linux::dedup::{ChunkHeads, Reads};
use crate::sys::linux::errno::Errno;
use crate::sys::linux::row;
use crate::sys::linux::rows::Rows;
use crate::sys::linux::sock_diag::request::Table;
use netstat_wire::linux::inet_diag::InetDiagMsg;
use std::ops::ControlFlow;

/// How often a dump that the kernel gave up is begun anew.
const RESTARTS: u32 = 3;

/// Who takes the records of a dump: how often it was begun anew, which datagram it is, and the record.
type Record<'a> = &'a mut dyn FnMut(u32, u32, &[u8]) -> ControlFlow<()>;

/// Conversations over one socket, which is opened when it is needed and again when it has failed.
pub(crate) struct Dumps<P, O> {
    open: O,
    peer: Option<P>,
    buffer: Vec<u8>,
    seq: u32,
    /// Whether long answers may be received on a thread of its own.
    ahead: bool,
}

impl<P: Peer, O: FnMut() -> Result<P, Errno>> Dumps<P, O> {
    pub(crate) fn new(open: O) -> Self {
        Self { open, peer: None, buffer: Vec::new(), seq: 0, ahead: false }
    }

    /// Says whether long answers may be received on a thread of its own.
    pub(crate) fn receive_ahead(&mut self, ahead: bool) -> &mut Self {
        self.ahead = ahead;
        self
    }

    /// Lets go of the socket; the next question opens another one.
    pub(crate) fn close(&mut self) {
        self.peer = None;
    }

    /// One question and its answer.
    pub(crate) fn converse(
        &mut self,
        request: &dyn Fn(u32) -> Vec<u8>,
        one: bool,
        record: &mut dyn FnMut(u32, &[u8]) -> ControlFlow<()>,
    ) -> Result<Ended, Fault> {
        // Taken out: should who takes the records panic, the socket is closed with the conversation on it.
        let mut peer = match self.peer.take() {
            Some(peer) => peer,
            None => (self.open)().map_err(|errno| Fault::Call("socket", errno))?,
        };
        self.buffer.resize(BUFFER_BYTES, 0);
        self.seq = self.seq.wrapping_add(1);
        let request = request(self.seq);
        let ended = netlink::converse(&mut peer, &mut self.buffer, &request, one, self.ahead, record);
        // A conversation that has ended leaves nothing behind; any other would go on into the next.
        let is_over = match &ended {
            Ok(ended) => !ended.broken_off,
            // Another conversation is on it, whosever.
            Err(Fault::Refused(error)) => error.raw_os_error() != Some(Errno::BUSY.raw_os_error()),
            Err(_) => false,
        };
        self.peer = is_over.then_some(peer);
        ended
    }

    /// Reads a table; whether the kernel said that it changed meanwhile.
    pub(crate) fn read(&mut self, table: &Table, rows: &mut Rows<'_>) -> Result<bool, Fault> {
        match table.protocol {
            Protocol::Tcp => self.read_tcp(table, rows),
            Protocol::Udp => self.read_udp(table, rows),
        }
    }

    /// One dump; one that the kernel gave up for want of memory is begun anew.
    fn dump(&mut self, table: &Table, record: Record<'_>) -> Result<Ended, Fault> {
        let mut restarts = 0;
        let mut unfiltered = None;
        loop {
            let table = unfiltered.as_ref().unwrap_or(table);
            let ended = self.converse(&|seq| table.request(seq), false, &mut |chunk, payload| {
                record(restarts, chunk, payload)
            });
            match ended {
                Err(Fault::Overrun) if restarts < RESTARTS => restarts += 1,
                Err(fault) => match table.without_program(&fault) {
                    // Then everything comes, and the predicate alone decides.
                    Some(table) => unfiltered = Some(table),
                    None => return Err(fault),
                },
                ended => return ended,
            }
        }
    }

    fn read_tcp(&mut self, table: &Table, rows: &mut Rows<'_>) -> Result<bool, Fault> {
        let mut heads = ChunkHeads::default();
        // What was told before the dump was begun anew; what has been told since.
        let mut before: Vec<u64> = Vec::new();
        let mut told: Vec<u64> = Vec::new();
        let mut restart = 0;
        let ended = self.dump(table, &mut |restarts, chunk, payload| {
            if restarts != restart {
                restart = restarts;
                before.append(&mut told);
                before.sort_unstable();
                heads = ChunkHeads::default();
            }
            tell(rows, table, payload, &mut |cookie| {
                let new = heads.is_new(chunk, cookie) && before.binary_search(&cookie).is_err();
                if new {
                    told.push(cookie);
                }
                new
            })
        })?;
        Ok(ended.interrupted)
    }

    fn read_udp(&mut self, table: &Table, rows: &mut Rows<'_>) -> Result<bool, Fault> {
        let mut reads = Reads::default();
        loop {
            let ended = self.dump(table, &mut |_, _, payload| {
                tell(rows, table, payload, &mut |cookie| reads.is_new(cookie))
            })?;
            if ended.broken_off || !reads.again_after(ended.chunks) {
                return Ok(ended.interrupted);
            }
        }
    }
}

/// Tells the row of a record, unless its cookie is not new.
fn tell(
    rows: &mut Rows<'_>,
    table: &Table,
    payload: &[u8],
    is_new: &mut dyn FnMut(u64) -> bool,
) -> ControlFlow<()> {
    let Ok(record) = InetDiagMsg::decode(payload) else {
        rows.skipped += 1;
        return ControlFlow::Continue(());
    };
    let Some(mut row) = row::row(&record, table.protocol) else {
        rows.skipped += 1;
        return ControlFlow::Continue(());
    };
    if !is_new(record.id.cookie) {
        return ControlFlow::Continue(());
    }
    if !rows.details.is_empty() {
        match details::details(rows.details, table.protocol, &record, payload) {
            Ok(details) => row.details = details,
            Err(_) => rows.skipped += 1,
        }
    }
    rows.tell(row)
}
