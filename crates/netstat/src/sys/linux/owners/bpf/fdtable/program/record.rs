//! The records of eight slots, with check B.

use super::super::super::assembler::Register::{R0, R1, R2, R3, R6, R7, R8, R9};
use super::super::super::assembler::Width;
use super::super::super::record::Families;
use super::super::memory::{MAX_RECORDS, RECORDS_AT, entry, row, state};
use super::Operation::{Add, Multiply, Or, ShiftLeft, Xor};
use super::{Find, Generator, INET, INET_MASK, at};

impl Generator {
    /// Writes a record for each of the entries, whose number is in `R8`. Counts those that hold, and notes those that do
    /// not.
    pub(super) fn write_records(&mut self) {
        let (next, ends) = (self.code.label(), self.code.label());
        self.get(R1, state::RECORDS);
        self.put(state::PENDING, R1);
        self.put_constant(state::FAILED, 0);
        self.code.copy(R3, R8);
        self.begin_loop(at::ENTRIES);
        self.code.place(next);
        self.code.set(R8, 0);
        self.code.set(R9, 0);
        self.next_round(at::ENTRIES, ends);
        self.code.load(Width::Bytes4, R8, R0, 0);
        self.entry_address(R8);
        self.wait(self.settings.waits.record);
        self.write_record();
        self.wait(self.settings.waits.record);
        self.check_record();
        self.code.jump(next);
        self.code.place(ends);
        self.end_loop(at::ENTRIES);
    }

    /// Writes a record of the entry at `R8` where the next one belongs.
    pub(super) fn write_record(&mut self) {
        self.get(R9, state::PENDING);
        self.code.and(R9, i32::from(MAX_RECORDS) - 1);
        self.code.compute(Multiply, R9, i32::from(self.layout().bytes()));
        self.code.compute(Add, R9, R6);
        self.code.add(R9, RECORDS_AT.into());
        let families = match self.find {
            Find::Sockets(families) => families,
            Find::Files(files) => return self.write_file(files),
        };
        self.read_of_entry(Width::Bytes8, entry::SOCKET, self.needs.of.inode_number);
        self.code.store(Width::Bytes4, R9, row::INODE, R1);
        self.read_of_entry(Width::Bytes2, entry::SOCKET, self.needs.of.socket_type);
        self.code.store(Width::Bytes2, R9, row::TYPE, R1);
        self.get(R1, state::PROCESS);
        self.code.store(Width::Bytes4, R9, row::PROCESS, R1);
        self.code.load(Width::Bytes8, R1, R8, entry::SLOT);
        self.code.compute(Add, R1, R7);
        self.code.store(Width::Bytes4, R9, row::DESCRIPTOR, R1);
        self.code.load(Width::Bytes8, R1, R8, entry::SOCK);
        self.as_sock();
        self.member(Width::Bytes2, R1, self.needs.of.family);
        self.code.store(Width::Bytes2, R9, row::FAMILY, R1);
        match families {
            Families::Internet => {
                self.code.and(R1, INET_MASK);
                self.code.compute(Xor, R1, INET);
            }
            Families::All => self.code.set(R1, 0),
        }
        self.put(state::NOT_WANTED, R1);
        for (place, offset, width) in [
            (row::COOKIE, self.needs.of.cookie, Width::Bytes8),
            (row::PORT, self.needs.of.port, Width::Bytes2),
            (row::PROTOCOL, self.needs.of.protocol, Width::Bytes2),
        ] {
            self.member(width, R1, offset);
            self.code.store(width, R9, place, R1);
        }
        self.member(Width::Bytes8, R1, self.needs.of.net);
        self.code.load(Width::Bytes4, R1, R1, self.needs.of.namespace_number);
        self.code.store(Width::Bytes4, R9, row::NAMESPACE, R1);
        if let Some(of) = self.needs.of_row {
            self.write_rest_of_row(&of);
        }
    }

    /// `R1` = a member of what the entry at `R8` points to.
    pub(super) fn read_of_entry(&mut self, width: Width, pointer: i16, offset: i32) {
        self.code.load(Width::Bytes8, R1, R8, pointer);
        self.read(width, R1, R1, offset);
    }

    /// `R1` is not 0 if sock, socket and file of the entry at `R8` do not belong together any more.
    fn socket_has_changed(&mut self) {
        self.read_of_entry(Width::Bytes8, entry::SOCKET, self.needs.of.socket_sock);
        self.code.load(Width::Bytes8, R2, R8, entry::SOCK);
        self.code.compute(Xor, R1, R2);
        self.put(state::CHANGED, R1);
        self.read_of_entry(Width::Bytes8, entry::FILE, self.needs.of.file_private_data);
        self.code.load(Width::Bytes8, R2, R8, entry::SOCKET);
        self.also_changed_if_different();
        self.read_of_entry(Width::Bytes8, entry::FILE, self.needs.of.file_operations);
        self.get(R2, state::OPERATIONS);
        self.also_changed_if_different();
    }

    /// Check B, from the inside out. A record that holds is counted, if it is wanted.
    pub(super) fn check_record(&mut self) {
        self.barrier();
        match self.find {
            Find::Sockets(_) => self.socket_has_changed(),
            Find::Files(_) => self.file_has_changed(),
        }
        self.code.load(Width::Bytes8, R1, R8, entry::SLOT);
        self.code.compute(Add, R1, R7);
        self.code.compute(ShiftLeft, R1, 3);
        self.get(R2, state::SLOTS);
        self.code.compute(Add, R1, R2);
        self.read_pointer(R1, R1, 0);
        self.code.load(Width::Bytes8, R2, R8, entry::FILE);
        self.also_changed_if_different();
        if !self.settings.checks.record {
            self.code.set(R1, 0);
        }

        self.is_not_zero(R1, R2);
        self.code.copy(R3, R1);
        self.code.load(Width::Bytes8, R2, R8, entry::SLOT);
        self.code.compute(ShiftLeft, R3, R2);
        self.get(R2, state::FAILED);
        self.code.compute(Or, R2, R3);
        self.put(state::FAILED, R2);
        self.get(R2, state::NOT_WANTED);
        self.is_not_zero(R2, R3);
        self.code.compute(Or, R1, R2);
        self.code.compute(Xor, R1, 1);
        self.get(R2, state::PENDING);
        self.code.compute(Add, R2, R1);
        self.put(state::PENDING, R2);
    }

    /// Notes that something has changed if `R1` is not `R2`. What is noted stays in `R1`.
    pub(super) fn also_changed_if_different(&mut self) {
        self.code.compute(Xor, R1, R2);
        self.get(R2, state::CHANGED);
        self.code.compute(Or, R1, R2);
        self.put(state::CHANGED, R1);
    }
}
