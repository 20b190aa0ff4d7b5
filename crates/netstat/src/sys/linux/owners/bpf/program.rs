//! The programs, assembled for the structures of the running kernel.
//!
//! Pointers may be null or dangling by the time the program follows them: such loads give 0. Only the pointers of the
//! context are checked, since they are null in the final call.

use super::assembler::Register::{Frame, R0, R1, R2, R3, R6, R7};
use super::assembler::{Assembler, Register, Width};
use super::refused::Refused;
use netstat_wire::linux::btf::{Btf, Kind, TypeId};

/// `S_IFMT` and `S_IFSOCK` of linux/stat.h.
const TYPE_OF_FILE: i32 = 0xf000;
const IS_SOCKET: i32 = 0xc000;
/// `SOCKFS_MAGIC` of linux/magic.h. The path of a Unix socket, opened with `O_PATH`, is of another file system.
const SOCKFS_MAGIC: i32 = 0x534f_434b;

/// Helpers: `BPF_FUNC_seq_write` (5.8), `BPF_FUNC_get_current_task_btf` (5.11).
const SEQ_WRITE: i32 = 127;
const GET_CURRENT_TASK_BTF: i32 = 158;

/// The bytes that [`socket_files`] writes for each descriptor: the inode (8), the process, the descriptor.
pub(crate) const RECORD_BYTES: usize = 16;

/// A program that can be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) instructions: Vec<[u8; 8]>,
    /// The BTF id of the function of its iterator.
    pub(crate) attach_to: u32,
}

/// The types of the kernel that the programs start from.
pub(crate) struct Types<'a> {
    btf: Btf<'a>,
    task_file: Target,
    task: Target,
}

/// An iterator of the kernel: the function to attach to, and the structure that its programs get as context.
#[derive(Copy, Clone)]
struct Target {
    function: Option<TypeId>,
    context: Option<TypeId>,
}

/// A member that one instruction can load.
#[derive(Copy, Clone)]
struct Field {
    offset: i16,
    width: Width,
    of: TypeId,
}

impl Field {
    /// `to = from->field`
    fn load(self, code: &mut Assembler, to: Register, from: Register) {
        code.load(self.width, to, from, self.offset);
    }
}

impl<'a> Types<'a> {
    /// From the bytes of `/sys/kernel/btf/vmlinux`.
    pub(crate) fn new(file: &'a [u8]) -> Result<Self, Refused> {
        let btf = Btf::new(file).map_err(Refused::decode)?;
        let found = btf.find([
            (Kind::Func, "bpf_iter_task_file"),
            (Kind::Struct, "bpf_iter__task_file"),
            (Kind::Func, "bpf_iter_task"),
            (Kind::Struct, "bpf_iter__task"),
        ]);
        let [function, context, task_function, task_context] = found.map_err(Refused::decode)?;
        Ok(Self {
            btf,
            task_file: Target { function, context },
            task: Target { function: task_function, context: task_context },
        })
    }

    /// The offset of a member in bytes, and its type.
    fn place(&self, structure: TypeId, name: &'static str) -> Result<(u32, TypeId), Refused> {
        let member = self.btf.member(structure, name).map_err(Refused::decode)?;
        let member = member.ok_or(Refused::types("no member", name))?;
        if member.bit_width != 0 || member.bit_offset % 8 != 0 {
            return Err(Refused::types("a bit field:", name));
        }
        Ok((member.bit_offset / 8, member.of))
    }

    fn field(&self, structure: TypeId, name: &'static str) -> Result<Field, Refused> {
        let (offset, of) = self.place(structure, name)?;
        self.field_at(offset, of, name)
    }

    fn field_at(&self, offset: u32, of: TypeId, name: &'static str) -> Result<Field, Refused> {
        let size = self.btf.size(of).map_err(Refused::decode)?;
        let width = size.and_then(Width::of).ok_or(Refused::types("no number or pointer:", name))?;
        let offset =
            i16::try_from(offset).map_err(|_| Refused::types("too far within its structure:", name))?;
        Ok(Field { offset, width, of })
    }

    /// The structure that a field points to.
    fn behind(&self, field: Field, name: &'static str) -> Result<TypeId, Refused> {
        let pointee = self.btf.pointee(field.of).map_err(Refused::decode)?;
        pointee.ok_or(Refused::types("no pointer:", name))
    }

    /// A pointer, and the structure that it points to.
    fn pointer(&self, structure: TypeId, name: &'static str) -> Result<(Field, TypeId), Refused> {
        let field = self.field(structure, name)?;
        Ok((field, self.behind(field, name)?))
    }

