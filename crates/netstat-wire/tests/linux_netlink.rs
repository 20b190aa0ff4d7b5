//! Netlink framing: messages in a datagram, attributes in a message.
#![allow(clippy::unwrap_used)]

mod common;

use common::{attribute, fixture, message, message_of_length};
use netstat_wire::linux::netlink::*;
use proptest::prelude::*;

fn all(datagram: &[u8]) -> Vec<Message<'_>> {
    Messages::new(datagram).map(Result::unwrap).collect()
}

/// Asserts that the first message cannot be decoded, and that nothing follows it; returns the error.
fn only_error(bytes: &[u8]) -> String {
    let mut messages = Messages::new(bytes);
    let error = messages.next().unwrap().unwrap_err().to_string();
    assert_eq!(messages.next(), None);
    error
}

#[test]
fn a_captured_dump_is_three_sockets_and_the_end() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__udp_dump");
    let messages = all(&datagram);
    let kinds: Vec<u16> = messages.iter().map(|message| message.header.kind).collect();
    assert_eq!(kinds, [18, 18, 18, NLMSG_DONE]);
    for message in &messages {
        assert_eq!((message.header.flags, message.header.seq), (NLM_F_MULTI, 0x100b));
        assert_ne!(message.header.port_id, 0);
        assert!(!message.interrupted());
    }
    let lengths: Vec<usize> = messages
        .iter()
        .filter_map(|message| match message.body {
            Body::Data(payload) => Some(payload.len()),
            _ => None,
        })
        .collect();
    assert_eq!(lengths, [108, 108, 116]);
    assert_eq!(messages.last().unwrap().body, Body::Done { code: 0 });
}

#[test]
fn a_captured_end_has_the_outcome_of_the_dump() {
    if !common::little_endian() {
        return;
    }
    assert_eq!(all(&fixture!("linux-6.18__done"))[0].body, Body::Done { code: 0 });
    assert_eq!(all(&fixture!("linux-6.18__done_enoent"))[0].body, Body::Done { code: -2 });
}

#[test]
fn a_captured_error_has_its_code() {
    if !common::little_endian() {
        return;
    }
    assert_eq!(all(&fixture!("linux-6.18__error_enoent"))[0].body, Body::Error { code: -2 });
    assert_eq!(all(&fixture!("linux-6.18__error_exact_lookup"))[0].body, Body::Error { code: -2 });
}

#[test]
fn a_captured_acknowledgement_is_an_error_of_zero() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__exact_lookup_and_ack");
    let messages = all(&datagram);
    assert!(matches!(messages[0].body, Body::Data(_)));
    assert_eq!(messages[1].body, Body::Error { code: 0 });
    assert_eq!(messages.len(), 2);
}

#[test]
fn a_dump_cut_at_any_byte_is_its_first_messages_and_then_an_error() {
    let parts = [
        message(20, NLM_F_MULTI, 1, 2, &[7; 5]),
        message(NLMSG_NOOP, 0, 1, 2, &[]),
        message(20, NLM_F_MULTI, 1, 2, &[8; 12]),
        message(NLMSG_DONE, NLM_F_MULTI, 1, 2, &[0; 4]),
    ];
    let datagram = parts.concat();
    let whole = all(&datagram);
    // Where each message ends, without its padding and with it.
    let mut ends = vec![(0, 0)];
    for (part, unpadded) in parts.iter().zip([21, 16, 28, 20]) {
        let start = ends.last().unwrap().1;
        ends.push((start + unpadded, start + part.len()));
    }
    for cut in 0..=datagram.len() {
        let read: Vec<_> = Messages::new(&datagram[..cut]).collect();
        let complete = ends.iter().rposition(|(end, _)| *end <= cut).unwrap();
        let messages: Vec<_> = read.iter().map_while(|item| item.ok()).collect();
        assert_eq!(messages, whole[..complete], "cut at {cut}");
        let at_an_end = ends.iter().any(|(end, padded)| (*end..=*padded).contains(&cut));
        assert_eq!(read.len() - messages.len(), usize::from(!at_an_end), "cut at {cut}");
    }
}

#[test]
fn an_end_without_a_payload_is_an_end_with_zero() {
    assert_eq!(all(&message(NLMSG_DONE, 0, 0, 0, &[]))[0].body, Body::Done { code: 0 });
}

#[test]
fn an_explanation_after_an_outcome_is_skipped() {
    let explained = [(-22_i32).to_ne_bytes().to_vec(), attribute(1, b"why\0")].concat();
    assert_eq!(all(&message(NLMSG_DONE, 0x200, 0, 0, &explained))[0].body, Body::Done { code: -22 });
    assert_eq!(all(&message(NLMSG_ERROR, 0x200, 0, 0, &explained))[0].body, Body::Error { code: -22 });
}

