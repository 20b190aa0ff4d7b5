//! What this kernel offers to this thread, determined without the library under test. A test that needs a feature
//! asks these functions: where the kernel offers it, a refusal by the library is a failure and no reason to skip.

use crate::ffi;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};
use rustix::thread::{CapabilitySet, capabilities};
use std::collections::HashSet;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

/// Whether this kernel is older than this release. A distribution may have backported features: an older kernel may
/// lack a feature, and one that is not older must have it.
pub fn is_before(major: u32, minor: u32) -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
    let mut next = || -> u32 { numbers.next().unwrap_or(0) };
    (next(), next()) < (major, minor)
}

/// Whether this thread can load a BPF iterator over the descriptors of all processes; if not, why. In a pid
/// namespace other than the first it also takes Linux 6.5.
///
/// # Errors
/// The first thing that is missing: privileges, the kernel's types and what the iterator takes from them, or the
/// call itself, which a sandbox may refuse.
pub fn bpf_iterators() -> Result<(), String> {
    if usize::BITS < 64 {
        return Err("BPF: a program of 32 bits cannot know how wide the kernel's pointers are".to_owned());
    }
    let has = capabilities(None).map_err(|error| format!("BPF: capabilities: {error}"))?.effective;
    if !has.contains(CapabilitySet::SYS_ADMIN) && !has.contains(CapabilitySet::BPF | CapabilitySet::PERFMON) {
        return Err("BPF: needs root".to_owned());
    }
    // `PROC_USER_INIT_INO` of linux/proc_ns.h.
    let namespace = std::fs::read_link("/proc/thread-self/ns/user").unwrap_or_default();
    if namespace.as_os_str() != "user:[4026531837]" {
        return Err("BPF: needs the first user namespace".to_owned());
    }
    static TYPES: OnceLock<Result<(), String>> = OnceLock::new();
    TYPES.get_or_init(iterators_are_described).clone()?;
    ffi::bpf_load_nothing().map_err(|error| format!("BPF: the kernel loads no program at all: {error}"))
}

/// What the program under test takes from the kernel's types, by the kernel's own headers: the iterators of
/// kernel/bpf/task_iter.c, and the members that lead from them to socket, process and descriptor. A second copy, so
/// that a misspelt name in the program is not repeated in its test.
const NAMES: &[&str] = &[
    "bpf_iter_task_file",
    "bpf_iter__task_file",
    "bpf_iter_task",
    "bpf_iter__task",
    // struct bpf_iter__task_file, struct bpf_iter_meta
    "meta",
    "seq",
    "seq_num",
    "task",
    "fd",
    "file",
    // struct file, struct inode, struct super_block
    "f_inode",
    "i_mode",
    "i_ino",
    "i_sb",
    "s_magic",
    // struct task_struct, struct pid, struct upid
    "tgid",
    "group_leader",
    "thread_pid",
    "level",
    "numbers",
    "nr",
];

fn iterators_are_described() -> Result<(), String> {
    let file = std::fs::read("/sys/kernel/btf/vmlinux").map_err(|error| format!("BTF: {error}"))?;
    // struct btf_header: magic (2), version, flags, hdr_len, type_off, type_len, str_off, str_len (4 each).
    let number = |at: usize| -> Option<usize> {
        let bytes = file.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_ne_bytes(bytes)).ok()
    };
    if !file.starts_with(&0xeb9f_u16.to_ne_bytes()) {
        return Err("BTF: of a kernel of the other byte order".to_owned());
    }
    let strings = || -> Option<&[u8]> {
        let start = number(4)?.checked_add(number(16)?)?;
        file.get(start..start.checked_add(number(20)?)?)
    };
    let strings = strings().ok_or("BTF: shorter than its header says")?;
    let strings: HashSet<&[u8]> = strings.split(|byte| *byte == 0).collect();
    match NAMES.iter().find(|name| !strings.contains(name.as_bytes())) {
        Some(name) => Err(format!("BTF: this kernel has no {name}")),
        None => Ok(()),
    }
}

/// Whether this kernel closes sockets on request (`CONFIG_INET_DIAG_DESTROY`); if not, why. The request names a
/// socket that does not exist.
///
/// # Errors
/// Not built in; a sandbox. The kernel checks privileges only once it has found the socket.
pub fn destroys_sockets() -> io::Result<()> {
    const SOCK_DESTROY: u16 = 21;
    const NLM_F_REQUEST_ACK: u16 = 1 | 4;
    const LENGTH: u32 = 16 + 56;
    const IPPROTO_TCP: u8 = 6;
    let family = AddressFamily::NETLINK;
    let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(5)))?;
    let mut request = Vec::with_capacity(72);
    // nlmsghdr: length, type, flags, sequence, port
    request.extend(LENGTH.to_ne_bytes());
    request.extend(SOCK_DESTROY.to_ne_bytes());
    request.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    request.extend(1_u32.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    // inet_diag_req_v2: family, protocol, extensions, padding; states; ports, addresses, interface and cookie of 0
    request.extend([
        u8::try_from(AddressFamily::INET.as_raw()).map_err(io::Error::other)?,
        IPPROTO_TCP,
        0,
        0,
    ]);
    request.resize(72, 0);
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;

    let mut answer = [0_u8; 1024];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    let code = answer.get(16..20.min(length)).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match code.map(i32::saturating_neg).map(io::Error::from_raw_os_error) {
        Some(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Some(error) => Err(error),
        None => Err(io::Error::other("not an answer to SOCK_DESTROY")),
    }
}
