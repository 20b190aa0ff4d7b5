//! The programs, assembled for the structures of the running kernel.
//!
//! Pointers may be null or dangling by the time the program follows them: such loads give 0. Only the pointers of the
//! context are checked, since they are null in the final call.

mod namespace_files;

pub(crate) use namespace_files::namespace_files;

use super::assembler::Register::{Frame, R0, R1, R2, R3, R6, R7, R8, R9};
use super::assembler::{Assembler, Width};
use super::refused::Refused;
use super::types::{Field, Name, Types};
use netstat_wire::linux::btf::{Kind, TypeId};

/// `S_IFMT` and `S_IFSOCK` of linux/stat.h.
const TYPE_OF_FILE: i32 = 0xf000;
const IS_SOCKET: i32 = 0xc000;
/// `SOCKFS_MAGIC` of linux/magic.h. The path of a Unix socket, opened with `O_PATH`, is of another file system.
const SOCKFS_MAGIC: i32 = 0x534f_434b;

/// `FMODE_PATH` of linux/fs.h: a file opened with `O_PATH`.
const FMODE_PATH: i32 = 0x4000;

/// The bits that `AF_INET` and `AF_INET6` share, and their value; no other family has it.
const INET_MASK: i32 = 0xfff7;
const INET: i32 = 2;

/// Helpers: `BPF_FUNC_seq_write` (5.8), `BPF_FUNC_get_current_task_btf` (5.11), `BPF_FUNC_sock_from_file` (5.11).
const SEQ_WRITE: i32 = 127;
const GET_CURRENT_TASK_BTF: i32 = 158;
const SOCK_FROM_FILE: i32 = 162;

/// The bytes that the programs write for each descriptor of a socket: inode (4), family, type (2 each), cookie (8),
/// process, descriptor, network namespace (4 each), local port and protocol (2 each), in the byte order of the machine.
/// [`socket_files`] writes only inode, process and descriptor, and zeros for the rest.
pub(crate) const RECORD_BYTES: usize = 32;

/// The bytes of a row: a record, and what a row of a listing has beyond it.
pub(crate) const ROW_BYTES: usize = 104;

/// A program that can be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) instructions: Vec<[u8; 8]>,
    /// The BTF id of the function of its iterator.
    pub(crate) attach_to: u32,
}

/// Where the parts of a record are on the stack.
mod at {
    pub(super) const INODE: i16 = -32;
    pub(super) const FAMILY: i16 = -28;
    pub(super) const TYPE: i16 = -26;
    pub(super) const COOKIE: i16 = -24;
    pub(super) const PROCESS: i16 = -16;
    pub(super) const DESCRIPTOR: i16 = -12;
    pub(super) const NAMESPACE: i16 = -8;
    pub(super) const PORT: i16 = -4;
    pub(super) const PROTOCOL: i16 = -2;
}

/// What the programs get for each descriptor, `struct bpf_iter__task_file`.
struct Context {
    /// The number of the iterator's function.
    function: u32,
    meta: Field,
    seq: Field,
    task: Field,
    task_type: TypeId,
    fd: Field,
    file: Field,
    file_type: TypeId,
}

/// The names of that iterator: its function and its context.
const TASK_FILE: [Name; 2] = [(Kind::Func, "bpf_iter_task_file"), (Kind::Struct, "bpf_iter__task_file")];

/// The names of the iterator over tasks.
pub(super) const TASK: [Name; 2] = [(Kind::Func, "bpf_iter_task"), (Kind::Struct, "bpf_iter__task")];

const SOCKET: Name = (Kind::Struct, "socket");

/// What [`level_of_reader`] and [`inet_files`] look for.
pub(super) const NAMES: [Name; 5] = [TASK[0], TASK[1], TASK_FILE[0], TASK_FILE[1], SOCKET];

impl Context {
    fn of(types: &Types<'_>, [function, context]: [TypeId; 2]) -> Result<Self, Refused> {
        let (meta, meta_type) = types.pointer(context, "meta")?;
        let seq = types.field(meta_type, "seq")?;
        let (task, task_type) = types.pointer(context, "task")?;
        let fd = types.field(context, "fd")?;
        let (file, file_type) = types.pointer(context, "file")?;
        Ok(Self { function: function.number(), meta, seq, task, task_type, fd, file, file_type })
    }
}

