//! Reading several tables of sockets, each of which may fail by itself.
//!
//! - A table that cannot be read from its best source is read from the next, which is a gap ([`GapKind::Fallback`]). One
//!   that no source has is a gap too.
//! - If no table at all could be read, the first failure is the error: never an empty list.
//! - Rows that were emitted stay emitted. A source that fails after that has been interrupted; another one would emit
//!   its rows twice.
#![allow(dead_code, reason = "a system without a back end has no tables")]

use crate::log::debug;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::socket::Socket;
use std::fmt::Display;
use std::ops::ControlFlow;

/// Gets the rows.
pub(crate) type Sink<'s> = dyn FnMut(Socket) -> ControlFlow<()> + 's;

/// The rows of one table as one source has them, and what is to be said of them.
pub(crate) struct TableRows<'s> {
    sink: &'s mut Sink<'s>,
    emitted: u64,
    /// Records that could not be decoded.
    pub(crate) skipped: u64,
    /// The table changed while it was read, or its end is missing.
    pub(crate) interrupted: bool,
    /// This machine has no such table, which is no failure (IPv6 is switched off).
    pub(crate) absent: bool,
    /// The sink wants no more.
    pub(crate) stopped: bool,
}

impl<'s> TableRows<'s> {
    pub(crate) fn new(sink: &'s mut Sink<'s>) -> Self {
        Self { sink, emitted: 0, skipped: 0, interrupted: false, absent: false, stopped: false }
    }

    pub(crate) fn emit(&mut self, row: Socket) -> ControlFlow<()> {
        self.emitted += 1;
        let flow = (self.sink)(row);
        self.stopped = flow.is_break();
        flow
    }
}

/// The tables of one listing.
pub(crate) struct Tables<'s> {
    sink: &'s mut Sink<'s>,
    gaps: Vec<Gap>,
    first_failure: Option<Error>,
    any_read: bool,
    stopped: bool,
}

impl<'s> Tables<'s> {
    pub(crate) fn new(sink: &'s mut Sink<'s>) -> Self {
        Self { sink, gaps: Vec::new(), first_failure: None, any_read: false, stopped: false }
    }

