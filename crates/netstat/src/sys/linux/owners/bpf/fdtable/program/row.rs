//! What a row has beyond a record: addresses, state, user, interface and queues.

use super::super::super::assembler::Register::{R1, R8, R9};
use super::super::super::assembler::{If, Width};
use super::super::memory::{entry, row};
use super::super::row_offsets::RowOffsets;
use super::Generator;

const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;
const IPPROTO_TCP: i32 = 6;
const TCP_LISTEN: i32 = 10;

/// A member to copy: its width, where it is in its structure, and where it belongs in the row.
type Copied = (Width, i32, i16);

impl Generator {
    /// Writes the rest of the row at `R9`, of the sock in `R0`, which is that of the entry at `R8`. What follows the sock is
    /// of IPv4 and IPv6 sockets alone.
    pub(super) fn write_rest_of_row(&mut self, of: &RowOffsets) {
        let (is_v6, has_ends, is_no_tcp, is_listener, ends) =
            (self.code.label(), self.code.label(), self.code.label(), self.code.label(), self.code.label());
        self.code.load(Width::Bytes8, R1, R8, entry::SOCK);
        self.code.store(Width::Bytes8, R9, row::SOCK, R1);
        self.copy_members(&[
            (Width::Bytes1, of.state, row::STATE),
            (Width::Bytes2, of.remote_port, row::REMOTE_PORT),
            (Width::Bytes4, of.interface, row::INTERFACE),
            (Width::Bytes4, of.uid, row::UID),
        ]);
        self.code.load(Width::Bytes2, R1, R9, row::FAMILY);
        self.code.jump_if(If::Equal, R1, AF_INET6, is_v6);
        self.code.jump_if(If::Unequal, R1, AF_INET, ends);
        for place in [row::LOCAL, row::REMOTE] {
            self.code.store_constant(Width::Bytes8, R9, place, 0);
            self.code.store_constant(Width::Bytes8, R9, place + 8, 0);
        }
        self.code.store_constant(Width::Bytes1, R9, row::V6_ONLY, 0);
        self.copy_members(&[
            (Width::Bytes4, of.local_v4, row::LOCAL),
            (Width::Bytes4, of.remote_v4, row::REMOTE),
        ]);
        self.code.jump(has_ends);

        self.code.place(is_v6);
        if let Some(v6) = &of.v6 {
            let parts = |from: i32, to: i16| {
                [0, 4, 8, 12].map(|part| (Width::Bytes4, from + i32::from(part), to + part))
            };
            self.copy_members(&[parts(v6.local, row::LOCAL), parts(v6.remote, row::REMOTE)].concat());
            self.member(Width::Bytes1, R1, v6.only);
            self.code.and(R1, v6.only_bit.into());
            self.code.store(Width::Bytes1, R9, row::V6_ONLY, R1);
        }

        self.code.place(has_ends);
        self.code.load(Width::Bytes2, R1, R9, row::PROTOCOL);
        self.code.jump_if(If::Unequal, R1, IPPROTO_TCP, is_no_tcp);
        self.code.load(Width::Bytes1, R1, R9, row::STATE);
        self.code.jump_if(If::Equal, R1, TCP_LISTEN, is_listener);
        self.copy_queues([of.rcv_nxt, of.copied_seq, of.write_seq, of.snd_una]);
        self.code.jump(ends);
        self.code.place(is_listener);
        self.copy_queues([of.backlog, of.max_backlog, of.requests]);
        self.code.jump(ends);
        self.code.place(is_no_tcp);
        self.copy_queues([of.received, of.sent]);
        self.code.load(Width::Bytes8, R1, R8, entry::SOCK);
        self.as_structure(of.udp);
        self.copy_members(&[(Width::Bytes4, of.forwarded, row::QUEUES + 8)]);
        self.code.place(ends);
    }

    /// Copies numbers of 4 bytes, of which the reader makes the queues.
    fn copy_queues<const N: usize>(&mut self, numbers: [i32; N]) {
        let places = [0, 4, 8, 12].map(|place| row::QUEUES + place);
        let copied: Vec<Copied> =
            numbers.into_iter().zip(places).map(|(from, to)| (Width::Bytes4, from, to)).collect();
        self.copy_members(&copied);
    }

    /// Copies members of the sock in `R0` to the row at `R9`.
    fn copy_members(&mut self, members: &[Copied]) {
        for (width, from, to) in members {
            self.member(*width, R1, *from);
            self.code.store(*width, R9, *to, R1);
        }
    }

    /// The members whose cache lines rows need beyond those of records.
    pub(super) fn lines_of_row(of: &RowOffsets) -> [i32; 8] {
        [of.remote_v4, of.uid, of.received, of.sent, of.rcv_nxt, of.copied_seq, of.write_seq, of.snd_una]
    }
}
