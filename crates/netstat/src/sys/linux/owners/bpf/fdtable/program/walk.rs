//! The walk over a table, eight slots a step, with checks A and C.

use super::super::super::assembler::Register::{R0, R1, R2, R3, R7, R8, R9};
use super::super::super::assembler::{If, Label, Width};
use super::super::memory::state;
use super::Operation::{Add, And, Or, ShiftLeft, ShiftRight, Xor};
use super::{Find, Generator, MAX_REPEATS, MAX_STEPS, at};

/// A half of the descriptors is every second block of so many, as a power of two: a large table is divided too.
const BLOCK_SHIFT: i32 = 9;

impl Generator {
    /// Begins with the first descriptor, or where the last call with this task ended.
    pub(super) fn resume(&mut self) {
        let begins = self.code.label();
        self.put_constant(state::DESCRIPTOR, 0);
        self.put_constant(state::WANTED, 0xff);
        self.put_constant(state::REPEATS, 0);
        self.put_constant(state::SLOTS_LEFT, self.settings.max_slots);
        for (place, own) in [
            (state::RESUME_THREAD, state::THREAD),
            (state::RESUME_START, state::START),
            // Exec gives a thread the number and the start of its leader, and it may have had a table of its own.
            (state::RESUME_FILES, state::FILES),
        ] {
            self.get(R1, place);
            self.get(R2, own);
            self.code.jump_if(If::Unequal, R1, R2, begins);
        }
        self.get(R1, state::RESUME_DESCRIPTOR);
        self.put(state::DESCRIPTOR, R1);
        self.get(R1, state::RESUME_WANTED);
        self.put(state::WANTED, R1);
        self.code.place(begins);
        self.put_constant(state::RESUME_THREAD, 0);
    }

    /// Walks the table, eight slots a step.
    pub(super) fn walk(&mut self) {
        let (continues, ends) = (self.code.label(), self.code.label());
        self.code.set(R3, MAX_STEPS);
        self.begin_loop(at::STEPS);
        self.code.place(continues);
        // The verifier compares what is in them with the last step.
        for register in [R7, R8, R9] {
            self.code.set(register, 0);
        }
        self.next_round(at::STEPS, ends);
        self.step(continues, ends);
        self.code.place(ends);
        self.end_loop(at::STEPS);
    }

    /// One step. The descriptor is in `R7`.
    pub(super) fn step(&mut self, continues: Label, ends: Label) {
        let (advances, moved, stops) = (self.code.label(), self.code.label(), self.code.label());
        let at_end = self.code.label();
        self.wait(self.settings.waits.slots);
        self.get(R7, state::DESCRIPTOR);
        self.get(R1, state::SLOT_COUNT);
        self.code.jump_if(If::AtLeast, R7, R1, at_end);
        self.skip_other_half(advances);
        self.get(R1, state::RECORDS);
        self.code.jump_if(If::Greater, R1, self.settings.max_records - 8, stops);
        self.get(R1, state::SLOTS_LEFT);
        self.code.jump_if(If::Less, R1, 8, stops);
        self.add_to(state::SLOTS_LEFT, -8);
        self.skip_free(advances, moved);
        self.read_slots(moved);
        match self.find {
            Find::Sockets(_) => {
                self.list_sockets(advances);
                self.prefetch();
            }
            Find::Files(files) => self.list_files(files, advances),
        }
        self.write_records();
        self.accept_records(advances, continues);

        self.code.place(at_end);
        self.has_table();
        self.code.jump_if(If::Equal, R1, 0, ends);
        self.code.jump(moved);

        self.code.place(stops);
        self.put_constant(state::STOPPED, 1);
        self.code.jump(ends);

        self.code.place(moved);
        self.follow_task(continues, ends);

        self.code.place(advances);
        self.put_constant(state::WANTED, 0xff);
        self.put_constant(state::REPEATS, 0);
        self.code.add(R7, 8);
        self.put(state::DESCRIPTOR, R7);
        self.code.jump(continues);
    }

    /// Skips a block that is of the other half.
    fn skip_other_half(&mut self, advances: Label) {
        let is_ours = self.code.label();
        self.code.copy(R1, R7);
        self.code.compute(ShiftRight, R1, BLOCK_SHIFT);
        // Small tables differ by their processes.
        self.get(R2, state::PROCESS);
        self.code.compute(Add, R1, R2);
        self.get(R2, state::HALF);
        self.code.compute(Xor, R1, R2);
        self.get(R2, state::IS_HALF);
        self.code.compute(And, R1, R2);
        self.code.jump_if(If::Equal, R1, 0, is_ours);
        self.skip_to_end_of(1 << BLOCK_SHIFT);
        self.code.jump(advances);
        self.code.place(is_ours);
    }

    /// The step advances from the last eight of as many slots as this power of two.
    fn skip_to_end_of(&mut self, slots: i32) {
        self.code.compute(Or, R7, slots - 1);
        self.code.add(R7, -7);
    }

