//! The record that the programs write for each descriptor of a socket.

use super::program::{RECORD_BYTES, ROW_BYTES};

/// A descriptor that leads to a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct SocketFile {
    /// The process, by its number in the caller's pid namespace.
    pub(crate) pid: u32,
    /// The descriptor, in the table of one of its threads.
    pub(crate) fd: i32,
    /// The inode number of the socket. The kernel counts them in 32 bits, so two sockets can have the same.
    pub(crate) inode: u64,
    /// What identifies the socket beyond that; `None` before Linux 5.11, and for a socket that the kernel
    /// has taken apart.
    pub(crate) evidence: Option<Evidence>,
}

/// The families of the sockets that a program reports.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    /// IPv4 and IPv6.
    Internet,
    /// Every family.
    All,
}

/// What identifies a socket beyond its inode number.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Its family, `AF_*`.
    pub(crate) family: u16,
    /// Its type, `SOCK_*`.
    pub(crate) socket_type: u16,
    /// The inode number of its network namespace.
    pub(crate) netns: u32,
    /// Its cookie; 0 until it is first asked for, as a dump does.
    pub(crate) cookie: u64,
    /// Its local port, of IPv4 and IPv6; for raw sockets the protocol.
    pub(crate) port: u16,
    /// Its protocol, `IPPROTO_*`.
    pub(crate) protocol: u16,
}

/// `None`: the record is too short.
pub(super) fn decode(record: &[u8; RECORD_BYTES]) -> Option<SocketFile> {
    let (inode, rest) = record.split_first_chunk()?;
    let (family, rest) = rest.split_first_chunk()?;
    let (socket_type, rest) = rest.split_first_chunk()?;
    let (cookie, rest) = rest.split_first_chunk()?;
    let (pid, rest) = rest.split_first_chunk()?;
    let (fd, rest) = rest.split_first_chunk()?;
    let (netns, rest) = rest.split_first_chunk()?;
    let (port, rest) = rest.split_first_chunk()?;
    let (protocol, _) = rest.split_first_chunk()?;
    let evidence = Evidence {
        family: u16::from_ne_bytes(*family),
        socket_type: u16::from_ne_bytes(*socket_type),
        netns: u32::from_ne_bytes(*netns),
        cookie: u64::from_ne_bytes(*cookie),
        port: u16::from_ne_bytes(*port),
        protocol: u16::from_ne_bytes(*protocol),
    };
    Some(SocketFile {
        pid: u32::from_ne_bytes(*pid),
        fd: i32::from_ne_bytes(*fd),
        inode: u32::from_ne_bytes(*inode).into(),
        // No namespace has the number 0.
        evidence: (evidence.netns != 0).then_some(evidence),
    })
}

/// A descriptor that leads to a socket, with what a row of a listing has. Fields after [`sock`](Self::sock) are of IPv4 and
/// IPv6 sockets alone.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct SocketRow {
    pub(crate) file: SocketFile,
    pub(crate) state: u8,
    /// In the first user namespace.
    pub(crate) uid: u32,
    /// The index of the interface that it is bound to, or 0.
    pub(crate) interface: u32,
    /// The address of the sock: that of another socket while this one is open. It is never shown.
    pub(crate) sock: u64,
    /// In network byte order, as in requests; of IPv4 the first four bytes.
    pub(crate) local: [u8; 16],
    pub(crate) remote: [u8; 16],
    pub(crate) remote_port: u16,
    pub(crate) v6_only: bool,
    /// Counters by state and protocol, of which queues are made.
    pub(crate) queues: [u32; 4],
}

/// What is done with each row, and a time before it was read.
pub(crate) type EachRow<'e> = &'e mut (dyn FnMut(u64, SocketRow) + Send);

/// `None`: the record is too short.
pub(super) fn decode_row(row: &[u8; ROW_BYTES]) -> Option<SocketRow> {
    let (record, rest) = row.split_first_chunk()?;
    let (local, rest) = rest.split_first_chunk()?;
    let (remote, rest) = rest.split_first_chunk()?;
    let (sock, rest) = rest.split_first_chunk()?;
    let (first, rest) = rest.split_first_chunk()?;
    let (second, rest) = rest.split_first_chunk()?;
    let (third, rest) = rest.split_first_chunk()?;
    let (fourth, rest) = rest.split_first_chunk()?;
    let (uid, rest) = rest.split_first_chunk()?;
    let (interface, rest) = rest.split_first_chunk()?;
    let (remote_port, rest) = rest.split_first_chunk()?;
    let ([state, v6_only], _) = rest.split_first_chunk()?;
    Some(SocketRow {
        file: decode(record)?,
        state: *state,
        uid: u32::from_ne_bytes(*uid),
        interface: u32::from_ne_bytes(*interface),
        sock: u64::from_ne_bytes(*sock),
        local: *local,
        remote: *remote,
        remote_port: u16::from_be_bytes(*remote_port),
        v6_only: *v6_only != 0,
        queues: [first, second, third, fourth].map(|number| u32::from_ne_bytes(*number)),
    })
}
