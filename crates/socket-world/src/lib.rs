//! Sockets and processes for tests, which report themselves, with every kind of holder that a socket can have.
//!
//! Tests and benchmarks make a situation, list the sockets of the machine, and compare: each held descriptor is
//! *reported by the process that holds it* ([`Held`]) and each socket is described by its maker ([`SocketFacts`]),
//! from `fstat`, `getsockname` and `TCP_INFO`, never from the tables that a listing reads.
//!
//! - [`tcp`], [`udp`]: one function per kind of socket or state, each returning a [`Made`].
//! - [`binding`]: the same for explicit ports, other addresses, devices and marks.
//! - [`Child`]: a forked process that opens sockets, reports them, and holds them until the guard is dropped.
//! - [`holders`], [`threads`], [`names`]: how sockets are held, and processes that are hard to read.
//! - [`World`]: hundreds of processes and up to some hundred thousand sockets, for benchmarks.
//! - [`Churn`]: connections and UDP sockets that open and close at a given rate.
//! - [`Storm`]: processes that change their descriptor tables without rest, and a judge of what is reported of them.
//! - [`bpf`]: which BPF programs and links exist.
//! - [`kernel`]: what this kernel offers, for tests that must not rely on the library to report that.
//! - [`restrict`]: sandboxes, unprivileged users, namespaces, capabilities.
//! - [`terminal`]: programs that run on a terminal.
//! - [`namespace`]: a network namespace that holds only what the test makes.
//!
//! Only addresses of 127.0.0.0/8 and `::1` are used. Children are killed and reaped when their guard is
//! dropped, and end by themselves when the process that made them ends.
//!
//! # Forks and parallel tests
//! Between a `fork` and the moment the child has closed what it does not keep, it holds copies of all the
//! descriptors of its parent, those of other tests included. A test that checks the exact holders of a socket takes
//! [`quiet`] while it lists: no [`Child`] or thread of this crate starts meanwhile.
//!
//! Linux and Android only. Elsewhere the crate is empty.
#![cfg(any(target_os = "linux", target_os = "android"))]

pub mod binding;
pub mod bpf;
mod child;
mod churn;
pub mod control_group;
mod facts;
mod ffi;
pub mod holders;
pub mod kernel;
pub mod names;
pub mod namespace;
pub mod protocols;
mod quiet;
mod record;
pub mod restrict;
mod storm;
pub mod tcp;
pub mod terminal;
pub mod threads;
pub mod udp;
mod world;

pub use child::{Child, Report, Starting};
pub use churn::{Churn, ChurnCounts, ChurnSpec};
pub use facts::{Held, Made, SocketFacts, State, Transport, inode_of, tcp_state};
pub use quiet::{Quiet, quiet};
pub use storm::{Storm, StormCounts, Turmoil, Verdict};
pub use test_skips::{live_skip, skipped};
pub use world::{World, WorldCounts, WorldSpec};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// The `n`th address of 127.0.0.0/8: `loopback(1)` is 127.0.0.1. Wraps after 2^24.
///
/// The crate uses 127.16.0.0 and up for a [`World`] (one address a process), 127.64.0.0 and up for
/// [`udp::chain`], 127.192.0.0 and up for a [`Churn`], 127.0.0.7 in [`binding`], and 127.0.0.1 for the rest; a
/// [`Storm`], which is alone in its network namespace, all before 127.15.0.0.
pub fn loopback(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f00_0000 | (n & 0x00ff_ffff))
}

/// Raises the soft limit of open descriptors of this process to at least `count` (and the hard limit, if necessary
/// and permitted).
///
/// # Errors
/// The hard limit is lower and may not be raised.
pub fn need_descriptors(count: u64) -> io::Result<()> {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|soft| soft >= count) {
        return Ok(());
    }
    let maximum = now.maximum.map(|hard| hard.max(count));
    setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum }).map_err(|error| {
        io::Error::new(
            io::Error::from(error).kind(),
            format!("{count} descriptors are needed, but the hard limit is {:?}: {error}", now.maximum),
        )
    })
}

/// Whether the effective user of this process is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Polls `condition` every millisecond for at most `limit`. Returns whether it became true.
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