    /// Whether the sink wants no more.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Reads one table from one source. An error is returned only if another source may take its place; `None`: the
    /// source failed after it had emitted rows, and the gap that leaves has been added.
    pub(crate) fn read<T, E: Display>(
        &mut self,
        source: &str,
        read: impl FnOnce(&mut TableRows<'_>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let mut rows = TableRows::new(&mut *self.sink);
        let result = read(&mut rows);
        let TableRows { emitted, skipped, interrupted, absent, stopped, .. } = rows;
        self.stopped |= stopped;
        if skipped > 0 {
            self.gaps.push(Gap::new(GapKind::RecordsSkipped, skipped, source.to_owned()));
        }
        match result {
            Ok(value) => {
                self.any_read |= !absent;
                if interrupted {
                    self.gap(GapKind::TableInterrupted, source);
                }
                Ok(Some(value))
            }
            Err(error) if emitted > 0 => {
                self.any_read = true;
                self.gap(GapKind::TableInterrupted, error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn gap(&mut self, kind: GapKind, source: impl Display) {
        self.gaps.push(Gap::new(kind, 1, source.to_string()));
    }

    /// A gap that concerns so many of something.
    pub(crate) fn gaps(&mut self, kind: GapKind, count: u64, source: String) {
        self.gaps.push(Gap::new(kind, count, source));
    }

    pub(crate) fn extend_gaps(&mut self, gaps: impl IntoIterator<Item = Gap>) {
        self.gaps.extend(gaps);
    }

    /// Emits rows that belong to no table.
    pub(crate) fn emit_all(&mut self, rows: impl IntoIterator<Item = Socket>) {
        self.stopped |= rows.into_iter().try_for_each(&mut *self.sink).is_break();
    }

    /// A table has been read from another source, because a better one failed.
    pub(crate) fn fell_back(&mut self, failure: impl Display) {
        debug!("a table is read from a lesser source: {failure}");
        self.any_read = true;
        self.gap(GapKind::Fallback, failure);
    }

    /// No source has a table. `error`: what the listing fails with if it has no other either.
    pub(crate) fn unavailable(&mut self, failure: String, error: impl FnOnce() -> Error) {
        self.gap(GapKind::TableUnavailable, failure);
        self.first_failure.get_or_insert_with(error);
    }

    /// What could not be read; an error if that is everything. `has_other_source`: whether another source shows the sockets,
    /// asked only then.
    pub(crate) fn finish(self, has_other_source: impl FnOnce() -> bool) -> Result<Vec<Gap>, Error> {
        match self.first_failure {
            Some(error) if !self.any_read && !self.stopped && !has_other_source() => Err(error),
            _ => Ok(self.gaps),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::family::Family;
    use crate::model::protocol::Protocol;
    use std::io::ErrorKind::{Other, PermissionDenied};
    use std::net::SocketAddr;

    fn row(port: u16) -> Socket {
        Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn failure(what: &'static str) -> Error {
        let kind = if what == "first" { PermissionDenied } else { Other };
        Error::system("list", what, std::io::Error::from(kind))
    }

    /// Ports of the rows, and the gaps as text.
    fn reading(work: impl FnOnce(&mut Tables<'_>)) -> (Vec<u16>, Result<Vec<String>, Error>) {
        let mut ports = Vec::new();
        let mut sink = |row: Socket| {
            ports.extend(row.local_addr().map(|local| local.port()));
            if ports.len() == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut tables = Tables::new(&mut sink);
        work(&mut tables);
        let gaps = tables.finish(|| false);
        let text = |gap: &Gap| format!("{:?} {} {}", gap.kind, gap.count, gap.source);
        (ports, gaps.map(|gaps| gaps.iter().map(text).collect()))
    }

    #[test]
    fn failure_before_the_first_row_is_returned_and_after_it_is_an_interruption() {
        let (ports, gaps) = reading(|tables| {
            let failed: Result<Option<()>, &str> = tables.read("best", |_| Err("best: refused"));
            assert_eq!(failed, Err("best: refused"));
            let cut: Result<Option<()>, &str> = tables.read("next", |rows| {
                let _ = rows.emit(row(1));
                rows.skipped = 2;
                Err("next: cut")
            });
            assert_eq!(cut, Ok(None));
            tables.fell_back("best: refused");
        });
        assert_eq!(ports, [1]);
        let expected = ["RecordsSkipped 2 next", "TableInterrupted 1 next: cut", "Fallback 1 best: refused"];
        assert_eq!(gaps.unwrap(), expected);
    }

    #[test]
    fn first_failure_is_the_error_only_if_no_table_could_be_read() {
        let fail = |tables: &mut Tables<'_>| {
            tables.unavailable("tcp".to_owned(), || failure("first"));
            tables.unavailable("udp".to_owned(), || failure("second"));
        };
        assert!(reading(fail).1.unwrap_err().is_permission_denied());
        let read = |absent| {
            move |tables: &mut Tables<'_>| {
                fail(tables);
                let read: Result<_, &str> = tables.read("raw", |rows| {
                    rows.absent = absent;
                    Ok(7)
                });
                assert_eq!(read, Ok(Some(7)));
            }
        };
        assert!(reading(read(true)).1.is_err(), "what is not there has not been read");
        assert_eq!(reading(read(false)).1.unwrap(), ["TableUnavailable 1 tcp", "TableUnavailable 1 udp"]);
        let mut sink = |_| ControlFlow::Continue(());
        let mut tables = Tables::new(&mut sink);
        fail(&mut tables);
        assert_eq!(tables.finish(|| true).unwrap().len(), 2, "seen by another source");
    }

    #[test]
    fn sink_that_breaks_is_seen() {
        let (ports, gaps) = reading(|tables| {
            let read: Result<_, &str> = tables.read("tcp", |rows| {
                for port in 0..9 {
                    if rows.emit(row(port)).is_break() {
                        break;
                    }
                }
                rows.interrupted = true;
                Ok(())
            });
            assert_eq!(read, Ok(Some(())));
            assert!(tables.stopped());
        });
        assert_eq!((ports, gaps.unwrap()), (vec![0, 1, 2, 3], vec!["TableInterrupted 1 tcp".to_owned()]));
    }
}
