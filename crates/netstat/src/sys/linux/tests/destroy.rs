//! Closing a socket: answers of the kernel and the errors made of them.

use super::script::{Answer, Channel, Message, Requests, done, open, rows, take_requests};
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::sys::linux::sock_diag::destroy::destroy_over;
use crate::sys::linux::sock_diag::dumps::Dumps;
use netstat_wire::linux::inet_diag::SOCK_DESTROY;
use netstat_wire::linux::netlink::{Messages, NLM_F_ACK};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU64;

fn socket(state: State) -> Socket {
    let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], 7)));
    socket.state = Some(state);
    socket.cookie = NonZeroU64::new(7);
    socket
}

/// The result of closing it with these answers, and the requests.
fn destroy(socket: &Socket, given: Vec<Vec<Answer>>) -> (Result<(), Error>, Vec<Vec<u8>>) {
    let requests = Requests::default();
    let mut channels = VecDeque::from([Channel::Opens(given)]);
    let result = destroy_over(&mut Dumps::new(|| open(&mut channels, &requests)), socket);
    (result, take_requests(&requests))
}

fn error_reply(code: Errno) -> Vec<Answer> {
    vec![Answer::Datagram(vec![Message::Error(-code.raw_os_error())])]
}

fn error(state: State, given: Vec<Vec<Answer>>) -> Error {
    destroy(&socket(state), given).0.unwrap_err()
}

#[test]
fn acknowledgement_is_requested_and_ends_the_exchange() {
    let (result, requests) =
        destroy(&socket(State::Established), vec![vec![Answer::Datagram(vec![Message::Error(0)])]]);
    assert!(result.is_ok());
    let header = Messages::new(&requests[0]).next().unwrap().unwrap().header;
    assert_eq!((header.kind, header.flags & NLM_F_ACK), (SOCK_DESTROY, NLM_F_ACK));
    // The cookie is at the end of the identity, which is at the end of the request.
    assert_eq!(requests[0][64..], [7_u32.to_ne_bytes(), 0_u32.to_ne_bytes()].concat());
}

#[test]
fn missing_acknowledgement_is_an_error() {
    let error = error(State::Established, vec![vec![]]);
    assert_eq!(error.to_string(), "cannot close tcp socket 127.0.0.1:7: no answer in time");
}

#[test]
fn each_refusal_has_its_own_error() {
    let refused = |code| error(State::Established, vec![error_reply(code)]);
    assert!(refused(Errno::PERM).is_permission_denied());
    assert!(refused(Errno::NOENT).is_not_found() && refused(Errno::STALE).is_not_found());
    assert!(refused(Errno::OPNOTSUPP).is_unsupported());
    assert_eq!(refused(Errno::OPNOTSUPP).raw_os_error(), Some(Errno::OPNOTSUPP.raw_os_error()));
    assert_eq!(refused(Errno::IO).raw_os_error(), Some(Errno::IO.raw_os_error()));
}

#[test]
fn missing_netlink_is_unsupported() {
    let mut channels = VecDeque::from([Channel::CannotOpen(Errno::PROTONOSUPPORT)]);
    let requests = Requests::default();
    let result =
        destroy_over(&mut Dumps::new(|| open(&mut channels, &requests)), &socket(State::Established));
    assert!(result.unwrap_err().is_unsupported());
}

#[test]
fn listener_that_is_not_found_but_listed_shares_its_port() {
    let shares = error(State::Listen, vec![error_reply(Errno::NOENT), vec![rows([7]), done()]]);
    assert!(shares.is_unsupported() && shares.to_string().contains("others share"), "{shares}");
    let gone = error(State::Listen, vec![error_reply(Errno::NOENT), vec![rows([8]), done()]]);
    assert!(gone.is_not_found(), "{gone}");
}

#[test]
fn nothing_is_sent_for_a_row_that_cannot_be_identified() {
    let mut without_cookie = socket(State::Established);
    without_cookie.cookie = None;
    for socket in [without_cookie, socket(State::Closed)] {
        let (result, requests) = destroy(&socket, vec![]);
        assert!(result.is_err() && requests.is_empty(), "{socket:?}");
    }
}
