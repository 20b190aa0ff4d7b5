//! Filter programs for the kernel: their bytes, and that they accept what their expression accepts.
#![allow(clippy::unwrap_used)]

mod common;

use netstat_wire::linux::inet_diag::{AF_INET, AF_INET6, SockId};
use netstat_wire::linux::inet_diag_bytecode::*;
use netstat_wire::linux::inet_diag_bytecode_run::{Entry, audit, run};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn made(condition: Condition) -> Bytecode {
    Bytecode::condition(&condition).unwrap()
}

fn host(prefix: Option<(IpAddr, u8)>, port: Option<u16>) -> Condition {
    Condition::Host(End::Local, HostCond { prefix, port })
}

/// The kernel's numbers, in the order of the header.
fn op(code: u8, yes: u8, no: u16) -> Vec<u8> {
    [&[code, yes], no.to_ne_bytes().as_slice()].concat()
}

#[test]
fn each_condition_has_the_bytes_of_the_header() {
    use Condition::*;
    let mapped = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let cases: &[(Condition, Vec<u8>)] = &[
        (PortAtLeast(End::Local, 80), [op(2, 8, 12), op(0, 0, 80)].concat()),
        (PortAtMost(End::Local, 80), [op(3, 8, 12), op(0, 0, 80)].concat()),
        (PortAtLeast(End::Remote, 80), [op(4, 8, 12), op(0, 0, 80)].concat()),
        (PortAtMost(End::Remote, 0xabcd), [op(5, 8, 12), op(0, 0, 0xabcd)].concat()),
        (BoundAutomatically, op(6, 4, 8)),
        (PortIs(End::Local, 53), [op(7, 12, 16), vec![0; 4], 53_i32.to_ne_bytes().to_vec()].concat()),
        (PortIs(End::Remote, 0), [op(8, 12, 16), vec![0; 8]].concat()),
        (
            host(Some((Ipv4Addr::new(10, 1, 2, 3).into(), 8)), None),
            [op(7, 16, 20), vec![2, 8, 0, 0], vec![0xff; 4], vec![10, 1, 2, 3]].concat(),
        ),
        (
            Host(End::Remote, HostCond { prefix: Some((mapped.into(), 128)), port: Some(443) }),
            [op(8, 28, 32), vec![10, 128, 0, 0], 443_i32.to_ne_bytes().to_vec(), mapped.octets().to_vec()]
                .concat(),
        ),
        (Device(3), [op(9, 8, 12), 3_u32.to_ne_bytes().to_vec()].concat()),
        (
            Mark { mark: 0x10, mask: 0xff },
            [op(10, 12, 16), 0x10_u32.to_ne_bytes().to_vec(), 0xff_u32.to_ne_bytes().to_vec()].concat(),
        ),
        (Cgroup(1 << 33), [op(13, 12, 16), (1_u64 << 33).to_ne_bytes().to_vec()].concat()),
    ];
    for (condition, bytes) in cases {
        assert_eq!(made(*condition).as_bytes(), bytes, "{condition:?}");
        assert_eq!(audit(bytes), Ok(()), "{condition:?}");
    }
}

#[test]
fn combinations_have_the_right_jumps() {
    let (a, b) = (made(Condition::BoundAutomatically), made(Condition::Device(7)));
    let device = |no| [op(9, 8, no), 7_u32.to_ne_bytes().to_vec()].concat();
    // 4 + 8 bytes: the rejecting jump of the first goes 4 past the end of both.
    assert_eq!(a.and(&b).unwrap().as_bytes(), [op(6, 4, 16), device(12)].concat());
    assert_eq!(b.and(&a).unwrap().as_bytes(), [device(16), op(6, 4, 8)].concat());
    // The rejecting jump of the first leads into the second; otherwise it reaches a jump to the end.
    assert_eq!(a.or(&b).unwrap().as_bytes(), [op(6, 4, 8), op(1, 4, 12), device(12)].concat());
    // Rejecting leads to the end, accepting past it.
    assert_eq!(a.not().unwrap().as_bytes(), [op(6, 4, 8), op(1, 4, 8)].concat());
    // The rejecting jump is one of those that have to go past the second.
    assert_eq!(
        a.not().unwrap().and(&b).unwrap().as_bytes(),
        [op(6, 4, 8), op(1, 4, 16), device(12)].concat()
    );
    assert_eq!(Bytecode::always().as_bytes(), op(0, 4, 0));
    assert_eq!(Bytecode::never().as_bytes(), op(1, 4, 8));
}

