//! TCP sockets in every state that loopback lets one make.
//!
//! Each function gives a [`Made`]: the open sockets in the order its documentation names them, and the rows that
//! a listing must show for them. [`ALL`] has them all, for tests that go through the list.

use crate::facts::{Made, SocketFacts, State, Transport, tcp_state};
use crate::{ffi, wait_until};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, retry_on_intr, write};
use rustix::net::{
    AddressFamily, RecvFlags, Shutdown, SocketFlags, SocketType, accept_with, bind, connect, getsockname,
    ipproto, listen, recv, shutdown, socket_with, sockopt,
};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How long a state may take to be reached.
const LIMIT: Duration = Duration::from_secs(10);

/// Makes one situation.
pub type Make = fn() -> io::Result<Made>;

/// Every situation of this module, by name.
pub const ALL: &[(&str, Make)] = &[
    ("listener_v4", listener_v4),
    ("listener_v6", listener_v6),
    ("listener_dual_stack", listener_dual_stack),
    ("listener_v6_only", listener_v6_only),
    ("pair_v4", pair_v4),
    ("pair_v6", pair_v6),
    ("pair_mapped", pair_mapped),
    ("unread", || unread(12_345)),
    ("half_closed", half_closed),
    ("accept_queue", accept_queue),
    ("syn_received", syn_received),
    ("syn_received_v6", syn_received_v6),
    ("syn_sent", syn_sent),
    ("time_wait", time_wait),
    ("time_wait_v6", time_wait_v6),
    ("orphaned_fin_wait_1", orphaned_fin_wait_1),
    ("orphaned_fin_wait_2", orphaned_fin_wait_2),
    ("fin_wait_1", fin_wait_1),
    ("last_ack", last_ack),
    ("closing", closing),
];

const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0);
const ANY_V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

/// A new TCP socket of the family of `address`.
pub(crate) fn stream_socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    Ok(socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::TCP))?)
}

/// A listener on `address` (port 0: a free one) with this backlog. On an IPv6 address it takes IPv6 alone.
///
/// # Errors
/// The address is not of this machine, or taken.
pub fn listen_on(address: SocketAddr, backlog: i32) -> io::Result<OwnedFd> {
    let fd = stream_socket(address)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&fd, true)?;
    }
    bind(&fd, &address)?;
    listen(&fd, backlog)?;
    Ok(fd)
}

/// The local address of an IP socket.
///
/// # Errors
/// `fd` is none.
pub fn local_address(fd: impl AsFd) -> io::Result<SocketAddr> {
    Ok(SocketAddr::try_from(getsockname(fd)?)?)
}

fn connect_to(address: SocketAddr) -> io::Result<OwnedFd> {
    let fd = stream_socket(address)?;
    retry_on_intr(|| connect(&fd, &address))?;
    Ok(fd)
}

pub(crate) fn accept_from(listener: &OwnedFd) -> io::Result<OwnedFd> {
    Ok(retry_on_intr(|| accept_with(listener, SocketFlags::CLOEXEC))?)
}

/// A connected pair and the listener that made it: client, server, listener.
fn connected(listener: OwnedFd, to: SocketAddr) -> io::Result<[OwnedFd; 3]> {
    let client = connect_to(to)?;
    let server = accept_from(&listener)?;
    Ok([client, server, listener])
}

fn connected_on(address: SocketAddr) -> io::Result<[OwnedFd; 3]> {
    let listener = listen_on(address, 16)?;
    let to = local_address(&listener)?;
    connected(listener, to)
}

fn wait_for(fd: &OwnedFd, state: State) -> io::Result<()> {
    if wait_until(LIMIT, || tcp_state(fd).is_ok_and(|now| now == state)) {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("{:?} instead of {state:?}", tcp_state(fd))))
    }
}

