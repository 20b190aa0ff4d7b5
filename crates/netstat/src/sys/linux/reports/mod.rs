//! What the kernel reports of sockets by itself: the end of each TCP and UDP socket of this network namespace, and the
//! beginning of TCP sockets.
//!
//! # How
//! A netlink socket joins multicast groups ([`destroyed`]). No rights are needed. With the rights for BPF, a program reports TCP
//! sockets that are opened, with their process ([`opened`]).
//!
//! # What can race
//! The kernel sends from a work queue, so that a report can come after a listing that lacks the socket already; it never
//! comes before the socket has left the tables. What was opened is read after the reports of what is closed and handed out
//! before them, so that no end precedes its beginning; while a record of the one is being written, the others wait.
//!
//! A thread can move to another network namespace, and a child has the descriptors of its parent, from which it must not
//! take what the parent is to read: [`renew`](Reports::renew) comes before each read, and what another process has opened
//! is not read. It also opens anew what something else in the process has closed, as soon as that is noticed, at the next
//! listing at the latest, and says that reports were lost.

mod descriptor;
mod destroyed;
#[cfg(feature = "bpf")]
mod opened;
#[cfg(not(feature = "bpf"))]
#[path = "opened/not_built.rs"]
mod opened;
#[cfg(test)]
mod tests;

use crate::engine::no_reports::between_listings;
use crate::log::debug;
use crate::model::event::EventSource;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner_source::OwnerSource;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::scope::Scope;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::query::Query;
use crate::sys::linux::netns::namespace_of;
use crate::sys::linux::procfs::program_name::is_comm_of;
use crate::sys::system::{Report, Reports as Contract};
use destroyed::Destroyed;
use opened::Opened;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

/// How many reports wait at most for a beginning that is not readable yet.
const MOST_DEFERRED: usize = 64 * 1024;

/// The shortest time between two times of reading reports, while there are some.
const PACE: Duration = Duration::from_millis(1);

/// The reports of this kernel.
#[derive(Debug)]
pub(crate) struct Reports {
    destroyed: Result<Destroyed, Errno>,
    /// `Err`: why there is none; of `None`, because the query has no use for it.
    opened: Result<Opened, Option<String>>,
    /// Of both, if there are both.
    both: Option<OwnedFd>,
    /// Reports of closed sockets, of which the beginning may not be readable yet.
    deferred: Vec<Report>,
    /// When there were reports last.
    last: Option<Instant>,
    /// The process and the network namespace that the sources belong to.
    opened_in: Place,
    /// Whether these sources are in place of others, with which reports were lost.
    have_replaced: bool,
    /// Whether they could be read.
    has_read: bool,
    /// Whether one of them has ended, so that all are to be opened anew.
    has_ended: bool,
    /// Whether rows have their network namespace.
    rows_have_netns: bool,
}

/// A process and the number of its thread's network namespace; `None`: not known.
type Place = (u32, Option<u64>);

fn place() -> Place {
    (std::process::id(), namespace_of("thread-self").ok())
}

impl Reports {
    fn open_here(query: &Query, here: Place) -> Self {
        let is_listed = matches!(query.scope, Scope::Current | Scope::All);
        let destroyed = if is_listed { Destroyed::open() } else { Err(Errno::OPNOTSUPP) };
        if let Err(errno) = &destroyed {
            debug!("no reports of closed sockets: {errno}");
        }
        let wanted = destroyed.is_ok() && query.wanted_protocols().any(|kind| kind == ProtocolKind::Tcp);
        let netns = here.1.and_then(|netns| u32::try_from(netns).ok());
        let mut opened = match netns {
            _ if !wanted => Err(None),
            _ if query.owner_source == OwnerSource::Procfs => Err(Some("BPF is not to be used".to_owned())),
            None => Err(Some("the network namespace is not known".to_owned())),
            Some(netns) => Opened::load(netns).map_err(|refused| Some(refused.to_string())),
        };
        let both = destroyed.as_ref().ok().zip(opened.as_ref().ok());
        let both = both.map(|(destroyed, opened)| epoll_of([destroyed.as_fd(), opened.as_fd()]));
        let both = both.transpose().unwrap_or_else(|errno| {
            // Without it, waiting would miss one of them.
            opened = Err(Some(format!("epoll: {}", io::Error::from(errno))));
            None
        });
        if let Err(Some(why)) = &opened {
            debug!("no reports of opened sockets: {why}");
        }
        let rows_have_netns = query.scope != Scope::Current;
        let deferred = Vec::new();
        Self {
            destroyed,
            opened,
            both,
            deferred,
            last: None,
            opened_in: here,
            have_replaced: false,
            has_read: false,
            has_ended: false,
            rows_have_netns,
        }
    }

    /// What becomes readable when there is a report.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        let destroyed = || self.destroyed.as_ref().ok().map(AsFd::as_fd);
        self.both.as_ref().map(AsFd::as_fd).or_else(destroyed)
    }

    /// Whether the sources are those of a parent, which shares their queue with this process.
    fn are_foreign(&self) -> bool {
        self.opened_in.0 != std::process::id()
    }

    fn own_netns(&self) -> Option<u64> {
        self.opened_in.1
    }
}

