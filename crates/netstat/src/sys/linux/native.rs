//! The system of this build: what is kept between listings, and what is asked with it.

use super::errno::Errno;
use super::owners::{KeptProgram, OwnerSearch};
use super::procfs::{Proc, Procfs};
use super::row::ownerless;
use super::sock_diag::{counts, recheck};
use super::{huge_pages, procfs, sockets};
use crate::engine::owner_table::Sighting;
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::owner::NoOwner;
use crate::model::process::{Process, ProcessFields};
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::System;
use crate::sys::linux::procfs::process::{is_short_name, processes, read_ahead};
use crate::sys::linux::procfs::process_cache::KnownProcesses;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::SockDiag;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) type SocketDumps = Dumps<SockDiag, fn() -> Result<SockDiag, Errno>>;

/// What one listing leaves to the next.
pub(crate) struct Kept {
    dumps: Mutex<Here>,
    processes: Mutex<KnownProcesses>,
    program: KeptProgram,
}

impl Default for Kept {
    fn default() -> Self {
        let here = Here { opened: None, dumps: Dumps::new(SockDiag::open) };
        Self { dumps: Mutex::new(here), processes: Mutex::default(), program: KeptProgram::default() }
    }
}

/// A netlink socket and where it was opened: it stays in that network namespace, and a child that was forked since
/// has it too, and would take its parent's answers.
struct Here {
    /// The process, and the links that name its namespaces: the first process of each has the same number.
    opened: Option<(u32, [PathBuf; 2])>,
    dumps: SocketDumps,
}

impl Here {
    /// The socket of this process for the network namespace of this thread.
    fn dumps(&mut self) -> &mut SocketDumps {
        let link = |path| fs::read_link(path).ok();
        let namespaces = link("/proc/thread-self/ns/net").zip(link("/proc/thread-self/ns/pid"));
        let here = namespaces.map(|(net, pid)| (std::process::id(), [net, pid]));
        if here.is_none() || here != self.opened {
            self.dumps.close();
            self.opened = here;
        }
        &mut self.dumps
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

/// The system, for one listing.
pub(crate) struct Native<'k> {
    kept: &'k Kept,
}

impl<'k> Native<'k> {
    pub(crate) fn new(kept: &'k Kept) -> Self {
        kept.processes.lock().unwrap_or_else(PoisonError::into_inner).begin();
        Self { kept }
    }

    fn here(&self) -> MutexGuard<'k, Here> {
        // Whoever panicked while it held this left a conversation behind, which is not gone on with.
        self.kept.dumps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'k> System for Native<'k> {
    type Search = OwnerSearch<'k>;

    const KERNEL_DECIDES: bool = true;

    fn search(&self, query: &Query) -> Self::Search {
        OwnerSearch::new(&self.kept.program, query)
    }

    fn make_room(&self, rows: &mut Vec<Socket>) {
        huge_pages::make(rows);
    }

    fn sockets(
        &self,
        query: &Query,
        sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        let mut here = self.here();
        sockets::sockets(here.dumps().receive_ahead(query.may_receive_ahead()), query, sink)
    }

    fn count(&self, query: &Query, counts: &mut Counts) -> Result<Vec<Gap>, Error> {
        let procfs = Proc::open();
        let mut read = |path: &str, text: &mut Vec<u8>| match &procfs {
            Ok(procfs) => procfs.read(path, text),
            Err(errno) => Err(*errno),
        };
        counts::count(
            self.here().dumps().receive_ahead(false),
            &mut procfs::net::open,
            &mut read,
            query,
            counts,
        )
    }

    fn processes(
        &self,
        sightings: &[Sighting],
        fields: ProcessFields,
        threads: usize,
    ) -> (Vec<Process>, Vec<Gap>) {
        let mut known = self.kept.processes.lock().unwrap_or_else(PoisonError::into_inner);
        processes(sightings, fields, threads, &mut known)
    }

    fn read_ahead(&self, sightings: &[Sighting], fields: ProcessFields, stop: &AtomicBool) {
        let mut known = self.kept.processes.lock().unwrap_or_else(PoisonError::into_inner);
        read_ahead(sightings, fields, stop, &mut known);
    }

    fn ownerless(&self, socket: &Socket) -> NoOwner {
        ownerless(socket)
    }

    fn still_open(&self, sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
        recheck::still_open(self.here().dumps().receive_ahead(false), sockets)
    }

    fn is_short_name(&self, name: &OsStr, full: &OsStr) -> bool {
        is_short_name(name, full)
    }
}
