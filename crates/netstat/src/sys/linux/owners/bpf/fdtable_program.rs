//! The program that reads descriptor tables by itself: attached to the iterator over tasks, it walks `struct fdtable` of
//! each process and writes a record for each socket into a map.
//!
//! The iterator over descriptors takes a reference of each file, and calls its program, for every descriptor. This program
//! reads eight slots of a table at once, skips those that are free or no socket by the address of their operations, and
//! lets the cache misses of the sockets overlap. It takes a third of the time.
//!
//! # What makes it right
//! Nothing is locked. The iterator holds the task, and RCU keeps sockets, files and replaced tables; but a task may leave
//! its table at any time (exec, unshare, exit), and that table may be freed and become another process's. So:
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
//! A call ends with 1 when the map is full or [`MAX_SLOTS`] were read. The read of the iterator then returns `EAGAIN`, and
//! the next one calls the program with the same task, which continues where it was.
//!
//! Sources: linux/fdtable.h, fs/file.c, kernel/bpf/{bpf_iter,task_iter,helpers}.c.

use super::assembler::Register::{Frame, R0, R1, R2, R3, R6, R7, R8, R9};
use super::assembler::{Assembler, If, Label, Operation, Register, Width};
use super::program::Program;
use super::refused::Refused;
use super::types::Types;
use Operation::{Add, And, Multiply, Or, ShiftLeft, ShiftRight, Xor};

/// The number of records that the map holds, a power of two.
pub(super) const MAX_RECORDS: u16 = 1024;
/// The bytes of a record, and what they are: those of [`RECORD_BYTES`](super::program::RECORD_BYTES).
const RECORD: i16 = 32;
/// Where the first record is in the map.
pub(super) const RECORDS_AT: u16 = 256;
/// The bytes of the map's value.
pub(super) const MAP_BYTES: u32 = RECORDS_AT as u32 + MAX_RECORDS as u32 * RECORD as u32;

/// How many slots of a table one call reads.
const MAX_SLOTS: i32 = 8192;
/// How many steps one call takes, of eight slots or of 64 free ones: more than it needs for [`MAX_SLOTS`].
const MAX_STEPS: i32 = 1 << 20;
/// How often eight slots are read again before they are given up.
const MAX_REPEATS: i32 = 64;

/// `PIDTYPE_TGID` of linux/pid_types.h.
const PIDTYPE_TGID: i32 = 1;
/// `BPF_FUNC_get_current_task_btf`.
const GET_CURRENT_TASK_BTF: i32 = 158;

/// The bits that `AF_INET` and `AF_INET6` share, and their value; no other family has it.
const INET_MASK: i32 = 0xfff7;
const INET: i32 = 2;

/// Whether this processor may let a load pass an earlier one, so that a check may see older values than what it checks.
const LOADS_ARE_REORDERED: bool = !cfg!(any(target_arch = "x86_64", target_arch = "s390x"));

/// What the program keeps in the map, a number of 8 bytes each. The reader reads the first ones.
pub(super) mod state {
    /// The number of records in the map.
    pub(crate) const RECORDS: i16 = 0;
    /// Set when a call ended early: the records are to be taken, and the iterator read again.
    pub(crate) const STOPPED: i16 = 8;
    /// The number of slots that kept changing.
    pub(crate) const LOST: i16 = 16;
    /// The number of tasks without a number in the reader's pid namespace.
    pub(crate) const FOREIGN: i16 = 24;
    /// The run that the state is of, `bpf_iter_meta.session_id`.
    pub(super) const SESSION: i16 = 32;
    /// The operations of a socket's file: the address tells sockets from other files.
    pub(super) const OPERATIONS: i16 = 40;
    pub(super) const TASK: i16 = 48;
    pub(super) const CURRENT: i16 = 56;
    /// The table that is read: `files_struct`, its `fdtable`, and of that slots, bit map and number of slots.
    pub(super) const FILES: i16 = 64;
    pub(super) const TABLE: i16 = 72;
    pub(super) const SLOTS: i16 = 80;
    pub(super) const OPEN: i16 = 88;
    pub(super) const SLOT_COUNT: i16 = 96;
    /// The next descriptor, and which of its eight are to be read, a bit each.
    pub(super) const DESCRIPTOR: i16 = 104;
    pub(super) const WANTED: i16 = 112;
    pub(super) const REPEATS: i16 = 120;
    /// How many slots this call may still read.
    pub(super) const SLOTS_LEFT: i16 = 128;
    pub(super) const PROCESS: i16 = 136;
    /// Where to continue: thread and its start, descriptor, and which of its eight.
    pub(super) const RESUME_THREAD: i16 = 144;
    pub(super) const RESUME_START: i16 = 152;
    pub(super) const RESUME_DESCRIPTOR: i16 = 160;
    pub(super) const RESUME_WANTED: i16 = 168;
    /// The last table of a thread other than the leader: its process and `files_struct`.
    pub(super) const LAST_PROCESS: i16 = 176;
    pub(super) const LAST_FILES: i16 = 184;
    /// Where barriers are made.
    pub(super) const BARRIER: i16 = 192;
}

