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
//! # Steps
//! [`task`]: which table is read, and whose it is. [`walk`]: eight slots at a time, with checks A and C. [`sockets`]: which of
//! the eight files are sockets, and their cache lines. [`record`]: what is written of each, with check B. [`row`]: the rest of
//! its row, where a listing is to be made of it. [`files`]: the same steps for files that are no sockets.
//!
//! # Halves
//! Two threads may read at once, each an iterator of its own: flags of the file say which half of the descriptors it is for
//! ([`Part`]), in blocks, so that one large table is divided too. Both visit every task.
//!
//! # Bounds
//! A call ends with 1 when the map is full or [`Settings::max_slots`] were read. The read of the iterator then returns `EAGAIN`, and
//! the next one calls the program with the same task, which continues where it was.
//!
//! Sources: linux/fdtable.h, fs/file.c, kernel/bpf/{bpf_iter,task_iter,helpers}.c.

mod files;
mod record;
mod row;
mod sockets;
mod task;
mod walk;

use super::super::assembler::Register::{Frame, R0, R1, R2, R3, R6};
use super::super::assembler::{Assembler, If, Label, Operation, Register, Width};
use super::super::program::Program;
use super::super::program::TASK;
use super::super::record::Families;
use super::super::refused::Refused;
use super::super::types::{NUMBERS, Name, Types};
use super::files_offsets::{FileOffsets, Files};
use super::memory::{Layout, state};
use super::offsets::{Offsets, as_operand};
use super::row_offsets::RowOffsets;
use super::settings::Settings;
use Operation::{Or, ShiftRight};
use netstat_wire::linux::btf::Kind;

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
#[derive(Clone, Debug)]
pub(in super::super) struct Needs {
    function: u32,
    of: Offsets,
    /// Where the members of rows are; `None`: records are enough.
    of_row: Option<RowOffsets>,
    /// Where those of files are; `None`: sockets are found.
    of_file: Option<FileOffsets>,
    /// `bpf_rdonly_cast`, the structure of numbers through which memory is read, and its size.
    cast: i32,
    numbers: i32,
    reach: i32,
    /// The structure that a sock is read as: `tcp_sock` for rows, which begins with that of every sock.
    sock: i32,
    /// `bpf_iter_num_new`, `bpf_iter_num_next` and `bpf_iter_num_destroy`.
    new: i32,
    next: i32,
    destroy: i32,
}

impl Needs {
    /// What it looks for by name, that of the level of a pid namespace included.
    pub(in super::super) const NAMES: [Name; 9] = [
        TASK[0],
        TASK[1],
        (Kind::Struct, "socket"),
        (Kind::Struct, "socket_alloc"),
        (Kind::Struct, NUMBERS),
        // Linux 6.2 and 6.4.
        (Kind::Func, "bpf_rdonly_cast"),
        (Kind::Func, "bpf_iter_num_new"),
        (Kind::Func, "bpf_iter_num_next"),
        (Kind::Func, "bpf_iter_num_destroy"),
    ];

    /// Looks all of it up; refused where the kernel lacks some of it.
    pub(in super::super) fn of(types: &Types<'_>, layout: Layout) -> Result<Self, Refused> {
        let [function, context, socket, allocation, numbers, cast, new, next, destroy] =
            types.find(Self::NAMES)?;
        let reach = types.size(numbers, NUMBERS)?;
        if reach < 8 * 8 {
            return Err(Refused::types("fewer than eight numbers:", NUMBERS));
        }
        let of_row = match layout {
            Layout::Record => None,
            Layout::Row => Some(RowOffsets::of(types, socket)?),
        };
        let sock = match &of_row {
            None => as_operand(types.pointer(socket, "sk")?.1)?,
            Some(of) => of.tcp,
        };
        Ok(Self {
            function: function.number(),
            of: Offsets::of(types, context, socket, allocation)?,
            of_row,
            of_file: None,
            cast: as_operand(cast)?,
            numbers: as_operand(numbers)?,
            reach,
            sock,
            new: as_operand(new)?,
            next: as_operand(next)?,
            destroy: as_operand(destroy)?,
        })
    }

