//! MPTCP connections: `struct mptcp_info` (`linux/mptcp.h`), and the token by which the TCP sockets that carry
//! a connection, its subflows, belong to it.
//!
//! MPTCP sockets are listed by the older request of `inet_diag` with
//! [`INET_DIAG_REQ_PROTOCOL`](super::inet_diag::INET_DIAG_REQ_PROTOCOL) [`IPPROTO_MPTCP`], since 5.9 (the
//! number does not fit the field of the newer one). Their [`INET_DIAG_INFO`]
//! is this structure, which grows from version to version:
//!
//! | offset | field                                                          |            |
//! |-------:|----------------------------------------------------------------|------------|
//! |      0 | `mptcpi_subflows`                                              | u8         |
//! |      1 | `mptcpi_add_addr_signal`, `_accepted`, three limits            | 5 of u8    |
//! |      8 | `mptcpi_flags`                                                 | u32        |
//! |     12 | `mptcpi_token`                                                 | u32        |
//! |     16 | `mptcpi_write_seq`, `mptcpi_snd_una`, `mptcpi_rcv_nxt`         | 3 of u64, not read |
//! |     40 | `mptcpi_local_addr_used`, `_max`, `mptcpi_csum_enabled`        | 3 of u8    |
//! |     44 | `mptcpi_retransmits`                                           | u32, 6.5   |
//! |     48 | `mptcpi_bytes_retrans`, `_sent`, `_received`, `_acked`         | 4 of u64, 6.5 |
//! |     80 | `mptcpi_subflows_total`                                        | u8, 6.7    |
//!
//! Traps:
//! - Subflows are TCP sockets, and are in the tables of TCP with the **inode of the connection's socket**: that
//!   joins them while a process has it. Before it is accepted, and after it is closed, both inodes are 0, and
//!   only the token is left. It needs `ext` bit 1 ([`INET_DIAG_INFO`]) in
//!   both requests, and before 6.15 `CAP_NET_ADMIN` for that of TCP.
//! - A listener is in both tables too, with one inode, and has no token. What it accepts from a peer without
//!   MPTCP is a TCP socket like any other, and in the tables of TCP only.
//! - `subflows` does not count the first path, `subflows_total` does.
//! - An exact lookup takes the token as the low half of the cookie, and ignores everything else.
//! - Tokens serve to join further paths to a connection, and positions in its data help to forge segments. So a
//!   [`MptcpToken`] can be compared and cannot be printed, and positions are not read.

use super::inet_diag::INET_DIAG_ULP_INFO;
use super::inet_diag::{INET_DIAG_INFO, InetDiagMsg};
use super::netlink::Attributes;
use crate::reader::{DecodeError, Reader};
use std::fmt;

/// MPTCP, in requests with [`INET_DIAG_REQ_PROTOCOL`](super::inet_diag::INET_DIAG_REQ_PROTOCOL).
pub const IPPROTO_MPTCP: u32 = 262;

/// Bit of [`flags`](MptcpInfo::flags): the connection has fallen back to TCP.
pub const MPTCP_INFO_FLAG_FALLBACK: u32 = 0x01;
/// Bit of [`flags`](MptcpInfo::flags): the peer's key is known.
pub const MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED: u32 = 0x02;

const INET_ULP_INFO_MPTCP: u16 = 3;
const MPTCP_SUBFLOW_ATTR_TOKEN_LOC: u16 = 2;

/// What the socket of a connection and its subflows have in common, in one network namespace: equal or not,
/// without a value to print.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MptcpToken(u32);

impl MptcpToken {
    /// `None` for 0, which is no token.
    const fn new(token: u32) -> Option<Self> {
        match token {
            0 => None,
            token => Some(Self(token)),
        }
    }

    /// The token in the record of a TCP socket, if that is a subflow; `payload` is the same as for
    /// [`InetDiagMsg::decode`].
    ///
    /// # Errors
    /// The fixed part is truncated, the attributes are misframed, or the token is shorter than its type.
    pub fn of_subflow(payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        let Some(ulp) = last(InetDiagMsg::attributes(payload)?, INET_DIAG_ULP_INFO)? else {
            return Ok(None);
        };
        let Some(subflow) = last(ulp, INET_ULP_INFO_MPTCP)? else {
            return Ok(None);
        };
        let Some(token) = last(subflow, MPTCP_SUBFLOW_ATTR_TOKEN_LOC)? else {
            return Ok(None);
        };
        Ok(Self::new(Reader::new("MPTCP_SUBFLOW_ATTR_TOKEN_LOC", token).u32_ne()?))
    }
}