/// Where values are on the stack. [`ITERATOR`](at::ITERATOR) is the kernel's `struct bpf_iter_num`.
mod at {
    pub(super) const ITERATOR: i16 = -8;
    /// Eight files, their sockets, and the socks of these.
    pub(super) const FILES: i16 = -72;
    pub(super) const SOCKETS: i16 = -136;
    pub(super) const SOCKS: i16 = -200;
    /// Which of the eight records did not hold, a bit each.
    pub(super) const FAILED: i16 = -208;
    /// The number of records.
    pub(super) const RECORDS: i16 = -216;
    /// Not 0: the record is of another family.
    pub(super) const FAMILY: i16 = -224;
    /// Not 0: something has changed.
    pub(super) const CHANGED: i16 = -232;
    pub(super) const THREAD: i16 = -240;
    pub(super) const START: i16 = -248;
    /// Not 0: the task is not the leader.
    pub(super) const IS_THREAD: i16 = -256;
    /// `thread_pid` of the reader, and where a number of its namespace is in any `struct pid`.
    pub(super) const OWN_PID: i16 = -264;
    pub(super) const NUMBER: i16 = -272;
    pub(super) const PID: i16 = -280;
}

/// Where the members that are read are in their structures.
struct Offsets {
    meta: i16,
    session_id: i16,
    task: i16,
    task_files: i32,
    group_leader: i32,
    thread_pid: i32,
    signal: i32,
    start_boottime: i32,
    signal_pids: i32,
    level: i32,
    numbers: i32,
    number_size: i32,
    number: i32,
    number_namespace: i32,
    files_table: i32,
    table_slots: i32,
    table_open: i32,
    table_slot_count: i32,
    file_operations: i32,
    file_private_data: i32,
    socket_sock: i32,
    inode_number: i32,
    family: i32,
    port: i32,
    cookie: i32,
    net: i32,
    protocol: i32,
    namespace_number: i32,
}

impl Offsets {
    fn of(types: &Types<'_>) -> Result<Self, Refused> {
        let context = types.task.context.ok_or(Refused::types("no structure", "bpf_iter__task"))?;
        let (meta, meta_type) = types.pointer(context, "meta")?;
        let (task, task_type) = types.pointer(context, "task")?;
        let (_, files) = types.pointer(task_type, "files")?;
        let (_, table) = types.pointer(files, "fdt")?;
        let slots = types.field(table, "fd")?;
        let file = types.behind_both(slots, "fd")?;
        let (_, pid) = types.pointer(task_type, "thread_pid")?;
        let (_, signal) = types.pointer(task_type, "signal")?;
        let (number, numbers, number_size) = types.array(pid, "numbers")?;
        let (_, signal_pids, pointer_size) = types.array(signal, "pids")?;
        let socket = types.socket.ok_or(Refused::types("no structure", "socket"))?;
        let (_, sock) = types.pointer(socket, "sk")?;
        let allocation = types.socket_alloc.ok_or(Refused::types("no structure", "socket_alloc"))?;
        let common = |name| types.nested(sock, "__sk_common", name);
        let net = types.nested_in(common("skc_net")?, "net")?;
        let namespace = types.nested(types.behind(net, "net")?, "ns", "inum")?;
        let of = |structure, name| types.offset(structure, name);
        Ok(Self {
            meta: meta.offset,
            session_id: types.field(meta_type, "session_id")?.offset,
            task: task.offset,
            task_files: of(task_type, "files")?,
            group_leader: of(task_type, "group_leader")?,
            thread_pid: of(task_type, "thread_pid")?,
            signal: of(task_type, "signal")?,
            start_boottime: of(task_type, "start_boottime")?,
            signal_pids: signal_pids.saturating_add(pointer_size.saturating_mul(PIDTYPE_TGID)),
            level: of(pid, "level")?,
            numbers,
            number_size,
            number: of(number, "nr")?,
            number_namespace: of(number, "ns")?,
            files_table: of(files, "fdt")?,
            table_slots: of(table, "fd")?,
            table_open: of(table, "open_fds")?,
            table_slot_count: of(table, "max_fds")?,
            file_operations: of(file, "f_op")?,
            file_private_data: of(file, "private_data")?,
            socket_sock: of(socket, "sk")?,
            inode_number: types.nested(allocation, "vfs_inode", "i_ino")?.offset.into(),
            family: common("skc_family")?.offset.into(),
            port: common("skc_num")?.offset.into(),
            cookie: common("skc_cookie")?.offset.into(),
            net: net.offset.into(),
            protocol: of(sock, "sk_protocol")?,
            namespace_number: namespace.offset.into(),
        })
    }
}