/// The row of a connection's end that no process holds.
fn unheld(local: SocketAddr, remote: SocketAddr, state: State) -> SocketFacts {
    SocketFacts {
        protocol: Transport::Tcp,
        local,
        remote: Some(remote),
        state,
        inode: None,
        uid: None,
        rx_queue: None,
    }
}

/// A listener on 127.0.0.1.
///
/// # Errors
/// As [`listen_on`].
pub fn listener_v4() -> io::Result<Made> {
    Made::of(vec![listen_on(V4, 16)?])
}

/// A listener on `::1`.
///
/// # Errors
/// As [`listen_on`]; no IPv6.
pub fn listener_v6() -> io::Result<Made> {
    Made::of(vec![listen_on(V6, 16)?])
}

fn dual_stack() -> io::Result<OwnedFd> {
    let fd = stream_socket(ANY_V6)?;
    sockopt::set_ipv6_v6only(&fd, false)?;
    bind(&fd, &ANY_V6)?;
    listen(&fd, 16)?;
    Ok(fd)
}

/// A listener on `::` that also takes IPv4.
///
/// # Errors
/// As [`listener_v6`].
pub fn listener_dual_stack() -> io::Result<Made> {
    Made::of(vec![dual_stack()?])
}

/// A listener on `::` that takes IPv6 alone.
///
/// # Errors
/// As [`listener_v6`].
pub fn listener_v6_only() -> io::Result<Made> {
    Made::of(vec![listen_on(ANY_V6, 16)?])
}

/// A connection over 127.0.0.1: client, server, listener.
///
/// # Errors
/// As [`listen_on`].
pub fn pair_v4() -> io::Result<Made> {
    Made::of(connected_on(V4)?.into())
}

/// A connection over `::1`: client, server, listener.
///
/// # Errors
/// As [`listener_v6`].
pub fn pair_v6() -> io::Result<Made> {
    Made::of(connected_on(V6)?.into())
}

/// An IPv4 client of a dual-stack listener: client (IPv4), server (IPv6 with mapped addresses), listener on `::`.
///
/// # Errors
/// As [`listener_v6`].
pub fn pair_mapped() -> io::Result<Made> {
    let listener = dual_stack()?;
    let port = local_address(&listener)?.port();
    Made::of(connected(listener, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?.into())
}

/// A connection whose server has `count` unread bytes (at most 60,000, so that they fit without being read):
/// client, server, listener.
///
/// # Errors
/// As [`listen_on`]; the bytes did not all arrive.
pub fn unread(count: u16) -> io::Result<Made> {
    let sockets = connected_on(V4)?;
    let bytes = vec![b'x'; usize::from(count)];
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let sent = retry_on_intr(|| write(&sockets[0], rest))?;
        rest = rest.get(sent..).unwrap_or_default();
    }
    let mut made = Made::default();
    made.sockets.extend(sockets);
    let all_there = wait_until(LIMIT, || match Made::of(std::mem::take(&mut made.sockets)) {
        Ok(now) => {
            made = now;
            made.facts.get(1).is_some_and(|server| server.rx_queue == Some(u32::from(count)))
        }
        Err(_) => false,
    });
    if all_there { Ok(made) } else { Err(io::Error::other(format!("{count} bytes did not arrive"))) }
}

/// A connection whose client has shut down its sending side: client (FIN_WAIT2), server (CLOSE_WAIT), listener.
///
/// # Errors
/// As [`listen_on`]; the states did not come about.
pub fn half_closed() -> io::Result<Made> {
    Made::of(half_closed_sockets()?.into())
}

fn half_closed_sockets() -> io::Result<[OwnedFd; 3]> {
    let sockets = connected_on(V4)?;
    shutdown(&sockets[0], Shutdown::Write)?;
    wait_for(&sockets[1], State::CloseWait)?;
    wait_for(&sockets[0], State::FinWait2)?;
    Ok(sockets)
}

