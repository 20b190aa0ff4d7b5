//! The program that reads descriptor tables by itself: attached to the iterator over tasks, it walks `struct fdtable` of
//! each process and writes a record for each socket into a map.
//!
//! The iterator over descriptors takes a reference of each file, and calls its program, for every descriptor. This program
//! reads eight slots of a table at once, skips those that are free or no socket by the address of their operations, and
//! lets the cache misses of the sockets overlap. It takes a third of the time.
//!
//! # What makes it right
//! Nothing is locked. The iterator holds the task, and RCU keeps sockets' inodes and replaced tables. But a task may leave its
//! table at any time (exec, unshare, exit), and that table may be freed and become another process's; files (Linux 6.7) and
//! TCP sockets may be reused at once, for another of their type. So:
//!
//! - **A**, before any pointer of a table is followed: the task still has this table. What was read before is of a
//!   live table of this task.
//! - **B**, after a record was written: socket and sock belong together, the file is that socket's, and the slot holds the
//!   file. What the record says is of one socket, and the descriptor leads to it.
//! - **C**, after eight slots: as A. The process had the table while the records were written.
//!
//! A record that fails B is read again, and so are all eight if C fails. Processors that reorder loads need a barrier
//! before each check.
//!
//! # Bounds
//! A call ends with 1 when the map is full or [`Settings::max_slots`] were read. The read of the iterator then returns `EAGAIN`, and
//! the next one calls the program with the same task, which continues where it was.
//!
//! Sources: linux/fdtable.h, fs/file.c, kernel/bpf/{bpf_iter,task_iter,helpers}.c.

use super::super::assembler::Register::{Frame, R0, R1, R2, R3, R6, R7, R8, R9};
use super::super::assembler::{Assembler, If, Label, Operation, Register, Width};
use super::super::program::Program;
use super::super::record::Families;
use super::super::refused::Refused;
use super::super::types::{NUMBERS, Types};
use super::memory::{MAX_RECORDS, RECORD, RECORDS_AT, entry, state};
use super::offsets::Offsets;
use super::settings::Settings;
use Operation::{Add, And, Multiply, Or, ShiftLeft, ShiftRight, Xor};
use netstat_wire::linux::btf::{Kind, TypeId};

/// How many steps one call takes, of eight slots or of 64 free ones: more than it needs for [`Settings::max_slots`].
const MAX_STEPS: i32 = 1 << 20;
/// How often eight slots are read again before they are given up.
const MAX_REPEATS: i32 = 64;

/// `BPF_FUNC_get_current_task_btf`.
const GET_CURRENT_TASK_BTF: i32 = 158;
/// `BPF_FUNC_ktime_get_ns`.
const KTIME_GET_NS: i32 = 5;

/// The bits that `AF_INET` and `AF_INET6` share, and their value; no other family has it.
const INET_MASK: i32 = 0xfff7;
const INET: i32 = 2;

/// Whether this processor may let a load pass an earlier one, so that a check may see older values than what it checks.
const LOADS_ARE_REORDERED: bool = !cfg!(any(target_arch = "x86_64", target_arch = "s390x"));

/// Where the iterators over numbers are on the stack, the kernel's `struct bpf_iter_num`. Everything else is in the map: the
/// verifier compares what is on the stack from step to step.
mod at {
    pub(super) const STEPS: i16 = -8;
    pub(super) const ENTRIES: i16 = -16;
    pub(super) const WAITS: i16 = -24;
}

/// What the program needs of the kernel: types and functions by their numbers, and where members are.
pub(in super::super) struct Needs {
    function: u32,
    of: Offsets,
    /// `bpf_rdonly_cast`, and the structure of numbers through which memory is read.
    cast: i32,
    numbers: i32,
    /// `bpf_iter_num_new`, `bpf_iter_num_next` and `bpf_iter_num_destroy`.
    new: i32,
    next: i32,
    destroy: i32,
}