#[test]
fn a_prefix_longer_than_its_address_cannot_be_encoded() {
    for (address, bits) in [(IpAddr::from([0; 4]), 32), (IpAddr::from([0; 16]), 128)] {
        assert!(Bytecode::condition(&host(Some((address, bits)), None)).is_some());
        assert_eq!(Bytecode::condition(&host(Some((address, bits + 1)), None)), None);
    }
}

#[test]
fn the_longest_program_is_right_and_a_longer_one_is_not_built() {
    let port = |port: u32| made(Condition::PortIs(End::Local, u16::try_from(port).unwrap()));
    // 12 bytes each and 4 for each jump between: 4,095 fill 65,516 bytes, 12 less than there are.
    let mut any = port(1);
    for n in 2..=4095 {
        any = any.or(&port(n)).unwrap();
    }
    assert_eq!(any.as_bytes().len(), 65_516);
    assert_eq!(any.or(&port(4096)), None);
    assert_eq!(port(4096).or(&any), None);
    assert_eq!(audit(any.as_bytes()), Ok(()));
    let none = any.not().unwrap();
    let entry = |sport| Entry { id: SockId { sport, ..SockId::default() }, ..Entry::default() };
    for (sport, listed) in [(0, false), (1, true), (2000, true), (4095, true), (4096, false)] {
        assert_eq!(run(any.as_bytes(), &entry(sport)), listed);
        assert_eq!(run(none.as_bytes(), &entry(sport)), !listed);
    }
    let full = none.and(&made(Condition::Device(0))).unwrap();
    assert_eq!(full.as_bytes().len(), MAX_BYTES);
    assert_eq!(audit(full.as_bytes()), Ok(()));
    assert!(run(full.as_bytes(), &entry(0)) && !run(full.as_bytes(), &entry(4095)));
    assert_eq!((full.not(), full.and(&Bytecode::always())), (None, None));
}

/// 65,528 bytes in which the first instruction rejects: the longest possible jump.
#[test]
fn the_longest_rejecting_jump_fits_its_field() {
    let mut all = made(Condition::Device(1));
    for _ in 1..MAX_BYTES / 8 {
        all = made(Condition::Device(1)).and(&all).unwrap();
    }
    assert_eq!(all.as_bytes().len(), MAX_BYTES);
    assert_eq!(all.as_bytes()[2..4], 65_532_u16.to_ne_bytes());
    assert_eq!(audit(all.as_bytes()), Ok(()));
    let entry = |interface| Entry { id: SockId { interface, ..SockId::default() }, ..Entry::default() };
    assert!(run(all.as_bytes(), &entry(1)) && !run(all.as_bytes(), &entry(0)));
}

#[test]
fn an_ipv4_prefix_holds_for_mapped_addresses_and_an_ipv6_prefix_for_ipv6_sockets_alone() {
    let mut v4 = Entry { family: AF_INET, ..Entry::default() };
    v4.id.src[..4].copy_from_slice(&[127, 0, 0, 1]);
    let mut mapped = Entry { family: AF_INET6, ..Entry::default() };
    mapped.id.src = Ipv4Addr::new(127, 0, 0, 1).to_ipv6_mapped().octets();
    let mut v6 = Entry { family: AF_INET6, ..Entry::default() };
    v6.id.src = Ipv6Addr::LOCALHOST.octets();
    // An IPv4 socket's address is the first 4 bytes: as IPv6 it would be 7f00:1::.
    let cases = [
        ("127.0.0.1", 32, [true, true, false]),
        ("127.255.0.0", 8, [true, true, false]),
        ("127.0.0.2", 31, [false, false, false]),
        ("127.0.0.2", 30, [true, true, false]),
        ("0.0.0.0", 0, [true, true, false]),
        ("::", 0, [false, true, true]),
        ("7f00:1::", 128, [false, false, false]),
        ("::ffff:127.0.0.1", 128, [false, true, false]),
        ("::2", 127, [false, false, false]),
        ("::3", 126, [false, false, true]),
    ];
    for (address, bits, holds) in cases {
        let program = made(host(Some((address.parse().unwrap(), bits)), None));
        assert_eq!([v4, mapped, v6].map(|entry| run(program.as_bytes(), &entry)), holds, "{address}/{bits}");
    }
}

