//! The program, assembled for the structures of the running kernel, and the record that it writes.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | inode of its file; 0: no file, so that no process can hold it |
//! | 8 | 8 | cookie |
//! | 16 | 8 | when, in nanoseconds of the monotonic clock |
//! | 24 | 8 | start of the process, in nanoseconds since boot |
//! | 32 | 16 | name of its leader (`comm`) |
//! | 48 | 16, 16 | local and remote address; IPv4 in the first four bytes |
//! | 80 | 4 | process; 0: the record is not of one |
//! | 84 | 4 | user who made the socket, if it has a file |
//! | 88 | 4 | interface that it is bound to |
//! | 92 | 2, 2 | local port, in the order of the machine, and remote port, in that of the network |
//! | 96 | 2 | family |
//! | 98 | 1, 1 | state before and now |
//! | 100 | 4 | network namespace |

use crate::sys::linux::owners::bpf::assembler::Register::{Frame, R0, R1, R2, R3, R4, R6, R7, R8, R9};
use crate::sys::linux::owners::bpf::assembler::{Assembler, If, Label, Operation, Width};
use crate::sys::linux::owners::bpf::{Field, Refused, Types};
use netstat_wire::linux::btf::TypeId;
use netstat_wire::linux::inet_diag::{AF_INET6, IPPROTO_TCP};
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN, TCP_SYN_SENT};

/// The bytes of a record.
pub(crate) const RECORD_BYTES: usize = 104;

/// Where its parts are on the stack.
mod at {
    pub(super) const INODE: i16 = -104;
    pub(super) const COOKIE: i16 = -96;
    pub(super) const WHEN: i16 = -88;
    pub(super) const START: i16 = -80;
    pub(super) const NAME: i16 = -72;
    pub(super) const LOCAL: i16 = -56;
    pub(super) const REMOTE: i16 = -40;
    pub(super) const PROCESS: i16 = -24;
    pub(super) const USER: i16 = -20;
    pub(super) const INTERFACE: i16 = -16;
    pub(super) const LOCAL_PORT: i16 = -12;
    pub(super) const REMOTE_PORT: i16 = -10;
    pub(super) const FAMILY: i16 = -8;
    pub(super) const BEFORE: i16 = -6;
    pub(super) const NOW: i16 = -5;
    pub(super) const NETNS: i16 = -4;
}

/// Helpers: `BPF_FUNC_ktime_get_ns`, `BPF_FUNC_get_socket_cookie` (for such a program 5.12), `BPF_FUNC_ringbuf_output`
/// (5.8), `BPF_FUNC_get_current_task_btf` (5.11).
const KTIME_GET_NS: i32 = 5;
const GET_SOCKET_COOKIE: i32 = 46;
const RINGBUF_OUTPUT: i32 = 130;
const GET_CURRENT_TASK_BTF: i32 = 158;

/// `PF_KTHREAD` of linux/sched.h: a thread of the kernel, whose sockets no process holds.
const PF_KTHREAD: i32 = 0x0020_0000;

/// What the program reads, where it is on this kernel.
pub(crate) struct Needs {
    protocol: Field,
    family: Field,
    local_port: Field,
    remote_port: Field,
    interface: Field,
    v4: [Field; 2],
    v6: [i16; 2],
    user: Field,
    shutdown: Field,
    socket: Field,
    file: Field,
    inode: Field,
    inode_number: Field,
    net: Field,
    netns: Field,
    flags: Field,
    process: Field,
    leader: Field,
    start: Field,
    name: i16,
}

