//! Processes that change their descriptor tables without rest, in which every record of a socket can be judged.

mod ledger;
mod member;
mod turmoil;

pub use ledger::{StormCounts, Verdict};
pub use turmoil::Turmoil;

use crate::child::Child;
use crate::facts::Held;
use ledger::{FIRST, Ledger};
use member::Member;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Families of processes, until the drop. Those of one family have its sockets and no others, and each socket says by its
/// port which family it belongs to and under which number it was opened: it is bound only once it has that descriptor. So a
/// listing that reports process, descriptor, inode and port can be judged record by record: [`Storm::judge`].
///
/// The sockets are in the network namespace of the thread that starts the storm, which must have no others, and use most of
/// its ports.
pub struct Storm {
    ledger: Ledger,
    calm: Vec<Held>,
    flipping: Vec<Held>,
    single: Vec<u32>,
    children: Vec<Child>,
}

impl std::fmt::Debug for Storm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storm").field("children", &self.children).field("counts", &self.counts()).finish()
    }
}

impl Storm {
    /// How many descriptors of a [`Storm::calm`] process are sockets.
    pub const CALM_SOCKETS: usize = 100;

    /// Starts a family for each of `kinds`, and `calm` processes that keep their sockets.
    ///
    /// # Errors
    /// As [`Child::fork`]; there are more families than ports allow, which is seven of each kind; this process has too
    /// many descriptors open.
    pub fn start(kinds: &[Turmoil], calm: usize) -> io::Result<Self> {
        let ledger = Ledger::new()?;
        let mut storm =
            Self { ledger, calm: Vec::new(), flipping: Vec::new(), single: Vec::new(), children: Vec::new() };
        let mut family = 1;
        for number in 0..calm {
            let first = FIRST + i32::try_from(number * Self::CALM_SOCKETS).map_err(io::Error::other)?;
            let child = storm.fork(|report, ledger| {
                let mut member = Member::new(ledger, family);
                for slot in (first..).take(Self::CALM_SOCKETS) {
                    report.held(member.put(slot)?)?;
                }
                Ok(())
            })?;
            storm.calm.extend(child.held());
            storm.children.push(child);
        }
        for kind in kinds {
            family += 1;
            if family + 1 >= Ledger::FAMILIES {
                return Err(io::Error::other("more families than ports allow"));
            }
            let child = storm.fork(|report, ledger| {
                let mut member = Member::new(ledger, family);
                member.begin(*kind, report)?;
                report.finish()?;
                while !report.is_over_within(Duration::ZERO) {
                    member.change(*kind);
                }
                crate::ffi::exit_now(0)
            })?;
            match kind {
                Turmoil::Flips => storm.flipping.extend(child.held()),
                Turmoil::Accepts | Turmoil::Replaces | Turmoil::Moves => storm.single.push(child.pid()),
                // Its second family is that of what it opens when the other process has ended.
                Turmoil::Shares => family += 1,
                Turmoil::Forks | Turmoil::Threads => {}
            }
            storm.children.push(child);
        }
        Ok(storm)
    }

    fn fork(
        &self,
        body: impl FnOnce(&mut crate::child::Report, &Ledger) -> io::Result<()>,
    ) -> io::Result<Child> {
        let (next, _) = io::pipe()?;
        // The child's pipes have the next numbers.
        if next.as_raw_fd() + 8 > FIRST {
            return Err(io::Error::other("too many descriptors are open to start a storm"));
        }
        Child::fork(Some(b"storm"), &[], |report| {
            crate::need_descriptors(8192)?;
            body(report, &self.ledger)
        })
    }

    /// The descriptors that never change, in processes that never do: a listing has each of them once.
    pub fn calm(&self) -> &[Held] {
        &self.calm
    }

    /// The descriptors that never change, in tables that others replace: a listing has each of them, once for each thread
    /// with a table of its own.
    pub fn flipping(&self) -> &[Held] {
        &self.flipping
    }

    /// The processes with one thread: a listing has each of their descriptors once at the most.
    pub fn single_threaded(&self) -> &[u32] {
        &self.single
    }

    /// How much has happened so far.
    pub fn counts(&self) -> StormCounts {
        self.ledger.counts()
    }

    /// Whether a listing is right that in this network namespace a process holds a socket with this local port. A new process
    /// may not be known yet: one that is [`Verdict::WrongProcess`] must still be so a second later.
    pub fn judge(&self, held: Held, port: u16) -> Verdict {
        self.ledger.judge(held, port)
    }

    /// Whether the socket with this local port, which is not 0, has this local address.
    pub fn has_address(&self, port: u16, address: Ipv4Addr) -> bool {
        ledger::address_of(port).map(crate::loopback) == Some(address)
    }
}
