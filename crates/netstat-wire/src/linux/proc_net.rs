//! `/proc/PID/net/{tcp,tcp6,udp,udp6}` (`net/ipv4/tcp_ipv4.c`, `tcp4_seq_show`, and its three sisters), and in
//! the same form `udplite`, `udplite6`, `raw`, `raw6`, `icmp` and `icmp6`: a socket a line.
//!
//! After a line of headings, each line is fields with spaces between them and perhaps before and after:
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//!    0: 0100007F:1F90 00000000:0000 0A 00000000:00000001 00:00000000 00000000  1000        0 12345 1 ...
//! ```
//!
//! The columns after the inode differ between kernels and protocols, and are skipped.
//!
//! Traps:
//! - An address is one word of 32 bits (IPv6: four), each printed as a number: the bytes of an address are in the
//!   order of the machine that printed them. That order is a value, [`Endian`], so that lines of
//!   one machine can be read on another. Ports are numbers, the same everywhere.
//! - Sends come before receives, other than in the records of `inet_diag`.
//! - A listener has its waiting connections as its receive queue, and 0 for the most that may wait.
//! - A connection in the making (SYN_RECV) has the user of its listener, and the inode 0.
//! - The local "port" of a raw socket is its IP protocol, that of a ping socket (`icmp`, `icmp6`) the
//!   identifier of its echo requests. Neither has a remote one: 0.
//! - The first field is a bucket of the kernel's table there, and may be the same for several sockets.
//! - `tm->when` is in ticks of `sysconf(_SC_CLK_TCK)`, and may have more digits than the eight of its column.

use super::decimal;
use super::text::position;
use crate::reader::{DecodeError, Reader};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

const RECORD: &str = "/proc/PID/net";

/// The byte order of a machine, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// The least significant byte comes first: x86, ARM, RISC-V.
    Little,
    /// The most significant byte comes first: s390x, some POWER and MIPS.
    Big,
}

impl Endian {
    /// That of the machine which runs this.
    pub const NATIVE: Self = if cfg!(target_endian = "little") { Self::Little } else { Self::Big };

    const fn bytes(self, word: u32) -> [u8; 4] {
        match self {
            Self::Little => word.to_le_bytes(),
            Self::Big => word.to_be_bytes(),
        }
    }
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcNet {
    /// `local_address`; the scope is not in the file.
    pub local: SocketAddr,
    /// `rem_address`; all zeros where there is none.
    pub remote: SocketAddr,
    /// `st`: one of [`tcp_states`](super::tcp_states), for UDP too.
    pub state: u8,
    /// `tx_queue`: bytes not confirmed yet (TCP), memory of what is not sent yet (UDP).
    pub tx_queue: u32,
    /// `rx_queue`: bytes not read yet (TCP), connections not accepted yet (LISTEN), memory (UDP).
    pub rx_queue: u32,
    /// `tr`: the timer that runs, as `idiag_timer`; 3 in the table of TIME_WAIT.
    pub timer: u8,
    /// `tm->when`: ticks until it goes off.
    pub expires_ticks: u64,
    /// `retrnsmt`: retransmits that were not confirmed.
    pub retransmits: u32,
    /// `uid`: in the user namespace of the process that opened the file.
    pub uid: u32,
    /// `timeout`: probes of a closed window that were not answered.
    pub probes: u32,
    /// `inode`: 0 where no process has it.
    pub inode: u64,
}

impl ProcNet {
    /// Reads a line that is not the heading, with or without its newline. The width of the addresses says
    /// whether they are those of IPv4 or IPv6.
    ///
    /// # Errors
    /// A field is missing, is not what it should be, or ends with the line: then it may be truncated.
    pub fn decode(line: &[u8], endian: Endian) -> Result<Self, DecodeError> {
        let reader = &mut Reader::new(RECORD, line);
        field(reader, b':', "malformed sl")?;
        let local = end(reader, endian, "malformed local_address")?;
        let remote = end(reader, endian, "malformed rem_address")?;
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(malformed(reader, "malformed rem_address"));
        }
        Ok(Self {
            local,
            remote,
            state: hex(reader, b' ', "malformed st")?,
            tx_queue: hex(reader, b':', "malformed tx_queue")?,
            rx_queue: hex(reader, b' ', "malformed rx_queue")?,
            timer: hex(reader, b':', "malformed tr")?,
            expires_ticks: hex(reader, b' ', "malformed tm->when")?,
            retransmits: hex(reader, b' ', "malformed retrnsmt")?,
            uid: number(reader, "malformed uid")?,
            probes: number(reader, "malformed timeout")?,
            inode: number(reader, "malformed inode")?,
        })
    }
}

/// The text before the next `end`, without leading spaces. It must be there: every field that is read
/// has one after it.
fn field<'a>(reader: &mut Reader<'a>, end: u8, what: &'static str) -> Result<&'a [u8], DecodeError> {
    let spaces = reader.rest().iter().take_while(|byte| **byte == b' ').count();
    reader.skip(spaces)?;
    let length = position(reader.rest(), end);
    let field = reader.take(length.ok_or(malformed(reader, what))?)?;
    reader.skip(1)?;
    Ok(field)
}

fn hex<T: TryFrom<u64>>(reader: &mut Reader<'_>, end: u8, what: &'static str) -> Result<T, DecodeError> {
    let value = hex_digits(field(reader, end, what)?);
    value.and_then(|value| value.try_into().ok()).ok_or(malformed(reader, what))
}

fn number<T: TryFrom<u64>>(reader: &mut Reader<'_>, what: &'static str) -> Result<T, DecodeError> {
    let value = decimal::unsigned(field(reader, b' ', what)?);
    value.and_then(|value| value.try_into().ok()).ok_or(malformed(reader, what))
}

/// Address and port.
fn end(reader: &mut Reader<'_>, endian: Endian, what: &'static str) -> Result<SocketAddr, DecodeError> {
    let address = field(reader, b':', what)?;
    let mut words = [[0; 4]; 4];
    let mut digits = address.chunks_exact(8);
    for (word, digits) in words.iter_mut().zip(&mut digits) {
        let value = hex_digits(digits).and_then(|value| u32::try_from(value).ok());
        *word = endian.bytes(value.ok_or(malformed(reader, what))?);
    }
    let port = hex(reader, b' ', what)?;
    match (address.len(), words) {
        (8, [ipv4, ..]) => Ok((Ipv4Addr::from(ipv4), port).into()),
        (32, [a, b, c, d]) => {
            let mut bytes = [0; 16];
            for (to, from) in bytes.iter_mut().zip([a, b, c, d].into_iter().flatten()) {
                *to = from;
            }
            Ok(SocketAddrV6::new(Ipv6Addr::from(bytes), port, 0, 0).into())
        }
        _ => Err(malformed(reader, what)),
    }
}

/// The number that these digits are, all of them: at least one, at most 16.
fn hex_digits(digits: &[u8]) -> Option<u64> {
    if !(1..=16).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value.checked_shl(4)? | u64::from(digit))
    })
}

fn malformed(reader: &Reader<'_>, what: &'static str) -> DecodeError {
    DecodeError::malformed(RECORD, reader.offset(), what)
}