impl Needs {
    pub(crate) fn of(types: &Types<'_>, sock: TypeId, task: TypeId) -> Result<Self, Refused> {
        let common = |name| types.nested(sock, "__sk_common", name);
        let net = types.nested_in(common("skc_net")?, "net")?;
        let (leader, leader_type) = types.pointer(task, "group_leader")?;
        let (socket, socket_type) = types.pointer(sock, "sk_socket")?;
        let (file, file_type) = types.pointer(socket_type, "file")?;
        let (inode, inode_type) = types.pointer(file_type, "f_inode")?;
        let place = |of, name| -> Result<i16, Refused> {
            let (offset, _) = types.place(of, name)?;
            i16::try_from(offset).map_err(|_| Refused::types("too far within its structure:", name))
        };
        let (base, common_type) = types.place(sock, "__sk_common")?;
        let v6 = |name| -> Result<i16, Refused> {
            let base = i16::try_from(base).map_err(|_| Refused::types("too far:", "__sk_common"))?;
            Ok(base.saturating_add(place(common_type, name)?))
        };
        Ok(Self {
            protocol: types.field(sock, "sk_protocol")?,
            family: common("skc_family")?,
            local_port: common("skc_num")?,
            remote_port: common("skc_dport")?,
            interface: common("skc_bound_dev_if")?,
            v4: [common("skc_rcv_saddr")?, common("skc_daddr")?],
            v6: [v6("skc_v6_rcv_saddr")?, v6("skc_v6_daddr")?],
            user: types.nested(sock, "sk_uid", "val")?,
            shutdown: types.field(sock, "sk_shutdown")?,
            socket,
            file,
            inode,
            inode_number: types.field(inode_type, "i_ino")?,
            netns: types.nested(types.behind(net, "net")?, "ns", "inum")?,
            net,
            flags: types.field(task, "flags")?,
            process: types.field(task, "tgid")?,
            leader,
            start: types.field(leader_type, "start_boottime")?,
            name: place(leader_type, "comm")?,
        })
    }
}

/// Where a program writes to: the ring of records, a map with the number of those that found no room; and the network
/// namespace whose sockets it reports.
#[derive(Copy, Clone)]
pub(crate) struct Output {
    pub(crate) ring: i32,
    pub(crate) dropped: i32,
    pub(crate) netns: u32,
}

/// Runs at the tracepoint `inet_sock_set_state`: a record for each TCP socket that begins to connect, to listen, or is
/// connected, and for each that could not listen, which is known a moment after that state is set.
///
/// The threads that call connect(2) and listen(2) set those states. That of a connection is set by whichever thread the
/// packet interrupts: its record has no process.
pub(crate) fn states(needs: &Needs, output: Output) -> Vec<[u8; 8]> {
    let mut code = Assembler::default();
    let wanted = code.label();
    code.load(Width::Bytes8, R7, R1, 16);
    code.load(Width::Bytes8, R9, R1, 8);
    code.load(Width::Bytes8, R8, R1, 0);
    for state in [TCP_ESTABLISHED, TCP_SYN_SENT, TCP_LISTEN] {
        code.jump_if(If::Equal, R7, i32::from(state), wanted);
    }
    code.exit_unless_equal(R7, i32::from(TCP_CLOSE));
    code.exit_unless_equal(R9, i32::from(TCP_LISTEN));
    // One that a process closes is shut down before.
    needs.shutdown.load(&mut code, R3, R8);
    code.exit_unless_equal(R3, 0);
    code.place(wanted);
    select(&mut code, needs, output);
    code.store(Width::Bytes1, Frame, at::BEFORE, R9);
    code.store(Width::Bytes1, Frame, at::NOW, R7);
    let without_process = code.label();
    file(&mut code, needs, without_process);
    code.jump_if(If::Equal, R7, i32::from(TCP_ESTABLISHED), without_process);
    process(&mut code, needs, without_process);
    code.place(without_process);
    write(&mut code, needs, output);
    code.finish()
}

/// Records the inode and the user of the socket in `R8`, or goes to `none` if no process can hold it: the kernel's own
/// sockets, and those that their processes have closed, have no file.
fn file(code: &mut Assembler, needs: &Needs, none: Label) {
    // A pointer that is null leads to a null one.
    needs.socket.load(code, R3, R8);
    needs.file.load(code, R3, R3);
    code.jump_if(If::Equal, R3, 0, none);
    needs.inode.load(code, R3, R3);
    needs.inode_number.load(code, R3, R3);
    code.store(Width::Bytes8, Frame, at::INODE, R3);
    needs.user.load(code, R3, R8);
    code.store(Width::Bytes4, Frame, at::USER, R3);
}

