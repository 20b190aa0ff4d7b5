//! What is kept between one listing and the next.

use crate::engine::run;
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::Cache;
use std::ops::ControlFlow;

/// Asks again and again, and keeps what the next listing can use: for programs that poll.
///
/// A snapshot by [`Query::snapshot`] opens what it needs and closes it again. A lister keeps it. On Linux
/// that is the netlink socket with its buffer, the program that finds owners, if it was loaded
/// ([`OwnerSource`](crate::OwnerSource)), and details of processes. On other systems nothing is worth keeping, and
/// a lister is no more than a convenience.
///
/// A thread that has changed its network namespace is answered for the new one, as by a query.
///
/// Nothing of an answer depends on what was kept, with one exception: of a process that is still the same one
/// (by pid and start time, with the same name and not having executed another program since), path, command
/// line and user are those that were read when it was first met.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), netstat::Error> {
/// let mut lister = netstat::Lister::new();
/// let query = netstat::Query::new().tcp().listening().owners(true);
/// for _ in 0..3 {
///     println!("{} listeners", lister.snapshot(&query)?.sockets.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Lister {
    cache: Cache,
}

impl Lister {
    /// Keeps nothing yet, and opens nothing before it is asked.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Query::snapshot`].
    ///
    /// # Errors
    /// As there.
    pub fn snapshot(&mut self, query: &Query) -> Result<Snapshot, Error> {
        run::snapshot(&self.cache, query)
    }

    /// As [`Query::count`].
    ///
    /// # Errors
    /// As there.
    pub fn count(&mut self, query: &Query) -> Result<Counts, Error> {
        run::count(&self.cache, query)
    }

    /// As [`Query::for_each`].
    ///
    /// # Errors
    /// As there.
    pub fn for_each(
        &mut self,
        query: &Query,
        each: impl FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        run::for_each(&self.cache, query, each)
    }
}