impl fmt::Debug for MptcpToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MptcpToken(..)")
    }
}

/// The payload of the last attribute of a kind.
fn last(attributes: &[u8], kind: u16) -> Result<Option<&[u8]>, DecodeError> {
    let mut found = None;
    for attribute in Attributes::new(attributes) {
        let attribute = attribute?;
        if attribute.kind == kind {
            found = Some(attribute.payload);
        }
    }
    Ok(found)
}

/// `struct mptcp_info` without what must not be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MptcpInfo {
    /// `mptcpi_subflows`: paths besides the first.
    pub subflows: u8,
    /// `mptcpi_add_addr_signal`: addresses that were announced to the peer.
    pub addresses_signaled: u8,
    /// `mptcpi_add_addr_accepted`: addresses of the peer that were taken.
    pub addresses_accepted: u8,
    /// `mptcpi_flags`: `MPTCP_INFO_FLAG_*`.
    pub flags: u32,
    /// `mptcpi_token`. `None` for a listener.
    pub token: Option<MptcpToken>,
    /// `mptcpi_csum_enabled`: segments have checksums of MPTCP. Absent in older kernels.
    pub checksums: Option<bool>,
    /// `mptcpi_retransmits`. Absent before 6.5.
    pub retransmits: Option<u32>,
    /// `mptcpi_bytes_retrans`. Absent before 6.5.
    pub bytes_retransmitted: Option<u64>,
    /// `mptcpi_bytes_sent`. Absent before 6.5.
    pub bytes_sent: Option<u64>,
    /// `mptcpi_bytes_received`. Absent before 6.5.
    pub bytes_received: Option<u64>,
    /// `mptcpi_bytes_acked`. Absent before 6.5.
    pub bytes_acked: Option<u64>,
    /// `mptcpi_subflows_total`: paths, the first among them. Absent before 6.7.
    pub subflows_total: Option<u8>,
}

/// Up to `mptcpi_token`.
const FIXED_PART: usize = 16;

impl MptcpInfo {
    /// Reads it from a message's payload: the same bytes as for [`InetDiagMsg::decode`], answered to a request
    /// for [`IPPROTO_MPTCP`]. `None`: it did not come.
    ///
    /// # Errors
    /// The fixed part of the record is truncated, the attributes are misframed, or the structure is shorter than it
    /// has ever been.
    pub fn of_record(payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        last(InetDiagMsg::attributes(payload)?, INET_DIAG_INFO)?.map(Self::decode).transpose()
    }

    /// Reads the attribute's payload, whatever its length from 16 on; a field that is truncated is missing.
    ///
    /// # Errors
    /// Fewer than 16 bytes.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("mptcp_info", payload);
        if reader.remaining() < FIXED_PART {
            return Err(DecodeError::short("mptcp_info", 0, FIXED_PART, reader.remaining()));
        }
        let [subflows, addresses_signaled, addresses_accepted, ..] = reader.bytes::<8>()?;
        let flags = reader.u32_ne()?;
        let token = MptcpToken::new(reader.u32_ne()?);
        let mut rest = Rest(Some(reader));
        rest.skip(3 * 8 + 2);
        let checksums = rest.take(Reader::u8).map(|enabled| enabled != 0);
        rest.skip(1);
        Ok(Self {
            subflows,
            addresses_signaled,
            addresses_accepted,
            flags,
            token,
            checksums,
            retransmits: rest.take(Reader::u32_ne),
            bytes_retransmitted: rest.take(Reader::u64_ne),
            bytes_sent: rest.take(Reader::u64_ne),
            bytes_received: rest.take(Reader::u64_ne),
            bytes_acked: rest.take(Reader::u64_ne),
            subflows_total: rest.take(Reader::u8),
        })
    }
}

/// What a kernel may have or not: nothing is after the first field that is missing.
struct Rest<'a>(Option<Reader<'a>>);

impl<'a> Rest<'a> {
    fn take<T>(&mut self, read: fn(&mut Reader<'a>) -> Result<T, DecodeError>) -> Option<T> {
        let taken = self.0.as_mut().and_then(|reader| read(reader).ok());
        if taken.is_none() {
            self.0 = None;
        }
        taken
    }

    fn skip(&mut self, n: usize) {
        if self.0.as_mut().is_some_and(|reader| reader.skip(n).is_err()) {
            self.0 = None;
        }
    }
}