    /// `pid->numbers[level].nr`, the number of a task in the pid namespace at a level.
    fn number_at(&self, pid: TypeId, level: u32) -> Result<Field, Refused> {
        let (numbers, array) = self.place(pid, "numbers")?;
        let upid = self.btf.element(array).map_err(Refused::decode)?;
        let upid = upid.ok_or(Refused::types("no array:", "numbers"))?;
        let stride = self.btf.size(upid).map_err(Refused::decode)?;
        let (nr, of) = self.place(upid, "nr")?;
        let offset = stride
            .and_then(|stride| stride.checked_mul(level))
            .and_then(|before| before.checked_add(numbers)?.checked_add(nr));
        self.field_at(offset.ok_or(Refused::types("too far within its structure:", "numbers"))?, of, "nr")
    }
}

/// The program that writes a record for each descriptor of a socket, with the process's number in the pid
/// namespace at `level`. See [`RECORD_BYTES`].
pub(crate) fn socket_files(types: &Types<'_>, level: u32) -> Result<Program, Refused> {
    let function = types.task_file.function.ok_or(Refused::types("no function", "bpf_iter_task_file"))?;
    let context = types.task_file.context.ok_or(Refused::types("no structure", "bpf_iter__task_file"))?;
    let (meta, meta_type) = types.pointer(context, "meta")?;
    let seq = types.field(meta_type, "seq")?;
    let (task, task_type) = types.pointer(context, "task")?;
    let fd = types.field(context, "fd")?;
    let (file, file_type) = types.pointer(context, "file")?;
    let (inode, inode_type) = types.pointer(file_type, "f_inode")?;
    let mode = types.field(inode_type, "i_mode")?;
    let number = types.field(inode_type, "i_ino")?;
    let (super_block, super_block_type) = types.pointer(inode_type, "i_sb")?;
    let magic = types.field(super_block_type, "s_magic")?;

    let mut code = Assembler::default();
    file.load(&mut code, R7, R1);
    task.load(&mut code, R6, R1);
    code.exit_if_equal(R7, 0);
    code.exit_if_equal(R6, 0);
    // The check that most descriptors fail comes first.
    inode.load(&mut code, R7, R7);
    mode.load(&mut code, R3, R7);
    code.and(R3, TYPE_OF_FILE);
    code.exit_unless_equal(R3, IS_SOCKET);
    super_block.load(&mut code, R3, R7);
    magic.load(&mut code, R3, R3);
    code.exit_unless_equal(R3, SOCKFS_MAGIC);
    number.load(&mut code, R3, R7);
    code.store(Width::Bytes8, Frame, -16, R3);
    for field in path_to_process(types, task_type, level)? {
        field.load(&mut code, R6, R6);
    }
    code.store(Width::Bytes4, Frame, -8, R6);
    fd.load(&mut code, R3, R1);
    code.store(Width::Bytes4, Frame, -4, R3);
    meta.load(&mut code, R1, R1);
    write_frame(&mut code, seq, 16);
    Ok(Program { instructions: code.finish(), attach_to: function.number() })
}

/// The members to load, one after the other, to get from a task to the number of its process.
fn path_to_process(types: &Types<'_>, task: TypeId, level: u32) -> Result<Vec<Field>, Refused> {
    if level == 0 {
        return Ok(vec![types.field(task, "tgid")?]);
    }
    let (leader, leader_type) = types.pointer(task, "group_leader")?;
    let (pid, pid_type) = types.pointer(leader_type, "thread_pid")?;
    Ok(vec![leader, pid, types.number_at(pid_type, level)?])
}

/// The program that writes the level of the reader's pid namespace, a number of 4 bytes, at the first task, and nothing
/// at the others.
pub(crate) fn level_of_reader(types: &Types<'_>) -> Result<Program, Refused> {
    let function = types.task.function.ok_or(Refused::types("no function", "bpf_iter_task"))?;
    let context = types.task.context.ok_or(Refused::types("no structure", "bpf_iter__task"))?;
    let (meta, meta_type) = types.pointer(context, "meta")?;
    let (seq, count) = (types.field(meta_type, "seq")?, types.field(meta_type, "seq_num")?);
    let (_, task_type) = types.pointer(context, "task")?;
    let (pid, pid_type) = types.pointer(task_type, "thread_pid")?;
    let level = types.field(pid_type, "level")?;
    if level.width != Width::Bytes4 {
        return Err(Refused::types("not of 4 bytes:", "level"));
    }

    let mut code = Assembler::default();
    meta.load(&mut code, R6, R1);
    count.load(&mut code, R3, R6);
    code.exit_unless_equal(R3, 0);
    code.call(GET_CURRENT_TASK_BTF);
    pid.load(&mut code, R3, R0);
    level.load(&mut code, R3, R3);
    code.store(level.width, Frame, -4, R3);
    code.copy(R1, R6);
    write_frame(&mut code, seq, 4);
    Ok(Program { instructions: code.finish(), attach_to: function.number() })
}

/// Writes the last bytes of the frame to the `seq_file` of the `meta` in `R1`.
fn write_frame(code: &mut Assembler, seq: Field, bytes: i32) {
    seq.load(code, R1, R1);
    code.copy(R2, Frame);
    code.add(R2, -bytes);
    code.set(R3, bytes);
    code.call(SEQ_WRITE);
}
