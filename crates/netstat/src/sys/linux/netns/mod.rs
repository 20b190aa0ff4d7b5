//! Network namespaces: which there are, and their sockets.
//!
//! # How they are found
//! [`find`]: the links `/proc/PID/ns/net`, bind mounts in `/proc/PID/mountinfo` of every mount namespace, and descriptors of
//! namespaces in `/proc/PID/fd`, which a BPF program finds without reading all links. A namespace that only a socket keeps is in
//! none of these: a BPF program sees the namespace of every socket that a process holds, and a copy of such a socket's
//! descriptor (pidfd_getfd(2)) leads to it (`SIOCGSKNS`). Where the rows come from one pass over the descriptors, that pass sees
//! it, so such namespaces are added when it is done. Without BPF a gap says that they may be missing.
//!
//! # How their sockets are read
//! [`enter`]: a thread made for it enters one after the other by setns(2), opens a netlink socket in each, and ends. A netlink
//! socket stays in the namespace in which it was made, so the dumps are read on the caller's thread, which never leaves its
//! own. Where setns is refused, the tables are read from `/proc/PID/net` of a process that lives there: any user may read
//! these.
//!
//! An open netlink socket keeps its namespace alive, with its devices. So the sockets are closed at the end of a listing;
//! to open one costs some microseconds, a fraction of one dump.
//!
//! # What can race
//! Paths and pids may lead elsewhere by the time they are opened. So the inode number of what was opened is compared with
//! that of the namespace, and of a process before and after its file is opened.
//!
//! Sources: network_namespaces(7), setns(2), pidfd_getfd(2), ip-netns(8), proc_pid_mountinfo(5), fs/nsfs.c, fs/proc/proc_net.c.

mod enter;
mod find;
mod listed;
mod place;
pub(super) mod plan;
mod process_net;
pub(super) mod readers;

pub(super) use enter::Target;
pub(super) use find::SeenByBpf;
#[cfg_attr(
    not(feature = "bpf"),
    allow(unused_imports, reason = "BPF alone sees the namespaces of sockets")
)]
pub(super) use find::{MAX_PLACES, SocketHolder, SocketsByNamespace};
pub(super) use listed::ListedNamespaces;
pub(super) use process_net::namespace_of;
