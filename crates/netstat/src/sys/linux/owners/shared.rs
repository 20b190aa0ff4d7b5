//! Verifies the owners of a socket that several descriptors lead to, which `/proc/<pid>/fd` shows by the inode number
//! alone.
//!
//! - A descriptor that was opened with `O_PATH` leads to the socket's inode, but does not keep the socket open, and nothing
//!   can be done with it.
//! - Inode numbers of sockets have 32 bits and repeat, so two descriptors can lead to two sockets. Descriptors of one
//!   socket are always of one open file, which kcmp(2) compares: the socket cannot be opened a second time. Where they are
//!   of several, or kcmp is not to be had, a descriptor must lead to a socket with the cookie of the row. Where the cookie
//!   cannot be read either, the name of the protocol tells at least sockets of two kinds apart.
//!
//! A single descriptor is not verified: that would take a system call for each socket of the machine, a fifth more time for
//! each descriptor that is read.

use crate::model::family::Family;
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::sys::linux::procfs::Procfs;
use crate::sys::linux::unlisted_socket::family_and_protocol_named;
use netstat_wire::linux::proc_pid_fd::socket_inode;
use rustix::io::Errno;
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
        let files =
            open.iter().skip(1).filter_map(|other| Some(procfs.compare_files(*open.first()?, *other)));
        match Files::of(files) {
            Files::One => {}
            files => {
                for (descriptor, verdict) in descriptors.iter().zip(&mut verdicts) {
                    if *verdict == Verdict::Other {
                        continue;
                    }
                    *verdict = match open.contains(descriptor) {
                        true => Self::by_cookie(procfs, socket, *descriptor, inode, files),
                        // In the table of a thread alone, or closed since.
                        false if files == Files::Several => Verdict::Undecided,
                        false => Verdict::Holder,
                    };
                }
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

    fn by_cookie(
        procfs: &impl Procfs,
        socket: &Socket,
        (pid, fd): (u32, i32),
        inode: u64,
        files: Files,
    ) -> Verdict {
        let cookie = procfs.socket_cookie(pid, fd).ok();
        let name = || procfs.socket_protocol(pid, None, fd, Some(inode));
        match cookie.zip(socket.cookie) {
            Some((cookie, wanted)) if cookie == wanted.get() => Verdict::Holder,
            // A subflow has a cookie of its own.
            Some(_) if socket.protocol == Protocol::Tcp && name().is_ok_and(|name| is_mptcp(&name)) => {
                Verdict::Holder
            }
            Some(_) => Verdict::Other,
            None if files == Files::Several => Verdict::Undecided,
            None => match name() {
                Ok(name) if is_of_another_protocol(&name, socket) => Verdict::Other,
                _ => Verdict::Holder,
            },
        }
    }
}

/// Of how many open files the descriptors are.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Files {
    One,
    Several,
    NotKnown,
}

impl Files {
    /// `compared`: each descriptor but the first, compared with it.
    fn of(compared: impl Iterator<Item = Result<Ordering, Errno>>) -> Self {
        let mut files = Self::One;
        for compared in compared {
            match compared {
                Ok(Ordering::Equal) => {}
                Ok(_) => return Self::Several,
                Err(_) => files = Self::NotKnown,
            }
        }
        files
    }
}

fn is_mptcp(name: &[u8]) -> bool {
    family_and_protocol_named(name).is_some_and(|(_, protocol)| protocol == Some(Protocol::Mptcp))
}

/// Whether no socket whose protocol has this name can be that of the row.
fn is_of_another_protocol(name: &[u8], socket: &Socket) -> bool {
    let Some((family, protocol)) = family_and_protocol_named(name) else { return false };
    // An IPv6 socket can be made an IPv4 socket (IPV6_ADDRFORM).
    let internet = [Family::Ipv4, Family::Ipv6];
    if family != socket.family && !(internet.contains(&family) && internet.contains(&socket.family)) {
        return true;
    }
    match (protocol, socket.protocol) {
        // The subflows of an MPTCP socket have its inode number.
        (Some(Protocol::Mptcp), Protocol::Tcp) => false,
        (protocol, row) => protocol.is_some_and(|protocol| protocol != row),
    }
}

/// Process and descriptor of a holder.
fn descriptor(owner: &Owner) -> Option<(u32, i32)> {
    owner.fd.filter(|_| owner.role == OwnerRole::Holder).map(|fd| (owner.pid, fd))
}
