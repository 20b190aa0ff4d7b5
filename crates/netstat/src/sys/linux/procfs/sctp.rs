//! The tables of SCTP, `/proc/PID/net/sctp/eps` and `assocs`, which hold both families.
//!
//! They lack the cookie, the interface, the accept queue of a listener, and the family of a socket.

use super::net::{DIRECTORIES, Lines, Open, Unread};
use crate::engine::tables::TableRows;
use crate::model::family::Family;
use crate::sys::linux::sctp::SctpRows;
use netstat_wire::linux::proc_net_sctp::{SctpAssociation, SctpEndpoint};
use std::io::ErrorKind;

/// Reads the rows of these families.
pub(crate) fn read(open: Open<'_>, families: &[Family], rows: &mut TableRows<'_>) -> Result<(), Unread> {
    let mut found = SctpRows::default();
    let mut skipped = 0;
    let directory = read_file(open, &DIRECTORIES, "eps", &mut |line| match SctpEndpoint::decode(line) {
        Ok(line) => found.add_endpoint(&line),
        Err(_) => skipped += 1,
    })?;
    read_file(open, &[directory], "assocs", &mut |line| match SctpAssociation::decode(line) {
        Ok(line) => found.add_association(&line),
        Err(_) => skipped += 1,
    })?;
    rows.skipped = skipped;
    let mut wanted = found.into_rows().filter(|row| families.contains(&row.family));
    let _ = wanted.try_for_each(|row| rows.emit(row));
    Ok(())
}

/// Reads the lines of a file in the first of these directories that has it, and returns which one that is.
fn read_file(
    open: Open<'_>,
    directories: &[&'static str],
    name: &str,
    each: &mut dyn FnMut(&[u8]),
) -> Result<&'static str, Unread> {
    let mut missing = None;
    for directory in directories {
        let path = format!("{directory}/sctp/{name}");
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                missing.get_or_insert(Unread { path, error });
                continue;
            }
            Err(error) => return Err(Unread { path, error }),
        };
        let mut lines = Lines::new(file);
        loop {
            match lines.next() {
                Ok(Some(line)) => each(line.text),
                Ok(None) => return Ok(directory),
                Err(error) => return Err(Unread { path, error }),
            }
        }
    }
    let none = || Unread { path: name.to_owned(), error: ErrorKind::NotFound.into() };
    Err(missing.unwrap_or_else(none))
}
