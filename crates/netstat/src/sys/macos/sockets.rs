//! The tables of sockets, by sysctl `net.inet.{tcp,udp}.pcblist_n` and `net.local.{stream,dgram}.pcblist_n`
//! ([`local_sockets`]).
//!
//! Each is read once: the kernel locks the table against every new connection while it copies it.

use super::calls::{self, TableBytes};
use super::kernel::Kernel;
use super::listed::{Listed, ListedTables, TABLES};
use super::local_sockets;
use super::owners::LibprocWalk;
use super::row;
use super::table_fault::TableFault;
use crate::engine::owner_table::{handle_key, join_key};
use crate::engine::tables::{Sink, TableRows, Tables};
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::gap::Gap;
use crate::model::owner::OwnerRole;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::system::OwnerSearch;
use netstat_wire::macos::pcblist_n::PcblistN;
use netstat_wire::macos::records::Ending;
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The Darwin of macOS 27, the first that filters tables.
const FILTERING_DARWIN: u32 = 26;

/// Whether the query lists sockets of this protocol.
pub(super) fn wants(query: &Query, protocol: Protocol) -> bool {
    let kind = protocol.kind();
    let may_pass = kind != ProtocolKind::Unix || query.table_filter().wants_kind(kind, Family::Unix);
    may_pass && query.wanted_protocols().any(|wanted| wanted == kind)
}

