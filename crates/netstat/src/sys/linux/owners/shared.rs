//! Verifies the owners of a socket that several descriptors lead to, which `/proc/<pid>/fd` shows by the inode number
//! alone.
//!
//! - A descriptor that was opened with `O_PATH` leads to the socket's inode, but does not keep the socket open, and nothing
//!   can be done with it.
//! - Inode numbers of sockets have 32 bits and repeat, so two descriptors can lead to two sockets. Descriptors of one
//!   socket are always of one open file, which kcmp(2) compares: the socket cannot be opened a second time.
//!
//! A single descriptor is not verified: that would take a system call for each socket of the machine, a fifth more time for
//! each descriptor that is read.

use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership};
use crate::model::socket::Socket;
use crate::sys::linux::procfs::Procfs;
use netstat_wire::linux::proc_pid_fd::socket_inode;
use std::cmp::Ordering;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many descriptors one listing verifies, at a microsecond or two each.
const MAX_VERIFIED: u32 = 4096;

/// Verifies rows up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Verifier {
    verified: AtomicU32,
}

/// What a descriptor turned out to be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing speaks against it.
    Holder,
    /// It was opened with `O_PATH`, or leads to another socket.
    Other,
    /// It leads to this socket or another one with the same inode number.
    Undecided,
}

impl Verifier {
    /// Removes from a row's owners those that are not, or may not be.
    pub(crate) fn verify(&self, procfs: &impl Procfs, socket: &mut Socket) {
        let descriptors: Vec<(u32, i32)> = socket.owners().iter().filter_map(descriptor).collect();
        let count = u32::try_from(descriptors.len()).unwrap_or(u32::MAX);
        let (Some(first), Some(inode)) = (descriptors.first(), socket.inode()) else { return };
        let before = self.verified.fetch_add(count.min(MAX_VERIFIED), Relaxed);
        if before.saturating_add(count) > MAX_VERIFIED {
            self.verified.store(MAX_VERIFIED, Relaxed);
            return;
        }
        // Descriptors that are of one open file are all holders, or none is.
        let mut others = descriptors.iter().skip(1);
        let are_same = others.all(|other| procfs.compare_files(*first, *other) == Ok(Ordering::Equal));
        if !are_same || procfs.is_path_only(first.0, first.1) == Ok(true) {
            Self::remove_others(procfs, socket, &descriptors, inode);
        }
    }

    fn remove_others(procfs: &impl Procfs, socket: &mut Socket, descriptors: &[(u32, i32)], inode: u64) {
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(descriptors.len());
        // Those that can be compared: in the leader's table, still open, not of O_PATH.
        let mut open = Vec::new();
        for (pid, fd) in descriptors {
            let is_path_only = procfs.is_path_only(*pid, *fd);
            let leads_to = procfs.link(&format!("{pid}/fd/{fd}")).ok().and_then(|link| socket_inode(&link));
            let is_here = leads_to == Some(inode);
            if is_here && is_path_only == Ok(false) {
                open.push((*pid, *fd));
            }
            let is_other = is_here && is_path_only == Ok(true);
            verdicts.push(if is_other { Verdict::Other } else { Verdict::Holder });
        }
        let differ = |a: &(u32, i32), b: &(u32, i32)| {
            matches!(procfs.compare_files(*a, *b), Ok(Ordering::Less | Ordering::Greater))
        };
        let are_several = open.first().is_some_and(|first| open.iter().any(|other| differ(first, other)));
        if are_several {
            for (descriptor, verdict) in descriptors.iter().zip(&mut verdicts) {
                if *verdict == Verdict::Other {
                    continue;
                }
                let cookie = procfs.socket_cookie(descriptor.0, descriptor.1).ok();
                *verdict = match cookie.zip(socket.cookie) {
                    Some((cookie, wanted)) if cookie == wanted.get() => Verdict::Holder,
                    Some(_) => Verdict::Other,
                    None => Verdict::Undecided,
                };
            }
        }
        let undecided = verdicts.contains(&Verdict::Undecided);
        let mut verdicts = verdicts.into_iter();
        let kept: Vec<Owner> = socket
            .owners()
            .iter()
            .filter(|owner| descriptor(owner).is_none() || verdicts.next() == Some(Verdict::Holder))
            .copied()
            .collect();
        let ownership = match socket.ownership() {
            _ if kept.is_empty() => Ownership::Hidden { reason: HiddenReason::UnreadableProcess },
            Ownership::Known { complete } => Ownership::Known { complete: complete && !undecided },
            other => other,
        };
        socket.set_owners(kept, ownership);
    }
}

/// Process and descriptor of a holder.
fn descriptor(owner: &Owner) -> Option<(u32, i32)> {
    owner.fd.filter(|_| owner.role == OwnerRole::Holder).map(|fd| (owner.pid, fd))
}
