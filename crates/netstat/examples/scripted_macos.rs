//! How long our own part of a listing on macOS takes, without a Mac: 10,000 sockets in 1,000 processes of a
//! scripted kernel.
//!
//! `RUSTFLAGS="--cfg netstat_scripted" cargo run --release -p netstat --example scripted_macos`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement, which prints and may end early")]

#[cfg(not(netstat_scripted))]
fn main() {
    eprintln!("built without the scripted kernels: RUSTFLAGS=\"--cfg netstat_scripted\"");
}

#[cfg(netstat_scripted)]
fn main() {
    use netstat::{ProcessFields, Query};
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    let xnu = scripted::machine();
    let queries = [
        ("sockets alone", Query::new()),
        ("sockets, owners, names; one thread", Query::new().processes(ProcessFields::NAME).threads(1)),
        ("sockets, owners, names; two threads", Query::new().processes(ProcessFields::NAME).threads(2)),
    ];
    for (what, query) in queries {
        let mut on_processor = Vec::new();
        let mut times: Vec<Duration> = (0..51)
            .map(|_| {
                let (start, used) = (Instant::now(), processor_time());
                let snapshot = black_box(xnu.snapshot(&query).unwrap());
                let time = start.elapsed();
                on_processor.extend(processor_time().zip(used).map(|(now, before)| now - before));
                assert_eq!((snapshot.sockets.len(), snapshot.gaps.len()), (10_000, 0));
                time
            })
            .collect();
        times.sort_unstable();
        println!("{what}: least {:?}, median {:?}", times[0], times[times.len() / 2]);
        let used: Duration = on_processor.iter().sum();
        if let Some(mean) = used.checked_div(u32::try_from(on_processor.len()).unwrap()) {
            println!("    of this thread on a processor: {mean:?} in the mean");
        }
    }
    // What of that the script itself takes: the same calls, and nothing made of the answers.
    let start = Instant::now();
    let calls = xnu.replay();
    println!("the scripted kernel's own part of it: {:?} for {calls} calls", start.elapsed());
}

/// How long this thread has been on a processor: what counts on a machine that does other things too. Linux.
#[cfg(netstat_scripted)]
fn processor_time() -> Option<std::time::Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(std::time::Duration::from_nanos)
}

#[cfg(netstat_scripted)]
mod scripted {
    use netstat::scripted::world::{
        Descriptor, DescriptorFate, Fate, Hands, Process, Protocol, Socket, State, What, When, World,
    };
    use netstat::scripted::xnu::{Machine, Xnu};

    /// 1,000 processes with ten sockets each, as root sees them on macOS 15.
    pub(super) fn machine() -> Xnu {
        let mut world = World::default();
        for number in 0..10_000_u16 {
            let protocol = if number % 4 == 0 { Protocol::Udp } else { Protocol::Tcp };
            world.sockets.push(Socket {
                protocol,
                ipv6: false,
                v6_only: false,
                local: ([10, 0, 0, 1], 1024 + number).into(),
                remote: Some(([192, 0, 2, 7], 443).into()),
                state: if protocol == Protocol::Tcp { State::Established } else { State::Closed },
                uid: 501,
                last_user: 1000 + u32::from(number / 10),
                effective: 0,
                received: 10,
                to_send: 20,
                backlog: (0, 0, 0),
                // As the kernel hashes them: in no order.
                handle: u64::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
                generation: u64::from(number) + 1,
                hands: Hands::Open,
                when: When::Always,
                in_flight: false,
            });
        }
        for number in 0..1000_usize {
            let descriptor = |nth: usize| Descriptor {
                fd: 3 + i32::try_from(nth).unwrap(),
                what: What::Socket(number * 10 + nth),
                fate: DescriptorFate::Stays,
            };
            let pid = 1000 + u32::try_from(number).unwrap();
            world.processes.push(Process {
                pid,
                unique_id: u64::from(pid),
                parent: 1,
                uid: 501,
                name: "Google Chrome Helper".to_owned(),
                path: Some("/Applications/Google Chrome.app/Google Chrome Helper".to_owned()),
                started: 1_700_000_000,
                descriptors: (0..10).map(descriptor).collect(),
                parked: Vec::new(),
                fate: Fate::Lives,
            });
        }
        Xnu::new(world, Machine::new(15, 0, 1000))
    }
}