#[test]
fn an_outcome_of_less_than_four_bytes_is_an_error() {
    let error = only_error(&message(NLMSG_DONE, 0, 0, 0, &[0; 2]));
    assert_eq!(error, "NLMSG_DONE: 4 bytes needed at offset 0, 2 there");
    let error = only_error(&message(NLMSG_ERROR, 0, 0, 0, &[]));
    assert_eq!(error, "nlmsgerr: 4 bytes needed at offset 0, 0 there");
}

#[test]
fn the_other_control_messages_are_distinguished() {
    assert_eq!(all(&message(NLMSG_NOOP, 0, 0, 0, &[]))[0].body, Body::Noop);
    assert_eq!(all(&message(NLMSG_OVERRUN, 0, 0, 0, &[1, 2, 3]))[0].body, Body::Overrun);
}

#[test]
fn a_type_of_no_known_use_is_data() {
    for kind in [0, 5, 15, 16, u16::MAX] {
        assert_eq!(all(&message(kind, 0, 0, 0, b"new"))[0].body, Body::Data(b"new"), "{kind}");
    }
}

#[test]
fn any_message_can_mark_a_dump_as_interrupted() {
    for kind in [20, NLMSG_DONE] {
        let bytes = message(kind, NLM_F_MULTI | NLM_F_DUMP_INTR, 0, 0, &[0; 4]);
        assert!(all(&bytes)[0].interrupted());
    }
    assert!(!all(&message(20, !NLM_F_DUMP_INTR, 0, 0, &[]))[0].interrupted());
}

#[test]
fn a_length_below_the_header_is_an_error_and_the_end() {
    for length in 0..16 {
        let two = [message_of_length(length, 20, 0, 0, 0, &[]), message(20, 0, 0, 0, &[])].concat();
        assert_eq!(only_error(&two), "nlmsghdr: nlmsg_len below 16 at offset 0");
    }
}

#[test]
fn a_length_beyond_the_datagram_is_an_error_and_the_end() {
    for length in [21, 24, 0x7fff_ffff, u32::MAX] {
        let bytes = message_of_length(length, 20, 0, 0, 0, &[0; 4]);
        assert_eq!(only_error(&bytes), format!("nlmsghdr: {length} bytes needed at offset 0, 20 there"));
    }
}

#[test]
fn bytes_after_the_last_message_are_an_error() {
    for extra in 1..16 {
        let bytes = [message(20, 0, 0, 0, &[0; 4]), vec![0; extra]].concat();
        let read: Vec<_> = Messages::new(&bytes).collect();
        assert_eq!(read.len(), 2);
        assert!(read[0].is_ok());
        assert!(read[1].is_err(), "{extra}");
    }
}

#[test]
fn padding_before_a_message_is_skipped_and_may_be_absent_at_the_end() {
    for (length, absent) in [(1, 3), (2, 2), (3, 1), (4, 0), (5, 3)] {
        let payload = vec![9; length];
        let two = [message(20, 0, 1, 0, &payload), message(20, 0, 2, 0, &payload)].concat();
        for less in 0..=absent {
            let bytes = &two[..two.len() - less];
            let messages = all(bytes);
            assert_eq!(messages.len(), 2);
            assert!(messages.iter().all(|message| message.body == Body::Data(&payload)));
        }
    }
}

#[test]
fn the_flags_in_an_attribute_s_type_are_taken_off() {
    for flags in [0, 0x4000, 0x8000, 0xc000] {
        let bytes = attribute(flags | 19, b"x");
        let read: Vec<_> = Attributes::new(&bytes).collect();
        assert_eq!(read, [Ok(Attribute { kind: 19, payload: b"x" })]);
    }
}

#[test]
fn attributes_cut_at_any_byte_are_the_first_ones_and_then_an_error() {
    let bytes = [attribute(1, b"abc"), attribute(2, b""), attribute(3, b"12345678")].concat();
    let whole: Vec<_> = Attributes::new(&bytes).map(Result::unwrap).collect();
    assert_eq!(whole.len(), 3);
    for cut in 0..=bytes.len() {
        let read: Vec<_> = Attributes::new(&bytes[..cut]).collect();
        let attributes: Vec<_> = read.iter().map_while(|item| item.ok()).collect();
        assert_eq!(attributes, whole[..attributes.len()], "cut at {cut}");
        let at_an_end = [0, 7, 8, 12, 24].contains(&cut);
        assert_eq!(read.len() - attributes.len(), usize::from(!at_an_end), "cut at {cut}");
    }
}

#[test]
fn an_attribute_length_that_cannot_be_is_an_error_and_the_end() {
    for length in [0_u16, 1, 3, 9, u16::MAX] {
        let mut bytes = [attribute(1, b"abcd"), attribute(2, b"")].concat();
        bytes.truncate(8);
        bytes[..2].copy_from_slice(&length.to_ne_bytes());
        let mut attributes = Attributes::new(&bytes);
        assert!(attributes.next().unwrap().is_err(), "{length}");
        assert_eq!(attributes.next(), None);
    }
}