/// What is readable when one of these is.
fn epoll_of(sources: [BorrowedFd<'_>; 2]) -> Result<OwnedFd, Errno> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for source in sources {
        epoll::add(&epoll, source, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
    }
    Ok(epoll)
}

impl Contract for Reports {
    fn open(query: &Query) -> Self {
        Self::open_here(query, place())
    }

    fn renew(&mut self, query: &Query) {
        let here = place();
        if here != self.opened_in || self.has_ended {
            let have_replaced = self.have_replaced || self.destroyed.is_ok();
            *self = Self { have_replaced, ..Self::open_here(query, here) };
        }
    }

    fn listing(&mut self) {
        if let Ok(opened) = &mut self.opened {
            opened.count_skipped();
            self.has_ended |= !opened.is_attached();
        }
    }

    fn wait(&mut self, timeout: Duration) {
        let Some(descriptor) = self.descriptor().filter(|_| !self.are_foreign()) else {
            return thread::sleep(timeout);
        };
        // To be woken costs more than a report: those that follow each other closely are read together.
        let pace = self.last.map_or(Duration::ZERO, |last| PACE.saturating_sub(last.elapsed())).min(timeout);
        if !pace.is_zero() {
            thread::sleep(pace);
        }
        let timeout = timeout.saturating_sub(pace);
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
        if self.are_foreign() {
            return;
        }
        if mem::take(&mut self.have_replaced) {
            // How many is not known.
            each(Report::Lost(1, EventSource::Destroy));
        }
        let netns = if self.rows_have_netns { self.own_netns() } else { None };
        let mut closed = mem::take(&mut self.deferred);
        let mut some = false;
        let each: &mut dyn FnMut(Report) = &mut |report| {
            some = true;
            each(report);
        };
        let mut unreadable = None;
        if let Ok(destroyed) = &mut self.destroyed {
            match destroyed.read(netns, &mut |report| closed.push(report)) {
                Ok(()) => self.has_read = true,
                Err(_) if self.has_ended => {}
                Err(errno) => {
                    // The listing that follows comes after it is opened anew.
                    closed.push(Report::Lost(1, EventSource::Destroy));
                    if self.has_read {
                        self.has_ended = true;
                    } else {
                        // A sandbox: it would be the same each time.
                        unreadable = Some(errno);
                    }
                }
            }
        }
        if let Ok(opened) = &mut self.opened {
            if !opened.read(self.rows_have_netns, each) && closed.len() < MOST_DEFERRED {
                self.deferred = mem::take(&mut closed);
            }
            for report in &closed {
                if let Report::Destroyed(Socket { cookie: Some(cookie), .. }) = report {
                    opened.forget(*cookie);
                }
            }
        }
        closed.into_iter().for_each(each);
        if let Some(errno) = unreadable {
            debug!("no reports of closed sockets: {errno}");
            (self.destroyed, self.opened, self.both) = (Err(errno), Err(None), None);
        }
        if some {
            self.last = Some(Instant::now());
        }
    }

    fn reports_end_of(&self, row: &Socket) -> bool {
        let is_own = row.netns.is_none_or(|netns| Some(netns.0.get()) == self.own_netns());
        // Minisocks end without a report. A row that was reported as open has no queues yet.
        let is_full = row.cookie.is_some() && (row.queues.is_some() || row.state == Some(State::Established));
        self.destroyed.is_ok() && is_own && is_full && matches!(row.protocol, Protocol::Tcp | Protocol::Udp)
    }

    fn is_short_name(reported: &OsStr, name: &OsStr) -> bool {
        is_comm_of(reported, name)
    }

    fn unseen(&self, interval: Duration) -> Vec<Gap> {
        if let Err(errno) = &self.destroyed {
            return vec![between_listings(interval), gap(format!("closed sockets: {errno}"))];
        }
        let traced = self.opened.as_ref().map(drop).map_err(Option::as_deref);
        beside_ends(traced, self.rows_have_netns, interval)
    }
}

/// What is not reported where the end of sockets is. `traced`: whether opened ones are, or why not; `lists_others`: whether
/// there are rows of other network namespaces.
fn beside_ends(traced: Result<(), Option<&str>>, lists_others: bool, interval: Duration) -> Vec<Gap> {
    let mut gaps = match traced {
        Ok(()) => vec![
            gap(format!(
                "who accepts a connection, other holders, and sockets of other protocols are noticed only by listings, \
                 {interval:?} apart; what lasts less than that may be missed"
            )),
            gap(format!(
                "of a UDP socket that is open for less than {interval:?} only the end, without its process"
            )),
        ],
        Err(why) => {
            let mut gaps = vec![gap(format!(
                "of a TCP or UDP socket that is open for less than {interval:?} only the end, without its process; \
                 nothing of others"
            ))];
            gaps.extend(why.map(|why| gap(format!("opened TCP sockets: {why}"))));
            gaps
        }
    };
    if lists_others {
        gaps.push(gap(format!(
            "in other network namespaces changes are noticed only by listings, {interval:?} apart; what lasts less than \
             that may be missed"
        )));
    }
    gaps
}

fn gap(source: String) -> Gap {
    Gap::new(GapKind::ChangesUnseen, 1, source)
}
