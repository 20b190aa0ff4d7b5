//! The requests of `inet_diag`: every message is complete and has every value at its offset.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::inet_diag::{
    INET_DIAG_REQ_BYTECODE, InetDiagMsg, Request, RequestV2, SOCK_DESTROY, SockId,
};
use netstat_wire::linux::inet_diag_raw::{IPPROTO_RAW, RequestRaw};
use netstat_wire::linux::netlink::{Attribute, Attributes, Body, Messages, NLM_F_REQUEST};

fuzz_target!(|input: &[u8]| {
    // The fields of a socket's identity, decoded by the decoder, which has tests of its own.
    let Ok(socket) = InetDiagMsg::decode(input) else {
        return;
    };
    let InetDiagMsg { family, state, timer, expires_ms, rqueue, wqueue, uid, id, .. } = socket;
    let [flags, ..] = expires_ms.to_ne_bytes();
    let flags = u16::from(flags) << 4;

    let v2 = RequestV2 { family, protocol: state, ext: timer, states: rqueue, id };
    let message = v2.encode(flags, uid);
    let payload = one_message(&message, flags, uid);
    assert_eq!(payload.len(), 56);
    assert_eq!(payload[..4], [family, state, timer, 0]);
    assert_eq!(payload[4..8], rqueue.to_ne_bytes());
    assert_eq!(name(&payload[8..56]), id);
    with_a_program(&v2.encode_with(flags, uid, input).expect("short enough"), &message, input);
    let destroy = v2.encode_destroy(flags, uid);
    assert_eq!((destroy[4..6].to_vec(), &destroy[6..]), (SOCK_DESTROY.to_ne_bytes().to_vec(), &message[6..]));

    let raw = RequestRaw { family, ext: timer, raw_protocol: state, id };
    let message = raw.encode(flags, uid);
    let as_v2 = RequestV2 { family, protocol: IPPROTO_RAW, ext: timer, states: u32::MAX, id };
    let mut expected = as_v2.encode(flags, uid);
    expected[19] = state;
    assert_eq!(message, expected);
    with_a_program(&raw.encode_with(flags, uid, input).expect("short enough"), &message, input);

    for protocol in [None, Some(wqueue)] {
        let request = Request { ext: timer, states: rqueue, id, protocol };
        let message = request.encode(flags, uid);
        with_a_program(&request.encode_with(flags, uid, input).expect("short enough"), &message, input);
        let payload = one_message(&message, flags, uid);
        assert_eq!(payload.len(), if protocol.is_some() { 60 + 8 } else { 60 });
        assert_eq!(payload[..4], [0, 0, 0, timer]);
        assert_eq!(name(&payload[4..52]), id);
        assert_eq!(payload[52..56], rqueue.to_ne_bytes());
    }
});

/// A request with a program is the one without, then the program.
fn with_a_program(message: &[u8], without: &[u8], program: &[u8]) {
    assert_eq!(message[4..without.len()], without[4..]);
    let (mut messages, mut attributes) = (Messages::new(message), Attributes::new(&message[without.len()..]));
    assert!(matches!((messages.next(), messages.next()), (Some(Ok(_)), None)));
    let expected = Attribute { kind: INET_DIAG_REQ_BYTECODE, payload: program };
    assert_eq!((attributes.next(), attributes.next()), (Some(Ok(expected)), None));
}

/// The payload of the only message.
fn one_message(message: &[u8], flags: u16, seq: u32) -> &[u8] {
    let mut messages = Messages::new(message);
    let (Some(Ok(first)), None) = (messages.next(), messages.next()) else {
        panic!("not one message: {message:?}");
    };
    assert_eq!((first.header.flags, first.header.seq), (flags | NLM_F_REQUEST, seq));
    match first.body {
        Body::Data(payload) => payload,
        other => panic!("no request: {other:?}"),
    }
}

fn name(bytes: &[u8]) -> SockId {
    let record = [&[0; 4], bytes, &[0; 20]].concat();
    InetDiagMsg::decode(&record).expect("72 bytes").id
}