#[test]
fn an_attribute_put_into_a_message_is_counted_in_its_length() {
    let mut bytes = Header { kind: 20, flags: 1, seq: 2, port_id: 3 }.encode(b"body!");
    assert!(put_attribute(&mut bytes, 7, b"x"));
    assert!(put_attribute(&mut bytes, 8, b""));
    let body = [b"body!\0\0\0".to_vec(), attribute(7, b"x"), attribute(8, b"")].concat();
    assert_eq!(bytes, message(20, 1, 2, 3, &body));
}

#[test]
fn an_attribute_that_cannot_be_encoded_leaves_the_message_as_it_was() {
    let whole = Header::default().encode(&[]);
    let mut bytes = whole.clone();
    assert!(!put_attribute(&mut bytes, 1, &[0; 65_532]));
    assert_eq!(bytes, whole);
    assert!(put_attribute(&mut bytes, 1, &[0; 65_531]));
    assert_eq!(bytes.len(), 16 + 65_536);
    let mut headless = vec![1; 15];
    assert!(!put_attribute(&mut headless, 1, b"x"));
    assert_eq!(headless, [1; 15]);
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(Messages::new(&bytes).count() <= bytes.len() / 16 + 1);
        prop_assert!(Attributes::new(&bytes).count() <= bytes.len() / 4 + 1);
    }

    /// Headers that are nearly valid get further than random bytes.
    #[test]
    fn any_lengths_in_headers_are_read_to_an_end(
        parts in prop::collection::vec((0_u32..64, 0_u16..8, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
    ) {
        let parts: Vec<_> = parts
            .iter()
            .map(|(length, kind, payload)| message_of_length(*length, *kind, 0, 0, 0, payload))
            .collect();
        let bytes = parts.concat();
        prop_assert!(Messages::new(&bytes).count() <= bytes.len() / 16 + 1);
    }

    #[test]
    fn resumed_at_its_offset_a_datagram_has_the_messages_that_are_left(
        parts in prop::collection::vec((12_u32..64, 0_u16..32, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
    ) {
        let parts: Vec<_> = parts
            .iter()
            .map(|(length, kind, payload)| message_of_length(*length, *kind, 0, 0, 0, payload))
            .collect();
        let bytes = parts.concat();
        let mut messages = Messages::new(&bytes);
        loop {
            let start = messages.offset();
            let mut resumed = Messages::resume(&bytes, start);
            prop_assert!(resumed.clone().eq(messages.clone()));
            prop_assert_eq!(resumed.next(), messages.next());
            let Some(Ok(message)) = Messages::resume(&bytes, start).next() else { break };
            if let Body::Data(payload) = message.body {
                let start = start + NLMSG_HDRLEN;
                prop_assert_eq!(payload, &bytes[start..start + payload.len()]);
            }
        }
        prop_assert_eq!(Messages::resume(&bytes, bytes.len() + 1).next(), None);
    }

    #[test]
    fn messages_are_read_as_they_were_written(
        parts in prop::collection::vec(
            (16_u16.., any::<u16>(), any::<u32>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..64)),
            0..8,
        ),
    ) {
        let write = |(kind, flags, seq, port, payload): &(u16, u16, u32, u32, Vec<u8>)| {
            message(*kind, *flags, *seq, *port, payload)
        };
        let written: Vec<_> = parts.iter().map(write).collect();
        let bytes = written.concat();
        let read = all(&bytes);
        prop_assert_eq!(read.len(), parts.len());
        for ((message, part), written) in read.iter().zip(&parts).zip(&written) {
            let header = Header { kind: part.0, flags: part.1, seq: part.2, port_id: part.3 };
            prop_assert_eq!(*message, Message { header, body: Body::Data(&part.4) });
            prop_assert_eq!(&header.encode(&part.4), written);
        }
    }

    #[test]
    fn attributes_are_read_as_they_were_put(
        parts in prop::collection::vec((0_u16..0x4000, prop::collection::vec(any::<u8>(), 0..64)), 0..8),
    ) {
        let mut bytes = Header { kind: 20, ..Header::default() }.encode(&[]);
        for (kind, payload) in &parts {
            prop_assert!(put_attribute(&mut bytes, *kind, payload));
        }
        let read = all(&bytes);
        let Body::Data(body) = read[0].body else { panic!("not data") };
        let written: Vec<_> = parts.iter().map(|(kind, payload)| attribute(*kind, payload)).collect();
        prop_assert_eq!(body, &written.concat()[..]);
        for (attribute, (kind, payload)) in Attributes::new(body).zip(&parts) {
            prop_assert_eq!(attribute, Ok(Attribute { kind: *kind, payload }));
        }
        prop_assert_eq!(Attributes::new(body).count(), parts.len());
    }
}