/// A connection that was never accepted: client, listener (one waits in its queue); and the unheld row of the
/// server's end, ESTABLISHED.
///
/// # Errors
/// As [`listen_on`].
pub fn accept_queue() -> io::Result<Made> {
    let listener = listen_on(V4, 16)?;
    let to = local_address(&listener)?;
    let client = connect_to(to)?;
    let from = local_address(&client)?;
    let mut made = Made::of(vec![client, listener])?;
    if let Some(listener) = made.facts.get_mut(1) {
        listener.rx_queue = Some(1);
    }
    made.facts.push(unheld(to, from, State::Established));
    Ok(made)
}

/// A connection that the server completes only when data comes (TCP_DEFER_ACCEPT): client (ESTABLISHED), listener;
/// and the unheld row of the server's end, SYN_RECV. Lasts about a minute.
///
/// # Errors
/// As [`listen_on`].
pub fn syn_received() -> io::Result<Made> {
    syn_received_on(V4)
}

/// As [`syn_received`], over `::1`.
///
/// # Errors
/// As [`listener_v6`].
pub fn syn_received_v6() -> io::Result<Made> {
    syn_received_on(V6)
}

fn syn_received_on(address: SocketAddr) -> io::Result<Made> {
    let listener = listen_on(address, 16)?;
    ffi::defer_accept(listener.as_fd(), 60)?;
    let to = local_address(&listener)?;
    let client = connect_to(to)?;
    let from = local_address(&client)?;
    let mut made = Made::of(vec![client, listener])?;
    made.facts.push(unheld(to, from, State::SynReceived));
    Ok(made)
}

/// A client whose first packet the server drops, since its accept queue is full: client (SYN_SENT), the client of
/// the connection that fills the queue, listener (one waits in its queue); and the unheld row of the filling
/// connection's server end, ESTABLISHED. Lasts a minute or two.
///
/// # Errors
/// As [`listen_on`]; the packet was answered.
pub fn syn_sent() -> io::Result<Made> {
    // A backlog of 0 has room for one.
    let listener = listen_on(V4, 0)?;
    let to = local_address(&listener)?;
    let filler = connect_to(to)?;
    let from = local_address(&filler)?;
    let client = stream_socket(to)?;
    set_nonblocking(&client)?;
    match connect(&client, &to) {
        Err(Errno::INPROGRESS) => {}
        other => return Err(io::Error::other(format!("the queue is not full: {other:?}"))),
    }
    wait_for(&client, State::SynSent)?;
    let mut made = Made::of(vec![client, filler, listener])?;
    if let [client, _, listener] = made.facts.as_mut_slice() {
        client.remote = Some(to);
        listener.rx_queue = Some(1);
    }
    made.facts.push(unheld(to, from, State::Established));
    Ok(made)
}

/// A closed connection: the listener; and the unheld row of the end that closed first, TIME_WAIT. Lasts a minute.
///
/// # Errors
/// As [`listen_on`]; the states did not come about.
pub fn time_wait() -> io::Result<Made> {
    time_wait_on(V4)
}

/// As [`time_wait`], over `::1`.
///
/// # Errors
/// As [`listener_v6`].
pub fn time_wait_v6() -> io::Result<Made> {
    time_wait_on(V6)
}

fn time_wait_on(address: SocketAddr) -> io::Result<Made> {
    let [client, server, listener] = connected_on(address)?;
    let (local, remote) = (local_address(&client)?, local_address(&server)?);
    shutdown(&client, Shutdown::Write)?;
    wait_for(&server, State::CloseWait)?;
    wait_for(&client, State::FinWait2)?;
    drop(server);
    // The client, still held, becomes CLOSE when the server's FIN arrives, and a TIME_WAIT minisock replaces it.
    wait_for(&client, State::Close)?;
    drop(client);
    let mut made = Made::of(vec![listener])?;
    made.facts.push(unheld(local, remote, State::TimeWait));
    Ok(made)
}

