//! Repeated listings that reuse open sockets, loaded programs and process data.

use crate::engine::run;
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::group::{GroupKey, Groups};
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::Cache;
use std::ops::ControlFlow;

/// Runs queries repeatedly and keeps what the next listing can use: for programs that poll.
///
/// [`Query::snapshot`] opens what it needs and closes it at the end. A lister keeps it open. On Linux that is the netlink
/// socket with its buffer, the program that finds owners, if it was loaded ([`OwnerSource`](crate::OwnerSource)), and
/// details of processes. On other systems there is nothing to keep, and a lister costs and saves nothing.
///
/// If the calling thread has moved to another network namespace, the next listing is of the new one, as with a query.
///
/// Where the rows came with their owners ([`OwnerSource::OnePass`](crate::OwnerSource::OnePass)) and were found not to be all,
/// the next sixteen listings read the tables.
///
/// An answer does not depend on what was kept, with two exceptions. Of a process that is still the same one (by pid and
/// start time, with the same name and not having executed another program since), path, command line and user are those
/// that were read first. On Linux a TCP socket that had no owner in the listing before is looked for in the mappings of
/// processes every ten seconds only: one that is received, mapped and closed between two listings has no owner until
/// then.
///
/// # Rights
/// Those of [`Query::snapshot`].
///
/// # Sources
/// Those of [`Query`].
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
    /// Opens nothing before the first listing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists the sockets, as [`Query::snapshot`].
    ///
    /// # Errors
    /// Those of [`Query::snapshot`].
    pub fn snapshot(&mut self, query: &Query) -> Result<Snapshot, Error> {
        run::snapshot(&self.cache, query)
    }

    /// Counts the sockets, as [`Query::count`].
    ///
    /// # Errors
    /// Those of [`Query::count`].
    pub fn count(&mut self, query: &Query) -> Result<Counts, Error> {
        run::count(&self.cache, query, false)
    }

    /// Counts the sockets with their families apart, as [`Query::count_by_family`].
    ///
    /// # Errors
    /// Those of [`Query::count_by_family`].
    pub fn count_by_family(&mut self, query: &Query) -> Result<Counts, Error> {
        run::count(&self.cache, query, true)
    }

    /// Counts the sockets by what they have in common, as [`Query::count_by`].
    ///
    /// # Errors
    /// Those of [`Query::count_by`].
    pub fn count_by(&mut self, query: &Query, key: GroupKey) -> Result<Groups, Error> {
        run::count_by(&self.cache, query, key)
    }

    /// Calls `each` with every row, as [`Query::for_each`].
    ///
    /// # Errors
    /// Those of [`Query::for_each`].
    pub fn for_each(
        &mut self,
        query: &Query,
        mut each: impl FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        run::for_each(&self.cache, query, &mut each)
    }
}
