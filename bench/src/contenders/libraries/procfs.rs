//! procfs, used as in its example `netstat.rs`: a map of the sockets of all processes, then the tables.

use crate::Result;
use ::procfs::ProcResult;
use ::procfs::process::{FDTarget, all_processes};
use netstat_contender::{Clock, Count, count};
use std::collections::HashMap;

pub(in crate::contenders) fn owners(clock: &mut Clock) -> Result<Count> {
    let rows = clock.time(list)?;
    Ok(count(rows.iter().map(|row| row.pid.is_some())))
}

/// A row in the crate's own types.
struct Row {
    pid: Option<i32>,
    #[allow(dead_code, reason = "what a caller would want to have")]
    entry: Entry,
}

#[allow(dead_code, reason = "what a caller would want to have")]
enum Entry {
    Tcp(::procfs::net::TcpNetEntry),
    Udp(::procfs::net::UdpNetEntry),
}

fn list() -> ProcResult<Vec<Row>> {
    let mut holders = HashMap::new();
    // Processes and descriptors that have vanished are skipped.
    for process in all_processes()?.flatten() {
        if let (Ok(stat), Ok(fds)) = (process.stat(), process.fd()) {
            for fd in fds.flatten() {
                if let FDTarget::Socket(inode) = fd.target {
                    holders.insert(inode, stat.pid);
                }
            }
        }
    }
    let row = |inode: u64, entry| Row { pid: holders.get(&inode).copied(), entry };
    let mut rows = Vec::new();
    for table in [::procfs::net::tcp()?, ::procfs::net::tcp6()?] {
        rows.extend(table.into_iter().map(|entry| row(entry.inode, Entry::Tcp(entry))));
    }
    for table in [::procfs::net::udp()?, ::procfs::net::udp6()?] {
        rows.extend(table.into_iter().map(|entry| row(entry.inode, Entry::Udp(entry))));
    }
    Ok(rows)
}
