//! Netlink messages: what one `recv` returned, cut into messages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::netlink::{Body, Header, Message, Messages};

const HEADER: usize = 16;

fuzz_target!(|datagram: &[u8]| {
    let messages: Vec<_> = Messages::new(datagram).collect();
    assert!(messages.len() <= datagram.len() / HEADER + 1);

    // An error ends the list: nothing is decoded after an invalid length.
    let whole: Vec<Message<'_>> = messages.iter().map_while(|message| message.ok()).collect();
    assert!(messages.len() - whole.len() <= 1);

    no_byte_is_covered_twice(datagram, &whole);

    // More bytes at the end do not change complete messages.
    let longer = [datagram, &[0; 64]].concat();
    let decoded: Vec<_> = Messages::new(&longer).take(whole.len()).map_while(Result::ok).collect();
    assert_eq!(decoded, whole);

    for message in &whole {
        comes_back(message);
    }
});

fn no_byte_is_covered_twice(datagram: &[u8], messages: &[Message<'_>]) {
    let start = datagram.as_ptr().addr();
    let mut free = start;
    for message in messages {
        if let Body::Data(payload) = message.body {
            let payload = payload.as_ptr_range();
            assert!(payload.start.addr() >= free + HEADER);
            free = payload.end.addr();
        } else {
            free += HEADER;
        }
        assert!(free <= start + datagram.len());
    }
}

/// A message that is encoded is decoded to the same.
fn comes_back(message: &Message<'_>) {
    let body: Vec<u8> = match message.body {
        Body::Data(payload) => payload.to_vec(),
        Body::Error { code } | Body::Done { code } => code.to_ne_bytes().to_vec(),
        Body::Noop | Body::Overrun => Vec::new(),
    };
    let header: Header = message.header;
    let written = header.encode(&body);
    assert_eq!(written.len() % 4, 0);
    let back: Vec<_> = Messages::new(&written).collect();
    assert_eq!(back, [Ok(*message)]);
}