#[test]
fn ports_are_compared_for_equality_by_the_newer_instructions_too() {
    let entry = Entry { id: SockId { sport: 5, dport: 6, ..SockId::default() }, ..Entry::default() };
    for (code, port, holds) in [(11, 5, true), (11, 6, false), (12, 6, true), (12, 5, false)] {
        let program = [op(code, 8, 12), op(0, 0, port)].concat();
        assert_eq!(audit(&program), Ok(()));
        assert_eq!(run(&program, &entry), holds);
    }
}

#[test]
fn a_port_that_no_socket_has_never_holds() {
    for (port, holds) in [(-1_i32, true), (0, true), (-2, false), (65_536, false)] {
        let program = [op(7, 12, 16), vec![0; 4], port.to_ne_bytes().to_vec()].concat();
        assert_eq!(audit(&program), Ok(()));
        assert_eq!(run(&program, &Entry::default()), holds, "{port}");
    }
}

#[test]
fn audit_refuses_what_the_kernel_refuses() {
    let cases: &[(&str, Vec<u8>)] = &[
        ("1 byte needed at offset 0, 0 there", vec![]),
        ("2 bytes needed at offset 2, 1 there", vec![0, 4, 0]),
        ("an instruction that is not known at offset 0", op(14, 4, 4)),
        ("a jump that may not be (yes) at offset 0", op(0, 0, 4)),
        ("a jump that may not be (yes) at offset 0", op(0, 5, 4)),
        ("a jump that may not be (yes) at offset 0", op(0, 12, 4)),
        // A rejecting jump may go 4 past the end, but instructions end at the end.
        ("a jump that may not be (yes) at offset 0", op(0, 8, 4)),
        ("a jump that may not be (no) at offset 0", op(1, 4, 0)),
        ("a jump that may not be (no) at offset 0", op(1, 4, 6)),
        ("a jump that may not be (no) at offset 0", op(1, 4, 12)),
        ("a jump that may not be (yes) at offset 0", [op(2, 4, 8), op(0, 0, 80)].concat()),
        ("a jump to what is no instruction at offset 8", [op(1, 4, 8), op(9, 8, 12), op(0, 4, 4)].concat()),
        ("a prefix longer than its address at offset 4", [op(7, 12, 12), vec![0, 1], vec![0; 6]].concat()),
        ("an address family that is not known at offset 4", [op(7, 12, 12), vec![3], vec![0; 7]].concat()),
        ("more than an attribute holds at offset 65528", op(0, 4, 4).repeat(MAX_BYTES / 4 + 1)),
    ];
    for (text, bytes) in cases {
        assert_eq!(audit(bytes).unwrap_err().to_string(), format!("inet_diag bytecode: {text}"));
    }
}

/// Whether the first instruction rejects past the end of all. (The first half of an "or" is a program itself.)
#[test]
fn a_conjunction_cut_anywhere_is_refused() {
    let either = made(Condition::PortIs(End::Local, 80))
        .or(&made(host(Some((Ipv6Addr::LOCALHOST.into(), 128)), Some(22))).not().unwrap())
        .unwrap();
    let program = made(Condition::Cgroup(9)).and(&either).unwrap();
    assert_eq!(audit(program.as_bytes()), Ok(()));
    for end in 0..program.as_bytes().len() {
        assert!(audit(&program.as_bytes()[..end]).is_err(), "{end}");
    }
}

