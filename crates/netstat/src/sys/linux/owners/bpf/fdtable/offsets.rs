//! Where the members that the program reads are in their structures.

use super::super::refused::Refused;
use super::super::types::Types;
use netstat_wire::linux::btf::TypeId;

/// `PIDTYPE_TGID` of linux/pid_types.h.
const PIDTYPE_TGID: i32 = 1;

/// Where the members that are read are in their structures.
#[derive(Copy, Clone, Debug)]
pub(super) struct Offsets {
    pub(super) meta: i16,
    pub(super) session_id: i16,
    pub(super) seq: i32,
    pub(super) seq_file: i32,
    pub(super) file_flags: i32,
    pub(super) task: i16,
    pub(super) task_files: i32,
    pub(super) group_leader: i32,
    pub(super) thread_pid: i32,
    pub(super) signal: i32,
    pub(super) start_boottime: i32,
    pub(super) signal_pids: i32,
    pub(super) level: i32,
    pub(super) numbers: i32,
    pub(super) number_size: i32,
    pub(super) number: i32,
    pub(super) number_namespace: i32,
    pub(super) files_table: i32,
    pub(super) table_slots: i32,
    pub(super) table_open: i32,
    pub(super) table_slot_count: i32,
    pub(super) file_operations: i32,
    pub(super) file_private_data: i32,
    pub(super) socket_sock: i32,
    pub(super) socket_type: i32,
    pub(super) inode_number: i32,
    pub(super) family: i32,
    pub(super) port: i32,
    pub(super) cookie: i32,
    pub(super) net: i32,
    pub(super) protocol: i32,
    pub(super) namespace_number: i16,
}

impl Offsets {
    /// `context`, `socket`, `allocation`: `bpf_iter__task`, `socket`, `socket_alloc`.
    pub(super) fn of(
        types: &Types<'_>,
        context: TypeId,
        socket: TypeId,
        allocation: TypeId,
    ) -> Result<Self, Refused> {
        let (meta, meta_type) = types.pointer(context, "meta")?;
        let (seq, seq_type) = types.pointer(meta_type, "seq")?;
        let (task, task_type) = types.pointer(context, "task")?;
        let (_, files) = types.pointer(task_type, "files")?;
        let (_, table) = types.pointer(files, "fdt")?;
        let slots = types.field(table, "fd")?;
        let file = types.behind_both(slots, "fd")?;
        let (_, pid) = types.pointer(task_type, "thread_pid")?;
        let (_, signal) = types.pointer(task_type, "signal")?;
        let (number, numbers, number_size) = types.array(pid, "numbers")?;
        let (_, signal_pids, pointer_size) = types.array(signal, "pids")?;
        let (_, sock) = types.pointer(socket, "sk")?;
        let common = |name| types.nested(sock, "__sk_common", name);
        let net = types.nested_in(common("skc_net")?, "net")?;
        let namespace = types.nested(types.behind(net, "net")?, "ns", "inum")?;
        let of = |structure, name| types.offset(structure, name);
        Ok(Self {
            meta: meta.offset,
            session_id: types.field(meta_type, "session_id")?.offset,
            seq: seq.offset.into(),
            seq_file: of(seq_type, "file")?,
            file_flags: of(file, "f_flags")?,
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
            socket_type: of(socket, "type")?,
            inode_number: types.nested(allocation, "vfs_inode", "i_ino")?.offset.into(),
            family: common("skc_family")?.offset.into(),
            port: common("skc_num")?.offset.into(),
            cookie: common("skc_cookie")?.offset.into(),
            net: net.offset.into(),
            protocol: of(sock, "sk_protocol")?,
            namespace_number: namespace.offset,
        })
    }
}

/// The number of a type, as instructions have it.
pub(super) fn as_operand(id: TypeId) -> Result<i32, Refused> {
    i32::try_from(id.number()).map_err(|_| Refused::other("BTF", "more types than numbers of 32 bits"))
}
