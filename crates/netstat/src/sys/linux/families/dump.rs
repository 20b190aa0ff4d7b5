//! Dumps the table of one family over `NETLINK_SOCK_DIAG`.

use super::info::FamilyTable;
use super::names::Names;
use crate::engine::tables::TableRows;
use crate::model::socket::Socket;
use crate::sys::linux::dedup::{Dedup, Repeats};
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::Fault;
use std::num::NonZeroU64;

/// How often a dump is restarted after an overrun.
const RESTARTS: u32 = 3;

/// Reads a table: until two reads agree, since its position between two chunks is a count inside a bucket or list, and
/// sockets that open and close meanwhile move it. A table of one chunk is read once.
pub(super) fn read(
    dumps: &mut Dumps<'_>,
    table: FamilyTable,
    rows: &mut TableRows<'_>,
) -> Result<Vec<Socket>, Fault> {
    // A socket in a netlink group comes twice in every dump.
    let mut dedup = Dedup::new(Repeats::Anywhere);
    let (mut found, mut names) = (Vec::new(), Names::default());
    let (mut restarts, mut was_read) = (0, false);
    loop {
        match read_once(dumps, table, &mut names, &mut dedup, &mut found, rows) {
            Ok(chunks) => {
                was_read = true;
                if !dedup.needs_another_read(chunks) {
                    return Ok(found);
                }
                restarts = 0;
            }
            Err(Fault::Overrun) if restarts < RESTARTS => {
                restarts += 1;
                dedup.restart();
            }
            Err(_) if was_read => {
                rows.interrupted = true;
                return Ok(found);
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// One dump. Returns how many datagrams had records.
fn read_once(
    dumps: &mut Dumps<'_>,
    table: FamilyTable,
    names: &mut Names,
    dedup: &mut Dedup,
    found: &mut Vec<Socket>,
    rows: &mut TableRows<'_>,
) -> Result<u32, Fault> {
    let mut answer = dumps.ask(|seq| (table.info.request)(table.states, seq))?;
    while let Some(record) = answer.next()? {
        let row = match (table.info.row)(names, record.payload) {
            Ok(Some(row)) => row,
            Ok(None) => continue,
            Err(_) => {
                rows.skipped += 1;
                continue;
            }
        };
        let Some(key) = row.cookie.map(NonZeroU64::get).or(row.inode()) else {
            rows.skipped += 1;
            continue;
        };
        if dedup.is_new(record.chunk, key) {
            found.push(row);
        }
    }
    rows.interrupted = answer.interrupted();
    Ok(answer.chunks())
}
