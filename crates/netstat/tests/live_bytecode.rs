//! Filter programs compared with the running kernel: it must accept and refuse the same programs as `audit`, and
//! report the same sockets as `run`.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(any(target_os = "linux", target_os = "android"))]

use netstat_wire::linux::inet_diag::*;
use netstat_wire::linux::inet_diag_bytecode::{Bytecode, Condition, End, HostCond, MAX_BYTES};
use netstat_wire::linux::inet_diag_bytecode_run::{Entry, audit, run};
use netstat_wire::linux::netlink::{Body, Messages, NLM_F_DUMP, put_attribute};
use netstat_wire::linux::tcp_states::{TCP_LISTEN, mask};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, sendto, socket_with,
};
use socket_world::namespace::in_network_namespace;
use socket_world::{Made, SocketFacts, binding, inode_of, live_skip, tcp, udp};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;
use test_random::Random;

/// A socket for dumps.
struct SockDiag(OwnedFd);

impl SockDiag {
    fn open() -> Self {
        let kind = Some(netlink::SOCK_DIAG);
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, kind).unwrap();
        set_socket_timeout(&fd, Timeout::Recv, Some(Duration::from_secs(5))).unwrap();
        Self(fd)
    }

    /// The records of a dump, or why it was refused.
    fn dump(&self, mut request: Vec<u8>, program: Option<&[u8]>) -> Result<Vec<InetDiagMsg>, Errno> {
        if let Some(program) = program {
            assert!(put_attribute(&mut request, INET_DIAG_REQ_BYTECODE, program));
        }
        let kernel = netlink::SocketAddrNetlink::new(0, 0);
        sendto(&self.0, &request, SendFlags::empty(), &kernel).unwrap();
        let mut sockets = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let (length, _) = recv(&self.0, &mut buffer[..], RecvFlags::empty()).unwrap();
            for message in Messages::new(&buffer[..length]) {
                match message.unwrap().body {
                    Body::Data(socket) => sockets.push(InetDiagMsg::decode(socket).unwrap()),
                    Body::Done { code: 0 } => return Ok(sockets),
                    Body::Done { code } | Body::Error { code } => {
                        return Err(Errno::from_raw_os_error(-code));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// Whether the kernel accepts a program. Only listeners are requested: there are few.
    fn verdict(&self, program: &[u8]) -> Result<(), Errno> {
        let states = mask(TCP_LISTEN);
        let request = RequestV2 { family: AF_INET, protocol: IPPROTO_TCP, states, ..RequestV2::default() };
        self.dump(request.encode(NLM_F_DUMP, 1), Some(program)).map(drop)
    }
}

/// A random condition about the values of `entries`.
fn condition(rng: &mut Random, entries: &[Entry], marks: bool) -> Condition {
    let Entry { family, id, mark, cgroup_id, .. } = rng.pick(entries);
    let (end, address, port) = rng.pick(&[(End::Local, id.src, id.sport), (End::Remote, id.dst, id.dport)]);
    let near = port.wrapping_add(rng.pick(&[0, 1, u16::MAX]));
    match rng.below(if marks { 10 } else { 9 }) {
        0 => Condition::PortAtLeast(end, near),
        1 => Condition::PortAtMost(end, near),
        2 => Condition::PortIs(end, port),
        3 => Condition::BoundAutomatically,
        4 => Condition::Device(rng.pick(&[0, id.interface, 9])),
        5 => Condition::Cgroup(rng.pick(&[0, cgroup_id, 1 << 40])),
        6..=8 => {
            let v6 = Ipv6Addr::from(address);
            let v4 = Ipv4Addr::from(*address.first_chunk::<4>().unwrap());
            let address = match (family, rng.below(3)) {
                (AF_INET, 0) => v4.to_ipv6_mapped().into(),
                (AF_INET, _) => v4.into(),
                (_, 0) => v6.to_ipv4_mapped().map_or(v6.into(), IpAddr::V4),
                _ => v6.into(),
            };
            let bits: &[u8] = if address.is_ipv4() { &[0, 1, 8, 31, 32] } else { &[0, 1, 64, 96, 127, 128] };
            let bits = rng.pick(bits);
            let prefix = rng.pick(&[None, Some((address, bits))]);
            Condition::Host(end, HostCond { prefix, port: rng.pick(&[None, Some(port)]) })
        }
        _ => Condition::Mark { mark: rng.pick(&[0, mark, 1]), mask: rng.pick(&[0, 1, 0xff, u32::MAX]) },
    }
}

fn program(rng: &mut Random, depth: usize, entries: &[Entry], marks: bool) -> Bytecode {
    if depth == 0 {
        return Bytecode::condition(&condition(rng, entries, marks)).unwrap();
    }
    let less = rng.pick(&[0, depth - 1]);
    let a = program(rng, less, entries, marks);
    let b = program(rng, depth - 1, entries, marks);
    match rng.below(8) {
        0..=2 => a.and(&b).unwrap(),
        3..=5 => a.or(&b).unwrap(),
        6 => a.or(&Bytecode::never()).and_then(|a| a.and(&Bytecode::always())).unwrap(),
        _ => b.not().unwrap(),
    }
}

/// Whether this kernel knows every instruction, and whether this process may test marks. The programs for that are
/// written as bytes, since the encoder might be wrong.
fn all_known(kernel: &SockDiag) -> Result<bool, &'static str> {
    // struct inet_diag_bc_op: code, how far to jump if it holds (to the end) and if not (4 bytes past it); an
    // argument.
    let test = |code: u8, argument: &[u8]| {
        let length = 4 + u8::try_from(argument.len()).unwrap();
        let mut bytes = vec![code, length];
        bytes.extend(u16::from(length + 4).to_ne_bytes());
        bytes.extend(argument);
        kernel.verdict(&bytes)
    };
    // INET_DIAG_BC_DEV_COND (4.17), INET_DIAG_BC_CGROUP_COND (5.8), INET_DIAG_BC_MARK_COND (4.9)
    if test(9, &1_u32.to_ne_bytes()).is_err() || test(13, &1_u64.to_ne_bytes()).is_err() {
        return Err(
            "bytecode: a kernel before 5.8, or one without control groups, does not know every instruction",
        );
    }
    match test(10, &[1_u32.to_ne_bytes(), 1_u32.to_ne_bytes()].concat()) {
        Ok(()) => Ok(true),
        Err(Errno::PERM) => Ok(false),
        Err(errno) => panic!("{errno}"),
    }
}

#[test]
fn live_kernel_accepts_and_refuses_the_same_programs_as_audit() {
    let kernel = SockDiag::open();
    let marks = match all_known(&kernel) {
        Ok(marks) => marks,
        Err(why) => live_skip!("{why}"),
    };
    let mut rng = Random::new(20);
    let entries = [
        Entry { family: AF_INET, id: SockId { sport: 80, ..SockId::default() }, ..Entry::default() },
        Entry { family: AF_INET6, cgroup_id: 7, ..Entry::default() },
    ];
    let (mut taken, mut refused) = (0, 0);
    let mut same_verdict = |bytes: &[u8]| {
        let expected = audit(bytes).map_err(|_| Errno::INVAL);
        match kernel.verdict(bytes) {
            // The kernel checks this before the rest of the program.
            Err(Errno::PERM) if !marks => {}
            verdict => assert_eq!(verdict, expected, "{bytes:?}: {:?}", audit(bytes)),
        }
        *if expected.is_ok() { &mut taken } else { &mut refused } += 1;
    };
    for n in 0..300 {
        let program = program(&mut rng, n % 8, &entries, marks);
        assert_eq!(audit(program.as_bytes()), Ok(()));
        same_verdict(program.as_bytes());
        // One field of one instruction (or argument) is changed, at a random offset.
        for _ in 0..10 {
            let mut bytes = program.as_bytes().to_vec();
            let at = rng.below(bytes.len());
            bytes[at] = match rng.below(4) {
                0 => u8::try_from(rng.below(256)).unwrap(),
                1 => u8::try_from(rng.below(15)).unwrap(),
                _ => u8::try_from(4 * rng.below(16)).unwrap(),
            };
            same_verdict(&bytes);
        }
        same_verdict(&program.as_bytes()[..rng.below(program.as_bytes().len())]);
    }
    assert!(taken > 500 && refused > 1000, "{taken} {refused}");
}

#[test]
fn live_kernel_accepts_the_longest_programs() {
    let kernel = SockDiag::open();
    let port = |port| Bytecode::condition(&Condition::PortIs(End::Local, port)).unwrap();
    let any = (2..=4095).fold(port(1), |any, n| any.or(&port(n)).unwrap());
    let longest = any.and(&port(1)).unwrap();
    assert_eq!(longest.as_bytes().len(), MAX_BYTES);
    assert_eq!(kernel.verdict(longest.as_bytes()), Ok(()));
    let mut all = port(1);
    while let Some(more) = port(1).and(&all) {
        all = more;
    }
    assert_eq!(kernel.verdict(all.as_bytes()), Ok(()));
}

/// Sockets of every kind, of which none opens or closes by itself, in each table.
fn sockets(marks: bool) -> Vec<Made> {
    let make: &[tcp::Make] = &[
        tcp::listener_v4,
        tcp::listener_dual_stack,
        tcp::pair_v4,
        tcp::pair_v6,
        tcp::pair_mapped,
        tcp::half_closed,
        tcp::syn_sent,
        udp::unconnected_v4,
        udp::unconnected_dual_stack,
        udp::pair_v4,
        udp::pair_v6,
        udp::pair_mapped,
    ];
    let marked: &[tcp::Make] = &[|| binding::tcp_with_mark(0x11), || binding::udp_with_mark(0x10)];
    let bound = binding::ALL.iter().map(|(_, make)| make);
    let marked = marked.iter().filter(|_| marks);
    make.iter().chain(bound).chain(marked).map(|make| make().unwrap()).collect()
}

/// Three dumps: UDP of each family, and TCP of both.
fn requests() -> [Vec<u8>; 3] {
    let states = 0xfff;
    let udp = |family| RequestV2 { family, protocol: IPPROTO_UDP, states, ..RequestV2::default() };
    [
        udp(AF_INET).encode(NLM_F_DUMP, 1),
        udp(AF_INET6).encode(NLM_F_DUMP, 1),
        Request { states, ..Request::default() }.encode(NLM_F_DUMP, 1),
    ]
}

fn reported_sockets_are_those_that_run_accepts() {
    let kernel = SockDiag::open();
    let marks = match all_known(&kernel) {
        Ok(marks) => marks,
        Err(why) => live_skip!("{why}"),
    };
    let made = sockets(marks);
    let ours: Vec<u64> = made.iter().flat_map(|made| &made.sockets).map(inode_of).collect();
    let automatic = Bytecode::condition(&Condition::BoundAutomatically).unwrap();
    let is_ours = |socket: &InetDiagMsg| ours.contains(&socket.inode.into());
    // Only the program shows whether a port was bound.
    let mut tables: Vec<(Vec<u8>, HashMap<u64, Entry>)> = Vec::new();
    for request in requests() {
        let bound = kernel.dump(request.clone(), Some(automatic.not().unwrap().as_bytes())).unwrap();
        let entries = kernel.dump(request.clone(), None).unwrap().into_iter().filter(is_ours).map(|socket| {
            let InetDiagMsg { family, id, mark, cgroup_id, .. } = socket;
            let entry = Entry {
                family,
                id,
                bound_automatically: !bound.iter().any(|bound| bound.id.cookie == id.cookie),
                mark: mark.unwrap_or(0),
                cgroup_id: cgroup_id.unwrap_or(0),
            };
            (id.cookie, entry)
        });
        tables.push((request, entries.collect()));
    }
    assert_eq!(tables.iter().map(|(_, entries)| entries.len()).sum::<usize>(), ours.len());
    let everything: Vec<Entry> = tables.iter().flat_map(|(_, entries)| entries.values().copied()).collect();
    assert!(everything.iter().any(|entry| entry.cgroup_id != 0));
    assert!(everything.iter().any(|entry| entry.id.interface != 0));
    assert!(!marks || everything.iter().any(|entry| entry.mark == 0x11));

    let mut rng = Random::new(4);
    let (mut reported, mut left_out) = (0, 0);
    for n in 0..1000 {
        // Fewer of TCP, whose tables are slow to walk.
        let (request, entries) = &tables[rng.pick(&[0, 0, 1, 1, 2])];
        let program = program(&mut rng, n % 5, &everything, marks);
        let answer = kernel.dump(request.clone(), Some(program.as_bytes())).unwrap();
        for (cookie, entry) in entries {
            let expected = run(program.as_bytes(), entry);
            let is_there = answer.iter().any(|socket| socket.id.cookie == *cookie);
            assert_eq!(is_there, expected, "{program:?} over {entry:?}");
            *if expected { &mut reported } else { &mut left_out } += 1;
        }
    }
    assert!(reported > 300 && left_out > 300, "{reported} {left_out}");
}

#[test]
fn live_explicit_port_is_distinguished_from_one_that_the_kernel_chose() {
    let kernel = SockDiag::open();
    let is_named = |facts: &SocketFacts| {
        let named = Bytecode::condition(&Condition::BoundAutomatically).unwrap().not().unwrap();
        let port = Bytecode::condition(&Condition::PortIs(End::Local, facts.local.port())).unwrap();
        let program = named.and(&port).unwrap();
        requests().into_iter().any(|request| {
            let answer = kernel.dump(request, Some(program.as_bytes())).unwrap();
            answer.iter().any(|socket| Some(socket.inode.into()) == facts.inode)
        })
    };
    for (make, expected) in [
        (binding::tcp_listener_of_named_port as tcp::Make, &[true][..]),
        (binding::udp_of_named_port, &[true]),
        // Client, server, listener.
        (binding::tcp_client_of_named_port, &[true, false, false]),
        (binding::tcp_client_of_alias, &[false, false, false]),
        (tcp::listener_v4, &[false]),
        (udp::unconnected_v4, &[false]),
    ] {
        let made = make().unwrap();
        let named: Vec<bool> = made.facts.iter().map(is_named).collect();
        assert_eq!(named, expected, "{:?}", made.facts);
    }
}

#[test]
fn live_kernel_reports_the_sockets_that_run_accepts() {
    // In a network namespace where that is possible; else sockets of other processes are ignored.
    if in_network_namespace(reported_sockets_are_those_that_run_accepts).is_err() {
        reported_sockets_are_those_that_run_accepts();
    }
}
