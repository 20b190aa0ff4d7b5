//! A network namespace that holds only what the test makes.

use crate::ffi;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};
use std::io;
use std::thread::Builder;
use std::time::Duration;

const RTM_NEWLINK: u16 = 16;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST_ACK: u16 = 1 | 4;
/// To make what does not exist yet.
const NLM_F_CREATE_NEW: u16 = 0x400 | 0x200;
const IFF_UP: u32 = 1;
/// `lo` is the first device of every namespace.
const LOOPBACK: i32 = 1;

/// Puts the calling thread into a network namespace of its own and brings `lo` up in it, so that 127.0.0.0/8 and
/// `::1` work. Threads and processes that it starts afterwards are in it too; those that run already are not.
///
/// Call it first thing in a program or in a [`Child`](crate::Child), never in a thread that does other work
/// afterwards: the thread cannot leave it. Tests use [`in_network_namespace`]. The namespace ends with its last
/// process and socket.
///
/// # Errors
/// Permission denied unless root (CAP_SYS_ADMIN); the kernel has no network namespaces.
pub fn enter_network_namespace() -> io::Result<()> {
    ffi::unshare_network()?;
    bring_up_loopback()
}

/// Runs `work` in a new thread in a new network namespace. Children, threads and programs that `work` starts are in
/// it as well, and stay there: a [`Child`](crate::Child) or [`World`](crate::World) that it returns is in another
/// network namespace than the caller, and in the same of every other kind. `/proc/net` shows the namespace of the
/// process's first thread; `/proc/thread-self/net` shows this one.
///
/// # Errors
/// As [`enter_network_namespace`]; the thread cannot be started.
///
/// # Panics
/// As `work` does.
pub fn in_network_namespace<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let name = std::thread::current().name().unwrap_or("namespace").to_owned();
    std::thread::scope(|scope| {
        let inside = || enter_network_namespace().map(|()| work());
        let thread = Builder::new().name(name).spawn_scoped(scope, inside)?;
        thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    })
}

/// Makes two network devices with these names, the ends of one cable, in the network namespace of the calling thread.
///
/// # Errors
/// Permission denied unless root over the namespace; the kernel has no such devices (`CONFIG_VETH`); a name is taken.
pub fn add_devices(name: &str, peer: &str) -> io::Result<()> {
    const IFLA_IFNAME: u16 = 3;
    const IFLA_LINKINFO: u16 = 18;
    const IFLA_INFO_KIND: u16 = 1;
    const IFLA_INFO_DATA: u16 = 2;
    const VETH_INFO_PEER: u16 = 1;
    let named = |name: &str| attribute(IFLA_IFNAME, &[name.as_bytes(), &[0]].concat());
    let other = attribute(VETH_INFO_PEER, &[link(0, 0, 0), named(peer)].concat());
    let info = [attribute(IFLA_INFO_KIND, b"veth\0"), attribute(IFLA_INFO_DATA, &other)].concat();
    let request = [link(0, 0, 0), named(name), attribute(IFLA_LINKINFO, &info)].concat();
    change_link(NLM_F_CREATE_NEW, &request)
}

fn bring_up_loopback() -> io::Result<()> {
    change_link(0, &link(LOOPBACK, IFF_UP, IFF_UP))
}

/// `struct ifinfomsg`: the device, its flags, and which of them to change.
fn link(index: i32, flags: u32, changed: u32) -> Vec<u8> {
    // Family, padding, type.
    let mut info = vec![0; 4];
    info.extend(index.to_ne_bytes());
    info.extend(flags.to_ne_bytes());
    info.extend(changed.to_ne_bytes());
    info
}

/// `struct rtattr` with its value, padded.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// `RTM_NEWLINK`, and its answer.
fn change_link(flags: u16, body: &[u8]) -> io::Result<()> {
    // Protocol 0 is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(5)))?;
    // nlmsghdr: length, type, flags, sequence, port
    let length = u32::try_from(16 + body.len()).unwrap_or(u32::MAX);
    let mut request = Vec::with_capacity(16 + body.len());
    request.extend(length.to_ne_bytes());
    request.extend(RTM_NEWLINK.to_ne_bytes());
    request.extend((NLM_F_REQUEST_ACK | flags).to_ne_bytes());
    request.extend(1_u32.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    request.extend(body);
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;

    let mut answer = [0_u8; 1024];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    let answer = answer.get(..length).unwrap_or_default();
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let code = answer.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
        other => Err(io::Error::other(format!("not an answer to RTM_NEWLINK: {other:?}"))),
    }
}
