//! Checks and runs a program of [`inet_diag_bytecode`](super::inet_diag_bytecode) as the kernel does: it is checked
//! once ([`audit`]) and run over each socket ([`run`]).
//!
//! A request does not need this module. It defines in code what a program means, so that programs can be tested
//! without a kernel.
//!
//! Sources: `inet_diag_bc_audit` and `inet_diag_bc_run` in net/ipv4/inet_diag.c.

use super::inet_diag::{AF_INET, AF_INET6, SockId};
use super::inet_diag_bytecode::*;
use crate::reader::{DecodeError, Reader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const RECORD: &str = "inet_diag bytecode";

/// The fields of a socket that a program can test (`struct inet_diag_entry`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The socket's own family: [`AF_INET`] or [`AF_INET6`].
    pub family: u8,
    /// Addresses, ports and the device that the socket is bound to. The cookie is ignored.
    pub id: SockId,
    /// The local port was chosen by the kernel; so for all that is no full socket.
    pub bound_automatically: bool,
    /// `SO_MARK`, also without privileges.
    pub mark: u32,
    /// Number of the control group; 0 for all that is no full socket.
    pub cgroup_id: u64,
}

/// Whether the kernel accepts this program (from a process with `CAP_NET_ADMIN`).
///
/// # Errors
/// What it answers with `EINVAL`: an empty or unfinished program, an unknown instruction, a prefix longer than its
/// address, a jump that is not forward by whole instructions, one that ends neither at an instruction nor at the
/// end nor 4 past it.
pub fn audit(bytes: &[u8]) -> Result<(), DecodeError> {
    let refused = |at, what| Err(DecodeError::malformed(RECORD, at, what));
    if bytes.len() > MAX_BYTES {
        return refused(MAX_BYTES, "more than an attribute holds");
    }
    // Where instructions begin, and where jumps end. (The kernel walks the program for each jump.)
    let mut starts = Vec::new();
    let mut targets = Vec::new();
    let mut at = 0_usize;
    loop {
        let op = Op::read(bytes, at)?;
        let left = bytes.len().saturating_sub(at);
        let allowed =
            |jump: usize| jump >= op.length && jump % OP_BYTES == 0 && jump <= left.saturating_add(OP_BYTES);
        // Instructions end at the end: past it there is only rejection.
        if !allowed(op.yes) || op.yes > left {
            return refused(at, "a jump that may not be (yes)");
        }
        // For a test that always holds, the other jump is not checked.
        if op.code != INET_DIAG_BC_NOP {
            if !allowed(op.no) {
                return refused(at, "a jump that may not be (no)");
            }
            if op.no < left {
                targets.push(at.saturating_add(op.no));
            }
        }
        starts.push(at);
        at = at.saturating_add(op.yes);
        if at == bytes.len() {
            break;
        }
    }
    match targets.into_iter().find(|target| starts.binary_search(target).is_err()) {
        Some(target) => refused(target, "a jump to what is no instruction"),
        None => Ok(()),
    }
}

/// Whether a program accepts a socket.
///
/// The kernel runs no program that [`audit`] refuses; this function runs it up to its first error, and rejects
/// there.
pub fn run(bytes: &[u8], entry: &Entry) -> bool {
    let mut at = 0_usize;
    while at < bytes.len() {
        let Ok(op) = Op::read(bytes, at) else {
            return false;
        };
        let jump = if op.test.holds(entry) { op.yes } else { op.no };
        if jump < OP_BYTES {
            return false;
        }
        at = at.saturating_add(jump);
    }
    at == bytes.len()
}

/// One instruction.
struct Op {
    code: u8,
    yes: usize,
    no: usize,
    /// With its argument, in bytes.
    length: usize,
    test: Test,
}

enum Test {
    Always,
    Never,
    Holds(Condition),
}

