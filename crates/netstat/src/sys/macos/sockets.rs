//! The tables of sockets, by sysctl `net.inet.{tcp,udp}.pcblist_n`.
//!
//! Each is read once: the kernel locks the table against every new connection while it copies it.

use super::calls::{self, Table};
use super::kernel::{Errno, Kernel};
use super::owners::OwnerSearch;
use super::row;
use super::tables::{Listed, Tables, key, node, node_name};
use crate::filter::Filter;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::OwnerRole;
use crate::model::socket::{Protocol, Socket};
use crate::sys::system::Search;
use netstat_wire::DecodeError;
use netstat_wire::macos::pcblist_n::PcblistN;
use netstat_wire::macos::records::Ending;
use std::collections::HashSet;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Why a table could not be read.
#[derive(Debug)]
enum Fault {
    Call(Errno),
    Malformed(DecodeError),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(errno) => errno.fmt(f),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Call(errno) => errno.into(),
            Fault::Malformed(error) => Self::other(error),
        }
    }
}

/// Hands the sockets of the tables that the filter wants to the sink. Where the kernel keeps most of a table
/// back, or refuses it, the sockets that libproc shows take its place, unless a search is under way that will
/// tell of them.
pub(super) fn sockets<K: Kernel>(
    kernel: &K,
    tables: &Arc<Tables>,
    filter: &Filter,
    sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    let mut gaps = Vec::new();
    let mut any_read = false;
    let mut failed = None;
    let mut walk = None;
    for protocol in [Protocol::Tcp, Protocol::Udp].into_iter().filter(|it| filter.wants_protocol(*it)) {
        let mut flow = ControlFlow::Continue(());
        let listed = read(kernel, protocol, &mut gaps, &mut |socket| {
            flow = sink(socket);
            flow
        });
        if flow.is_break() {
            return Ok(gaps);
        }
        let stand_in = match listed {
            Ok(listed) => {
                any_read = true;
                let filtered = kernel.geteuid() != 0 && listed.looks_filtered();
                if filtered {
                    gaps.extend(listed.tell_filtered(protocol));
                }
                tables.set(protocol, listed);
                filtered
            }
            Err(fault) => {
                let source = format!("{}: {fault}", node_name(protocol));
                gaps.push(Gap::new(GapKind::TableUnavailable, 1, source));
                failed.get_or_insert_with(|| Error::system("read", node_name(protocol), fault));
                true
            }
        };
        if stand_in && !tables.is_searched() {
            let walk = walk.get_or_insert_with(|| {
                let mut walk = OwnerSearch::new(kernel.clone(), Arc::clone(tables), &[]);
                walk.run();
                gaps.extend(walk.table().gaps);
                walk
            });
            let (rows, gap) = walk.unlisted_of(protocol);
            gaps.extend(gap);
            for row in rows {
                if sink(row.without_owners()).is_break() {
                    return Ok(gaps);
                }
            }
        }
    }
    match failed {
        // Nothing at all can be seen: neither the tables nor a single process.
        Some(error) if !any_read && calls::all_pids(kernel).is_err() => Err(error),
        _ => Ok(gaps),
    }
}

/// Reads one table.
fn read(
    kernel: &impl Kernel,
    protocol: Protocol,
    gaps: &mut Vec<Gap>,
    sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Listed, Fault> {
    let Table { bytes, whole } = calls::table(kernel, node(protocol)).map_err(Fault::Call)?;
    let mut pcbs = PcblistN::new(&bytes).map_err(Fault::Malformed)?;
    let header = pcbs.header();
    let mut listed =
        Listed { generation: header.generation, count: header.count.into(), ..Listed::default() };
    let mut skipped = 0;
    for pcb in &mut pcbs {
        listed.shown += 1;
        let Ok(pcb) = pcb else {
            skipped += 1;
            continue;
        };
        let Some(socket) = row::of_pcb(&pcb, protocol) else {
            // A flow that has no address yet is nothing to list.
            skipped += u64::from(pcb.inpcb.vflag != 0 || pcb.inpcb.lport != 0 || pcb.inpcb.fport != 0);
            continue;
        };
        listed.keys.extend(key(&socket));
        if sink(socket).is_break() {
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
    if skipped > 0 {
        gaps.push(Gap::new(GapKind::RecordsSkipped, skipped, node_name(protocol)));
    }
    if !listed.whole {
        gaps.push(Gap::new(GapKind::TableInterrupted, 1, node_name(protocol)));
    }
    Ok(listed)
}

/// Which of these rows, that nobody was found to hold, are still open. The tables are read once more, which
/// is dear; so only where it matters: the user's own processes, or all if root, could be read, and one of
/// them has used the socket.
pub(super) fn still_open(kernel: &impl Kernel, rows: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
    let user = kernel.geteuid();
    let mut tables: [Option<Option<HashSet<u64>>>; 2] = [None, None];
    rows.map(|row| {
        let is_readable = user == 0 || row.uid == Some(user);
        let was_used = row.owners().iter().any(|owner| owner.role == OwnerRole::LastUser);
        let (true, true, Some(key)) = (is_readable, was_used, key(row)) else {
            return true;
        };
        let [tcp, udp] = &mut tables;
        let table = match row.protocol {
            Protocol::Tcp => tcp,
            Protocol::Udp => udp,
        };
        let keys = table.get_or_insert_with(|| {
            let listed = read(kernel, row.protocol, &mut Vec::new(), &mut |_| ControlFlow::Continue(()));
            listed.ok().filter(|listed| listed.whole).map(|listed| listed.keys.into_iter().collect())
        });
        keys.as_ref().is_none_or(|keys| keys.contains(&key))
    })
    .collect()
}