/// An expression, which is evaluated directly and compiled to a program.
enum Expression {
    Constant(bool),
    Is(Condition),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

impl Expression {
    fn random(rng: &mut Rng, depth: u32) -> Self {
        let sub = |rng: &mut Rng| Box::new(Self::random(rng, depth - 1));
        match if depth == 0 { rng.below(6) } else { rng.below(20) } {
            0 => Self::Constant(rng.below(2) == 0),
            1..=5 => Self::Is(random_condition(rng)),
            6..=10 => Self::And(sub(rng), sub(rng)),
            11..=15 => Self::Or(sub(rng), sub(rng)),
            _ => Self::Not(sub(rng)),
        }
    }

    fn holds(&self, entry: &Entry) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Is(condition) => holds(condition, entry),
            Self::And(a, b) => a.holds(entry) && b.holds(entry),
            Self::Or(a, b) => a.holds(entry) || b.holds(entry),
            Self::Not(a) => !a.holds(entry),
        }
    }

    fn compile(&self) -> Option<Bytecode> {
        match self {
            Self::Constant(true) => Some(Bytecode::always()),
            Self::Constant(false) => Some(Bytecode::never()),
            Self::Is(condition) => Bytecode::condition(condition),
            Self::And(a, b) => a.compile()?.and(&b.compile()?),
            Self::Or(a, b) => a.compile()?.or(&b.compile()?),
            Self::Not(a) => a.compile()?.not(),
        }
    }
}

/// The meaning of a condition, implemented otherwise than in the crate: addresses are compared bit by bit.
fn holds(condition: &Condition, entry: &Entry) -> bool {
    let port = |end| if end == End::Local { entry.id.sport } else { entry.id.dport };
    match *condition {
        Condition::PortAtLeast(end, least) => (least..=u16::MAX).contains(&port(end)),
        Condition::PortAtMost(end, most) => (0..=most).contains(&port(end)),
        Condition::PortIs(end, number) => number == port(end),
        Condition::BoundAutomatically => entry.bound_automatically,
        Condition::Host(end, HostCond { prefix, port: number }) => {
            let address = if end == End::Local { entry.id.src } else { entry.id.dst };
            let bit = |bytes: &[u8], n: usize| bytes[n / 8] >> (7 - n % 8) & 1;
            let alike = |own: &[u8], other: &[u8], bits: u8| {
                (0..usize::from(bits)).all(|n| bit(own, n) == bit(other, n))
            };
            let within = match prefix {
                None => true,
                Some((IpAddr::V6(prefix), bits)) => {
                    entry.family == AF_INET6 && alike(&address, &prefix.octets(), bits)
                }
                Some((IpAddr::V4(prefix), bits)) if entry.family == AF_INET => {
                    alike(&address, &prefix.octets(), bits)
                }
                Some((IpAddr::V4(prefix), bits)) => {
                    address[..10] == [0; 10]
                        && address[10..12] == [0xff; 2]
                        && alike(&address[12..], &prefix.octets(), bits)
                }
            };
            within && number.is_none_or(|number| number == port(end))
        }
        Condition::Device(index) => index == entry.id.interface,
        Condition::Mark { mark, mask } => entry.mark & mask == mark,
        Condition::Cgroup(id) => id == entry.cgroup_id,
    }
}

/// Few values, so that conditions hold about as often as not.
fn random_condition(rng: &mut Rng) -> Condition {
    let end = *rng.pick(&[End::Local, End::Remote]);
    match rng.below(8) {
        0 => Condition::PortAtLeast(end, rng.port()),
        1 => Condition::PortAtMost(end, rng.port()),
        2 => Condition::PortIs(end, rng.port()),
        3 => Condition::BoundAutomatically,
        4 => Condition::Device(rng.small()),
        5 => Condition::Mark { mark: rng.small(), mask: rng.small() },
        6 => Condition::Cgroup(rng.small().into()),
        _ => {
            let prefix = match (rng.address(), rng.below(3)) {
                (_, 0) => None,
                (address @ IpAddr::V4(_), _) => Some((address, *rng.pick(&[0, 1, 7, 8, 24, 31, 32]))),
                (address @ IpAddr::V6(_), _) => Some((address, *rng.pick(&[0, 1, 32, 64, 96, 97, 127, 128]))),
            };
            let port = (rng.below(2) == 0).then(|| rng.port());
            Condition::Host(end, HostCond { prefix, port })
        }
    }
}

