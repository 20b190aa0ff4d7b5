//! Opens netlink sockets in other network namespaces.

use super::find::Search;
use super::place::{Place, number};
use crate::sys::linux::sock_diag::netlink::SockDiag;
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;
use std::thread;

/// A namespace to enter: its number, and the places where it may be found.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) number: u64,
    pub(crate) places: Vec<Place>,
}

impl Target {
    /// The namespace with this number; `None` if it is not found.
    pub(crate) fn find(number: u64) -> Option<Self> {
        let found = Search::begin().ok()?.only(&[number]).namespaces.remove(&number)?;
        Some(Self { number, places: found.places })
    }

    /// Opens a netlink socket in the namespace, on a thread of its own.
    pub(crate) fn open(&self) -> Result<SockDiag, Errno> {
        let opened = open_in(std::slice::from_ref(self)).pop();
        opened.unwrap_or(Err(Errno::AGAIN))
    }

    /// Moves this thread into the namespace, and opens a netlink socket there. `ENOENT`: the namespace is not found any
    /// more.
    fn open_here(&self) -> Result<SockDiag, Errno> {
        let mut failed = Errno::NOENT;
        for place in &self.places {
            let file = match place.open() {
                Ok(file) => file,
                Err(Errno::NOENT | Errno::SRCH | Errno::NOTDIR) => continue,
                Err(errno) => {
                    failed = errno;
                    continue;
                }
            };
            match number(&file) {
                Ok(number) if number == self.number => {}
                // Another namespace, or none, is there by now.
                Ok(_) | Err(Errno::INVAL) => continue,
                Err(errno) => {
                    failed = errno;
                    continue;
                }
            }
            // It is the namespace, so no other place leads to anything else.
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
            // One descriptor less in the next call.
            drop(file);
            return SockDiag::open();
        }
        Err(failed)
    }
}

/// Opens a netlink socket in each of these namespaces, up to the first for which this process has no descriptor left. The
/// thread that enters them ends: it could not be sure to return.
pub(crate) fn open_in(targets: &[Target]) -> Vec<Result<SockDiag, Errno>> {
    let enter = || {
        let mut opened = Vec::with_capacity(targets.len());
        let mut is_out_of_descriptors = false;
        for target in targets {
            let socket = if is_out_of_descriptors { Err(Errno::MFILE) } else { target.open_here() };
            is_out_of_descriptors |= matches!(socket, Err(Errno::MFILE | Errno::NFILE));
            opened.push(socket);
        }
        opened
    };
    let opened = thread::scope(|scope| {
        let thread = thread::Builder::new().name("netstat".into()).spawn_scoped(scope, enter);
        thread.ok().and_then(|thread| thread.join().ok())
    });
    opened.unwrap_or_else(|| targets.iter().map(|_| Err(Errno::AGAIN)).collect())
}
