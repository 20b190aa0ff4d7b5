//! The back end over a scripted kernel.

mod cases;
mod contract;
mod expect;
mod filtering;
mod generate;
mod races;
mod random_worlds;
mod unix_sockets;
mod unlisted;

use crate::model::gap::{Gap, GapKind};
use crate::model::process::ProcessFields;
use crate::query::Query;
use crate::scripted::world::{
    Attachment, Descriptor, DescriptorFate, Fate, Lifetime, Process, Protocol, Socket, State, Target, World,
};
use crate::scripted::xnu::{Machine, Xnu};

/// The kinds of a snapshot's gaps, with their counts.
fn counts(gaps: &[Gap]) -> Vec<(GapKind, u64)> {
    let mut counts: Vec<_> = gaps.iter().map(|gap| (gap.kind, gap.count)).collect();
    counts.sort_unstable();
    counts
}

/// A query for all details, on one thread.
fn everything() -> Query {
    Query::new().owners(true).processes(ProcessFields::all()).threads(1)
}

/// A TCP listener on 127.0.0.1:80, created by user 501 in process 100.
fn listener() -> Socket {
    Socket {
        protocol: Protocol::Tcp,
        ipv6: false,
        v6_only: false,
        local: "127.0.0.1:80".parse().unwrap(),
        remote: None,
        state: State::Listen,
        uid: 501,
        last_user: 100,
        effective: 0,
        received: 0,
        to_send: 0,
        backlog: (3, 1, 128),
        handle: 0xf000_0000_0000_0001,
        generation: 10,
        attachment: Attachment::Open,
        lifetime: Lifetime::Always,
        in_flight: false,
        diverted: false,
    }
}

/// A connected UDP socket.
fn datagrams(handle: u64, generation: u64) -> Socket {
    Socket {
        protocol: Protocol::Udp,
        local: "10.0.0.1:5353".parse().unwrap(),
        remote: Some("10.0.0.9:53".parse().unwrap()),
        state: State::Closed,
        backlog: (0, 0, 0),
        received: 7,
        to_send: 9,
        handle,
        generation,
        ..listener()
    }
}

fn process(pid: u32, uid: u32, sockets: &[(i32, usize)]) -> Process {
    let descriptor =
        |(fd, socket)| Descriptor { fd, target: Target::Socket(socket), fate: DescriptorFate::Stays };
    Process {
        pid,
        unique_id: u64::from(pid) + 70_000,
        parent: 1,
        uid,
        name: "server".to_owned(),
        path: Some("/usr/local/bin/server".to_owned()),
        started: 1_700_000_000,
        descriptors: sockets.iter().copied().map(descriptor).collect(),
        parked: Vec::new(),
        fate: Fate::Lives,
    }
}

/// A machine on which this user makes the calls in process 900, which holds nothing.
fn kernel(major: u32, uid: u32, processes: Vec<Process>, sockets: Vec<Socket>) -> Xnu {
    kernel_with(Machine::new(major, uid, 900), processes, sockets)
}

fn kernel_with(machine: Machine, mut processes: Vec<Process>, sockets: Vec<Socket>) -> Xnu {
    processes.push(Process { name: "lsock".to_owned(), ..process(900, machine.uid, &[]) });
    Xnu::new(World { processes, sockets, ..World::default() }, machine)
}
