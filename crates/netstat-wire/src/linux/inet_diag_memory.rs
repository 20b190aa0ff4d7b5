//! Memory of a socket, in two attributes of `inet_diag`: the older has four numbers, the newer also the limits and
//! the drops.
//!
//! All are bytes of memory (but for the drops), not of payload: a datagram of 100 bytes counts as 832.

use crate::reader::{DecodeError, Reader};

/// `struct inet_diag_meminfo`, [`INET_DIAG_MEMINFO`](super::inet_diag::INET_DIAG_MEMINFO), since 2.6.14.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemInfo {
    /// `idiag_rmem`: for data received and not read.
    pub rmem: u32,
    /// `idiag_wmem`: for data queued to be sent, or sent and not acknowledged.
    pub wmem: u32,
    /// `idiag_fmem`: set aside for the socket and not used.
    pub fmem: u32,
    /// `idiag_tmem`: for data that was passed on to be sent.
    pub tmem: u32,
}

impl MemInfo {
    /// Reads the attribute's payload.
    ///
    /// # Errors
    /// Fewer than 16 bytes.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("INET_DIAG_MEMINFO", payload);
        let [rmem, wmem, fmem, tmem] = reader.u32s_ne()?;
        Ok(Self { rmem, wmem, fmem, tmem })
    }
}

/// The numbers of `SK_MEMINFO_*` (`linux/sock_diag.h`),
/// [`INET_DIAG_SKMEMINFO`](super::inet_diag::INET_DIAG_SKMEMINFO), since 3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkMemInfo {
    /// For data received and not read.
    pub rmem_alloc: u32,
    /// Limit of the former: twice the `SO_RCVBUF` of the program, or the kernel's own value.
    pub rcvbuf: u32,
    /// For data that was passed on to be sent.
    pub wmem_alloc: u32,
    /// Limit of what may be queued: as with `SO_SNDBUF`.
    pub sndbuf: u32,
    /// Set aside for the socket and not used.
    pub fwd_alloc: u32,
    /// For data queued to be sent, or sent and not acknowledged.
    pub wmem_queued: u32,
    /// For options, filters and the like.
    pub optmem: u32,
    /// Received while a process was using the socket, not yet processed. Absent before 3.6.
    pub backlog: Option<u32>,
    /// Packets dropped because the socket had no room: a count. Absent before 4.7.
    pub drops: Option<u32>,
}

impl SkMemInfo {
    /// Reads the attribute's payload, of any length from 28 on; a truncated number is missing.
    ///
    /// # Errors
    /// Fewer than the first seven numbers.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("INET_DIAG_SKMEMINFO", payload);
        let [rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem] = reader.u32s_ne()?;
        let (backlog, drops) = (reader.u32_ne().ok(), reader.u32_ne().ok());
        Ok(Self { rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops })
    }
}
