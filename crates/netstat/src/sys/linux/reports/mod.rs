//! What the kernel reports of sockets by itself: the end of each TCP and UDP socket of this network namespace.
//!
//! # How
//! A netlink socket joins multicast groups ([`destroyed`]). No rights are needed.
//!
//! # What can race
//! The kernel sends from a work queue, so that a report can come after a listing that lacks the socket already; it never
//! comes before the socket has left the tables. A thread can move to another network namespace, and a child has the
//! descriptors of its parent: each listing is preceded by [`renew`](Reports::renew).

mod descriptor;
mod destroyed;
#[cfg(test)]
mod tests;

use crate::engine::no_reports::between_listings;
use crate::log::debug;
use crate::model::gap::{Gap, GapKind};
use crate::model::protocol::Protocol;
use crate::model::scope::Scope;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::netns::namespace_of;
use crate::sys::system::{Report, Reports as Contract};
use destroyed::Destroyed;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

/// The reports of this kernel.
#[derive(Debug)]
pub(crate) struct Reports {
    destroyed: Result<Destroyed, Errno>,
    /// The process and the network namespace that the sources belong to.
    opened_in: Place,
    /// Whether rows have their network namespace.
    rows_have_netns: bool,
}

/// A process and the number of its thread's network namespace; `None`: not known.
type Place = Option<(u32, u64)>;

fn place() -> Place {
    Some((std::process::id(), namespace_of("thread-self").ok()?))
}

impl Reports {
    fn open_here(query: &Query, here: Place) -> Self {
        let is_listed = matches!(query.scope, Scope::Current | Scope::All);
        let destroyed = if is_listed { Destroyed::open() } else { Err(Errno::OPNOTSUPP) };
        if let Err(errno) = &destroyed {
            debug!("no reports of closed sockets: {errno}");
        }
        Self { destroyed, opened_in: here, rows_have_netns: query.scope != Scope::Current }
    }

    /// What becomes readable when there is a report.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.destroyed.as_ref().ok().map(AsFd::as_fd)
    }

    fn own_netns(&self) -> Option<u64> {
        self.opened_in.map(|(_, netns)| netns)
    }
}

impl Contract for Reports {
    fn open(query: &Query) -> Self {
        Self::open_here(query, place())
    }

    fn renew(&mut self, query: &Query) {
        let here = place();
        if here != self.opened_in {
            *self = Self::open_here(query, here);
        }
    }

    fn wait(&mut self, timeout: Duration) {
        let Some(descriptor) = self.descriptor() else { return thread::sleep(timeout) };
        let mut descriptors = [PollFd::new(&descriptor, PollFlags::IN)];
        // What the kernel takes as a time; a caller that waits longer calls again.
        const LONGEST: Duration = Duration::from_secs(1 << 30);
        let timeout = Timespec::try_from(timeout.min(LONGEST)).ok();
        // An error, or a signal: the caller sees that there is nothing, and calls again.
        if poll(&mut descriptors, timeout.as_ref()).is_err_and(|errno| errno != Errno::INTR) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn read(&mut self, each: &mut dyn FnMut(Report)) {
        let netns = if self.rows_have_netns { self.own_netns() } else { None };
        if let Ok(destroyed) = &mut self.destroyed {
            destroyed.read(netns, each);
        }
    }

    fn reports_end_of(&self, row: &Socket) -> bool {
        let is_own = row.netns.is_none_or(|netns| Some(netns.0.get()) == self.own_netns());
        // Minisocks end without a report.
        let is_full = row.queues.is_some() && row.cookie.is_some();
        self.destroyed.is_ok() && is_own && is_full && matches!(row.protocol, Protocol::Tcp | Protocol::Udp)
    }

    fn unseen(&self, interval: Duration) -> Vec<Gap> {
        let gap = |source: String| Gap::new(GapKind::ChangesUnseen, 1, source);
        match &self.destroyed {
            Err(errno) => vec![between_listings(interval), gap(format!("closed sockets: {errno}"))],
            Ok(_) => vec![gap(format!(
                "of a TCP or UDP socket that is open for less than {interval:?} only the end, without its process; \
                 nothing of others"
            ))],
        }
    }
}