/// A connection whose client was closed before it could send all its data: server, listener; and the client's
/// unheld row, FIN_WAIT1. The kernel drops it after some tens of seconds.
///
/// # Errors
/// As [`listen_on`]; the states did not come about.
pub fn orphaned_fin_wait_1() -> io::Result<Made> {
    let [client, server, listener] = connected_on(V4)?;
    let (local, remote) = (local_address(&client)?, local_address(&server)?);
    fill(&client, &server)?;
    drop(client);
    let mut made = Made::of(vec![server, listener])?;
    made.facts.push(unheld(local, remote, State::FinWait1));
    Ok(made)
}

/// A connection whose client is closed and whose server is not: server (CLOSE_WAIT), listener; and the client's
/// unheld row, FIN_WAIT2. Lasts a minute, or as `tcp_fin_timeout` says.
///
/// # Errors
/// As [`listen_on`]; the states did not come about.
pub fn orphaned_fin_wait_2() -> io::Result<Made> {
    let [client, server, listener] = half_closed_sockets()?;
    let (local, remote) = (local_address(&client)?, local_address(&server)?);
    drop(client);
    let mut made = Made::of(vec![server, listener])?;
    made.facts.push(unheld(local, remote, State::FinWait2));
    Ok(made)
}

/// A connection whose client has shut down but still has unsent bytes, for which the server has no buffer space:
/// client (FIN_WAIT1), server (ESTABLISHED, unread bytes), listener.
///
/// # Errors
/// As [`listen_on`]; the states did not come about.
pub fn fin_wait_1() -> io::Result<Made> {
    let sockets = connected_on(V4)?;
    fill(&sockets[0], &sockets[1])?;
    shutdown(&sockets[0], Shutdown::Write)?;
    wait_for(&sockets[0], State::FinWait1)?;
    Made::of(sockets.into())
}

/// A connection whose client has shut down, and whose server has too but has bytes for which the client has no
/// buffer space: client (FIN_WAIT2, unread bytes), server (LAST_ACK), listener.
///
/// # Errors
/// As [`listen_on`]; the states did not come about.
pub fn last_ack() -> io::Result<Made> {
    let sockets = half_closed_sockets()?;
    fill(&sockets[1], &sockets[0])?;
    shutdown(&sockets[1], Shutdown::Write)?;
    wait_for(&sockets[1], State::LastAck)?;
    Made::of(sockets.into())
}

/// A connection whose ends have both shut down, and whose client has bytes for which the server has no buffer
/// space: client (CLOSING), server (FIN_WAIT2, unread bytes), listener.
///
/// # Errors
/// As [`listen_on`]; the states did not come about.
pub fn closing() -> io::Result<Made> {
    let sockets = connected_on(V4)?;
    fill(&sockets[0], &sockets[1])?;
    shutdown(&sockets[0], Shutdown::Write)?;
    wait_for(&sockets[0], State::FinWait1)?;
    shutdown(&sockets[1], Shutdown::Write)?;
    wait_for(&sockets[0], State::Closing)?;
    wait_for(&sockets[1], State::FinWait2)?;
    Made::of(sockets.into())
}

fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    Ok(fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?)
}

/// Sends from `from` until neither end has buffer space left, so that a later FIN stays unsent. `to` is not read.
fn fill(from: &OwnedFd, to: &OwnedFd) -> io::Result<()> {
    sockopt::set_socket_send_buffer_size(from, 4096)?;
    sockopt::set_socket_recv_buffer_size(to, 4096)?;
    set_nonblocking(from)?;
    let chunk = [b'x'; 4096];
    // Bounded by the buffers: some hundred KB at most, whatever their size was before.
    for _ in 0..10_000 {
        match write(from, &chunk) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // Data in flight may still free space.
                let mut peek = [0; 1];
                let _ = recv(to, &mut peek[..], RecvFlags::PEEK)?;
                if !wait_until(Duration::from_millis(20), || write(from, &chunk).is_ok()) {
                    return Ok(());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::other("a connection that is never full"))
}