/// The program, for the map with this descriptor. `reference`: the descriptor of a socket of the process that reads first.
pub(super) fn fdtable_sockets(types: &Types<'_>, map: i32, reference: i32) -> Result<Program, Refused> {
    let function = types.task.function.ok_or(Refused::types("no function", "bpf_iter_task"))?;
    let functions = types.functions;
    let id = |function: Option<netstat_wire::linux::btf::TypeId>, name| {
        let number = function.ok_or(Refused::types("no function", name))?.number();
        i32::try_from(number).map_err(|_| Refused::types("too many types before", name))
    };
    let [new, next, destroy] = functions.numbers;
    let numbers = types.numbers.ok_or(Refused::types("no structure", "rusage"))?;
    if types.size(numbers, "rusage")? < 8 * 8 {
        return Err(Refused::types("fewer than eight numbers:", "rusage"));
    }
    let mut generator = Generator {
        code: Assembler::default(),
        of: Offsets::of(types)?,
        cast: id(functions.read_only_cast, "bpf_rdonly_cast")?,
        numbers: id(Some(numbers), "rusage")?,
        new: id(new, "bpf_iter_num_new")?,
        next: id(next, "bpf_iter_num_next")?,
        destroy: id(destroy, "bpf_iter_num_destroy")?,
    };
    generator.begin(map);
    generator.select_table();
    generator.find_operations(reference);
    generator.resume();
    generator.walk();
    generator.end();
    Ok(Program { instructions: generator.code.finish(), attach_to: function.number() })
}

/// The program under construction. Throughout it, `R6` is the address of the map.
struct Generator {
    code: Assembler,
    of: Offsets,
    /// `bpf_rdonly_cast`, and the structure of numbers through which memory is read.
    cast: i32,
    numbers: i32,
    new: i32,
    next: i32,
    destroy: i32,
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

    fn pop(&mut self, to: Register, place: i16) {
        self.code.load(Width::Bytes8, to, Frame, place);
    }

    fn push(&mut self, place: i16, from: Register) {
        self.code.store(Width::Bytes8, Frame, place, from);
    }

