//! Which table of a task is read, and whose it is.

use super::super::super::assembler::Register::{R0, R1, R2, R6, R7, R8, R9};
use super::super::super::assembler::{If, Label, Width};
use super::super::memory::state;
use super::super::part::Part;
use super::Operation::{Add, Multiply, ShiftLeft, Xor};
use super::{GET_CURRENT_TASK_BTF, Generator};

impl Generator {
    /// Empties the map if the reader has taken its records, and begins a run. The task to `R7` and its `files` to `R8`.
    pub(super) fn begin(&mut self) {
        let (same_run, taken) = (self.code.label(), self.code.label());
        self.code.copy(R9, R1);
        self.select_part();
        self.code.load(Width::Bytes8, R1, R9, self.needs.of.meta);
        self.code.load(Width::Bytes8, R1, R1, self.needs.of.session_id);
        self.get(R2, state::SESSION);
        self.code.jump_if(If::Equal, R1, R2, same_run);
        self.put(state::SESSION, R1);
        for place in [state::LOST, state::FOREIGN, state::RESUME_THREAD, state::LAST_PROCESS] {
            self.put_constant(place, 0);
        }
        self.put_constant(state::STOPPED, 1);
        self.code.place(same_run);
        self.get(R1, state::STOPPED);
        self.code.jump_if(If::Equal, R1, 0, taken);
        self.put_constant(state::STOPPED, 0);
        self.put_constant(state::RECORDS, 0);
        self.code.place(taken);
        self.code.load(Width::Bytes8, R1, R9, self.needs.of.task);
        self.code.exit_if_equal(R1, 0);
        // Stored and loaded, they are numbers. The verifier would search all types of the kernel by name for each load
        // through the pointer itself, which takes a millisecond.
        self.put(state::TASK, R1);
        self.code.call(GET_CURRENT_TASK_BTF);
        self.put(state::CURRENT, R0);
        self.get(R7, state::TASK);
        self.read_pointer(R8, R7, self.needs.of.task_files);
        // A process that has ended.
        self.code.exit_if_equal(R8, 0);
    }

    /// Selects the part of the map, by the flags of the file that is read. The context is in `R9`.
    fn select_part(&mut self) {
        self.code.address_of_map(R6, self.map);
        self.code.load(Width::Bytes8, R7, R9, self.needs.of.meta);
        for (width, offset) in [
            (Width::Bytes8, self.needs.of.seq),
            (Width::Bytes8, self.needs.of.seq_file),
            (Width::Bytes4, self.needs.of.file_flags),
        ] {
            self.read(width, R7, R7, offset);
        }
        self.code.copy(R8, R7);
        for (register, flag) in [(R7, Part::IS_HALF), (R8, Part::IS_SECOND)] {
            self.code.and(register, flag);
            self.is_not_zero(register, R1);
        }
        self.code.copy(R1, R8);
        self.code.compute(ShiftLeft, R1, i32::from(self.layout().part_shift()));
        self.code.compute(Add, R6, R1);
        self.put(state::IS_HALF, R7);
        self.put(state::HALF, R8);
    }

    /// Returns for a thread that shares the table of its leader, and for a task without a number. Notes process, thread and
    /// start of the others, and the table in `R8`.
    pub(super) fn select_table(&mut self) {
        let has_own_table = self.code.label();
        self.read_pointer(R9, R7, self.needs.of.group_leader);
        self.code.copy(R1, R9);
        self.code.compute(Xor, R1, R7);
        self.put(state::IS_THREAD, R1);
        self.code.jump_if(If::Equal, R9, R7, has_own_table);
        self.read_pointer(R1, R9, self.needs.of.task_files);
        self.code.jump_if(If::Equal, R1, R8, Label::END);
        self.code.place(has_own_table);
        self.read_numbers();
        self.read_pointer(R1, R7, self.needs.of.start_boottime);
        self.put(state::START, R1);
        self.select_files();
    }

