//! Builds the programs that the kernel runs over each socket of a dump (`INET_DIAG_REQ_BYTECODE`) to filter it.
//!
//! A socket that the program rejects is not reported. That saves the making and reading of its message, not the
//! walk over the tables. The attribute can be in either request of [`inet_diag`](super::inet_diag) and is as old as
//! they are.
//!
//! A program is a row of instructions, `struct inet_diag_bc_op`, each followed by its argument:
//!
//! | offset | field  |                                                                                 |
//! |-------:|--------|---------------------------------------------------------------------------------|
//! |      0 | `code` | what is tested                                                                  |
//! |      1 | `yes`  | u8: where to continue if it holds, in bytes from this instruction               |
//! |      2 | `no`   | u16 of the machine's order: where if it does not                                |
//!
//! A run that reaches exactly the end has accepted the socket; one that goes past it has rejected it. All jumps go
//! forward, so every run ends. [`audit`](super::inet_diag_bytecode_run::audit) has the kernel's rules, and
//! [`run`](super::inet_diag_bytecode_run::run) its semantics.
//!
//! [`Bytecode`] builds programs from [`Condition`]s. Every program it makes executes its instructions one by one,
//! and rejects by a jump to 4 bytes past its end:
//! - *a* and *b*: *a*, then *b*; the rejecting jumps of *a* are extended past *b*.
//! - *a* or *b*: *a*, a jump past *b*, then *b*. A rejecting jump of *a* lands behind that jump unchanged.
//! - not *a*: *a*, then a jump past the end. A rejecting jump of *a* lands behind that jump: at the end.
//!
//! Traps:
//! - A kernel refuses a program with an unknown instruction (`EINVAL`), and one that tests marks without
//!   `CAP_NET_ADMIN` (`EPERM`): nothing is dumped then. See each [`Condition`].
//! - The kernel's check takes time with the square of the length: checking some thousand instructions takes longer
//!   than reading the sockets.
//! - `TIME_WAIT` and `SYN_RECV` entries have no control group, and count as bound automatically.

use super::inet_diag::{AF_INET, AF_INET6};
use std::net::IpAddr;

/// Holds always.
pub const INET_DIAG_BC_NOP: u8 = 0;
/// Never holds.
pub const INET_DIAG_BC_JMP: u8 = 1;
/// Local port at least. The port is the `no` of a second `inet_diag_bc_op`, as in all that compare ports.
pub const INET_DIAG_BC_S_GE: u8 = 2;
/// Local port at most.
pub const INET_DIAG_BC_S_LE: u8 = 3;
/// Remote port at least.
pub const INET_DIAG_BC_D_GE: u8 = 4;
/// Remote port at most.
pub const INET_DIAG_BC_D_LE: u8 = 5;
/// The local port was chosen by the kernel.
pub const INET_DIAG_BC_AUTO: u8 = 6;
/// Local address and port: `struct inet_diag_hostcond`.
pub const INET_DIAG_BC_S_COND: u8 = 7;
/// Remote address and port: `struct inet_diag_hostcond`.
pub const INET_DIAG_BC_D_COND: u8 = 8;
/// Bound to a device (4.8): its index, u32.
pub const INET_DIAG_BC_DEV_COND: u8 = 9;
/// Mark (4.9): `struct inet_diag_markcond`.
pub const INET_DIAG_BC_MARK_COND: u8 = 10;
/// Local port is (4.16).
pub const INET_DIAG_BC_S_EQ: u8 = 11;
/// Remote port is (4.16).
pub const INET_DIAG_BC_D_EQ: u8 = 12;
/// Control group (5.8): its number, u64.
pub const INET_DIAG_BC_CGROUP_COND: u8 = 13;

/// Size of `struct inet_diag_bc_op`: an instruction without its argument.
pub(super) const OP_BYTES: usize = 4;

/// The longest program: what the 16 bits of `nla_len` leave, in whole instructions.
pub const MAX_BYTES: usize = 65_528;

/// Which end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its own (`S`, source).
    Local,
    /// Its peer's (`D`, destination): all zero when not connected.
    Remote,
}

/// A test that the kernel can make of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The port is that number or a greater one.
    PortAtLeast(End, u16),
    /// The port is that number or a smaller one.
    PortAtMost(End, u16),
    /// The port is that number.
    ///
    /// Made as a [`Condition::Host`] with any address, which every kernel knows, and not with
    /// [`INET_DIAG_BC_S_EQ`], which only those since 4.16 know and which tests nothing else.
    PortIs(End, u16),
    /// The local port was chosen by the kernel and not by `bind`. That holds for most clients, and for every
    /// accepted connection, even if the listener was bound explicitly.
    BoundAutomatically,
    /// Address and port of one end.
    Host(End, HostCond),
    /// The socket is bound to the device with this index; 0: to none. Since 4.8.
    Device(u32),
    /// `SO_MARK`, after `mask`, is `mark`. Since 4.9, and for those with `CAP_NET_ADMIN` only.
    Mark {
        /// The masked mark.
        mark: u32,
        /// The bits that are compared.
        mask: u32,
    },
    /// Number of the control group (version 2) in which the socket was made. Since 5.8.
    Cgroup(u64),
}

/// `struct inet_diag_hostcond`: an address and a port, each of which may be any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostCond {
    /// The first so many bits of the address are these; the others are ignored. An IPv4 prefix (also `0.0.0.0/0`)
    /// holds for `::ffff:a.b.c.d` of an IPv6 socket too; an IPv6 prefix only for IPv6 sockets. `None`: any address
    /// of any family.
    pub prefix: Option<(IpAddr, u8)>,
    /// `None`: any port.
    pub port: Option<u16>,
}

