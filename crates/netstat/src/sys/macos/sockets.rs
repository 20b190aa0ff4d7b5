//! The tables of sockets, by sysctl `net.inet.{tcp,udp}.pcblist_n`.
//!
//! Each is read once: the kernel locks the table against every new connection while it copies it.

use super::calls::{self, TableBytes};
use super::kernel::{Errno, Kernel};
use super::listed::{Listed, ListedTables, TABLES};
use super::owners::LibprocWalk;
use super::row;
use crate::engine::owner_table::join_key;
use crate::engine::tables::{Sink, TableRows, Tables};
use crate::filter::Filter;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::owner::OwnerRole;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::sys::system::OwnerSearch;
use netstat_wire::DecodeError;
use netstat_wire::macos::pcblist_n::PcblistN;
use netstat_wire::macos::records::Ending;
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Why a table could not be read.
#[derive(Debug)]
enum TableFault {
    Call(Errno),
    Malformed(DecodeError),
}

impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(errno) => errno.fmt(f),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl From<TableFault> for io::Error {
    fn from(fault: TableFault) -> Self {
        match fault {
            TableFault::Call(errno) => errno.into(),
            TableFault::Malformed(error) => Self::other(error),
        }
    }
}

/// Emits the sockets of the tables that the filter needs. Where the kernel keeps most of a table back, or refuses it, the
/// sockets that libproc shows take its place, unless a search for owners runs, which will add them.
pub(super) fn sockets<K: Kernel>(
    kernel: &K,
    listed_tables: &Arc<ListedTables>,
    filter: &Filter,
    sink: &mut Sink<'_>,
) -> Result<Vec<Gap>, Error> {
    let mut tables = Tables::new(sink);
    let mut walk = None;
    for (protocol, name) in TABLES.into_iter().filter(|(protocol, _)| filter.wants_protocol(*protocol)) {
        let source = name.to_string_lossy();
        let read = tables.read(&source, |rows| read(kernel, protocol, name, rows));
        if tables.stopped() {
            break;
        }
        let is_replaced = match read {
            Ok(None) => false,
            Ok(Some(listed)) => {
                let is_filtered = kernel.geteuid() != 0 && listed.looks_filtered();
                if is_filtered {
                    tables.extend_gaps(listed.filtered(name));
                }
                listed_tables.set(protocol, listed);
                is_filtered
            }
            Err(fault) => {
                let failure = format!("{source}: {fault}");
                tables.unavailable(failure, || Error::system("read", source.into_owned(), fault));
                true
            }
        };
        if is_replaced && !listed_tables.is_searched() {
            let walk = walk.get_or_insert_with(|| {
                let mut walk = LibprocWalk::new(kernel.clone(), Arc::clone(listed_tables), &[]);
                walk.run();
                tables.extend_gaps(walk.table().gaps);
                walk
            });
            let (rows, gap) = walk.unlisted_of((protocol, name));
            tables.extend_gaps(gap);
            tables.emit_all(rows.into_iter().map(|mut row| {
                row.clear_owners();
                row
            }));
        }
        if tables.stopped() {
            break;
        }
    }
    tables.finish(|| calls::all_pids(kernel).is_ok())
}

/// Reads one table.
fn read(
    kernel: &impl Kernel,
    protocol: Protocol,
    name: &CStr,
    rows: &mut TableRows<'_>,
) -> Result<Listed, TableFault> {
    let TableBytes { bytes, whole } = calls::table(kernel, name).map_err(TableFault::Call)?;
    let mut pcbs = PcblistN::new(&bytes).map_err(TableFault::Malformed)?;
    let header = pcbs.header();
    let mut listed =
        Listed { generation: header.generation, count: header.count.into(), ..Listed::default() };
    for pcb in &mut pcbs {
        listed.shown += 1;
        let Ok(pcb) = pcb else {
            rows.skipped += 1;
            continue;
        };
        let Some(socket) = row::of_pcb(&pcb, protocol) else {
            // A flow that has no address yet is nothing to list.
            rows.skipped += u64::from(pcb.inpcb.vflag != 0 || pcb.inpcb.lport != 0 || pcb.inpcb.fport != 0);
            continue;
        };
        listed.keys.extend(join_key(&socket));
        if rows.emit(socket).is_break() {
            return Ok(listed);
        }
    }
    listed.shown += pcbs.newer();
    let ended = match pcbs.ending() {
        Some(Ending::Trailer(_)) => true,
        // A table without sockets has no trailer.
        Some(Ending::NoTrailer) => header.count == 0,
        Some(Ending::Broken) | None => false,
    };
    listed.whole = whole && ended;
    rows.interrupted = !listed.whole;
    Ok(listed)
}

/// Which of these rows without a holder are still open. The tables are read once more, which is dear; so only where it
/// matters: the user's own processes, or all if root, could be read, and one of them has used the socket.
pub(super) fn recheck(kernel: &impl Kernel, rows: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
    let user = kernel.geteuid();
    let mut tables: HashMap<Protocol, Option<HashSet<u64>>> = HashMap::new();
    rows.map(|row| {
        let is_readable = user == 0 || row.uid == Some(user);
        let was_used = row.owners().iter().any(|owner| owner.role == OwnerRole::LastUser);
        let (true, true, Some(key)) = (is_readable, was_used, join_key(row)) else {
            return true;
        };
        let keys = tables.entry(row.protocol).or_insert_with(|| keys_now(kernel, row.protocol));
        keys.as_ref().is_none_or(|keys| keys.contains(&key))
    })
    .collect()
}

/// The keys of all sockets in the table of a protocol.
fn keys_now(kernel: &impl Kernel, protocol: Protocol) -> Option<HashSet<u64>> {
    let (_, name) = TABLES.into_iter().find(|(of, _)| *of == protocol)?;
    let mut sink = |_| ControlFlow::Continue(());
    let mut rows = TableRows::new(&mut sink);
    let listed = read(kernel, protocol, name, &mut rows).ok()?;
    listed.whole.then(|| listed.keys.into_iter().collect())
}