    /// Skips eight slots that are free, and 64 at once: after check A, since the bits are those of a table too.
    pub(super) fn skip_free(&mut self, advances: Label, moved: Label) {
        let (some_of_64, some) = (self.code.label(), self.code.label());
        self.code.copy(R1, R7);
        self.code.compute(ShiftRight, R1, 6);
        self.code.compute(ShiftLeft, R1, 3);
        self.get(R2, state::OPEN);
        self.code.compute(Add, R1, R2);
        self.read_pointer(R8, R1, 0);
        self.code.jump_if(If::Unequal, R8, 0, some_of_64);
        self.check_table(moved);
        self.skip_to_end_of(64);
        self.code.jump(advances);
        self.code.place(some_of_64);
        self.code.copy(R1, R7);
        self.code.and(R1, 56);
        self.code.compute(ShiftRight, R8, R1);
        self.code.and(R8, 0xff);
        self.code.jump_if(If::Unequal, R8, 0, some);
        self.check_table(moved);
        self.code.jump(advances);
        self.code.place(some);
    }

    /// Reads eight files, then check A.
    pub(super) fn read_slots(&mut self, moved: Label) {
        self.code.copy(R1, R7);
        self.code.compute(ShiftLeft, R1, 3);
        self.get(R2, state::SLOTS);
        self.code.compute(Add, R1, R2);
        self.address(R1, 0);
        for slot in 0..8 {
            self.code.load(Width::Bytes8, R1, R0, 8 * slot);
            self.put(state::EIGHT_FILES + 8 * slot, R1);
        }
        self.check_table(moved);
    }

    /// Check A.
    fn check_table(&mut self, moved: Label) {
        self.has_table();
        if self.settings.checks.before {
            self.code.jump_if(If::Unequal, R1, 0, moved);
        }
    }

    /// `R1` is 0 if the task still has this table.
    pub(super) fn has_table(&mut self) {
        self.barrier();
        self.get(R1, state::FILES);
        self.read_pointer(R1, R1, self.needs.of.files_table);
        self.get(R2, state::TABLE);
        self.code.compute(Xor, R1, R2);
        self.put(state::CHANGED, R1);
        self.get(R1, state::TASK);
        self.read_pointer(R1, R1, self.needs.of.task_files);
        self.get(R2, state::FILES);
        self.code.compute(Xor, R1, R2);
        self.get(R2, state::CHANGED);
        self.code.compute(Or, R1, R2);
    }

    /// Check C. Takes the records and advances, or repeats the slots that have changed.
    pub(super) fn accept_records(&mut self, advances: Label, continues: Label) {
        let (hold, given_up) = (self.code.label(), self.code.label());
        self.has_table();
        if !self.settings.checks.after {
            self.code.set(R1, 0);
        }
        self.code.copy(R9, R1);
        self.get(R8, state::WANTED);
        self.code.jump_if(If::Unequal, R9, 0, given_up);
        self.get(R1, state::PENDING);
        self.put(state::RECORDS, R1);
        self.get(R8, state::FAILED);
        self.code.place(given_up);
        self.code.jump_if(If::Equal, R8, 0, advances);
        self.add_to(state::REPEATS, 1);
        self.code.jump_if(If::Greater, R1, MAX_REPEATS, hold);
        self.put(state::WANTED, R8);
        self.code.jump(continues);
        self.code.place(hold);
        self.add_to(state::LOST, 1);
        self.code.jump(advances);
    }

    /// The task has another table: continues there with the same descriptor, which exec and unshare keep. If it has none,
    /// it has ended.
    pub(super) fn follow_task(&mut self, continues: Label, ends: Label) {
        let given_up = self.code.label();
        self.get(R1, state::TASK);
        self.read_pointer(R8, R1, self.needs.of.task_files);
        // Not the last table of a thread either: another thread may have the rest of it.
        self.put(state::FILES, R8);
        self.code.jump_if(If::Equal, R8, 0, ends);
        self.add_to(state::REPEATS, 1);
        self.code.jump_if(If::Greater, R1, MAX_REPEATS, given_up);
        self.select_files();
        self.code.jump(continues);
        self.code.place(given_up);
        self.add_to(state::LOST, 1);
        self.code.jump(ends);
    }

    /// Returns 1 if the map is to be emptied, and notes where to continue.
    pub(super) fn end(&mut self) {
        let is_done = self.code.label();
        self.get(R1, state::STOPPED);
        self.code.jump_if(If::Equal, R1, 0, is_done);
        for (place, from) in [
            (state::RESUME_DESCRIPTOR, state::DESCRIPTOR),
            (state::RESUME_WANTED, state::WANTED),
            (state::RESUME_THREAD, state::THREAD),
            (state::RESUME_START, state::START),
            (state::RESUME_FILES, state::FILES),
        ] {
            self.get(R1, from);
            self.put(place, R1);
        }
        self.code.set(R0, 1);
        self.code.exit();
        self.code.place(is_done);
        self.get(R1, state::IS_THREAD);
        self.code.exit_if_equal(R1, 0);
        self.get(R1, state::PROCESS);
        self.put(state::LAST_PROCESS, R1);
        self.get(R1, state::FILES);
        self.put(state::LAST_FILES, R1);
    }
}
