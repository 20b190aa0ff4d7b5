//! Rows of SCTP: one for each association, and one for each socket that is not itself the connection.
//!
//! The kernel has a record for each socket and one for each association, and may return that of a socket twice. A
//! one-to-one socket that is connected has one association, and is left out beside it: both are the same connection. A
//! listener, and a one-to-many socket, has a row of its own beside those of its associations. All have the inode and
//! the cookie of the socket, so all have its holders.
//!
//! An end has one address of several: the first local one, and the primary one of the peer.

use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::protocol::{Protocol, SocketType};
use crate::model::queues::Queues;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::sys::linux::protocols::SCTP;
use crate::sys::linux::row;
use netstat_wire::DecodeError;
use netstat_wire::linux::inet_diag::InetDiagMsg;
use netstat_wire::linux::inet_diag_sctp as wire;
use netstat_wire::linux::inet_diag_sctp::SctpAddresses;
use netstat_wire::linux::proc_net_sctp::{SctpAddress, SctpAssociation, SctpEndpoint};
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_LISTEN};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The rows of one listing, which are complete when all records have been added.
#[derive(Default)]
pub(super) struct SctpRows {
    rows: Vec<SctpRow>,
    /// The sockets that have an association.
    associated: HashSet<u64>,
    known: HashSet<(u64, Endpoint, Option<Endpoint>, bool)>,
}

struct SctpRow {
    /// The number of the socket: its cookie, or its inode in `/proc`.
    socket: u64,
    /// A connected one-to-one socket: the row is that of its association, if it has one.
    is_connected: bool,
    row: Socket,
}

/// What a record is about.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Subject {
    Association,
    /// With its state, a number of TCP's.
    Socket(u8),
}

impl SctpRows {
    /// Adds a record of a dump. `finish` completes the row.
    pub(super) fn add_record(
        &mut self,
        family: Family,
        record: &InetDiagMsg,
        payload: &[u8],
        finish: impl FnOnce(&mut Socket),
    ) -> Result<(), DecodeError> {
        let SctpAddresses { mut locals, peers } = SctpAddresses::decode(payload)?;
        // A number of SCTP's own, and the device that packets go through, which the socket is not bound to.
        let (timer, is_association) = (0, peers.is_some());
        let mut id = record.id;
        if is_association {
            id.interface = 0;
        }
        let mut row = row::row_of_family(family, &InetDiagMsg { timer, id, ..*record }, &SCTP);
        if let Some(local) = locals.next().flatten() {
            row.local = end(family, local.ip(), local.port(), scope(local));
        }
        let subject = match peers {
            None => {
                row.remote = row.remote.filter(|_| !matches!(record.state, TCP_LISTEN | TCP_CLOSE));
                Subject::Socket(record.state)
            }
            Some(peers) => {
                // The bytes of an IPv4 address stand where those of an IPv6 one would.
                let is_primary = |peer: &SocketAddr| match peer.ip() {
                    IpAddr::V4(ip) => id.dst.starts_with(&ip.octets()),
                    IpAddr::V6(ip) => id.dst == ip.octets(),
                };
                let mut peers = peers.flatten().peekable();
                let first = peers.peek().copied();
                if let Some(peer) = peers.find(is_primary).or(first) {
                    row.remote = Some(end(family, peer.ip(), peer.port(), scope(peer)));
                }
                (row.state, row.queues) = of_association(record.state, record.rqueue, record.wqueue);
                Subject::Association
            }
        };
        finish(&mut row);
        self.add(record.id.cookie, subject, row);
        Ok(())
    }

    /// Adds a line of `eps`.
    pub(super) fn add_endpoint(&mut self, line: &SctpEndpoint) {
        let mut row = row_of_line(&line.locals, line.local_port, line.style, line.inode, line.uid);
        row.state = Some(row::tcp_state(line.state));
        self.add(line.inode, Subject::Socket(line.state), row);
    }

