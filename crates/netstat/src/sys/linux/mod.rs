//! Linux and Android.
//!
//! # How sockets are listed
//! By `NETLINK_SOCK_DIAG` ([`dumps`], [`netlink`]): the kernel dumps its tables of TCP and UDP sockets in
//! binary records, as it does for `ss`. No right is needed; every user sees every socket of the caller's
//! network namespace, with addresses, state, queues, the uid of its maker, its inode and cookie.
//!
//! What a filter says of ports, addresses, device, mark and control group goes along as a program ([`bytecode`]),
//! and the kernel leaves out what it refuses.
//!
//! Sandboxes refuse such a socket, and kernels lack the module of a protocol. Then the table is read from
//! `/proc/thread-self/net` ([`proc_net`]), which says less and is slower; [`sockets`] chooses, and a gap tells.
//!
//! # How owners are found
//! A record names no process. [`owners`] reads the links in `/proc/<pid>/fd` of every process, on several
//! threads and beside the dump; a link `socket:[N]` names the socket's inode. That needs the rights to trace
//! a process of another user (root, or `CAP_SYS_PTRACE` with `CAP_DAC_READ_SEARCH`); processes that refuse
//! are counted. A row without owner after that is told apart by its state, its inode, and by asking the
//! kernel whether it is still there.
//!
//! With the rights for it, a program in the kernel ([`bpf`]) tells the same in a tenth of the time.
//!
//! # How processes are described
//! From `/proc/<pid>/{stat,cmdline,exe}` and the owner of that directory ([`processes`]), only for those shown. The
//! start time in `stat` tells a process from a later one with the same pid.
//!
//! # What can race
//! Sockets open and close while their tables are read: see [`once`] for what reading gets wrong and how it
//! is mended. Processes start, end, open and close while they are walked: see [`owners`].
//!
//! # What is never seen
//! Sockets of other network namespaces; UDP sockets without a port, which are in no table. TCP sockets that are bound
//! but idle only when they are asked for, because that is expensive ([`tables`]).
//!
//! # How a socket is closed
//! By `SOCK_DESTROY` with its cookie ([`destroy`]).
//!
//! Sources: sock_diag(7), netlink(7), proc(5), linux/inet_diag.h, net/ipv4/inet_diag.c.

mod dedup;
mod errno;
mod ffi;
mod huge_pages;
mod native;
mod owners;
mod procfs;
pub(crate) mod resolve;
mod row;
mod rows;
mod sock_diag;
mod sockets;
#[cfg(test)]
mod tests;

pub(crate) use native::{Kept, Native};
pub(crate) use row::tcp_state;
pub(crate) use sock_diag::destroy::destroy;

use crate::model::details::DetailFields;
use crate::model::owner::OwnerRole;
use crate::model::process::ProcessFields;
use crate::model::socket::Protocol;
use crate::model::support::{SocketFields, Support};

pub(crate) const SUPPORT: Support = Support {
    system: "linux",
    protocols: &[Protocol::Tcp, Protocol::Udp],
    socket_fields: SocketFields::TCP_REMOTE
        .union(SocketFields::UDP_REMOTE)
        .union(SocketFields::STATE)
        .union(SocketFields::QUEUES)
        .union(SocketFields::UID)
        .union(SocketFields::INODE)
        .union(SocketFields::COOKIE)
        .union(SocketFields::INTERFACE)
        .union(SocketFields::V6_ONLY),
    detail_fields: DetailFields::all(),
    owner_roles: &[OwnerRole::Holder],
    all_owners: true,
    process_fields: ProcessFields::all().difference(ProcessFields::SESSION),
};

/// The name of a network interface in the caller's network namespace.
pub(crate) fn interface_name(index: u32) -> Option<String> {
    ffi::interface_name(index).ok()?.into_string().ok()
}
