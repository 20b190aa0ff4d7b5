//! Reads tables over `NETLINK_SOCK_DIAG`: restarts interrupted dumps, and emits each row once.

use super::lookup;
use super::netlink::{Answer, BUFFER_BYTES, Fault, Peer};
use super::request::Table;
use super::selection::Selection;
use crate::engine::tables::TableRows;
use crate::log::debug;
use crate::model::family::Family;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::sys::linux::dedup::Dedup;
use crate::sys::linux::protocols::Dump;
use crate::sys::linux::sctp::SctpRows;
use crate::sys::linux::{details, raw, row};
use netstat_wire::linux::inet_diag::InetDiagMsg;
use rustix::io::Errno;
use std::borrow::Cow;

/// How often a dump is restarted after an overrun.
const RESTARTS: u32 = 3;

/// Opens a netlink socket.
type Open<'o> = Box<dyn FnMut() -> Result<Box<dyn Peer>, Errno> + Send + 'o>;

/// Requests over one netlink socket, which is opened when it is needed and reopened after a failure.
pub(crate) struct Dumps<'o> {
    open: Open<'o>,
    peer: Option<Box<dyn Peer>>,
    buffer: Vec<u8>,
    seq: u32,
    /// Whether long answers may be received on a second thread.
    ahead: bool,
    /// The call by which a failure to open it is named.
    opened_by: &'static str,
}