fn random_entry(rng: &mut Rng) -> Entry {
    let (family, [src, dst]) = if rng.below(2) == 0 {
        (AF_INET, [(); 2].map(|()| [rng.v4().octets(), [0; 4], [0; 4], [0; 4]].concat().try_into().unwrap()))
    } else {
        (AF_INET6, [(); 2].map(|()| rng.v6().octets()))
    };
    let (sport, dport, interface) = (rng.port(), rng.port(), rng.small());
    Entry {
        family,
        id: SockId { sport, dport, src, dst, interface, ..SockId::default() },
        bound_automatically: rng.below(2) == 0,
        mark: rng.small(),
        cgroup_id: rng.small().into(),
    }
}

struct Rng(test_random::Random);

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.below(4)).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn port(&mut self) -> u16 {
        *self.pick(&[0, 1, 80, 255, 256, 0x5000, 65_535])
    }

    fn v4(&mut self) -> Ipv4Addr {
        Ipv4Addr::from(*self.pick(&[[0, 0, 0, 0], [127, 0, 0, 1], [127, 0, 1, 1], [10, 0, 0, 1]]))
    }

    fn v6(&mut self) -> Ipv6Addr {
        match self.below(4) {
            0 => Ipv6Addr::UNSPECIFIED,
            1 => Ipv6Addr::LOCALHOST,
            2 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
            _ => self.v4().to_ipv6_mapped(),
        }
    }

    fn address(&mut self) -> IpAddr {
        if self.below(2) == 0 { self.v4().into() } else { self.v6().into() }
    }
}

#[test]
fn ten_thousand_random_expressions_are_compiled_to_programs_that_pass_and_mean_the_same() {
    let mut rng = Rng(test_random::Random::new(0x0bad_cafe));
    let (mut accepted, mut refused, mut longest) = (0, 0, 0);
    for n in 0..10_000 {
        let expression = Expression::random(&mut rng, n % 8);
        let program = expression.compile().unwrap();
        let bytes = program.as_bytes();
        assert_eq!(audit(bytes), Ok(()), "{n}: {bytes:?}");
        longest = longest.max(bytes.len());
        for _ in 0..16 {
            let entry = random_entry(&mut rng);
            let expected = expression.holds(&entry);
            assert_eq!(run(bytes, &entry), expected, "{n}: {bytes:?} over {entry:?}");
            *if expected { &mut accepted } else { &mut refused } += 1;
        }
    }
    // They were neither all equal nor all short.
    assert!(accepted > 40_000 && refused > 40_000 && longest > 500, "{accepted}, {refused}, {longest}");
}

#[test]
fn garbage_neither_panics_nor_loops() {
    let mut rng = Rng(test_random::Random::new(2));
    let mut passed = 0;
    for n in 0..100_000 {
        // From valid numbers, so that some pass.
        let mut bytes: Vec<u8> = (0..1 + rng.below(if n % 2 == 0 { 3 } else { 16 }))
            .flat_map(|_| {
                let code = u8::try_from(rng.below(15)).unwrap();
                let yes = *rng.pick(&[0, 4, 8, 12, 16, 20, 255]);
                op(code, yes, *rng.pick(&[0, 4, 8, 12, 16, 20, 24, 0x1000]))
            })
            .collect();
        bytes.truncate(bytes.len() - usize::from(rng.below(8) == 0));
        passed += u32::from(audit(&bytes).is_ok());
        run(&bytes, &random_entry(&mut rng));
    }
    assert!(passed > 100, "{passed}");
}