    /// Adds a line of `assocs`.
    pub(super) fn add_association(&mut self, line: &SctpAssociation) {
        let mut row = row_of_line(&line.locals, line.local_port, line.style, line.inode, line.uid);
        let primary = line.remotes.iter().find(|remote| remote.primary).or(line.remotes.first());
        row.remote = primary.map(|remote| end(row.family, remote.ip, line.remote_port, 0));
        (row.state, row.queues) = of_association(line.state, line.rx_queue, line.tx_queue);
        self.add(line.inode, Subject::Association, row);
    }

    fn add(&mut self, socket: u64, subject: Subject, row: Socket) {
        let is_association = subject == Subject::Association;
        if !self.known.insert((socket, row.local.clone(), row.remote.clone(), is_association)) {
            return;
        }
        // The inode of what no process has is 0.
        if is_association && socket != 0 {
            self.associated.insert(socket);
        }
        let is_connected =
            matches!(subject, Subject::Socket(state) if !matches!(state, TCP_LISTEN | TCP_CLOSE));
        self.rows.push(SctpRow { socket, is_connected, row });
    }

    /// The rows, each socket and association once.
    pub(super) fn into_rows(self) -> impl Iterator<Item = Socket> {
        let Self { rows, associated, .. } = self;
        rows.into_iter()
            .filter(move |row| !(row.is_connected && associated.contains(&row.socket)))
            .map(|row| row.row)
    }
}

/// The state and the queues of an association.
fn of_association(state: u8, receive: u32, send: u32) -> (Option<State>, Option<Queues>) {
    let state = match state {
        wire::SCTP_STATE_CLOSED => State::Closed,
        wire::SCTP_STATE_COOKIE_WAIT => State::CookieWait,
        wire::SCTP_STATE_COOKIE_ECHOED => State::CookieEchoed,
        wire::SCTP_STATE_ESTABLISHED => State::Established,
        wire::SCTP_STATE_SHUTDOWN_PENDING => State::ShutdownPending,
        wire::SCTP_STATE_SHUTDOWN_SENT => State::ShutdownSent,
        wire::SCTP_STATE_SHUTDOWN_RECEIVED => State::ShutdownReceived,
        wire::SCTP_STATE_SHUTDOWN_ACK_SENT => State::ShutdownAckSent,
        other => State::Other(other),
    };
    (Some(state), Some(Queues::Memory { receive, send }))
}

/// A row with what the lines of both files have. They do not report the family of a socket: one without an IPv6
/// address is taken for an IPv4 socket.
fn row_of_line(locals: &[SctpAddress], port: u16, style: u8, inode: u64, uid: u32) -> Socket {
    let is_ipv6 = locals.is_empty() || locals.iter().any(|local| local.ip.is_ipv6());
    let family = if is_ipv6 { Family::Ipv6 } else { Family::Ipv4 };
    let local = locals.iter().find(|local| local.primary).or(locals.first());
    let ip = local.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |local| local.ip);
    let mut row = Socket::new(family, Protocol::Sctp, end(family, ip, port, 0));
    const ONE_TO_ONE: u8 = 2;
    row.socket_type = Some(if style == ONE_TO_ONE { SocketType::Stream } else { SocketType::SeqPacket });
    if inode != 0 {
        row.identity = Some(Identity::Inode(inode));
        row.uid = Some(uid);
    }
    row
}

fn scope(addr: SocketAddr) -> u32 {
    if let SocketAddr::V6(addr) = addr { addr.scope_id() } else { 0 }
}

/// An end of a socket of this family; an IPv4 address of an IPv6 socket is in the form that such sockets have it in.
fn end(family: Family, ip: IpAddr, port: u16, scope_id: u32) -> Endpoint {
    let ip = match ip {
        IpAddr::V4(ip) if family == Family::Ipv4 => return SocketAddr::from((ip, port)).into(),
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv6Addr::UNSPECIFIED,
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    SocketAddr::from(SocketAddrV6::new(ip, port, 0, scope_id)).into()
}
