//! Details of a process, from `proc_pidinfo`.
//!
//! Two of the flavors are available for every process of every user ([`ProcBsdshortinfo`],
//! [`ProcUniqidentifierinfo`]); [`ProcBsdinfo`] needs the right to read the process.
//!
//! Sources: `bsd/sys/proc_info.h`.

use crate::reader::{DecodeError, Reader};

/// The flavor of [`ProcBsdinfo`], `PROC_PIDTBSDINFO`.
pub const PROC_PIDTBSDINFO: i32 = 3;
/// The flavor of [`ProcBsdshortinfo`], `PROC_PIDT_SHORTBSDINFO`.
pub const PROC_PIDT_SHORTBSDINFO: i32 = 13;
/// The flavor of [`ProcUniqidentifierinfo`], `PROC_PIDUNIQIDENTIFIERINFO`.
pub const PROC_PIDUNIQIDENTIFIERINFO: i32 = 17;

/// The bytes of `struct proc_bsdinfo`.
pub const PROC_BSDINFO_BYTES: usize = 136;
/// The bytes of `struct proc_bsdshortinfo`.
pub const PROC_BSDSHORTINFO_BYTES: usize = 64;
/// The bytes of `struct proc_uniqidentifierinfo`.
pub const PROC_UNIQIDENTIFIERINFO_BYTES: usize = 56;

/// The status of a zombie.
pub const SZOMB: u32 = 5;

/// The length of the longest name that the kernel stores: `MAXCOMLEN` without the NUL.
pub const COMM_BYTES: usize = 15;

/// `struct proc_bsdshortinfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcBsdshortinfo {
    /// `pbsi_pid`.
    pub pid: u32,
    /// `pbsi_ppid`: the parent; 0: the kernel.
    pub ppid: u32,
    /// `pbsi_status`: [`SZOMB`] and others.
    pub status: u32,
    /// `pbsi_comm`: the name, truncated to 15 bytes; see [`ProcBsdshortinfo::name`].
    pub comm: [u8; 16],
    /// `pbsi_uid`: the effective user.
    pub uid: u32,
    /// `pbsi_ruid`: the real user.
    pub ruid: u32,
}

impl ProcBsdshortinfo {
    /// Decodes the structure.
    ///
    /// # Errors
    /// It is truncated.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("proc_bsdshortinfo", bytes);
        let pid = reader.u32_ne()?;
        let ppid = reader.u32_ne()?;
        // pbsi_pgid
        reader.skip(4)?;
        let status = reader.u32_ne()?;
        let comm = reader.bytes()?;
        // pbsi_flags
        reader.skip(4)?;
        let uid = reader.u32_ne()?;
        // pbsi_gid
        reader.skip(4)?;
        Ok(Self { pid, ppid, status, comm, uid, ruid: reader.u32_ne()? })
    }

    /// The name, up to its NUL.
    pub fn name(&self) -> &[u8] {
        self.comm.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

/// `struct proc_bsdinfo`: the fields that the other structures lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcBsdinfo {
    /// `pbi_start_tvsec`: the start, in seconds since 1970.
    pub start_seconds: u64,
    /// `pbi_start_tvusec`: its microseconds.
    pub start_microseconds: u64,
}

impl ProcBsdinfo {
    /// Decodes the structure.
    ///
    /// # Errors
    /// It is truncated.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("proc_bsdinfo", bytes);
        // From pbi_flags to pbi_nice.
        reader.skip(120)?;
        Ok(Self { start_seconds: reader.u64_ne()?, start_microseconds: reader.u64_ne()? })
    }
}

/// `struct proc_uniqidentifierinfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcUniqidentifierinfo {
    /// `p_uniqueid`: a number that no other process has until the next boot.
    pub unique_id: u64,
}

impl ProcUniqidentifierinfo {
    /// Decodes the structure.
    ///
    /// # Errors
    /// It is truncated.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("proc_uniqidentifierinfo", bytes);
        // p_uuid
        reader.skip(16)?;
        let unique_id = reader.u64_ne()?;
        // p_puniqueid, p_idversion, reserved fields
        reader.skip(32)?;
        Ok(Self { unique_id })
    }
}
