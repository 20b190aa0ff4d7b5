//! Closing a socket: one request, and its acknowledgement.

use super::dumps::Dumps;
use super::netlink::{Fault, Peer, SockDiag};
use crate::model::details::DetailFields;
use crate::model::error::Error;
use crate::model::socket::{Protocol, Socket};
use crate::model::tcp_state::TcpState;
use crate::sys::linux::errno::Errno;
use crate::sys::linux::native::SocketDumps;
use crate::sys::linux::row::sock_id;
use crate::sys::linux::row::{address_family, ip_protocol};
use crate::sys::linux::sock_diag::request::Table;
use netstat_wire::linux::inet_diag::{InetDiagMsg, RequestV2};
use netstat_wire::linux::netlink::NLM_F_ACK;
use netstat_wire::linux::tcp_states as states;
use std::io::{self, ErrorKind};
use std::num::NonZeroU64;
use std::ops::ControlFlow;

/// Closes a socket in the network namespace of this thread.
pub(crate) fn destroy(socket: &Socket) -> Result<(), Error> {
    let mut dumps: SocketDumps = Dumps::new(SockDiag::open);
    destroy_over(&mut dumps, socket)
}

/// The same over any peer.
pub(crate) fn destroy_over<P: Peer, O: FnMut() -> Result<P, Errno>>(
    dumps: &mut Dumps<P, O>,
    socket: &Socket,
) -> Result<(), Error> {
    let failed = |error: io::Error| Error::system("close", socket.subject(), error);
    let refused = |kind, why: &str| Err(failed(io::Error::new(kind, why)));
    let Some(cookie) = socket.cookie else {
        // Without it, whatever socket has these ends by now would be closed.
        return refused(
            ErrorKind::InvalidInput,
            "the row has no cookie, by which alone it can be told from others",
        );
    };
    if socket.state == Some(TcpState::Closed) {
        return refused(
            ErrorKind::Unsupported,
            "the kernel does not find TCP sockets that are bound but idle",
        );
    }
    // UDP too is named from its own side here, other than in a lookup.
    let request = RequestV2 {
        family: address_family(socket.family),
        protocol: ip_protocol(socket.protocol),
        ext: 0,
        states: 0,
        id: sock_id(socket),
    };
    let answer = dumps.converse(&|seq| request.encode_destroy(NLM_F_ACK, seq), false, &mut |_, _| {
        ControlFlow::Continue(())
    });
    let Err(fault) = answer else { return Ok(()) };
    let Fault::Refused(error) = fault else { return Err(failed(fault.into())) };
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::STALE) if is_there(dumps, socket, cookie) => refused(
            ErrorKind::Unsupported,
            "others share its address and port, and the kernel closes only the one that it finds",
        ),
        Some(Errno::NOENT | Errno::STALE) => refused(ErrorKind::NotFound, "there is no such socket any more"),
        Some(Errno::OPNOTSUPP) => Err(failed(io::Error::new(ErrorKind::Unsupported, error))),
        _ => Err(failed(error)),
    }
}

/// Whether a socket that may share its port is listed still.
fn is_there<P: Peer, O: FnMut() -> Result<P, Errno>>(
    dumps: &mut Dumps<P, O>,
    socket: &Socket,
    cookie: NonZeroU64,
) -> bool {
    let states = match (socket.protocol, socket.state) {
        (Protocol::Udp, _) => states::mask(states::TCP_ESTABLISHED) | states::mask(states::TCP_CLOSE),
        (Protocol::Tcp, Some(TcpState::Listen)) => states::mask(states::TCP_LISTEN),
        // A connection has its two ends for itself.
        (Protocol::Tcp, _) => return false,
    };
    let table = Table {
        protocol: socket.protocol,
        family: Some(socket.family),
        states,
        local_port: socket.local.port(),
        remote_port: 0,
        program: None,
        is_in_proc: false,
        details: DetailFields::empty(),
    };
    let mut is_there = false;
    let read = dumps.converse(&|seq| table.request(seq), false, &mut |_, payload| {
        is_there |= InetDiagMsg::decode(payload).is_ok_and(|record| record.id.cookie == cookie.get());
        ControlFlow::Continue(())
    });
    read.is_ok() && is_there
}