/// The program that writes a record for each descriptor of an IPv4 or IPv6 socket, with what identifies the socket beyond
/// its inode number, and the process's number in the pid namespace at `level`. See [`RECORD_BYTES`]. Linux 5.11.
pub(crate) fn inet_files(types: &Types<'_>, level: u32) -> Result<Program, Refused> {
    let [task_file @ .., socket] = types.find([TASK_FILE[0], TASK_FILE[1], SOCKET])?;
    let Context { function, meta, seq, task, task_type, fd, file, file_type } =
        Context::of(types, task_file)?;
    let (inode, inode_type) = types.pointer(file_type, "f_inode")?;
    let number = types.field(inode_type, "i_ino")?;
    let (sock, sock_type) = types.pointer(socket, "sk")?;
    let socket_type = types.field(socket, "type")?;
    let common = |name| types.nested(sock_type, "__sk_common", name);
    let (family, port, cookie) = (common("skc_family")?, common("skc_num")?, common("skc_cookie")?);
    let protocol = types.field(sock_type, "sk_protocol")?;
    let net = types.nested_in(common("skc_net")?, "net")?;
    let namespace = types.nested(types.behind(net, "net")?, "ns", "inum")?;

    let mut code = Assembler::default();
    code.copy(R6, R1);
    file.load(&mut code, R7, R6);
    task.load(&mut code, R8, R6);
    code.exit_if_equal(R7, 0);
    code.exit_if_equal(R8, 0);
    // Null for what is not a socket, which most descriptors fail, and for a file opened with O_PATH, which has no
    // operations.
    code.copy(R1, R7);
    code.call(SOCK_FROM_FILE);
    code.exit_if_equal(R0, 0);
    sock.load(&mut code, R9, R0);
    socket_type.load(&mut code, R3, R0);
    code.store(Width::Bytes2, Frame, at::TYPE, R3);
    family.load(&mut code, R3, R9);
    code.store(Width::Bytes2, Frame, at::FAMILY, R3);
    code.and(R3, INET_MASK);
    code.exit_unless_equal(R3, INET);
    cookie.load(&mut code, R3, R9);
    code.store(Width::Bytes8, Frame, at::COOKIE, R3);
    port.load(&mut code, R3, R9);
    code.store(Width::Bytes2, Frame, at::PORT, R3);
    protocol.load(&mut code, R3, R9);
    code.store(Width::Bytes2, Frame, at::PROTOCOL, R3);
    net.load(&mut code, R3, R9);
    namespace.load(&mut code, R3, R3);
    code.store(Width::Bytes4, Frame, at::NAMESPACE, R3);
    inode.load(&mut code, R3, R7);
    number.load(&mut code, R3, R3);
    code.store(Width::Bytes4, Frame, at::INODE, R3);
    for field in path_to_process(types, task_type, level)? {
        field.load(&mut code, R8, R8);
    }
    code.store(Width::Bytes4, Frame, at::PROCESS, R8);
    fd.load(&mut code, R3, R6);
    code.store(Width::Bytes4, Frame, at::DESCRIPTOR, R3);
    meta.load(&mut code, R1, R6);
    write_frame(&mut code, seq, 32);
    Ok(Program { instructions: code.finish(), attach_to: function })
}

