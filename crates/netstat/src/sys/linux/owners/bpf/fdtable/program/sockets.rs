//! The sockets among eight files.

use super::super::super::assembler::Register::{R1, R2, R3, R6, R8, R9};
use super::super::super::assembler::{Label, Register, Width};
use super::super::memory::{entry, state};
use super::Generator;
use super::Operation::{Add, And, Multiply, ShiftRight};

/// That of most processors. Where a structure begins within a line is not known, so a line may be loaded twice or not at all.
const CACHE_LINE: i32 = 64;

impl Generator {
    /// Lists the sockets among the eight files, and counts them in `R8`.
    ///
    /// All is done for all eight, without jumps: what is no socket is read at the address 0, and its entry overwritten by
    /// the next. So the cache misses of the eight overlap.
    pub(super) fn list_sockets(&mut self, advances: Label) {
        self.match_operations(&|_| ());
        self.only_wanted(advances);
        self.wait(self.settings.waits.sockets);
        for slot in 0..8 {
            self.is_wanted(R1, slot);
            self.code.negate(R1);
            self.get(R2, state::EIGHT_FILES + 8 * slot);
            self.code.compute(And, R1, R2);
            self.read_pointer(R1, R1, self.needs.of.file_private_data);
            self.put(state::EIGHT_SOCKETS + 8 * slot, R1);
        }
        // Those of the last step must not be followed: their sockets may be freed.
        for number in 0..8 {
            for place in [entry::SOCKET, entry::SOCK] {
                self.put_constant(state::ENTRIES + number * entry::BYTES + place, 0);
            }
        }
        self.code.set(R9, 0);
        for slot in 0..8 {
            self.get(R1, state::EIGHT_SOCKETS + 8 * slot);
            self.read_pointer(R3, R1, self.needs.of.socket_sock);
            self.code.copy(R2, R9);
            self.entry_address(R2);
            self.code.store(Width::Bytes8, R2, entry::SOCK, R3);
            for (place, eight) in [(entry::FILE, state::EIGHT_FILES), (entry::SOCKET, state::EIGHT_SOCKETS)] {
                self.get(R1, eight + 8 * slot);
                self.code.store(Width::Bytes8, R2, place, R1);
            }
            self.code.store_constant(Width::Bytes8, R2, entry::SLOT, slot.into());
            self.is_wanted(R1, slot);
            self.code.compute(Add, R9, R1);
        }
        self.code.copy(R8, R9);
    }

    /// `to` = 1 if the slot is in the mask in `R8`, else 0.
    pub(super) fn is_wanted(&mut self, to: Register, slot: i16) {
        self.code.copy(to, R8);
        self.code.compute(ShiftRight, to, i32::from(slot));
        self.code.and(to, 1);
    }

    /// `register` = the address of the entry of that number.
    pub(super) fn entry_address(&mut self, register: Register) {
        self.code.and(register, 7);
        self.code.compute(Multiply, register, i32::from(entry::BYTES));
        self.code.add(register, state::ENTRIES.into());
        self.code.compute(Add, register, R6);
    }

    /// Loads from the cache lines that the records need, of all entries, so that the misses overlap.
    pub(super) fn prefetch(&mut self) {
        let mut offsets = vec![self.needs.of.port, self.needs.of.cookie, self.needs.of.protocol];
        offsets.extend(self.needs.of_row.iter().flat_map(Self::lines_of_row));
        offsets.sort_unstable();
        offsets.dedup_by_key(|offset| *offset / CACHE_LINE);
        for number in 0..8 {
            let at = state::ENTRIES + number * entry::BYTES;
            self.get(R1, at + entry::SOCK);
            self.as_sock();
            for offset in &offsets {
                self.member(Width::Bytes2, R1, *offset);
            }
            self.get(R1, at + entry::SOCKET);
            self.read_pointer(R1, R1, self.needs.of.inode_number);
        }
    }
}
