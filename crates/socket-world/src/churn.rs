//! A process that opens and closes sockets while others are listed.

use crate::child::{Child, Report};
use crate::tcp::{accept_from, listen_on, local_address, stream_socket};
use crate::{ffi, loopback, need_descriptors, udp};
use rustix::io::retry_on_intr;
use rustix::net::{bind, connect, sockopt};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The first address of a churn, as an argument of [`loopback`], and how many addresses it uses.
const CHURN: u32 = 192 << 16;
const ADDRESSES: u64 = 16_000;

/// How often the child checks what is due.
const TICK: Duration = Duration::from_millis(1);

/// The rates and limits of a [`Churn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChurnSpec {
    /// TCP connections opened and closed each second.
    pub connections_per_second: u64,
    /// UDP sockets opened and closed each second.
    pub udp_per_second: u64,
    /// How many connections, and as many UDP sockets, are open at any time: each lives until so many newer ones are
    /// open.
    pub open: usize,
    /// The port of the UDP sockets, on successive addresses from 127.192.0.1 on, so that all are in one chain of
    /// the kernel's table; `None` for a free port each.
    pub udp_port: Option<u16>,
    /// Whether closed connections leave a TIME_WAIT row for a minute. If not, they end with a reset.
    pub time_wait: bool,
    /// The longest time that it runs.
    pub limit: Duration,
}

impl Default for ChurnSpec {
    /// 3,000 connections and 3,000 UDP sockets a second, 300 of each open, for a minute at most.
    fn default() -> Self {
        Self {
            connections_per_second: 3_000,
            udp_per_second: 3_000,
            open: 300,
            udp_port: None,
            time_wait: false,
            limit: Duration::from_secs(60),
        }
    }
}

/// What a [`Churn`] has opened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChurnCounts {
    /// Connections opened.
    pub connections: u64,
    /// UDP sockets opened.
    pub udp_sockets: u64,
    /// Sockets that could not be opened, usually because the address and port are taken.
    pub failures: u64,
}

/// A process that opens and closes sockets, until the drop.
pub struct Churn {
    child: Child,
    counters: ffi::Shared<3>,
}

impl std::fmt::Debug for Churn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Churn").field("child", &self.child).field("counts", &self.counts()).finish()
    }
}

impl Churn {
    /// Starts it. Returns when `spec.open` sockets of each kind are open and it has begun to replace them.
    ///
    /// # Errors
    /// As [`Child::fork`].
    pub fn start(spec: ChurnSpec) -> io::Result<Self> {
        let counters = ffi::Shared::new()?;
        let child = Child::fork(Some(b"churn"), &[], |report| run(spec, report, counters.get()))?;
        Ok(Self { child, counters })
    }

    /// The pid of the process.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// How much it has opened so far.
    pub fn counts(&self) -> ChurnCounts {
        let [connections, udp_sockets, failures] = self.counters.get();
        ChurnCounts {
            connections: connections.load(Relaxed),
            udp_sockets: udp_sockets.load(Relaxed),
            failures: failures.load(Relaxed),
        }
    }

    /// Stops it and returns how much it opened.
    pub fn stop(self) -> ChurnCounts {
        let counts = self.counts();
        self.child.stop();
        counts
    }
}

/// In the child: opens and closes sockets until the parent stops it or the limit is reached.
fn run(spec: ChurnSpec, report: &mut Report, counters: &[AtomicU64; 3]) -> io::Result<()> {
    let [connections, udp_sockets, failures] = counters;
    need_descriptors(u64::try_from(3 * spec.open + 64).unwrap_or(u64::MAX))?;
    let listener = listen_on((loopback(CHURN), 0).into(), 64)?;
    let to = local_address(&listener)?;
    let mut open_connections = VecDeque::new();
    let mut open_udp = VecDeque::new();
    let mut start = Instant::now();
    let (mut connections_due, mut udp_due) = (spec.open, spec.open);
    let (mut connections_done, mut udp_done) = (0_u64, 0_u64);
    // The number of the next address. Unlike the counts of what is due, it is never reset.
    let (mut next_connection, mut next_udp) = (0_u64, 0_u64);
    let mut is_filled = false;
    loop {
        for _ in 0..connections_due {
            let from = churn_address(next_connection, 0);
            next_connection += 1;
            connections_done += 1;
            match open_connection(&listener, from, to, spec.time_wait) {
                Ok(ends) => {
                    open_connections.push_back(ends);
                    connections.fetch_add(1, Relaxed);
                }
                Err(_) => _ = failures.fetch_add(1, Relaxed),
            }
            if open_connections.len() > spec.open {
                open_connections.pop_front();
            }
        }
        for _ in 0..udp_due {
            let address = churn_address(next_udp, spec.udp_port.unwrap_or(0));
            next_udp += 1;
            udp_done += 1;
            match udp::bind_to(address) {
                Ok(fd) => {
                    open_udp.push_back(fd);
                    udp_sockets.fetch_add(1, Relaxed);
                }
                Err(_) => _ = failures.fetch_add(1, Relaxed),
            }
            if open_udp.len() > spec.open {
                open_udp.pop_front();
            }
        }
        if !is_filled {
            is_filled = true;
            report.finish()?;
            start = Instant::now();
            (connections_done, udp_done) = (0, 0);
        }
        if report.is_over_within(TICK) || start.elapsed() >= spec.limit {
            ffi::exit_now(0);
        }
        connections_due = due(spec.connections_per_second, start, &mut connections_done);
        udp_due = due(spec.udp_per_second, start, &mut udp_done);
    }
}

/// How many sockets must be opened now to keep the rate since `start`. After a halt of the machine only a part of the
/// backlog is made up for.
fn due(per_second: u64, start: Instant, done: &mut u64) -> usize {
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let wanted = micros.saturating_mul(per_second) / 1_000_000;
    let most = per_second / 20 + 1;
    if wanted > *done + most {
        *done = wanted - most;
    }
    usize::try_from(wanted - *done).unwrap_or(0)
}

/// Successive addresses, so that a port is reused only long after it was closed.
fn churn_address(number: u64, port: u16) -> SocketAddr {
    let at = u32::try_from(number % ADDRESSES).unwrap_or(0);
    SocketAddr::from((loopback(CHURN + 1 + at), port))
}

fn open_connection(
    listener: &OwnedFd,
    from: SocketAddr,
    to: SocketAddr,
    time_wait: bool,
) -> io::Result<(OwnedFd, OwnedFd)> {
    let client = stream_socket(to)?;
    ffi::bind_address_no_port(client.as_fd())?;
    bind(&client, &from)?;
    if !time_wait {
        sockopt::set_socket_linger(&client, Some(Duration::ZERO))?;
    }
    retry_on_intr(|| connect(&client, &to))?;
    Ok((client, accept_from(listener)?))
}
