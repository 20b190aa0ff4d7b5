//! Sockets and processes of our own making, held in every way a process can hold them.
//!
//! Tests and benchmarks make a situation here, list the sockets of the machine, and compare: each held
//! descriptor is *reported by the process that holds it* ([`Held`]) and each socket is described by its maker
//! ([`SocketFacts`]), from `fstat`, `getsockname` and `TCP_INFO`, never from the tables that a listing reads.
//!
//! - [`tcp`], [`udp`]: one function a kind of socket or state, each giving a [`Made`].
//! - [`binding`]: the same for ports that were named, other addresses, devices and marks.
//! - [`Child`]: a forked process that opens what it likes, reports it, and holds it until the guard is dropped.
//! - [`holders`], [`threads`], [`names`]: the ways to hold a socket, and the processes that are hard to read.
//! - [`World`]: hundreds of processes and up to some hundred thousand sockets, for benchmarks.
//! - [`Churn`]: connections and UDP sockets that open and close at a given rate.
//! - [`bpf`]: which BPF programs and links there are.
//! - [`kernel`]: what this kernel offers, for tests that must not believe the library that it offers nothing.
//! - [`restrict`]: sandboxes, plain users, namespaces, capabilities.
//! - [`namespace`]: a network namespace with nothing in it but what is made.
//!
//! Only addresses of 127.0.0.0/8 and `::1` are used. Children are killed and reaped when their guard is
//! dropped, and end by themselves when the process that made them ends.
//!
//! # Forks and parallel tests
//! Between a `fork` and the moment the child has closed what it does not want, it holds copies of all the
//! descriptors of its parent, those of other tests included. A test that checks the exact holders of a socket
//! holds [`quiet`] while it lists: no [`Child`] or thread of this crate starts meanwhile.
//!
//! Linux and Android only. Elsewhere the crate is empty.
#![cfg(any(target_os = "linux", target_os = "android"))]

pub mod binding;
pub mod bpf;
mod child;
mod churn;
mod facts;
mod ffi;
pub mod holders;
pub mod kernel;
pub mod names;
pub mod namespace;
mod quiet;
mod record;
pub mod restrict;
pub mod tcp;
pub mod threads;
pub mod udp;
mod world;

pub use child::{Child, Report, Starting};
pub use churn::{Churn, ChurnCounts, ChurnSpec};
pub use facts::{Held, Made, SocketFacts, State, Transport, inode_of, tcp_state};
pub use quiet::{Quiet, quiet};
pub use test_skips::{live_skip, skipped};
pub use world::{World, WorldCounts, WorldSpec};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// The `n`th address of 127.0.0.0/8: `loopback(1)` is 127.0.0.1. Counts round after 2^24.
///
/// The crate uses 127.16.0.0 and up for a [`World`] (one address a process), 127.64.0.0 and up for
/// [`udp::chain`], 127.192.0.0 and up for a [`Churn`], 127.0.0.7 in [`binding`], and 127.0.0.1 for the rest.
pub fn loopback(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f00_0000 | (n & 0x00ff_ffff))
}

/// Raises the soft limit of open descriptors of this process to at least `count` (and the hard one, if need be
/// and if the process may).
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

/// Whether this process may do what only root may (its effective user is 0).
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Waits until `condition` holds, looking again every millisecond, for at most `limit`; whether it came to hold.
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