impl<'o> Dumps<'o> {
    pub(crate) fn new<P: Peer + 'static>(
        mut open: impl FnMut() -> Result<P, Errno> + Send + 'o,
    ) -> Dumps<'o> {
        let open: Open<'o> = Box::new(move || Ok(Box::new(open()?)));
        Self { open, peer: None, buffer: Vec::new(), seq: 0, ahead: false, opened_by: "socket" }
    }

    /// The same, of a socket whose opening fails by this call rather than by socket(2).
    pub(crate) fn opening_by(self, call: &'static str) -> Self {
        Self { opened_by: call, ..self }
    }

    /// Uses a socket that is open already.
    pub(crate) fn set_peer(&mut self, peer: impl Peer + 'static) {
        self.peer = Some(Box::new(peer));
    }

    /// Exchanges the buffer for another one, so that several of these can share one.
    pub(crate) fn swap_buffer(&mut self, buffer: &mut Vec<u8>) {
        std::mem::swap(&mut self.buffer, buffer);
    }

    /// Sets whether long answers may be received on a second thread.
    pub(crate) fn receive_ahead(&mut self, ahead: bool) -> &mut Self {
        self.ahead = ahead;
        self
    }

    /// Opens the socket before other threads take the descriptors that are left. A failure is that of the next request.
    pub(crate) fn open_early(&mut self) {
        if self.peer.is_none() {
            self.peer = (self.open)().ok();
        }
    }

    /// Closes the socket; the next request opens another one.
    pub(crate) fn close(&mut self) {
        self.peer = None;
    }

    /// Sends the request with this sequence number, and returns its answer to be read.
    pub(crate) fn ask(&mut self, request: impl FnOnce(u32) -> Vec<u8>) -> Result<Answer<'_>, Fault> {
        let peer = match self.peer.take() {
            Some(peer) => peer,
            None => (self.open)().map_err(|errno| Fault::Call(self.opened_by, errno))?,
        };
        // Not zeroed: pages are touched only where the kernel writes.
        self.buffer.clear();
        self.buffer.reserve_exact(BUFFER_BYTES);
        self.seq = self.seq.wrapping_add(1);
        Answer::begin(peer, &mut self.peer, &mut self.buffer, &request(self.seq), self.ahead)
    }

    /// Reads a table, or looks up the connections that are wanted of it.
    pub(crate) fn read(&mut self, table: &Table, rows: &mut TableRows<'_>) -> Result<(), Fault> {
        if let Some(found) = self.look_up(table) {
            let _ = found.into_iter().try_for_each(|row| rows.emit(row));
            return Ok(());
        }
        if let Some(parts) = table.in_parts() {
            let mut interrupted = false;
            for part in parts {
                self.read(&part, rows)?;
                interrupted |= rows.interrupted;
            }
            rows.interrupted = interrupted;
            return Ok(());
        }
        match table.selection {
            Selection { info, .. } if info.protocol == Protocol::Sctp => return self.read_sctp(table, rows),
            Selection { info, family: None, .. } if info.dump == Dump::Raw => {
                return self.read_each_family(table, rows);
            }
            _ => {}
        }
        let mut dedup = Dedup::new(table.selection.info.repeats);
        let mut table = Cow::Borrowed(table);
        let mut restarts = 0;
        loop {
            match self.read_once(&table, &mut dedup, rows) {
                Ok(chunks) if rows.stopped || !dedup.needs_another_read(chunks) => return Ok(()),
                Ok(_) => restarts = 0,
                Err(Fault::Overrun) if restarts < RESTARTS => {
                    restarts += 1;
                    dedup.restart();
                }
                Err(fault) => {
                    // Without the program every row is returned, and the predicate alone decides.
                    let Some(unfiltered) = table.without_program(&fault) else { return Err(fault) };
                    debug!("sock_diag {table}: {fault}; the whole table is read, without a filter program");
                    table = Cow::Owned(unfiltered);
                    dedup.restart();
                }
            }
        }
    }

    /// Reads a table that has one dump for each family.
    fn read_each_family(&mut self, table: &Table, rows: &mut TableRows<'_>) -> Result<(), Fault> {
        for family in table.selection.families() {
            let selection = Selection { family: Some(*family), ..table.selection };
            self.read(&Table { selection, ..table.clone() }, rows)?;
        }
        Ok(())
    }

    /// Looks up the connections that are wanted of a table. `None`: none is named, or not all were found.
    fn look_up(&mut self, table: &Table) -> Option<Vec<Socket>> {
        if table.connections.is_empty() {
            return None;
        }
        let mut found = Vec::new();
        for ends in &table.connections {
            let request = lookup::request(table, *ends)?;
            let mut answer = self.ask(|seq| request.encode(0, seq)).ok()?;
            found.push(lookup::row(table, *ends, answer.next().ok()??.payload)?);
        }
        Some(found)
    }

    /// One dump, up to its end or until the sink stops it. Returns how many datagrams had records.
    fn read_once(
        &mut self,
        table: &Table,
        dedup: &mut Dedup,
        rows: &mut TableRows<'_>,
    ) -> Result<u32, Fault> {
        let info = table.selection.info;
        // Each has a loop of its own, so that a row of TCP or UDP costs nothing for the others.
        match info.protocol {
            Protocol::Raw(_) => self.read_rows(table, dedup, rows, raw::row_of_family),
            _ => self
                .read_rows(table, dedup, rows, |family, message| row::row_of_family(family, message, info)),
        }
    }

    #[inline] // A row has nearly 200 bytes, which each call may move.
    fn read_rows(
        &mut self,
        table: &Table,
        dedup: &mut Dedup,
        rows: &mut TableRows<'_>,
        to_row: impl Fn(Family, &InetDiagMsg) -> Socket,
    ) -> Result<u32, Fault> {
        let info = table.selection.info;
        let mut answer = self.ask(|seq| table.request(seq))?;
        while let Some(record) = answer.next()? {
            let Ok(message) = InetDiagMsg::decode(record.payload) else {
                rows.skipped += 1;
                continue;
            };
            if !dedup.is_new(record.chunk, message.id.cookie) {
                continue;
            }
            let Some(family) = row::ip_family(&message) else {
                rows.skipped += 1;
                continue;
            };
            let mut row = to_row(family, &message);
            if !table.details.is_empty() {
                match details::details(table.details, info, &message, record.payload) {
                    Ok(details) => row.set_details(details),
                    Err(_) => rows.skipped += 1,
                }
            }
            if rows.emit(row).is_break() {
                break;
            }
        }
        // Set if the table changed while it was dumped. The last dump counts.
        rows.interrupted = answer.interrupted();
        Ok(answer.chunks())
    }

    /// Reads the table of SCTP, whose rows are known when it has been read.
    fn read_sctp(&mut self, table: &Table, rows: &mut TableRows<'_>) -> Result<(), Fault> {
        let mut restarts = 0;
        let found = loop {
            match self.read_sctp_once(table, rows) {
                Err(Fault::Overrun) if restarts < RESTARTS => restarts += 1,
                result => break result?,
            }
        };
        let _ = found.into_rows().try_for_each(|row| rows.emit(row));
        Ok(())
    }

    fn read_sctp_once(&mut self, table: &Table, rows: &mut TableRows<'_>) -> Result<SctpRows, Fault> {
        let info = table.selection.info;
        let mut found = SctpRows::default();
        let mut skipped = 0;
        let mut answer = self.ask(|seq| table.request(seq))?;
        while let Some(record) = answer.next()? {
            let message = InetDiagMsg::decode(record.payload).ok();
            let Some((message, family)) = message.and_then(|it| Some((it, row::ip_family(&it)?))) else {
                skipped += 1;
                continue;
            };
            let mut lacks_details = false;
            let added = found.add_record(family, &message, record.payload, |row| {
                match details::details(table.details, info, &message, record.payload) {
                    Ok(details) => row.set_details(details),
                    Err(_) => lacks_details = true,
                }
            });
            skipped += u64::from(added.is_err() || lacks_details);
        }
        (rows.interrupted, rows.skipped) = (answer.interrupted(), skipped);
        Ok(found)
    }
}