/// Ends for the socket in `R8` unless it is of TCP and of the network namespace, and clears the record.
fn select(code: &mut Assembler, needs: &Needs, output: Output) {
    needs.protocol.load(code, R3, R8);
    code.exit_unless_equal(R3, i32::from(IPPROTO_TCP));
    needs.net.load(code, R3, R8);
    needs.netns.load(code, R3, R3);
    // As a number of 32 bits: a constant is extended by its sign.
    code.set(R2, i32::from_ne_bytes(output.netns.to_ne_bytes()));
    code.compute(Operation::ShiftLeft, R2, 32);
    code.compute(Operation::ShiftRight, R2, 32);
    code.jump_if(If::Unequal, R3, R2, Label::END);
    code.set(R2, 0);
    for place in (at::INODE..0).step_by(8) {
        code.store(Width::Bytes8, Frame, place, R2);
    }
    code.store(Width::Bytes4, Frame, at::NETNS, R3);
}

/// Records the process of the running thread.
fn process(code: &mut Assembler, needs: &Needs, of_kernel: Label) {
    code.call(GET_CURRENT_TASK_BTF);
    needs.flags.load(code, R3, R0);
    code.and(R3, PF_KTHREAD);
    code.jump_if(If::Unequal, R3, 0, of_kernel);
    needs.process.load(code, R3, R0);
    code.store(Width::Bytes4, Frame, at::PROCESS, R3);
    needs.leader.load(code, R1, R0);
    needs.start.load(code, R3, R1);
    code.store(Width::Bytes8, Frame, at::START, R3);
    for offset in [0, 8] {
        code.load(Width::Bytes8, R3, R1, needs.name.saturating_add(offset));
        code.store(Width::Bytes8, Frame, at::NAME + offset, R3);
    }
}

/// Records the ends of the socket in `R8` and the time, and writes the record.
fn write(code: &mut Assembler, needs: &Needs, output: Output) {
    for (field, place) in [
        (needs.family, at::FAMILY),
        (needs.local_port, at::LOCAL_PORT),
        (needs.remote_port, at::REMOTE_PORT),
        (needs.interface, at::INTERFACE),
    ] {
        field.load(code, R3, R8);
        code.store(field.width, Frame, place, R3);
    }
    let (v4, done) = (code.label(), code.label());
    needs.family.load(code, R3, R8);
    code.jump_if(If::Unequal, R3, i32::from(AF_INET6), v4);
    for (from, to) in needs.v6.into_iter().zip([at::LOCAL, at::REMOTE]) {
        for offset in [0, 8] {
            code.load(Width::Bytes8, R3, R8, from.saturating_add(offset));
            code.store(Width::Bytes8, Frame, to + offset, R3);
        }
    }
    code.jump(done);
    code.place(v4);
    for (field, to) in needs.v4.into_iter().zip([at::LOCAL, at::REMOTE]) {
        field.load(code, R3, R8);
        code.store(field.width, Frame, to, R3);
    }
    code.place(done);
    code.copy(R1, R8);
    code.call(GET_SOCKET_COOKIE);
    code.store(Width::Bytes8, Frame, at::COOKIE, R0);
    code.call(KTIME_GET_NS);
    code.store(Width::Bytes8, Frame, at::WHEN, R0);
    code.map(R1, output.ring);
    code.copy(R2, Frame);
    code.add(R2, i32::from(at::INODE));
    code.set(R3, -i32::from(at::INODE));
    code.set(R4, 0);
    code.call(RINGBUF_OUTPUT);
    code.exit_if_equal(R0, 0);
    code.address_of_map(R6, output.dropped);
    code.increment(R6, 0, R1);
}
