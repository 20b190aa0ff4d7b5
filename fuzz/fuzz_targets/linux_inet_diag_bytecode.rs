//! Filter programs for the kernel: every run over any bytes ends; a built program passes the check and means what
//! its parts mean.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::inet_diag::SockId;
use netstat_wire::linux::inet_diag_bytecode::{Bytecode, Condition, End, HostCond};
use netstat_wire::linux::inet_diag_bytecode_run::{Entry, audit, run};
use std::net::IpAddr;

fuzz_target!(|input: &[u8]| {
    let Some((socket, rest)) = input.split_first_chunk::<48>() else {
        return;
    };
    let entry = entry(socket);
    // Programs that no kernel accepts are run too: every run must end.
    let _ = (audit(rest), run(rest, &entry));
    built(rest, &entry);
});

fn entry(bytes: &[u8; 48]) -> Entry {
    let [family, flags, mark, cgroup, a, b, c, d, rest @ ..] = *bytes;
    let (src, dst) = rest.split_at(20);
    let id = SockId {
        sport: u16::from_ne_bytes([a, b]),
        dport: u16::from_ne_bytes([c, d]),
        src: src[..16].try_into().expect("16 bytes"),
        dst: dst[..16].try_into().expect("16 bytes"),
        interface: src[16].into(),
        ..SockId::default()
    };
    let family = if family % 2 == 0 { 2 } else { 10 };
    Entry { family, id, bound_automatically: flags % 2 == 0, mark: mark.into(), cgroup_id: cgroup.into() }
}

/// The input as an expression in postfix notation, over a stack of programs and of their expected results.
fn built(mut input: &[u8], entry: &Entry) {
    // Building takes time with the square of the length.
    input = &input[..input.len().min(1024)];
    let mut stack: Vec<(Bytecode, bool)> = Vec::new();
    while let Some((&what, rest)) = input.split_first() {
        input = rest;
        let made = match (what % 8, stack.pop()) {
            (0, Some((a, held))) => a.not().map(|program| (program, !held)),
            (kind @ 1..=4, Some((a, a_held))) => match stack.pop() {
                Some((b, b_held)) if kind <= 2 => b.and(&a).map(|program| (program, a_held && b_held)),
                Some((b, b_held)) => b.or(&a).map(|program| (program, a_held || b_held)),
                None => Some((a, a_held)),
            },
            (_, top) => {
                stack.extend(top);
                let Some((condition, rest)) = condition(input) else {
                    break;
                };
                input = rest;
                let held = condition.holds(entry);
                Bytecode::condition(&condition).map(|program| (program, held))
            }
        };
        let Some((program, held)) = made else {
            // Too long, or an invalid prefix.
            break;
        };
        stack.push((program, held));
    }
    for (program, held) in stack {
        assert_eq!(audit(program.as_bytes()), Ok(()));
        assert_eq!(run(program.as_bytes(), entry), held);
    }
}

fn condition(input: &[u8]) -> Option<(Condition, &[u8])> {
    let (&[what, bits, a, b], rest) = input.split_first_chunk::<4>()?;
    let end = if what & 0x80 == 0 { End::Local } else { End::Remote };
    let port = u16::from_ne_bytes([a, b]);
    let host = |prefix| Condition::Host(end, HostCond { prefix, port: (what & 0x40 != 0).then_some(port) });
    Some(match what % 10 {
        0 => (Condition::PortAtLeast(end, port), rest),
        1 => (Condition::PortAtMost(end, port), rest),
        2 => (Condition::PortIs(end, port), rest),
        3 => (Condition::BoundAutomatically, rest),
        4 => (Condition::Device(a.into()), rest),
        5 => (Condition::Mark { mark: a.into(), mask: b.into() }, rest),
        6 => (Condition::Cgroup(a.into()), rest),
        7 => (host(None), rest),
        8 => {
            let (address, rest) = rest.split_first_chunk::<4>()?;
            (host(Some((IpAddr::from(*address), bits))), rest)
        }
        _ => {
            let (address, rest) = rest.split_first_chunk::<16>()?;
            (host(Some((IpAddr::from(*address), bits))), rest)
        }
    })
}