/// A program: which sockets a dump reports.
///
/// A program longer than [`MAX_BYTES`] cannot be built: the result is then `None`, and the filter is left to the
/// reader of the dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytecode {
    /// Each instruction's `yes` leads to the next one, and it rejects with a `no` of 4 past the end.
    bytes: Vec<u8>,
}

impl Bytecode {
    /// Accepts every socket.
    pub fn always() -> Self {
        Self { bytes: vec![INET_DIAG_BC_NOP, 4, 0, 0] }
    }

    /// Accepts no socket.
    pub fn never() -> Self {
        Self { bytes: jump(8).to_vec() }
    }

    /// Accepts the sockets for which `condition` holds.
    ///
    /// `None` if a prefix is longer than its address.
    pub fn condition(condition: &Condition) -> Option<Self> {
        let (code, argument) = match *condition {
            Condition::PortAtLeast(end, port) => {
                (of(end, INET_DIAG_BC_S_GE, INET_DIAG_BC_D_GE), second_op(port).to_vec())
            }
            Condition::PortAtMost(end, port) => {
                (of(end, INET_DIAG_BC_S_LE, INET_DIAG_BC_D_LE), second_op(port).to_vec())
            }
            Condition::PortIs(end, port) => {
                return Self::condition(&Condition::Host(end, HostCond { prefix: None, port: Some(port) }));
            }
            Condition::BoundAutomatically => (INET_DIAG_BC_AUTO, Vec::new()),
            Condition::Host(end, host) => (of(end, INET_DIAG_BC_S_COND, INET_DIAG_BC_D_COND), host.encode()?),
            Condition::Device(index) => (INET_DIAG_BC_DEV_COND, index.to_ne_bytes().to_vec()),
            Condition::Mark { mark, mask } => {
                (INET_DIAG_BC_MARK_COND, [mark.to_ne_bytes(), mask.to_ne_bytes()].concat())
            }
            Condition::Cgroup(id) => (INET_DIAG_BC_CGROUP_COND, id.to_ne_bytes().to_vec()),
        };
        let length = u8::try_from(OP_BYTES.checked_add(argument.len())?).ok()?;
        let [low, high] = u16::from(length).checked_add(4)?.to_ne_bytes();
        let mut bytes = vec![code, length, low, high];
        bytes.extend_from_slice(&argument);
        Some(Self { bytes })
    }

    /// Accepts what both accept.
    ///
    /// Takes time with the length of the first program. Of many, begin with the last: `a.and(&b.and(&c)?)`.
    pub fn and(&self, other: &Self) -> Option<Self> {
        let mut all = self.then(&[], other)?;
        let added = u16::try_from(other.bytes.len()).ok()?;
        let mut rest = all.bytes.get_mut(..self.bytes.len())?;
        loop {
            let refused = rest.len().checked_add(4)?;
            let Some((op, _)) = rest.split_first_chunk_mut::<OP_BYTES>() else {
                return Some(all);
            };
            let [_, yes, low, high] = op;
            let (yes, no) = (usize::from(*yes), u16::from_ne_bytes([*low, *high]));
            if usize::from(no) == refused {
                [*low, *high] = no.checked_add(added)?.to_ne_bytes();
            }
            rest = rest.get_mut(yes..)?;
        }
    }

    /// Accepts what either accepts.
    ///
    /// Does not depend on the length of the first program. Of many, begin with the first: `a.or(&b)?.or(&c)`.
    pub fn or(&self, other: &Self) -> Option<Self> {
        let past_other = u16::try_from(OP_BYTES.checked_add(other.bytes.len())?).ok()?;
        self.then(&jump(past_other), other)
    }

    /// Accepts what this one refuses.
    pub fn not(&self) -> Option<Self> {
        self.then(&jump(8), &Self { bytes: Vec::new() })
    }

    /// The payload of the attribute
    /// [`INET_DIAG_REQ_BYTECODE`](super::inet_diag::INET_DIAG_REQ_BYTECODE).
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn then(&self, between: &[u8], other: &Self) -> Option<Self> {
        let bytes = [self.bytes.as_slice(), between, &other.bytes].concat();
        (bytes.len() <= MAX_BYTES).then_some(Self { bytes })
    }
}

impl HostCond {
    /// `family`, `prefix_len`, two bytes of padding, `port` (-1: any), then the address.
    fn encode(&self) -> Option<Vec<u8>> {
        let (family, prefix_len, address) = match self.prefix {
            None => (0, 0, Vec::new()),
            Some((IpAddr::V4(address), bits)) if bits <= 32 => (AF_INET, bits, address.octets().to_vec()),
            Some((IpAddr::V6(address), bits)) if bits <= 128 => (AF_INET6, bits, address.octets().to_vec()),
            Some(_) => return None,
        };
        let port = self.port.map_or(-1, i32::from);
        Some([&[family, prefix_len, 0, 0], port.to_ne_bytes().as_slice(), &address].concat())
    }
}

fn of(end: End, local: u8, remote: u8) -> u8 {
    match end {
        End::Local => local,
        End::Remote => remote,
    }
}

/// The argument of the instructions that compare a port.
fn second_op(port: u16) -> [u8; OP_BYTES] {
    let [low, high] = port.to_ne_bytes();
    [0, 0, low, high]
}

fn jump(no: u16) -> [u8; OP_BYTES] {
    let [low, high] = no.to_ne_bytes();
    [INET_DIAG_BC_JMP, 4, low, high]
}