    /// Thread and process, by their numbers in the pid namespace of the reader.
    pub(super) fn read_numbers(&mut self) {
        let (is_ours, is_leader) = (self.code.label(), self.code.label());
        self.get(R1, state::CURRENT);
        self.read_pointer(R9, R1, self.needs.of.thread_pid);
        self.read(Width::Bytes4, R1, R9, self.needs.of.level);
        self.code.compute(Multiply, R1, self.needs.of.number_size);
        self.code.add(R1, self.needs.of.numbers);
        self.put(state::NUMBER, R1);
        self.code.compute(Add, R9, R1);
        self.read_pointer(R9, R9, self.needs.of.number_namespace);
        self.read_pointer(R1, R7, self.needs.of.thread_pid);
        self.code.exit_if_equal(R1, 0);
        self.get(R2, state::NUMBER);
        self.code.compute(Add, R1, R2);
        self.put(state::PID, R1);
        self.read_pointer(R1, R1, self.needs.of.number_namespace);
        self.code.jump_if(If::Equal, R1, R9, is_ours);
        self.add_to(state::FOREIGN, 1);
        self.code.jump(Label::END);
        self.code.place(is_ours);
        self.get(R1, state::PID);
        self.read(Width::Bytes4, R9, R1, self.needs.of.number);
        self.put(state::THREAD, R9);
        self.put(state::PROCESS, R9);
        self.get(R1, state::IS_THREAD);
        self.code.jump_if(If::Equal, R1, 0, is_leader);
        self.read_pointer(R1, R7, self.needs.of.signal);
        self.read_pointer(R1, R1, self.needs.of.signal_pids);
        self.code.exit_if_equal(R1, 0);
        self.get(R2, state::NUMBER);
        self.code.compute(Add, R1, R2);
        self.read(Width::Bytes4, R9, R1, self.needs.of.number);
        // Just being reaped.
        self.code.exit_if_equal(R9, 0);
        self.put(state::PROCESS, R9);
        // The threads of a leader that has exited share a table, as a rule.
        self.get(R1, state::LAST_PROCESS);
        self.code.jump_if(If::Unequal, R1, R9, is_leader);
        self.get(R1, state::LAST_FILES);
        self.code.jump_if(If::Equal, R1, R8, Label::END);
        self.code.place(is_leader);
    }

    /// Selects the table of the `files_struct` in `R8`.
    pub(super) fn select_files(&mut self) {
        self.put(state::FILES, R8);
        self.read_pointer(R9, R8, self.needs.of.files_table);
        self.put(state::TABLE, R9);
        for (place, offset) in
            [(state::SLOTS, self.needs.of.table_slots), (state::OPEN, self.needs.of.table_open)]
        {
            self.read_pointer(R1, R9, offset);
            self.put(place, R1);
        }
        self.read(Width::Bytes4, R1, R9, self.needs.of.table_slot_count);
        self.put(state::SLOT_COUNT, R1);
    }

    /// Learns, once, the operations of a kind of file from one that the reader has open, and keeps them at this place: in the
    /// first part of the map for both, since the file is closed after the first run.
    pub(super) fn find_operations(&mut self, reference: i32, place: i16) {
        let are_known = self.code.label();
        self.code.address_of_map(R9, self.map);
        self.code.load(Width::Bytes8, R1, R9, place);
        self.code.jump_if(If::Unequal, R1, 0, are_known);
        self.get(R1, state::CURRENT);
        self.read_pointer(R1, R1, self.needs.of.task_files);
        self.read_pointer(R1, R1, self.needs.of.files_table);
        self.read_pointer(R1, R1, self.needs.of.table_slots);
        self.read_pointer(R1, R1, reference.saturating_mul(8));
        self.read_pointer(R1, R1, self.needs.of.file_operations);
        self.code.exit_if_equal(R1, 0);
        self.code.store(Width::Bytes8, R9, place, R1);
        self.code.place(are_known);
        self.put(place, R1);
    }
}