/// The program that writes a record for each descriptor of an io_uring: process, descriptor, and in place of the network
/// namespace the thread.
pub(crate) fn rings(types: &Types<'_>, level: u32) -> Result<Program, Refused> {
    /// `ANON_INODE_FS_MAGIC` of linux/magic.h: no other file system's file can be called so.
    const ANON_INODE_FS_MAGIC: i32 = 0x0904_1934;
    let Context { function, meta, seq, task, task_type, fd, file, file_type } =
        Context::of(types, types.find(TASK_FILE)?)?;
    let dentry = types.nested(file_type, "f_path", "dentry")?;
    let dentry_type = types.behind(dentry, "dentry")?;
    let (super_block, super_block_type) = types.pointer(dentry_type, "d_sb")?;
    let magic = types.field(super_block_type, "s_magic")?;
    // The name of a short name's file, called otherwise since Linux 6.14.
    let (name, _) =
        types.place(dentry_type, "d_iname").or_else(|_| types.place(dentry_type, "d_shortname"))?;
    let name = i16::try_from(name).map_err(|_| Refused::types("too far within its structure:", "d_iname"))?;

    let mut code = Assembler::default();
    code.copy(R6, R1);
    file.load(&mut code, R7, R6);
    task.load(&mut code, R8, R6);
    code.exit_if_equal(R7, 0);
    code.exit_if_equal(R8, 0);
    dentry.load(&mut code, R7, R7);
    super_block.load(&mut code, R3, R7);
    magic.load(&mut code, R3, R3);
    code.exit_unless_equal(R3, ANON_INODE_FS_MAGIC);
    for (offset, part) in [(0, *b"[io_"), (4, *b"urin")] {
        code.load(Width::Bytes4, R3, R7, name.saturating_add(offset));
        code.exit_unless_equal(R3, i32::from_ne_bytes(part));
    }
    code.copy(R9, R8);
    for field in path_to_process(types, task_type, level)? {
        field.load(&mut code, R8, R8);
    }
    code.store(Width::Bytes4, Frame, at::PROCESS, R8);
    for field in path_to_thread(types, task_type, level)? {
        field.load(&mut code, R9, R9);
    }
    code.store(Width::Bytes4, Frame, at::NAMESPACE, R9);
    fd.load(&mut code, R3, R6);
    code.store(Width::Bytes4, Frame, at::DESCRIPTOR, R3);
    code.set(R3, 0);
    code.store(Width::Bytes8, Frame, at::INODE, R3);
    code.store(Width::Bytes8, Frame, at::COOKIE, R3);
    code.store(Width::Bytes4, Frame, at::PORT, R3);
    meta.load(&mut code, R1, R6);
    write_frame(&mut code, seq, 32);
    Ok(Program { instructions: code.finish(), attach_to: function })
}

/// The program that writes a record for each descriptor of a socket of any family, for kernels that cannot run
/// [`inet_files`].
pub(crate) fn socket_files(types: &Types<'_>, level: u32) -> Result<Program, Refused> {
    let Context { function, meta, seq, task, task_type, fd, file, file_type } =
        Context::of(types, types.find(TASK_FILE)?)?;
    let (inode, inode_type) = types.pointer(file_type, "f_inode")?;
    let file_mode = types.field(file_type, "f_mode")?;
    let mode = types.field(inode_type, "i_mode")?;
    let number = types.field(inode_type, "i_ino")?;
    let (super_block, super_block_type) = types.pointer(inode_type, "i_sb")?;
    let magic = types.field(super_block_type, "s_magic")?;

    let mut code = Assembler::default();
    file.load(&mut code, R7, R1);
    task.load(&mut code, R6, R1);
    code.exit_if_equal(R7, 0);
    code.exit_if_equal(R6, 0);
    file_mode.load(&mut code, R8, R7);
    // The check that most descriptors fail comes first.
    inode.load(&mut code, R7, R7);
    mode.load(&mut code, R3, R7);
    code.and(R3, TYPE_OF_FILE);
    code.exit_unless_equal(R3, IS_SOCKET);
    super_block.load(&mut code, R3, R7);
    magic.load(&mut code, R3, R3);
    code.exit_unless_equal(R3, SOCKFS_MAGIC);
    code.and(R8, FMODE_PATH);
    code.exit_unless_equal(R8, 0);
    number.load(&mut code, R3, R7);
    code.store(Width::Bytes4, Frame, at::INODE, R3);
    for field in path_to_process(types, task_type, level)? {
        field.load(&mut code, R6, R6);
    }
    code.store(Width::Bytes4, Frame, at::PROCESS, R6);
    fd.load(&mut code, R3, R1);
    code.store(Width::Bytes4, Frame, at::DESCRIPTOR, R3);
    code.set(R3, 0);
    code.store(Width::Bytes4, Frame, at::FAMILY, R3);
    code.store(Width::Bytes8, Frame, at::COOKIE, R3);
    code.store(Width::Bytes8, Frame, at::NAMESPACE, R3);
    meta.load(&mut code, R1, R1);
    write_frame(&mut code, seq, 32);
    Ok(Program { instructions: code.finish(), attach_to: function })
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

/// The same to the number of the task itself.
fn path_to_thread(types: &Types<'_>, task: TypeId, level: u32) -> Result<Vec<Field>, Refused> {
    if level == 0 {
        return Ok(vec![types.field(task, "pid")?]);
    }
    let (pid, pid_type) = types.pointer(task, "thread_pid")?;
    Ok(vec![pid, types.number_at(pid_type, level)?])
}

/// The program that writes the level of the reader's pid namespace, a number of 4 bytes, at the first task, and nothing
/// at the others.
pub(crate) fn level_of_reader(types: &Types<'_>) -> Result<Program, Refused> {
    let [function, context] = types.find(TASK)?;
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
