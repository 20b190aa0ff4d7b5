//! Closes one socket: a `SOCK_DESTROY` request, and its acknowledgement.

use super::dumps::Dumps;
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
    let Some(cookie) = socket.cookie else {
        // Without it, the kernel would close any socket that has these ends now.
        return refused(ErrorKind::InvalidInput, "the row has no cookie, which alone identifies the socket");
    };
    if socket.state == Some(State::Closed) {
        return refused(
            ErrorKind::Unsupported,
            "the kernel does not find TCP sockets that are bound but idle",
        );
    }
    let Some((info, id)) =
        ProtocolInfo::of(socket.protocol).filter(|info| info.has_exact).zip(sock_id(socket))
    else {
        return refused(ErrorKind::Unsupported, "only TCP, UDP and UDP-Lite sockets can be closed");
    };
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

/// Whether a socket that may share its port is still listed.
fn is_there(dumps: &mut Dumps<'_>, socket: &Socket, info: &'static ProtocolInfo, cookie: NonZeroU64) -> bool {
    let states = match socket.state {
        _ if !info.has_states => info.states,
        Some(State::Listen) => states::mask(states::TCP_LISTEN),
        // No other socket has the two ends of a connection.
        _ => return false,
    };
    let selection = Selection {
        info,
        family: Some(socket.family),
        states,
        local_port: socket.local.port().unwrap_or(0),
        remote_port: 0,
    };
    let details = DetailFields::empty();
    let table = Table {
        selection,
        program: None,
        source: Source::Dump,
        is_in_proc: false,
        details,
        listeners_apart: false,
        connections: Vec::new(),
    };
    is_dumped(dumps, &table, cookie).unwrap_or(false)
}

fn is_dumped(dumps: &mut Dumps<'_>, table: &Table, cookie: NonZeroU64) -> Result<bool, Fault> {
    let mut answer = dumps.ask(|seq| table.request(seq))?;
    let mut is_dumped = false;
    while let Some(record) = answer.next()? {
        let message = InetDiagMsg::decode(record.payload);
        is_dumped |= message.is_ok_and(|message| message.id.cookie == cookie.get());
    }
    Ok(is_dumped)
}
