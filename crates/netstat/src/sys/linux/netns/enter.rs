//! Opens netlink sockets, and files of `/proc`, in other network namespaces.

use super::find::{Search, SeenByBpf};
use super::place::{Place, number};
use crate::model::namespace::Namespace;
use crate::sys::linux::procfs::net;
use crate::sys::linux::sock_diag::netlink::SockDiag;
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::thread;

/// Why a namespace has no netlink socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unopened {
    /// The call that failed.
    pub(crate) call: &'static str,
    pub(crate) errno: Errno,
}

impl Unopened {
    const THREAD: Self = Self { call: "clone", errno: Errno::AGAIN };

    fn by(call: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self { call, errno }
    }

    /// Whether the namespace could be entered.
    pub(crate) fn has_entered(self) -> bool {
        self.call == "socket"
    }

    pub(crate) fn is_out_of_descriptors(self) -> bool {
        matches!(self.errno, Errno::MFILE | Errno::NFILE)
    }
}

/// A namespace to enter: its number, and the places where it may be found.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) number: u64,
    pub(crate) places: Vec<Place>,
}

impl Target {
    /// The namespace with this number; `None` if it is not found.
    pub(crate) fn find(number: u64, seen: &dyn SeenByBpf) -> Option<Self> {
        let found = Search::begin().ok()?.only(&[number], seen).namespaces.remove(&number)?;
        Some(Self { number, places: found.places })
    }

    /// That of a listing, by the path that led to it.
    pub(crate) fn of(namespace: &Namespace) -> Option<Self> {
        let place = Place::of_path(namespace.path.as_ref()?);
        Some(Self { number: namespace.id.0.get(), places: vec![place] })
    }

    /// Runs work on a thread in the namespace.
    pub(crate) fn run<T: Send>(&self, work: &(dyn Fn() -> T + Sync)) -> Result<T, Errno> {
        on_a_thread(&|| self.enter().map(|()| work())).unwrap_or(Err(Errno::AGAIN))
    }

    /// Opens a netlink socket in the namespace.
    pub(crate) fn open(&self) -> Result<SockDiag, Unopened> {
        let opened = open_in(std::slice::from_ref(self)).pop();
        opened.unwrap_or(Err(Unopened::THREAD))
    }

    /// Opens a file below `/proc/thread-self/net` as a thread in the namespace sees it: it stays that of the namespace.
    pub(crate) fn open_file(&self, path: &str) -> io::Result<File> {
        let open = || match self.enter() {
            // Not `NotFound`, which means that the kernel has no such file.
            Err(Errno::NOENT) => Err(Errno::SRCH.into()),
            Err(errno) => Err(errno.into()),
            Ok(()) => net::open_file(path),
        };
        on_a_thread(&open).unwrap_or_else(|| Err(Errno::AGAIN.into()))
    }

    /// Moves this thread into the namespace, and opens a netlink socket there.
    fn open_here(&self) -> Result<SockDiag, Unopened> {
        self.enter().map_err(Unopened::by("setns"))?;
        SockDiag::open().map_err(Unopened::by("socket"))
    }

    /// Moves this thread into the namespace. `ENOENT`: the namespace is not found any more.
    fn enter(&self) -> Result<(), Errno> {
        let mut failed = Errno::NOENT;
        for place in &self.places {
            let file = match place.open() {
                Ok(file) => file,
                // The last: a socket that its process has closed.
                Err(Errno::NOENT | Errno::SRCH | Errno::NOTDIR | Errno::BADF) => continue,
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
            return move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network));
        }
        Err(failed)
    }
}

/// Opens a netlink socket in each of these namespaces, up to the first for which this process has no descriptor left.
pub(crate) fn open_in(targets: &[Target]) -> Vec<Result<SockDiag, Unopened>> {
    let enter = || {
        let mut opened = Vec::with_capacity(targets.len());
        let mut failed = None;
        for target in targets {
            let socket = failed.map_or_else(|| target.open_here(), Err);
            failed = failed.or(socket.as_ref().err().copied().filter(|why| why.is_out_of_descriptors()));
            opened.push(socket);
        }
        opened
    };
    on_a_thread(&enter).unwrap_or_else(|| targets.iter().map(|_| Err(Unopened::THREAD)).collect())
}

/// Runs work that enters a namespace on a thread made for it, which ends: it could not be sure to return. `None` if there
/// is no thread to be had.
fn on_a_thread<T: Send>(work: &(dyn Fn() -> T + Sync)) -> Option<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("netstat".into()).spawn_scoped(scope, work);
        thread.ok().and_then(|thread| thread.join().ok())
    })
}
