//! How processes come to hold a socket, or no longer hold it.

use crate::child::Child;
use crate::facts::{Held, SocketFacts, inode_of};
use crate::ffi;
use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// `count` processes that inherit `fd` from this one, under the same number.
///
/// # Errors
/// As [`Child::fork`].
pub fn inherited(count: usize, fd: impl AsFd) -> io::Result<Vec<Child>> {
    let fd = fd.as_fd();
    (0..count).map(|_| Child::fork(None, &[fd], |report| report.held(fd).map(drop))).collect()
}

/// A process that inherits `fd` from this one and has this pid, which no process has now: it is the one of [`Child::held`].
///
/// # Errors
/// As [`Child::fork`]; the kernel does not let this caller choose pids (`CAP_SYS_ADMIN`, Linux 5.5), or the pid is taken.
pub fn inherited_as(pid: u32, fd: impl AsFd) -> io::Result<Child> {
    let fd = fd.as_fd();
    let wanted = i32::try_from(pid).map_err(io::Error::other)?;
    let mut child = Child::fork(None, &[fd], |report| {
        let held = Held::of(fd)?;
        ffi::fork_as(wanted, || report.pause_silently())?;
        ffi::close_in_child(fd);
        report.held_as(Held { pid, ..held });
        Ok(())
    })?;
    // As in `shared_table`.
    let made = rustix::process::Pid::from_raw(wanted);
    child.adopt(made.ok_or_else(|| io::Error::other("no pid"))?);
    Ok(child)
}

/// `count` more descriptors of `fd` in this process.
///
/// # Errors
/// More descriptors than the process may have.
pub fn duplicated(count: usize, fd: impl AsFd) -> io::Result<Vec<OwnedFd>> {
    let fd = fd.as_fd();
    (0..count).map(|_| fd.try_clone_to_owned()).collect()
}

/// A process that received `fd` over a unix socket (SCM_RIGHTS); this process has closed it when the function
/// returns.
///
/// # Errors
/// As [`Child::fork`].
pub fn passed(fd: OwnedFd) -> io::Result<Child> {
    let (sender, receiver) = unix_pair()?;
    // Before the fork, so that the child only has to receive it.
    send(&sender, fd.as_fd())?;
    drop(fd);
    let child = Child::fork(None, &[receiver.as_fd()], |report| {
        report.keep(receive(&receiver)?)?;
        // The receiving end is closed last, since the closure only borrows it.
        ffi::close_in_child(receiver.as_fd());
        Ok(())
    });
    drop((sender, receiver));
    child
}

/// A socket that was sent over a unix socket and not received yet, so that no process holds it.
#[derive(Debug)]
pub struct InFlight {
    sender: OwnedFd,
    receiver: OwnedFd,
    inode: u64,
    facts: Option<SocketFacts>,
}

impl InFlight {
    /// The inode of the socket in flight.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// The facts of the socket, if it is an IP socket, with the inode, which the kernel still has.
    pub fn facts(&self) -> Option<&SocketFacts> {
        self.facts.as_ref()
    }

    /// Receives the socket: this process holds it once more.
    ///
    /// # Errors
    /// It cannot be received.
    pub fn land(self) -> io::Result<OwnedFd> {
        drop(self.sender);
        receive(&self.receiver)
    }
}

/// Sends `fd` over a unix socket without receiving it, and closes it: it stays open, and no process holds it.
///
/// # Errors
/// The unix sockets cannot be made.
pub fn in_flight(fd: OwnedFd) -> io::Result<InFlight> {
    let (sender, receiver) = unix_pair()?;
    let inode = inode_of(&fd);
    let facts = SocketFacts::of(&fd).ok();
    send(&sender, fd.as_fd())?;
    Ok(InFlight { sender, receiver, inode, facts })
}

/// Two processes with one descriptor table (CLONE_FILES): `fd` is held by both, under the same number, and both
/// are in [`Child::held`]. [`Child::numbers`] has the pid of the second.
///
/// # Errors
/// As [`Child::fork`]; the second process cannot be made.
pub fn shared_table(fd: impl AsFd) -> io::Result<Child> {
    let fd = fd.as_fd();
    let mut child = Child::fork(None, &[fd], |report| {
        let held = report.held(fd)?;
        // The pipes do not distinguish it from the first process: they are shared too. It waits on the same one.
        let other = ffi::fork_sharing_table(libc::CLONE_PARENT, || report.pause())?;
        let pid = other.as_raw_nonzero().get().unsigned_abs();
        report.held_as(Held { pid, ..held });
        report.number(u64::from(pid))
    })?;
    // CLONE_PARENT: it is a child of this process as well, to be killed and reaped with the first.
    let second = child.numbers().first().and_then(|&pid| i32::try_from(pid).ok());
    let second = second.and_then(rustix::process::Pid::from_raw);
    child.adopt(second.ok_or_else(|| io::Error::other("no pid of the second process"))?);
    Ok(child)
}

fn unix_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?)
}

fn send(channel: &OwnedFd, fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("no room for one descriptor"));
    }
    retry_on_intr(|| sendmsg(channel, &[IoSlice::new(b"x")], &mut control, SendFlags::empty()))?;
    Ok(())
}

fn receive(channel: &OwnedFd) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut data = [IoSliceMut::new(&mut byte)];
    recvmsg(channel, &mut data, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut fds) = message
            && let Some(fd) = fds.next()
        {
            return Ok(fd);
        }
    }
    Err(io::Error::other("no descriptor came"))
}

/// An io_uring of this process in which `fd` is registered: it holds the socket when `fd` is closed.
///
/// # Errors
/// The kernel has no io_uring, or refuses it.
pub fn registered(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    ffi::ring_with(fd)
}

/// A mapping of a TCP socket, which holds the socket when its descriptor is closed.
#[derive(Debug)]
pub struct Mapped {
    _mapping: ffi::Mapping,
}

/// Maps a TCP socket, as for receiving without a copy.
///
/// # Errors
/// The kernel cannot map it.
pub fn mapped(fd: BorrowedFd<'_>) -> io::Result<Mapped> {
    Ok(Mapped { _mapping: ffi::Mapping::of(fd)? })
}
