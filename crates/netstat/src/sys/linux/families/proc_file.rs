//! The tables of families as `/proc/net` has them, with less of each socket.

use super::info::{ProcFile, Rows, set_interface, socket_type};
use super::names::Names;
use crate::engine::tables::TableRows;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::owner::{HiddenReason, Ownership};
use crate::model::protocol::Protocol;
use crate::model::queues::Queues;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::sys::linux::procfs::net::{Open, Unread, read_whole};
use netstat_wire::linux::proc_net_netlink::ProcNetNetlink;
use netstat_wire::linux::proc_net_packet::ProcNetPacket;
use netstat_wire::linux::proc_net_unix::{
    ProcNetUnix, ProcNetUnixLines, SO_ACCEPTCON, SS_CONNECTED, SS_CONNECTING,
};
use netstat_wire::linux::unix_diag::UnixName;
use std::collections::HashMap;

impl ProcFile {
    /// The rows of the file, and how many of them may be forged.
    pub(super) fn read(
        &self,
        open: Open<'_>,
        rows: &mut TableRows<'_>,
    ) -> Result<(Vec<Socket>, u64), Unread> {
        let text = read_whole(open, self.name)?;
        let read = (self.rows)(&text);
        rows.skipped += read.skipped;
        Ok((read.rows, read.uncertain))
    }
}

/// Whether this kernel has a protocol with one of these names. True where that is not known.
pub(super) fn kernel_knows(open: Open<'_>, names: &[&str]) -> bool {
    let Ok(text) = read_whole(open, "protocols") else { return true };
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.any(|line| {
        let name = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        names.iter().any(|known| known.as_bytes() == name)
    })
}

/// The lines of a file but the first, which is the heading.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').skip(1)
}

pub(super) fn unix_rows(text: &[u8]) -> Rows {
    let (mut read, mut names) = (Rows::default(), Names::default());
    // Where the row of each inode is, and whether it may be forged. The kernel may print a socket twice; and of a forged
    // line and the socket's own, the latter counts.
    let mut places: HashMap<u64, (usize, bool)> = HashMap::new();
    for line in ProcNetUnixLines::new(text) {
        let Ok(line) = line else {
            read.skipped += 1;
            continue;
        };
        let row = unix_row(&line, &mut names);
        match places.get_mut(&line.inode).filter(|_| line.inode != 0) {
            Some((place, is_uncertain)) => {
                let replaces = *is_uncertain && !line.may_be_forged;
                if let Some(known) = read.rows.get_mut(*place).filter(|_| replaces) {
                    *known = row;
                    *is_uncertain = false;
                    read.uncertain = read.uncertain.saturating_sub(1);
                }
            }
            None => {
                places.insert(line.inode, (read.rows.len(), line.may_be_forged));
                read.uncertain += u64::from(line.may_be_forged);
                read.rows.push(row);
            }
        }
    }
    read
}

fn unix_row(line: &ProcNetUnix<'_>, names: &mut Names) -> Socket {
    // A NUL is printed as @, the one that marks an abstract name too.
    let name = line.name.map(|name| match name.split_first() {
        Some((b'@', name)) => UnixName::Abstract(name),
        _ => UnixName::Path(name),
    });
    let mut socket = Socket::new(Family::Unix, Protocol::Unix, names.endpoint(name));
    socket.socket_type = Some(socket_type(line.kind.into()));
    socket.state = Some(match line.state {
        _ if line.flags & SO_ACCEPTCON != 0 => State::Listen,
        SS_CONNECTED | SS_CONNECTING => State::Established,
        _ => State::Closed,
    });
    if line.state == SS_CONNECTED {
        socket.remote = Some(Endpoint::Unknown);
    }
    if line.inode != 0 {
        socket.identity = Some(Identity::Inode(line.inode));
    }
    if line.may_be_forged {
        // Any user can write any inode number into a name. The holders of that inode are not those of this socket, if
        // there is one.
        socket.ownership = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
    }
    socket
}

pub(super) fn netlink_rows(text: &[u8]) -> Rows {
    let mut read = Rows::default();
    for line in lines(text) {
        let Ok(line) = ProcNetNetlink::decode(line) else {
            read.skipped += 1;
            continue;
        };
        let local = Endpoint::Netlink { port_id: line.port_id };
        let mut socket = Socket::new(Family::Netlink, Protocol::Netlink(line.protocol), local);
        socket.queues = Some(Queues::Memory { receive: line.rmem, send: line.wmem });
        socket.identity = (line.inode != 0).then_some(Identity::Inode(line.inode));
        read.rows.push(socket);
    }
    read
}

pub(super) fn packet_rows(text: &[u8]) -> Rows {
    let mut read = Rows::default();
    for line in lines(text) {
        let Ok(line) = ProcNetPacket::decode(line) else {
            read.skipped += 1;
            continue;
        };
        let mut socket = Socket::new(Family::Packet, Protocol::Packet(line.protocol), Endpoint::Unknown);
        if let Some(index) = line.index {
            set_interface(&mut socket, index);
        }
        socket.socket_type = Some(socket_type(line.kind.into()));
        socket.uid = Some(line.uid);
        socket.identity = (line.inode != 0).then_some(Identity::Inode(line.inode));
        read.rows.push(socket);
    }
    read
}
