//! A plain reader of the kernel's tables and descriptor directories, with which the kit is compared.
#![allow(dead_code)]

use socket_world::{Held, SocketFacts, Transport, wait_until};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::{read_dir, read_link, read_to_string};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// One line of `/proc/net/{tcp,udp}{,6}`.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) protocol: Transport,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) state: u8,
    pub(crate) rx_queue: u32,
    pub(crate) uid: u32,
    pub(crate) inode: u64,
}

/// All the rows of the network namespace of a process, by its pid, or of the calling thread, `thread-self`.
pub(crate) fn table_of(of: impl Display) -> Vec<Row> {
    let mut rows = Vec::new();
    for (file, protocol) in
        [("tcp", Transport::Tcp), ("tcp6", Transport::Tcp), ("udp", Transport::Udp), ("udp6", Transport::Udp)]
    {
        let text = read_to_string(format!("/proc/{of}/net/{file}")).unwrap_or_default();
        rows.extend(text.lines().skip(1).map(|line| row(line, protocol)));
    }
    rows
}

fn row(line: &str, protocol: Transport) -> Row {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let hex = |text: &str| u32::from_str_radix(text, 16).expect("a hexadecimal number");
    let queues = fields[4].split_once(':').expect("two queues");
    Row {
        protocol,
        local: address(fields[1]),
        remote: address(fields[2]),
        state: u8::from_str_radix(fields[3], 16).expect("a state"),
        rx_queue: hex(queues.1),
        uid: fields[7].parse().expect("a uid"),
        inode: fields[9].parse().expect("an inode"),
    }
}

/// `0100007F:0050`: words of 32 bits in native order.
fn address(text: &str) -> SocketAddr {
    let (words, port) = text.split_once(':').expect("a port");
    let bytes: Vec<u8> = (0..words.len())
        .step_by(8)
        .flat_map(|at| u32::from_str_radix(&words[at..at + 8], 16).expect("a word").to_ne_bytes())
        .collect();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::from(four),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice()).expect("16 bytes")),
    };
    SocketAddr::new(ip, u16::from_str_radix(port, 16).expect("a port"))
}

/// How the tables differ from `facts`; `None` if there is one such row and it agrees.
pub(crate) fn difference(facts: &SocketFacts, rows: &[Row]) -> Option<String> {
    let remote = facts.remote.unwrap_or_else(|| match facts.local {
        SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0_u16; 8], 0)),
    });
    let mut found: Vec<&Row> = rows
        .iter()
        .filter(|row| (row.protocol, row.local, row.remote) == (facts.protocol, facts.local, remote))
        .collect();
    // The UDP tables repeat rows while sockets open and close.
    found.dedup_by_key(|row| (row.inode, row.state, row.uid));
    let &[row] = found.as_slice() else {
        return Some(format!("{} rows for {facts:?}", found.len()));
    };
    let same = row.state == facts.state.kernel_number()
        && row.inode == facts.inode.unwrap_or(0)
        && facts.uid.is_none_or(|uid| uid == row.uid)
        && facts.rx_queue.is_none_or(|queue| queue == row.rx_queue);
    if same { None } else { Some(format!("{row:?} for {facts:?}")) }
}

/// Checks that the tables show every one of `facts`, in one read or another: while any sockets of the machine open
/// and close, each read of `/proc/net/udp` loses some rows.
pub(crate) fn assert_in_tables<'a>(of: impl Display, facts: impl IntoIterator<Item = &'a SocketFacts>) {
    let mut left: Vec<&SocketFacts> = facts.into_iter().collect();
    let mut rows = Vec::new();
    wait_until(Duration::from_secs(10), || {
        rows = table_of(&of);
        left.retain(|facts| difference(facts, &rows).is_some());
        left.is_empty()
    });
    let wrong: Vec<String> = left.iter().filter_map(|facts| difference(facts, &rows)).collect();
    assert!(left.is_empty(), "{wrong:#?}");
}

/// The sockets in a directory of descriptors, `/proc/PID/fd` or `/proc/PID/task/TID/fd`.
pub(crate) fn sockets_in(directory: impl AsRef<Path>, pid: u32) -> BTreeSet<Held> {
    let mut held = BTreeSet::new();
    for entry in read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Ok(link) = read_link(entry.path()) else {
            continue;
        };
        let inode = link.to_str().and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']'));
        if let (Some(inode), Some(fd)) = (inode, name.to_str()) {
            held.insert(Held {
                pid,
                fd: fd.parse().expect("a descriptor"),
                inode: inode.parse().expect("an inode"),
            });
        }
    }
    held
}

/// The sockets of a process by `/proc/PID/fd`.
pub(crate) fn sockets_of(pid: u32) -> BTreeSet<Held> {
    sockets_in(format!("/proc/{pid}/fd"), pid)
}

/// The holders of `inodes`: this process and its children, since no other can hold a socket of this process.
pub(crate) fn holders_of(inodes: &BTreeSet<u64>) -> BTreeSet<Held> {
    let mut holders = BTreeSet::new();
    for entry in read_dir("/proc").expect("/proc").flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && is_ours(pid)
        {
            holders.extend(sockets_of(pid).into_iter().filter(|held| inodes.contains(&held.inode)));
        }
    }
    holders
}

/// Whether it is this process or a child of it.
fn is_ours(pid: u32) -> bool {
    let me = std::process::id();
    // After the name: ") S PPID ...".
    let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = stat.iter().rposition(|&byte| byte == b')').map_or(0, |at| at + 1);
    let rest = String::from_utf8_lossy(&stat[after..]).into_owned();
    pid == me || rest.split_ascii_whitespace().nth(1) == Some(me.to_string().as_str())
}

/// The holders of one inode.
pub(crate) fn holders(inode: u64) -> BTreeSet<Held> {
    holders_of(&BTreeSet::from([inode]))
}