impl Needs {
    /// Looks all of it up; refused where the kernel lacks some of it.
    pub(in super::super) fn of(types: &Types<'_>) -> Result<Self, Refused> {
        let [function, context, socket, allocation, numbers, cast, new, next, destroy] = types.find([
            (Kind::Func, "bpf_iter_task"),
            (Kind::Struct, "bpf_iter__task"),
            (Kind::Struct, "socket"),
            (Kind::Struct, "socket_alloc"),
            (Kind::Struct, NUMBERS),
            // Linux 6.2 and 6.4.
            (Kind::Func, "bpf_rdonly_cast"),
            (Kind::Func, "bpf_iter_num_new"),
            (Kind::Func, "bpf_iter_num_next"),
            (Kind::Func, "bpf_iter_num_destroy"),
        ])?;
        if types.size(numbers, NUMBERS)? < 8 * 8 {
            return Err(Refused::types("fewer than eight numbers:", NUMBERS));
        }
        let id = |id: TypeId| {
            i32::try_from(id.number())
                .map_err(|_| Refused::other("BTF", "more types than numbers of 32 bits"))
        };
        Ok(Self {
            function: function.number(),
            of: Offsets::of(types, context, socket, allocation)?,
            cast: id(cast)?,
            numbers: id(numbers)?,
            new: id(new)?,
            next: id(next)?,
            destroy: id(destroy)?,
        })
    }
}

/// The program, for the map with this descriptor. `reference`: the descriptor of a socket of the process that reads first.
pub(in super::super) fn fdtable_sockets(
    needs: Needs,
    families: Families,
    map: i32,
    reference: i32,
    settings: Settings,
) -> Program {
    let Needs { function, of, cast, numbers, new, next, destroy } = needs;
    let code = Assembler::default();
    let mut generator = Generator { code, of, cast, numbers, families, new, next, destroy, settings };
    generator.begin(map);
    generator.select_table();
    generator.find_operations(reference);
    generator.resume();
    generator.walk();
    generator.end();
    Program { instructions: generator.code.finish(), attach_to: function }
}

/// The program under construction. Throughout it, `R6` is the address of the map.
struct Generator {
    code: Assembler,
    of: Offsets,
    /// `bpf_rdonly_cast`, and the structure of numbers through which memory is read.
    cast: i32,
    numbers: i32,
    families: Families,
    new: i32,
    next: i32,
    destroy: i32,
    settings: Settings,
}

impl Generator {
    fn get(&mut self, to: Register, state: i16) {
        self.code.load(Width::Bytes8, to, R6, state);
    }

    fn put(&mut self, state: i16, from: Register) {
        self.code.store(Width::Bytes8, R6, state, from);
    }

    fn put_constant(&mut self, state: i16, constant: i32) {
        self.code.store_constant(Width::Bytes8, R6, state, constant);
    }

    fn add_to(&mut self, state: i16, constant: i32) {
        self.get(R1, state);
        self.code.add(R1, constant);
        self.put(state, R1);
    }

    /// `R0` = an address from which numbers can be loaded: `base + offset`. A load from where nothing is mapped gives 0.
    fn address(&mut self, base: Register, offset: i32) {
        if base != R1 {
            self.code.copy(R1, base);
        }
        if offset != 0 {
            self.code.add(R1, offset);
        }
        self.code.set(R2, self.numbers);
        self.code.call_function(self.cast);
    }

    /// `to = *(base + offset)`. Clobbers `R0` to `R5`.
    fn read(&mut self, width: Width, to: Register, base: Register, offset: i32) {
        self.address(base, offset);
        self.code.load(width, to, R0, 0);
    }

    fn read_pointer(&mut self, to: Register, base: Register, offset: i32) {
        self.read(Width::Bytes8, to, base, offset);
    }

    fn barrier(&mut self) {
        if LOADS_ARE_REORDERED {
            self.code.barrier(R6, state::BARRIER, R1);
        }
    }

