//! The back end of Linux and Android.
//!
//! # How sockets are listed
//! By `NETLINK_SOCK_DIAG` ([`sock_diag`]): the kernel dumps its tables of TCP and UDP sockets in binary records, as
//! it does for `ss`. No privileges are needed; every user sees every socket of the caller's network namespace, with
//! addresses, state, queues, the uid of its maker, its inode and cookie.
//!
//! The conditions of a filter on ports, addresses, device, mark and control group are sent along as a program
//! ([`sock_diag::bytecode`]), and the kernel omits the sockets that it rejects.
//!
//! Unix, netlink, packet, vsock, XDP and TIPC sockets have dumps of their own ([`families`]). Whatever else a process holds
//! as a socket is a row by what its descriptor shows ([`unlisted_socket`]), if the query is for every protocol.
//!
//! Where a sandbox refuses such a socket, or the kernel lacks the module of a protocol, [`sockets`] falls back to
//! `/proc/thread-self/net` ([`procfs::net`]), which has less of each socket and is slower, and reports a gap.
//!
//! # How owners are found
//! A record names no process. [`owners`] reads the links in `/proc/<pid>/fd` of every process, on several threads
//! and beside the dump; a link `socket:[N]` names the socket's inode. That needs the right to trace a process of
//! another user (root, or `CAP_SYS_PTRACE` with `CAP_DAC_READ_SEARCH`); processes that cannot be read are counted.
//! The reason for a row without owner comes from its state, its inode, and a lookup that shows whether the socket
//! is still open.
//!
//! With enough privileges, a BPF program ([`owners::bpf`]) finds the same in a thirtieth of the time, and where there are many
//! sockets, their rows come with their owners from the same pass ([`one_pass`]).
//!
//! # How processes are described
//! From `/proc/<pid>/{stat,cmdline,exe,cgroup}` and the owner of that directory ([`procfs::process`]), only for the
//! processes in the snapshot; names of containers from the files of their engines ([`workload`]). The start time in `stat` distinguishes a process from a later one with the same pid.
//!
//! # What can race
//! Sockets open and close while their tables are read: see [`dedup`] for what such a read gets wrong, and how it
//! is corrected. Processes start, end, open and close while they are walked: see [`owners`].
//!
//! # Network namespaces
//! Those of other network namespaces than the caller's are listed on request ([`netns`]).
//!
//! # What is never seen
//! Sockets of network namespaces that nothing but a socket keeps. UDP sockets without a port are in no table, and so not
//! listed without the search for owners. TCP sockets that are
//! bound but idle are listed only on request, because that is expensive ([`sock_diag::request`]).
//!
//! # How a socket is closed
//! By `SOCK_DESTROY` with its cookie ([`sock_diag::destroy`]).
//!
//! # What the kernel reports by itself
//! The end of each TCP and UDP socket, with its last counters, to the multicast groups of `NETLINK_SOCK_DIAG` ([`reports`]).
//!
//! # How a process is signalled
//! By a pidfd, once its start has been compared ([`signal`]).
//!
//! Sources: sock_diag(7), netlink(7), proc(5), linux/inet_diag.h, net/ipv4/inet_diag.c.

mod clock;
mod dedup;
mod details;
mod errno;
mod families;
mod ffi;
mod kernel_version;
mod netns;
#[cfg(feature = "bpf")]
mod one_pass;
mod owners;
mod procfs;
mod protocols;
mod raw;
mod reports;
mod resolve;
mod row;
mod sctp;
mod signal;
mod sock_diag;
mod sockets;
mod system;
#[cfg(test)]
mod tests;
mod unlisted_process;
mod unlisted_socket;
mod user_namespace;
mod users;
mod workload;

pub(crate) use reports::Reports;
pub(crate) use row::tcp_state;
pub(crate) use system::{Cache, Native};
