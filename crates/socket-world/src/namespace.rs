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

fn bring_up_loopback() -> io::Result<()> {
    // Protocol 0 is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(5)))?;
    let mut request = Vec::with_capacity(32);
    // nlmsghdr: length, type, flags, sequence, port
    request.extend(32_u32.to_ne_bytes());
    request.extend(RTM_NEWLINK.to_ne_bytes());
    request.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    request.extend(1_u32.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    // ifinfomsg: family and padding, type, index, flags, which flags to change
    request.extend([0, 0]);
    request.extend(0_u16.to_ne_bytes());
    request.extend(LOOPBACK.to_ne_bytes());
    request.extend(IFF_UP.to_ne_bytes());
    request.extend(IFF_UP.to_ne_bytes());
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
