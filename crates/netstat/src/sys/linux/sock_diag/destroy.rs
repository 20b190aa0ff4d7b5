//! Closes one socket: a `SOCK_DESTROY` request, and its acknowledgement.

use super::dumps::Dumps;
use super::lookup;
use super::netlink::{Answer, Fault, SockDiag};
use super::request::{Source, Table};
use super::selection::Selection;
use crate::model::details::DetailFields;
use crate::model::error::Error;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::sys::linux::protocols::ProtocolInfo;
use crate::sys::linux::row::{address_family, sock_id};
use netstat_wire::linux::inet_diag::{InetDiagMsg, RequestV2};
use netstat_wire::linux::netlink::NLM_F_ACK;
use netstat_wire::linux::tcp_states as states;
use rustix::io::Errno;
use std::io::{self, ErrorKind};
use std::num::NonZeroU64;

/// Closes a socket in the network namespace of this thread.
pub(crate) fn destroy(socket: &Socket) -> Result<(), Error> {
    destroy_over(&mut Dumps::new(SockDiag::open), socket)
}

/// The same over any peer, for tests.
pub(crate) fn destroy_over(dumps: &mut Dumps<'_>, socket: &Socket) -> Result<(), Error> {
    let failed = |error: io::Error| Error::system("close", socket.subject(), error);
    let refused = |kind, why: &str| Err(failed(io::Error::new(kind, why)));
    if socket.state == Some(State::Closed) {
        return refused(
            ErrorKind::Unsupported,
            "the kernel does not find TCP sockets that are bound but idle",
        );
    }
    let Some((info, mut id)) =
        ProtocolInfo::of(socket.protocol).filter(|info| info.has_exact).zip(sock_id(socket))
    else {
        return refused(ErrorKind::Unsupported, "only TCP, UDP and UDP-Lite sockets can be closed");
    };
    // Without a cookie the kernel would close any socket that has these ends now.
    let cookie = match (socket.cookie, socket.inode()) {
        (Some(cookie), _) => cookie,
        (None, Some(inode)) => match cookie_of(dumps, socket, info, inode) {
            Ok(Some(cookie)) => cookie,
            Ok(None) => return refused(ErrorKind::NotFound, "there is no such socket any more"),
            Err(fault) => return Err(failed(fault.into())),
        },
        (None, None) => {
            return refused(
                ErrorKind::InvalidInput,
                "the row has no cookie and no inode, by which alone the socket is identified",
            );
        }
    };
    id.cookie = cookie.get();
    // Unlike in a lookup, the local end of a UDP socket is the source.
    let request = RequestV2 {
        family: address_family(socket.family),
        protocol: info.number_byte(),
        ext: 0,
        states: 0,
        id,
    };
    let answer = dumps.ask(|seq| request.encode_destroy(NLM_F_ACK, seq)).and_then(Answer::finish);
    let Err(fault) = answer else { return Ok(()) };
    let Fault::Refused(error) = fault else { return Err(failed(fault.into())) };
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::STALE) if is_there(dumps, socket, info, cookie) => refused(
            ErrorKind::Unsupported,
            "others share its address and port, and the kernel closes only the one that it finds",
        ),
        Some(Errno::NOENT | Errno::STALE) => refused(ErrorKind::NotFound, "there is no such socket any more"),
        Some(Errno::OPNOTSUPP) => Err(failed(io::Error::new(ErrorKind::Unsupported, error))),
        _ => Err(failed(error)),
    }
}

/// The cookie of the socket with the ends of a row and this inode number, which the kernel gives it if it has none yet.
fn cookie_of(
    dumps: &mut Dumps<'_>,
    socket: &Socket,
    info: &'static ProtocolInfo,
    inode: u64,
) -> Result<Option<NonZeroU64>, Fault> {
    let Some(id) = sock_id(socket) else { return Ok(None) };
    let found = |message: &InetDiagMsg| {
        let has_ends = (message.id.sport, message.id.dport) == (id.sport, id.dport);
        NonZeroU64::new(message.id.cookie).filter(|_| u64::from(message.inode) == inode && has_ends)
    };
    let request = lookup::exact(info, address_family(socket.family), 0, id);
    let looked_up = match dumps.ask(|seq| request.encode(0, seq)) {
        Ok(mut answer) => match answer.next() {
            Ok(record) => record.and_then(|record| found(&InetDiagMsg::decode(record.payload).ok()?)),
            // Not there, as far as the lookup can find it.
            Err(Fault::Refused(_)) => None,
            Err(fault) => return Err(fault),
        },
        Err(Fault::Refused(_)) => None,
        Err(fault) => return Err(fault),
    };
    match (looked_up, sharers(socket, info)) {
        (None, Some(table)) => find(dumps, &table, found),
        _ => Ok(looked_up),
    }
}

/// Whether a socket that may share its port is still listed.
fn is_there(dumps: &mut Dumps<'_>, socket: &Socket, info: &'static ProtocolInfo, cookie: NonZeroU64) -> bool {
    let is_it = |message: &InetDiagMsg| (message.id.cookie == cookie.get()).then_some(());
    sharers(socket, info).is_some_and(|table| find(dumps, &table, is_it).is_ok_and(|found| found.is_some()))
}

/// The sockets that may share the port of one; `None`: no other socket has its two ends.
fn sharers(socket: &Socket, info: &'static ProtocolInfo) -> Option<Table> {
    let states = match socket.state {
        _ if !info.has_states => info.states,
        Some(State::Listen) => states::mask(states::TCP_LISTEN),
        _ => return None,
    };
    let selection = Selection {
        info,
        family: Some(socket.family),
        states,
        local_port: socket.local.port().unwrap_or(0),
        remote_port: 0,
    };
    Some(Table {
        selection,
        program: None,
        source: Source::Dump,
        is_in_proc: false,
        details: DetailFields::empty(),
        listeners_apart: false,
        connections: Vec::new(),
    })
}

/// What is found in the records of a dump, read to its end.
fn find<T>(
    dumps: &mut Dumps<'_>,
    table: &Table,
    is_it: impl Fn(&InetDiagMsg) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let mut answer = dumps.ask(|seq| table.request(seq))?;
    let mut found = None;
    while let Some(record) = answer.next()? {
        found = found.or_else(|| is_it(&InetDiagMsg::decode(record.payload).ok()?));
    }
    Ok(found)
}