    /// `register` = 1 if it is not 0, without a jump: the verifier follows both sides of each.
    fn is_not_zero(&mut self, register: Register, scratch: Register) {
        self.code.copy(scratch, register);
        self.code.negate(scratch);
        self.code.compute(Or, register, scratch);
        self.code.compute(ShiftRight, register, 63);
    }

    /// Empties the map if the reader has taken its records, and begins a run. The task to `R7` and its `files` to `R8`.
    fn begin(&mut self, map: i32) {
        let (same_run, taken) = (self.code.label(), self.code.label());
        self.code.copy(R9, R1);
        self.code.address_of_map(R6, map);
        self.code.load(Width::Bytes8, R1, R9, self.of.meta);
        self.code.load(Width::Bytes8, R1, R1, self.of.session_id);
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
        self.code.load(Width::Bytes8, R1, R9, self.of.task);
        self.code.exit_if_equal(R1, 0);
        // Stored and loaded, they are numbers. The verifier would search all types of the kernel by name for each load
        // through the pointer itself, which takes a millisecond.
        self.put(state::TASK, R1);
        self.code.call(GET_CURRENT_TASK_BTF);
        self.put(state::CURRENT, R0);
        self.get(R7, state::TASK);
        self.read_pointer(R8, R7, self.of.task_files);
        // A process that has ended.
        self.code.exit_if_equal(R8, 0);
    }

    /// Returns for a thread that shares the table of its leader, and for a task without a number. Notes process, thread and
    /// start of the others, and the table in `R8`.
    fn select_table(&mut self) {
        let has_own_table = self.code.label();
        self.read_pointer(R9, R7, self.of.group_leader);
        self.code.copy(R1, R9);
        self.code.compute(Xor, R1, R7);
        self.put(state::IS_THREAD, R1);
        self.code.jump_if(If::Equal, R9, R7, has_own_table);
        self.read_pointer(R1, R9, self.of.task_files);
        self.code.jump_if(If::Equal, R1, R8, Label::END);
        self.code.place(has_own_table);
        self.read_numbers();
        self.read_pointer(R1, R7, self.of.start_boottime);
        self.put(state::START, R1);
        self.select_files();
    }