    /// The same, for a program that finds files which are no sockets.
    pub(in super::super) fn for_files(&self, types: &Types<'_>) -> Result<Self, Refused> {
        let [socket] = types.find([(Kind::Struct, "socket")])?;
        let (_, file) = types.pointer(socket, "file")?;
        Ok(Self { of_row: None, of_file: Some(FileOffsets::of(types, file)?), ..self.clone() })
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
    generate(needs, Find::Sockets(families), map, &[reference], settings)
}

/// The program that finds files. `references`: the descriptors of two of the namespaces, the second opened with `O_PATH`; or, for
/// io_urings, that of a socket.
pub(in super::super) fn fdtable_files(needs: Needs, files: Files, map: i32, references: &[i32]) -> Program {
    generate(needs, Find::Files(files), map, references, Settings::DEFAULT)
}

fn generate(needs: Needs, find: Find, map: i32, references: &[i32], settings: Settings) -> Program {
    let function = needs.function;
    let mut generator = Generator { code: Assembler::default(), needs, find, map, settings };
    generator.begin();
    generator.select_table();
    for (reference, place) in references.iter().zip([state::OPERATIONS, state::OPERATIONS_OF_PATHS]) {
        generator.find_operations(*reference, place);
    }
    generator.resume();
    generator.walk();
    generator.end();
    Program { instructions: generator.code.finish(), attach_to: function }
}

/// The program under construction. Throughout it, `R6` is the address of the part of the map for the thread that reads.
struct Generator {
    code: Assembler,
    needs: Needs,
    find: Find,
    map: i32,
    settings: Settings,
}

/// What the program looks for.
#[derive(Copy, Clone)]
enum Find {
    Sockets(Families),
    Files(Files),
}

impl Generator {
    fn layout(&self) -> Layout {
        if self.needs.of_row.is_some() { Layout::Row } else { Layout::Record }
    }

    #[inline(never)]
    fn get(&mut self, to: Register, state: i16) {
        self.code.load(Width::Bytes8, to, R6, state);
    }

    #[inline(never)]
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
        self.as_structure(self.needs.numbers);
    }

    /// `to = *(base + offset)`. Clobbers `R0` to `R5`.
    // A copy for each of its many calls would be long.
    #[inline(never)]
    fn read(&mut self, width: Width, to: Register, base: Register, offset: i32) {
        let is_one_number = offset / 8 == (offset + width.bytes() - 1) / 8;
        match i16::try_from(offset) {
            Ok(within) if is_one_number && (0..=self.needs.reach - 8).contains(&offset) => {
                self.address(base, 0);
                self.code.load(width, to, R0, within);
            }
            _ => {
                self.address(base, offset);
                self.code.load(width, to, R0, 0);
            }
        }
    }

    /// `R0` = the sock in `R1`, of which members are loaded by their offsets. Its pointers can be followed, but not
    /// calculated with.
    fn as_sock(&mut self) {
        self.as_structure(self.needs.sock);
    }

    fn as_structure(&mut self, structure: i32) {
        self.code.set(R2, structure);
        self.code.call_function(self.needs.cast);
    }

    /// `to` = a member of the sock in `R0`.
    fn member(&mut self, width: Width, to: Register, offset: i32) {
        // No structure of a sock is larger than that, and the kernel refuses what is beyond it.
        self.code.load(width, to, R0, i16::try_from(offset).unwrap_or(i16::MAX));
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

    /// `R1` = the address of an iterator.
    fn iterator(&mut self, place: i16) {
        self.code.copy(R1, Frame);
        self.code.add(R1, place.into());
    }

    /// Begins a loop of as many rounds as `R3` says.
    fn begin_loop(&mut self, iterator: i16) {
        self.iterator(iterator);
        self.code.set(R2, 0);
        self.code.call_function(self.needs.new);
    }

    /// The next round: `R0` is the address of its number, of 4 bytes. After the last one, jumps to `ends`.
    fn next_round(&mut self, iterator: i16, ends: Label) {
        self.iterator(iterator);
        self.code.call_function(self.needs.next);
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
        self.code.call_function(self.needs.destroy);
    }
}
