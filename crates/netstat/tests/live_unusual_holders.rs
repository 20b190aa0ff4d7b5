//! Sockets that are held without a descriptor, and descriptors that do not hold their socket.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{row, snapshot_by, sources};
use netstat::{Owner, OwnerRole, Ownership, Query};
use rustix::fs::{Mode, OFlags};
use socket_world::{Held, holders, kernel, live_skip, quiet, tcp};
use std::io;
use std::os::fd::{AsFd, AsRawFd};

#[test]
fn live_socket_registered_in_an_io_uring_is_owned_through_the_ring() {
    if kernel::is_before(6, 13) {
        live_skip!("registered files with their inodes: Linux before 6.13");
    }
    let made = tcp::listener_v4().unwrap();
    let ring = match holders::registered(made.sockets[0].as_fd()) {
        Ok(ring) => ring,
        Err(error) => live_skip!("io_uring: {error}"),
    };
    let facts = &made.facts[0];
    drop(made.sockets);
    let _quiet = quiet();
    for source in sources() {
        let snapshot = snapshot_by(&Query::new().owners(true), source);
        let row = row(&snapshot, facts);
        let owner = Owner::new(std::process::id(), Some(ring.as_raw_fd()), OwnerRole::IoUring);
        assert_eq!(row.owners(), [owner], "{source:?}");
        assert!(matches!(row.ownership(), Ownership::Known { .. }));
    }
}

#[test]
fn live_mapped_socket_is_owned_by_the_process_that_mapped_it() {
    let made = tcp::pair_v4().unwrap();
    let mapping = match holders::mapped(made.sockets[0].as_fd()) {
        Ok(mapping) => mapping,
        Err(error) => live_skip!("a mapped socket: {error}"),
    };
    let facts = made.facts[0].clone();
    let mut sockets = made.sockets.into_iter();
    drop(sockets.next());
    let _quiet = quiet();
    for source in sources() {
        let snapshot = snapshot_by(&Query::new().owners(true), source);
        let row = row(&snapshot, &facts);
        let owner = Owner::new(std::process::id(), None, OwnerRole::Mapping);
        assert_eq!(row.owners(), [owner], "{source:?}");
    }
    drop((mapping, sockets));
}

#[test]
fn live_descriptor_opened_with_o_path_holds_nothing() {
    let made = tcp::listener_v4().unwrap();
    let held = Held::of(&made.sockets[0]).unwrap();
    let path = format!("/proc/self/fd/{}", held.fd);
    let path_only = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let path_only = path_only.map_err(io::Error::from).unwrap();
    let _quiet = quiet();
    for source in sources() {
        let snapshot = snapshot_by(&Query::new().owners(true), source);
        let owner = Owner::new(held.pid, Some(held.fd), OwnerRole::Holder);
        assert_eq!(row(&snapshot, &made.facts[0]).owners(), [owner], "{source:?}");
    }
    drop(path_only);
}