    /// Thread and process, by their numbers in the pid namespace of the reader.
    fn read_numbers(&mut self) {
        let (is_ours, is_leader) = (self.code.label(), self.code.label());
        self.get(R1, state::CURRENT);
        self.read_pointer(R9, R1, self.of.thread_pid);
        self.read(Width::Bytes4, R1, R9, self.of.level);
        self.code.compute(Multiply, R1, self.of.number_size);
        self.code.add(R1, self.of.numbers);
        self.put(state::NUMBER, R1);
        self.code.compute(Add, R9, R1);
        self.read_pointer(R9, R9, self.of.number_namespace);
        self.read_pointer(R1, R7, self.of.thread_pid);
        self.code.exit_if_equal(R1, 0);
        self.get(R2, state::NUMBER);
        self.code.compute(Add, R1, R2);
        self.put(state::PID, R1);
        self.read_pointer(R1, R1, self.of.number_namespace);
        self.code.jump_if(If::Equal, R1, R9, is_ours);
        self.add_to(state::FOREIGN, 1);
        self.code.jump(Label::END);
        self.code.place(is_ours);
        self.get(R1, state::PID);
        self.read(Width::Bytes4, R9, R1, self.of.number);
        self.put(state::THREAD, R9);
        self.put(state::PROCESS, R9);
        self.get(R1, state::IS_THREAD);
        self.code.jump_if(If::Equal, R1, 0, is_leader);
        self.read_pointer(R1, R7, self.of.signal);
        self.read_pointer(R1, R1, self.of.signal_pids);
        self.code.exit_if_equal(R1, 0);
        self.get(R2, state::NUMBER);
        self.code.compute(Add, R1, R2);
        self.read(Width::Bytes4, R9, R1, self.of.number);
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
    fn select_files(&mut self) {
        self.put(state::FILES, R8);
        self.read_pointer(R9, R8, self.of.files_table);
        self.put(state::TABLE, R9);
        for (place, offset) in [(state::SLOTS, self.of.table_slots), (state::OPEN, self.of.table_open)] {
            self.read_pointer(R1, R9, offset);
            self.put(place, R1);
        }
        self.read(Width::Bytes4, R1, R9, self.of.table_slot_count);
        self.put(state::SLOT_COUNT, R1);
    }

    /// What the operations of a socket's file are, from a socket of the reader, once.
    fn find_operations(&mut self, reference: i32) {
        let are_known = self.code.label();
        self.get(R1, state::OPERATIONS);
        self.code.jump_if(If::Unequal, R1, 0, are_known);
        self.get(R1, state::CURRENT);
        self.read_pointer(R1, R1, self.of.task_files);
        self.read_pointer(R1, R1, self.of.files_table);
        self.read_pointer(R1, R1, self.of.table_slots);
        self.read_pointer(R1, R1, reference.saturating_mul(8));
        self.read_pointer(R1, R1, self.of.file_operations);
        self.code.exit_if_equal(R1, 0);
        self.put(state::OPERATIONS, R1);
        self.code.place(are_known);
    }

    /// Begins with the first descriptor, or where the last call with this task ended.
    fn resume(&mut self) {
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

    /// `R1` = the address of an iterator.
    fn iterator(&mut self, place: i16) {
        self.code.copy(R1, Frame);
        self.code.add(R1, place.into());
    }

    /// Begins a loop of as many rounds as `R3` says.
    fn begin_loop(&mut self, iterator: i16) {
        self.iterator(iterator);
        self.code.set(R2, 0);
        self.code.call_function(self.new);
    }

    /// The next round: `R0` is the address of its number, of 4 bytes. After the last one, jumps to `ends`.
    fn next_round(&mut self, iterator: i16, ends: Label) {
        self.iterator(iterator);
        self.code.call_function(self.next);
        self.code.jump_if(If::Equal, R0, 0, ends);
    }

    /// Reads the clock so many times.
    fn wait(&mut self, times: i32) {
        if times == 0 {
            return;
        }
        let (next, ends) = (self.code.label(), self.code.label());
        self.code.set(R3, times);
        self.begin_loop(at::WAITS);
        self.code.place(next);
        self.next_round(at::WAITS, ends);
        self.code.call(KTIME_GET_NS);
        self.code.jump(next);
        self.code.place(ends);
        self.end_loop(at::WAITS);
    }

    fn end_loop(&mut self, iterator: i16) {
        self.iterator(iterator);
        self.code.call_function(self.destroy);
    }

    /// Walks the table, eight slots a step.
    fn walk(&mut self) {
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
    fn step(&mut self, continues: Label, ends: Label) {
        let (advances, moved, stops) = (self.code.label(), self.code.label(), self.code.label());
        let at_end = self.code.label();
        self.wait(self.settings.waits.slots);
        self.get(R7, state::DESCRIPTOR);
        self.get(R1, state::SLOT_COUNT);
        self.code.jump_if(If::AtLeast, R7, R1, at_end);
        self.get(R1, state::RECORDS);
        self.code.jump_if(If::Greater, R1, self.settings.max_records - 8, stops);
        self.get(R1, state::SLOTS_LEFT);
        self.code.jump_if(If::Less, R1, 8, stops);
        self.add_to(state::SLOTS_LEFT, -8);
        self.skip_free(advances, moved);
        self.read_slots(moved);
        self.list_sockets(advances);
        self.prefetch();
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

    /// Skips eight slots that are free, and 64 at once: after check A, since the bits are those of a table too.
    fn skip_free(&mut self, advances: Label, moved: Label) {
        let (some_of_64, some) = (self.code.label(), self.code.label());
        self.code.copy(R1, R7);
        self.code.compute(ShiftRight, R1, 6);
        self.code.compute(ShiftLeft, R1, 3);
        self.get(R2, state::OPEN);
        self.code.compute(Add, R1, R2);
        self.read_pointer(R8, R1, 0);
        self.code.jump_if(If::Unequal, R8, 0, some_of_64);
        self.check_table(moved);
        // The step advances by the other eight.
        self.code.compute(Or, R7, 63);
        self.code.add(R7, -7);
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
    fn read_slots(&mut self, moved: Label) {
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
    fn has_table(&mut self) {
        self.barrier();
        self.get(R1, state::FILES);
        self.read_pointer(R1, R1, self.of.files_table);
        self.get(R2, state::TABLE);
        self.code.compute(Xor, R1, R2);
        self.put(state::CHANGED, R1);
        self.get(R1, state::TASK);
        self.read_pointer(R1, R1, self.of.task_files);
        self.get(R2, state::FILES);
        self.code.compute(Xor, R1, R2);
        self.get(R2, state::CHANGED);
        self.code.compute(Or, R1, R2);
    }

    /// Lists the sockets among the eight files, and counts them in `R8`.
    ///
    /// All is done for all eight, without jumps: what is no socket is read at the address 0, and its entry overwritten by
    /// the next. So the cache misses of the eight overlap.
    fn list_sockets(&mut self, advances: Label) {
        self.code.set(R8, 0);
        for slot in 0..8 {
            self.get(R1, state::EIGHT_FILES + 8 * slot);
            self.read_pointer(R1, R1, self.of.file_operations);
            self.get(R2, state::OPERATIONS);
            self.code.compute(Xor, R1, R2);
            self.is_not_zero(R1, R2);
            self.code.compute(Xor, R1, 1);
            self.code.compute(ShiftLeft, R1, i32::from(slot));
            self.code.compute(Or, R8, R1);
        }
        self.get(R1, state::WANTED);
        self.code.compute(And, R8, R1);
        self.code.jump_if(If::Equal, R8, 0, advances);
        self.wait(self.settings.waits.sockets);
        for slot in 0..8 {
            self.is_wanted(R1, slot);
            self.code.negate(R1);
            self.get(R2, state::EIGHT_FILES + 8 * slot);
            self.code.compute(And, R1, R2);
            self.read_pointer(R1, R1, self.of.file_private_data);
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
            self.read_pointer(R3, R1, self.of.socket_sock);
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
    fn is_wanted(&mut self, to: Register, slot: i16) {
        self.code.copy(to, R8);
        self.code.compute(ShiftRight, to, i32::from(slot));
        self.code.and(to, 1);
    }

    /// `register` = the address of the entry of that number.
    fn entry_address(&mut self, register: Register) {
        self.code.and(register, 7);
        self.code.compute(Multiply, register, i32::from(entry::BYTES));
        self.code.add(register, state::ENTRIES.into());
        self.code.compute(Add, register, R6);
    }

    /// Loads from the cache lines that the records need, of all entries, so that the misses overlap.
    fn prefetch(&mut self) {
        for number in 0..8 {
            let at = state::ENTRIES + number * entry::BYTES;
            for offset in [self.of.port, self.of.cookie, self.of.protocol] {
                self.get(R1, at + entry::SOCK);
                self.read(Width::Bytes2, R1, R1, offset);
            }
            self.get(R1, at + entry::SOCKET);
            self.read_pointer(R1, R1, self.of.inode_number);
        }
    }

    /// Writes a record for each of the entries, whose number is in `R8`. Counts those that hold, and notes those that do
    /// not.
    fn write_records(&mut self) {
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
    fn write_record(&mut self) {
        let mut offset = RECORDS_AT;
        let mut field = |bytes: i16| {
            offset += bytes;
            offset - bytes
        };
        let [inode, family, socket_type, cookie, process, descriptor, namespace, port, protocol] =
            [4, 2, 2, 8, 4, 4, 4, 2, 2].map(&mut field);
        self.get(R9, state::PENDING);
        self.code.and(R9, i32::from(MAX_RECORDS) - 1);
        self.code.compute(Multiply, R9, i32::from(RECORD));
        self.code.compute(Add, R9, R6);
        self.read_of_entry(Width::Bytes8, entry::SOCKET, self.of.inode_number);
        self.code.store(Width::Bytes4, R9, inode, R1);
        self.read_of_entry(Width::Bytes2, entry::SOCKET, self.of.socket_type);
        self.code.store(Width::Bytes2, R9, socket_type, R1);
        self.get(R1, state::PROCESS);
        self.code.store(Width::Bytes4, R9, process, R1);
        self.code.load(Width::Bytes8, R1, R8, entry::SLOT);
        self.code.compute(Add, R1, R7);
        self.code.store(Width::Bytes4, R9, descriptor, R1);
        self.read_of_entry(Width::Bytes2, entry::SOCK, self.of.family);
        self.code.store(Width::Bytes2, R9, family, R1);
        match self.families {
            Families::Internet => {
                self.code.and(R1, INET_MASK);
                self.code.compute(Xor, R1, INET);
            }
            Families::All => self.code.set(R1, 0),
        }
        self.put(state::OTHER_FAMILY, R1);
        for (place, offset, width) in [
            (cookie, self.of.cookie, Width::Bytes8),
            (port, self.of.port, Width::Bytes2),
            (protocol, self.of.protocol, Width::Bytes2),
        ] {
            self.read_of_entry(width, entry::SOCK, offset);
            self.code.store(width, R9, place, R1);
        }
        self.read_of_entry(Width::Bytes8, entry::SOCK, self.of.net);
        self.read(Width::Bytes4, R1, R1, self.of.namespace_number);
        self.code.store(Width::Bytes4, R9, namespace, R1);
    }

    /// `R1` = a member of what the entry at `R8` points to.
    fn read_of_entry(&mut self, width: Width, pointer: i16, offset: i32) {
        self.code.load(Width::Bytes8, R1, R8, pointer);
        self.read(width, R1, R1, offset);
    }

    /// Check B, from the inside out. A record that holds is counted, if its family is wanted.
    fn check_record(&mut self) {
        self.barrier();
        self.read_of_entry(Width::Bytes8, entry::SOCKET, self.of.socket_sock);
        self.code.load(Width::Bytes8, R2, R8, entry::SOCK);
        self.code.compute(Xor, R1, R2);
        self.put(state::CHANGED, R1);
        self.read_of_entry(Width::Bytes8, entry::FILE, self.of.file_private_data);
        self.code.load(Width::Bytes8, R2, R8, entry::SOCKET);
        self.also_changed_if_different();
        self.read_of_entry(Width::Bytes8, entry::FILE, self.of.file_operations);
        self.get(R2, state::OPERATIONS);
        self.also_changed_if_different();
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
        self.get(R2, state::OTHER_FAMILY);
        self.is_not_zero(R2, R3);
        self.code.compute(Or, R1, R2);
        self.code.compute(Xor, R1, 1);
        self.get(R2, state::PENDING);
        self.code.compute(Add, R2, R1);
        self.put(state::PENDING, R2);
    }

    /// Notes that something has changed if `R1` is not `R2`. What is noted stays in `R1`.
    fn also_changed_if_different(&mut self) {
        self.code.compute(Xor, R1, R2);
        self.get(R2, state::CHANGED);
        self.code.compute(Or, R1, R2);
        self.put(state::CHANGED, R1);
    }

    /// Check C. Takes the records and advances, or repeats the slots that have changed.
    fn accept_records(&mut self, advances: Label, continues: Label) {
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
    fn follow_task(&mut self, continues: Label, ends: Label) {
        let given_up = self.code.label();
        self.get(R1, state::TASK);
        self.read_pointer(R8, R1, self.of.task_files);
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
    fn end(&mut self) {
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