impl Op {
    fn read(bytes: &[u8], at: usize) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, bytes);
        reader.skip(at)?;
        let (code, yes, no) = (reader.u8()?, reader.u8()?.into(), reader.u16_ne()?.into());
        let test = match code {
            INET_DIAG_BC_NOP => Test::Always,
            INET_DIAG_BC_JMP => Test::Never,
            INET_DIAG_BC_S_GE => Test::Holds(Condition::PortAtLeast(End::Local, port(&mut reader)?)),
            INET_DIAG_BC_S_LE => Test::Holds(Condition::PortAtMost(End::Local, port(&mut reader)?)),
            INET_DIAG_BC_D_GE => Test::Holds(Condition::PortAtLeast(End::Remote, port(&mut reader)?)),
            INET_DIAG_BC_D_LE => Test::Holds(Condition::PortAtMost(End::Remote, port(&mut reader)?)),
            INET_DIAG_BC_S_EQ => Test::Holds(Condition::PortIs(End::Local, port(&mut reader)?)),
            INET_DIAG_BC_D_EQ => Test::Holds(Condition::PortIs(End::Remote, port(&mut reader)?)),
            INET_DIAG_BC_AUTO => Test::Holds(Condition::BoundAutomatically),
            INET_DIAG_BC_S_COND => host(End::Local, &mut reader)?,
            INET_DIAG_BC_D_COND => host(End::Remote, &mut reader)?,
            INET_DIAG_BC_DEV_COND => Test::Holds(Condition::Device(reader.u32_ne()?)),
            INET_DIAG_BC_MARK_COND => {
                Test::Holds(Condition::Mark { mark: reader.u32_ne()?, mask: reader.u32_ne()? })
            }
            INET_DIAG_BC_CGROUP_COND => Test::Holds(Condition::Cgroup(reader.u64_ne()?)),
            _ => return Err(DecodeError::malformed(RECORD, at, "an instruction that is not known")),
        };
        Ok(Self { code, yes, no, length: reader.offset().saturating_sub(at), test })
    }
}

/// The port in the second `inet_diag_bc_op`.
fn port(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    reader.skip(2)?;
    reader.u16_ne()
}

/// `struct inet_diag_hostcond`.
fn host(end: End, reader: &mut Reader<'_>) -> Result<Test, DecodeError> {
    let at = reader.offset();
    let (family, prefix_len) = (reader.u8()?, reader.u8()?);
    reader.skip(2)?;
    let port = reader.i32_ne()?;
    let (address, bits) = match family {
        0 => (None, 0),
        AF_INET => (Some(IpAddr::from(reader.bytes::<4>()?)), 32),
        AF_INET6 => (Some(IpAddr::from(reader.bytes::<16>()?)), 128),
        _ => return Err(DecodeError::malformed(RECORD, at, "an address family that is not known")),
    };
    if prefix_len > bits {
        return Err(DecodeError::malformed(RECORD, at, "a prefix longer than its address"));
    }
    let prefix = address.map(|address| (address, prefix_len));
    Ok(match u16::try_from(port) {
        _ if port == -1 => Test::Holds(Condition::Host(end, HostCond { prefix, port: None })),
        Ok(port) => Test::Holds(Condition::Host(end, HostCond { prefix, port: Some(port) })),
        // No socket has such a port.
        Err(_) => Test::Never,
    })
}

impl Test {
    fn holds(&self, entry: &Entry) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Holds(condition) => condition.holds(entry),
        }
    }
}

impl Condition {
    /// What the kernel reports of a socket.
    pub fn holds(&self, entry: &Entry) -> bool {
        match *self {
            Self::PortAtLeast(end, port) => entry.port(end) >= port,
            Self::PortAtMost(end, port) => entry.port(end) <= port,
            Self::PortIs(end, port) => entry.port(end) == port,
            Self::BoundAutomatically => entry.bound_automatically,
            Self::Host(end, HostCond { prefix, port }) => {
                port.is_none_or(|port| entry.port(end) == port)
                    && prefix.is_none_or(|(address, bits)| entry.is_in(end, address, bits))
            }
            Self::Device(index) => entry.id.interface == index,
            Self::Mark { mark, mask } => entry.mark & mask == mark,
            Self::Cgroup(id) => entry.cgroup_id == id,
        }
    }
}

impl Entry {
    fn port(&self, end: End) -> u16 {
        match end {
            End::Local => self.id.sport,
            End::Remote => self.id.dport,
        }
    }

    fn is_in(&self, end: End, prefix: IpAddr, bits: u8) -> bool {
        let address = match end {
            End::Local => self.id.src,
            End::Remote => self.id.dst,
        };
        let bits = u32::from(bits);
        match prefix {
            IpAddr::V4(prefix) => {
                let [a, b, c, d, ..] = address;
                let own = match self.family {
                    AF_INET => Some(Ipv4Addr::new(a, b, c, d)),
                    AF_INET6 => Ipv6Addr::from(address).to_ipv4_mapped(),
                    _ => None,
                };
                own.is_some_and(|own| (own.to_bits() ^ prefix.to_bits()).leading_zeros() >= bits)
            }
            IpAddr::V6(prefix) => {
                let differing = u128::from_be_bytes(address) ^ prefix.to_bits();
                self.family == AF_INET6 && differing.leading_zeros() >= bits
            }
        }
    }
}
