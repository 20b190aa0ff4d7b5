//! The record of the program, decoded.

use super::program::RECORD_BYTES;
use crate::model::identity::NetnsId;
use crate::model::process::Process;
use crate::model::socket::Socket;
use crate::sys::linux::clock::NANOSECONDS_PER_TICK;
use crate::sys::linux::protocols::TCP;
use crate::sys::linux::row::row;
use netstat_wire::linux::inet_diag::{InetDiagMsg, SockId};
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::os::unix::ffi::OsStringExt;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The row, without owners; without a port if it has none yet.
    pub(super) socket: Socket,
    /// The process that has called connect(2) or listen(2).
    pub(super) process: Option<Process>,
    /// The state before, by the kernel's number.
    pub(super) before: u8,
    /// When, in nanoseconds of the monotonic clock.
    pub(super) when: u64,
}

/// `None`: of a family that has no rows.
pub(super) fn decode(record: &[u8; RECORD_BYTES], rows_have_netns: bool) -> Option<Record> {
    let mut rest = &record[..];
    let inode = u64::from_ne_bytes(take(&mut rest)?);
    let cookie = u64::from_ne_bytes(take(&mut rest)?);
    let when = u64::from_ne_bytes(take(&mut rest)?);
    let start = u64::from_ne_bytes(take(&mut rest)?);
    let name: [u8; 16] = take(&mut rest)?;
    let (src, dst) = (take(&mut rest)?, take(&mut rest)?);
    let process = u32::from_ne_bytes(take(&mut rest)?);
    let uid = u32::from_ne_bytes(take(&mut rest)?);
    let interface = u32::from_ne_bytes(take(&mut rest)?);
    let sport = u16::from_ne_bytes(take(&mut rest)?);
    let dport = u16::from_be_bytes(take(&mut rest)?);
    let family = u16::from_ne_bytes(take(&mut rest)?);
    let [before, state] = take(&mut rest)?;
    let netns = u32::from_ne_bytes(take(&mut rest)?);
    let message = InetDiagMsg {
        family: u8::try_from(family).ok()?,
        state,
        timer: 0,
        retrans: 0,
        id: SockId { sport, dport, src, dst, interface, cookie },
        expires_ms: 0,
        rqueue: 0,
        wqueue: 0,
        uid,
        // Of 32 bits, as those that a listing shows.
        inode: u32::try_from(inode).unwrap_or(0),
        shutdown: None,
        v6_only: None,
        protocol: None,
        mark: None,
        cgroup_id: None,
    };
    let mut socket = row(&message, &TCP)?;
    socket.queues = None;
    // What has no file has no user.
    socket.uid = (inode != 0).then_some(uid);
    if rows_have_netns {
        socket.netns = NonZeroU64::new(netns.into()).map(NetnsId);
    }
    let described = || {
        let mut described = Process::new(process);
        let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        described.name = Some(OsString::from_vec(name.get(..length)?.to_vec()));
        described.start = Some(start / NANOSECONDS_PER_TICK);
        Some(described)
    };
    let process = if process == 0 { None } else { described() };
    Some(Record { socket, process, before, when })
}

/// The next bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}