    /// `R0` = an address from which numbers can be loaded: `base + offset`. A load from where nothing is gives 0.
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
        self.push(at::IS_THREAD, R1);
        self.code.jump_if(If::Equal, R9, R7, has_own_table);
        self.read_pointer(R1, R9, self.of.task_files);
        self.code.jump_if(If::Equal, R1, R8, Label::END);
        self.code.place(has_own_table);
        self.read_numbers();
        self.read_pointer(R1, R7, self.of.start_boottime);
        self.push(at::START, R1);
        self.select_files();
    }

    /// Thread and process, by their numbers in the pid namespace of the reader.
    fn read_numbers(&mut self) {
        let (is_ours, is_leader) = (self.code.label(), self.code.label());
        self.get(R1, state::CURRENT);
        self.read_pointer(R9, R1, self.of.thread_pid);
        self.push(at::OWN_PID, R9);
        self.read(Width::Bytes4, R1, R9, self.of.level);
        self.code.compute(Multiply, R1, self.of.number_size);
        self.code.add(R1, self.of.numbers);
        self.push(at::NUMBER, R1);
        self.code.compute(Add, R9, R1);
        self.read_pointer(R9, R9, self.of.number_namespace);
        self.read_pointer(R1, R7, self.of.thread_pid);
        self.code.exit_if_equal(R1, 0);
        self.pop(R2, at::NUMBER);
        self.code.compute(Add, R1, R2);
        self.push(at::PID, R1);
        self.read_pointer(R1, R1, self.of.number_namespace);
        self.code.jump_if(If::Equal, R1, R9, is_ours);
        self.add_to(state::FOREIGN, 1);
        self.code.jump(Label::END);
        self.code.place(is_ours);
        self.pop(R1, at::PID);
        self.read(Width::Bytes4, R9, R1, self.of.number);
        self.push(at::THREAD, R9);
        self.put(state::PROCESS, R9);
        self.pop(R1, at::IS_THREAD);
        self.code.jump_if(If::Equal, R1, 0, is_leader);
        self.read_pointer(R1, R7, self.of.signal);
        self.read_pointer(R1, R1, self.of.signal_pids);
        self.code.exit_if_equal(R1, 0);
        self.pop(R2, at::NUMBER);
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
        self.put_constant(state::SLOTS_LEFT, MAX_SLOTS);
        for (place, own) in [(state::RESUME_THREAD, at::THREAD), (state::RESUME_START, at::START)] {
            self.get(R1, place);
            self.pop(R2, own);
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
    fn walk(&mut self) {
        let (step, continues, ends) = (self.code.label(), self.code.label(), self.code.label());
        self.code.copy(R1, Frame);
        self.code.add(R1, at::ITERATOR.into());
        self.code.set(R2, 0);
        self.code.set(R3, MAX_STEPS);
        self.code.call_function(self.new);
        self.code.place(continues);
        // The verifier compares what is in them with the last step.
        for register in [R7, R8, R9] {
            self.code.set(register, 0);
        }
        self.code.place(step);
        self.code.copy(R1, Frame);
        self.code.add(R1, at::ITERATOR.into());
        self.code.call_function(self.next);
        self.code.jump_if(If::Equal, R0, 0, ends);
        self.step(continues, ends);
        self.code.place(ends);
        self.code.copy(R1, Frame);
        self.code.add(R1, at::ITERATOR.into());
        self.code.call_function(self.destroy);
    }

    /// One step. Descriptor in `R7`, the mask of slots in `R8`.
    fn step(&mut self, continues: Label, ends: Label) {
        let (advances, moved, stops) = (self.code.label(), self.code.label(), self.code.label());
        self.get(R7, state::DESCRIPTOR);
        self.get(R1, state::SLOT_COUNT);
        self.code.jump_if(If::AtLeast, R7, R1, ends);
        self.get(R1, state::RECORDS);
        self.code.jump_if(If::Greater, R1, i32::from(MAX_RECORDS) - 8, stops);
        self.get(R1, state::SLOTS_LEFT);
        self.code.jump_if(If::Less, R1, 8, stops);
        self.add_to(state::SLOTS_LEFT, -8);
        self.skip_free(continues);
        self.read_slots(moved);
        self.keep_sockets(advances);
        self.prefetch();
        self.write_records();
        self.accept_records(advances, continues);

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

    /// Skips eight slots that are free, and 64 at once.
    fn skip_free(&mut self, continues: Label) {
        let (some_of_64, some) = (self.code.label(), self.code.label());
        self.code.copy(R1, R7);
        self.code.compute(ShiftRight, R1, 6);
        self.code.compute(ShiftLeft, R1, 3);
        self.get(R2, state::OPEN);
        self.code.compute(Add, R1, R2);
        self.read_pointer(R8, R1, 0);
        self.code.jump_if(If::Unequal, R8, 0, some_of_64);
        self.code.compute(Or, R7, 63);
        self.code.add(R7, 1);
        self.put(state::DESCRIPTOR, R7);
        self.code.jump(continues);
        self.code.place(some_of_64);
        self.code.copy(R1, R7);
        self.code.and(R1, 56);
        self.code.compute(ShiftRight, R8, R1);
        self.code.and(R8, 0xff);
        self.code.jump_if(If::Unequal, R8, 0, some);
        self.code.add(R7, 8);
        self.put(state::DESCRIPTOR, R7);
        self.code.jump(continues);
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
            self.push(at::FILES + 8 * slot, R1);
        }
        self.has_table();
        self.code.jump_if(If::Unequal, R1, 0, moved);
    }

    /// `R1` is 0 if the task still has this table.
    fn has_table(&mut self) {
        self.barrier();
        self.get(R1, state::FILES);
        self.read_pointer(R1, R1, self.of.files_table);
        self.get(R2, state::TABLE);
        self.code.compute(Xor, R1, R2);
        self.push(at::CHANGED, R1);
        self.get(R1, state::TASK);
        self.read_pointer(R1, R1, self.of.task_files);
        self.get(R2, state::FILES);
        self.code.compute(Xor, R1, R2);
        self.pop(R2, at::CHANGED);
        self.code.compute(Or, R1, R2);
    }

    /// Which of the slots are sockets, to `R8`; and their sockets and socks, 0 for the others.
    fn keep_sockets(&mut self, advances: Label) {
        self.code.set(R8, 0);
        for slot in 0..8 {
            self.pop(R1, at::FILES + 8 * slot);
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
        for slot in 0..8 {
            self.code.copy(R1, R8);
            self.code.compute(ShiftRight, R1, i32::from(slot));
            self.code.and(R1, 1);
            self.code.negate(R1);
            self.pop(R2, at::FILES + 8 * slot);
            self.code.compute(And, R1, R2);
            self.read_pointer(R1, R1, self.of.file_private_data);
            self.push(at::SOCKETS + 8 * slot, R1);
        }
        for slot in 0..8 {
            self.pop(R1, at::SOCKETS + 8 * slot);
            self.read_pointer(R1, R1, self.of.socket_sock);
            self.push(at::SOCKS + 8 * slot, R1);
        }
    }

    /// Loads from the cache lines that the records need, of all eight sockets, so that the misses overlap.
    fn prefetch(&mut self) {
        for slot in 0..8 {
            self.pop(R1, at::SOCKS + 8 * slot);
            self.read(Width::Bytes2, R1, R1, self.of.port);
            for offset in [self.of.cookie, self.of.protocol] {
                self.pop(R1, at::SOCKS + 8 * slot);
                self.read(Width::Bytes2, R1, R1, offset);
            }
            self.pop(R1, at::SOCKETS + 8 * slot);
            self.read_pointer(R1, R1, self.of.inode_number);
        }
    }

    /// Writes a record for each slot of the mask in `R8`. Counts those that hold, and notes those that do not.
    fn write_records(&mut self) {
        self.get(R1, state::RECORDS);
        self.push(at::RECORDS, R1);
        self.code.set(R1, 0);
        self.push(at::FAILED, R1);
        for slot in 0..8 {
            let (is_socket, next) = (self.code.label(), self.code.label());
            self.code.jump_if(If::Common, R8, 1 << slot, is_socket);
            self.code.jump(next);
            self.code.place(is_socket);
            self.write_record(slot);
            self.check_record(slot);
            self.code.place(next);
        }
    }

    /// Writes a record where the next one belongs.
    fn write_record(&mut self, slot: i16) {
        let mut field = {
            let mut offset = RECORDS_AT as i16;
            move |bytes: i16| {
                offset += bytes;
                offset - bytes
            }
        };
        let [inode, cookie, process, descriptor, namespace, port, protocol] =
            [8, 8, 4, 4, 4, 2, 2].map(&mut field);
        self.pop(R9, at::RECORDS);
        self.code.and(R9, i32::from(MAX_RECORDS) - 1);
        self.code.compute(Multiply, R9, i32::from(RECORD));
        self.code.compute(Add, R9, R6);
        self.pop(R1, at::SOCKETS + 8 * slot);
        self.read_pointer(R1, R1, self.of.inode_number);
        self.code.store(Width::Bytes8, R9, inode, R1);
        self.get(R1, state::PROCESS);
        self.code.store(Width::Bytes4, R9, process, R1);
        self.code.copy(R1, R7);
        self.code.add(R1, i32::from(slot));
        self.code.store(Width::Bytes4, R9, descriptor, R1);
        self.pop(R1, at::SOCKS + 8 * slot);
        self.read(Width::Bytes2, R1, R1, self.of.family);
        self.code.and(R1, INET_MASK);
        self.code.compute(Xor, R1, INET);
        self.push(at::FAMILY, R1);
        for (place, offset, width) in [
            (cookie, self.of.cookie, Width::Bytes8),
            (port, self.of.port, Width::Bytes2),
            (protocol, self.of.protocol, Width::Bytes2),
        ] {
            self.pop(R1, at::SOCKS + 8 * slot);
            self.read(width, R1, R1, offset);
            self.code.store(width, R9, place, R1);
        }
        self.pop(R1, at::SOCKS + 8 * slot);
        self.read_pointer(R1, R1, self.of.net);
        self.read(Width::Bytes4, R1, R1, self.of.namespace_number);
        self.code.store(Width::Bytes4, R9, namespace, R1);
    }

    /// Check B, from the inside out. A record that holds is counted, if its family is wanted.
    fn check_record(&mut self, slot: i16) {
        self.barrier();
        self.pop(R1, at::SOCKETS + 8 * slot);
        self.read_pointer(R1, R1, self.of.socket_sock);
        self.pop(R2, at::SOCKS + 8 * slot);
        self.code.compute(Xor, R1, R2);
        self.push(at::CHANGED, R1);
        self.pop(R1, at::FILES + 8 * slot);
        self.read_pointer(R1, R1, self.of.file_private_data);
        self.pop(R2, at::SOCKETS + 8 * slot);
        self.also_changed_if_different();
        self.pop(R1, at::FILES + 8 * slot);
        self.read_pointer(R1, R1, self.of.file_operations);
        self.get(R2, state::OPERATIONS);
        self.also_changed_if_different();
        self.code.copy(R1, R7);
        self.code.compute(ShiftLeft, R1, 3);
        self.get(R2, state::SLOTS);
        self.code.compute(Add, R1, R2);
        self.read_pointer(R1, R1, 8 * i32::from(slot));
        self.pop(R2, at::FILES + 8 * slot);
        self.also_changed_if_different();

        self.pop(R1, at::CHANGED);
        self.is_not_zero(R1, R2);
        self.code.copy(R3, R1);
        self.code.compute(ShiftLeft, R3, i32::from(slot));
        self.pop(R2, at::FAILED);
        self.code.compute(Or, R2, R3);
        self.push(at::FAILED, R2);
        self.pop(R2, at::FAMILY);
        self.is_not_zero(R2, R3);
        self.code.compute(Or, R1, R2);
        self.code.compute(Xor, R1, 1);
        self.pop(R2, at::RECORDS);
        self.code.compute(Add, R2, R1);
        self.push(at::RECORDS, R2);
    }

    /// Notes that something has changed if `R1` is not `R2`.
    fn also_changed_if_different(&mut self) {
        self.code.compute(Xor, R1, R2);
        self.pop(R2, at::CHANGED);
        self.code.compute(Or, R1, R2);
        self.push(at::CHANGED, R1);
    }

    /// Check C. Takes the records and advances, or repeats the slots that have changed.
    fn accept_records(&mut self, advances: Label, continues: Label) {
        let (hold, given_up) = (self.code.label(), self.code.label());
        self.has_table();
        self.code.copy(R9, R1);
        self.get(R8, state::WANTED);
        self.code.jump_if(If::Unequal, R9, 0, given_up);
        self.pop(R1, at::RECORDS);
        self.put(state::RECORDS, R1);
        self.pop(R8, at::FAILED);
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
        for (place, from) in
            [(state::RESUME_DESCRIPTOR, state::DESCRIPTOR), (state::RESUME_WANTED, state::WANTED)]
        {
            self.get(R1, from);
            self.put(place, R1);
        }
        for (place, own) in [(state::RESUME_THREAD, at::THREAD), (state::RESUME_START, at::START)] {
            self.pop(R1, own);
            self.put(place, R1);
        }
        self.code.set(R0, 1);
        self.code.exit();
        self.code.place(is_done);
        self.pop(R1, at::IS_THREAD);
        self.code.exit_if_equal(R1, 0);
        self.get(R1, state::PROCESS);
        self.put(state::LAST_PROCESS, R1);
        self.get(R1, state::FILES);
        self.put(state::LAST_FILES, R1);
    }
}