/// Emits the sockets of the tables that the query needs. If the kernel refuses a table or may have filtered it, the
/// sockets that libproc shows are added, unless a search for owners runs, which does so itself.
pub(super) fn sockets<K: Kernel>(
    kernel: &K,
    listed_tables: &Arc<ListedTables>,
    query: &Query,
    sink: &mut Sink<'_>,
) -> Result<Vec<Gap>, Error> {
    let kernel_filters = calls::darwin_major(kernel).is_some_and(|major| major >= FILTERING_DARWIN);
    let is_root = kernel.geteuid() == 0;
    let mut tables = Tables::new(sink);
    let mut walk: Option<LibprocWalk<K>> = None;
    // Gaps of the walk, which matter only if the table is known to lack sockets.
    let mut walk_gaps = Vec::new();
    for (protocol, name) in TABLES.into_iter().filter(|(protocol, _)| wants(query, *protocol)) {
        let source = name.to_string_lossy();
        listed_tables.set_requested(protocol);
        let read = tables.read(&source, |rows| read(kernel, (protocol, name), kernel_filters, rows));
        if tables.stopped() {
            break;
        }
        let (mut lacks_sockets, may_lack_sockets) = match read {
            Ok(None) => (false, false),
            Ok(Some(listed)) => {
                let is_filtered = listed.is_filtered(is_root);
                if is_filtered {
                    tables.extend_gaps(listed.filtered(name));
                }
                let may_be_filtered = listed.may_be_filtered();
                listed_tables.set(protocol, listed);
                (is_filtered, may_be_filtered)
            }
            Err(fault) => {
                let failure = format!("{source}: {fault}");
                tables.unavailable(failure, || Error::system("read", source.into_owned(), fault));
                (true, true)
            }
        };
        if (lacks_sockets || may_lack_sockets) && !listed_tables.is_searched() {
            let walk = walk.get_or_insert_with(|| {
                let mut walk = LibprocWalk::new(kernel.clone(), Arc::clone(listed_tables), &[]);
                walk.reader().with_unix = wants(query, Protocol::Unix);
                walk.run();
                walk_gaps = walk.table().gaps;
                walk
            });
            let (rows, gap) = walk.unlisted_of((protocol, name));
            lacks_sockets |= gap.is_some();
            tables.extend_gaps(gap);
            if lacks_sockets {
                tables.extend_gaps(walk_gaps.drain(..));
            }
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
    (protocol, name): (Protocol, &CStr),
    kernel_filters: bool,
    rows: &mut TableRows<'_>,
) -> Result<Listed, TableFault> {
    if protocol == Protocol::Unix {
        return local_sockets::read(kernel, kernel_filters, rows);
    }
    let TableBytes { bytes, is_whole, size } = calls::table(kernel, name).map_err(TableFault::Call)?;
    let mut pcbs = PcblistN::new(&bytes).map_err(TableFault::Malformed)?;
    let header = pcbs.header();
    let mut listed = Listed {
        generation: header.generation,
        count: header.count.into(),
        kernel_filters,
        ..Listed::default()
    };
    for pcb in &mut pcbs {
        listed.shown += 1;
        let Ok(pcb) = pcb else {
            rows.skipped += 1;
            continue;
        };
        let Some(socket) = row::of_pcb(&pcb, protocol) else {
            // A flow without an address is not a socket yet.
            rows.skipped += u64::from(pcb.inpcb.vflag != 0 || pcb.inpcb.lport != 0 || pcb.inpcb.fport != 0);
            continue;
        };
        listed.keys.extend(join_key(&socket));
        if rows.emit(socket).is_break() {
            return Ok(listed);
        }
    }
    listed.shown += pcbs.newer();
    listed.has_trailer = matches!(pcbs.ending(), Some(Ending::Trailer(_)));
    // A table without sockets has no trailer.
    let is_empty = header.count == 0 && matches!(pcbs.ending(), Some(Ending::NoTrailer));
    listed.is_whole = is_whole && (listed.has_trailer || is_empty);
    rows.interrupted = !listed.is_whole;
    if kernel_filters && listed.is_whole {
        let headers = 2 * pcbs.header_bytes();
        let set_bytes = set_bytes(protocol, bytes.len().saturating_sub(headers), listed.shown);
        listed.sized = sized_count(size, headers, set_bytes);
        if listed.sized > listed.count {
            // Sockets may have been closed between the two calls: then they are not in the size of now either.
            let now = calls::table_size(kernel, name).unwrap_or(size);
            listed.sized = listed.sized.min(sized_count(now, headers, set_bytes));
        }
    }
    Ok(listed)
}

/// The bytes of one set of records: all sets of a table have the same. `total`: those of `shown` sets.
fn set_bytes(protocol: Protocol, total: usize, shown: u64) -> usize {
    match usize::try_from(shown) {
        Ok(shown @ 1..) => total / shown,
        // The sets of macOS 13 to 26.
        _ if protocol == Protocol::Tcp => 616,
        _ => 408,
    }
}

/// The number of sockets for which a sizing call returns this size: header, trailer, and `n + n / 8 + 1` sets.
fn sized_count(size: usize, headers: usize, set_bytes: usize) -> u64 {
    let with_slack = (size.saturating_sub(headers) / set_bytes.max(1)).saturating_sub(1);
    u64::try_from(with_slack - with_slack / 9).unwrap_or(u64::MAX)
}

/// Which of these rows without a holder are still open. Reading the tables again is expensive. So it is done only for
/// sockets that a process has used and that belong to the caller, or to anyone if the caller is root: others may be held
/// by processes that cannot be read.
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
    if protocol == Protocol::Unix {
        let key = |(handle, generation)| handle_key(handle, Some(generation));
        return local_sockets::generations(kernel).map(|all| all.into_iter().map(key).collect());
    }
    let table = TABLES.into_iter().find(|(of, _)| *of == protocol)?;
    let mut sink = |_| ControlFlow::Continue(());
    let mut rows = TableRows::new(&mut sink);
    let listed = read(kernel, table, false, &mut rows).ok()?;
    listed.is_whole.then(|| listed.keys.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_is_recovered_from_the_answer_to_a_sizing_call() {
        for count in (0..2_000_usize).chain([54_639, 1_000_000]) {
            let size = 48 + (count + count / 8 + 1) * 616;
            assert_eq!(sized_count(size, 48, set_bytes(Protocol::Tcp, 616 * 3, 3)), count as u64);
            assert_eq!(sized_count(size, 48, set_bytes(Protocol::Tcp, 0, 0)), count as u64);
        }
        assert_eq!(sized_count(0, 48, 0), 0);
    }
}
