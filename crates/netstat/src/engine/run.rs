//! Runs a query on the machine that the program runs on.

use crate::engine::owner_table::ProcessSeen;
use crate::engine::snapshot as phases;
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::group::{GroupKey, Groups};
use crate::model::identity::NetnsId;
use crate::model::process::{Process, ProcessFields};
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::model::support::Support;
use crate::query::Query;
use crate::sys::system::System;
use crate::sys::{Cache, Native};
use std::io;
use std::ops::ControlFlow;

impl Query {
    /// Lists the sockets.
    ///
    /// # Rights
    /// Every user sees every socket (macOS 27 shows other users' sockets to root only, with a gap); the owners of other
    /// users' sockets are seen with the right to read those processes: root, on Linux `CAP_SYS_PTRACE` with
    /// `CAP_DAC_READ_SEARCH`. Windows names the owners to every user. What stays hidden is in [`Snapshot::gaps`] and,
    /// row by row, in [`Socket::ownership`].
    ///
    /// # Errors
    /// - No table of sockets could be read at all: [`Error::is_unsupported`] without an interface,
    ///   [`Error::is_permission_denied`] if a sandbox refuses it, [`Error::is_timed_out`] if the kernel does not answer.
    /// - The filter compares what this system does not report ([`Filter`](crate::Filter)): [`Error::is_unsupported`].
    ///
    /// A process that cannot be read, or vanishes, is never an error.
    ///
    /// # Sources
    /// See [`Query`].
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        snapshot(&Cache::default(), self)
    }

    /// Counts, by protocol and state, what [`Query::snapshot`] would list.
    ///
    /// Owners are looked up only if the filter depends on them ([`Query::pid`], [`Query::process_name`]). On Linux a query
    /// that names no more than protocol, family and state is answered without a record of each socket, from the kernel's
    /// own counters (`/proc/net/sockstat`): in a fraction of the time of a listing. While connections come and go the
    /// count is of no one moment, no more than a listing is.
    ///
    /// # Errors
    /// Those of [`Query::snapshot`].
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// let counts = netstat::Query::new().count()?;
    /// println!("{} established", counts.in_state(netstat::State::Established));
    /// for (protocol, state, count) in counts.iter() {
    ///     println!("{protocol} {state:?} {count}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn count(&self) -> Result<Counts, Error> {
        count(&Cache::default(), self, false)
    }

    /// The same with the families apart ([`Counts::iter_by_family`]). The kernel of Linux counts sockets in TIME_WAIT for both
    /// families together, so these are read one by one: where there are many, this takes longer than [`Query::count`].
    ///
    /// # Errors
    /// Those of [`Query::snapshot`].
    pub fn count_by_family(&self) -> Result<Counts, Error> {
        count(&Cache::default(), self, true)
    }

    /// Counts what [`Query::snapshot`] would list by what the sockets have in common. What the key needs of owners is looked up,
    /// whether or not the query asks for it. Rows are kept only for that, and for the names of network namespaces.
    ///
    /// # Errors
    /// Those of [`Query::snapshot`].
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// use netstat::{GroupKey, Query};
    ///
    /// for group in Query::new().tcp().count_by(GroupKey::Remote)?.groups {
    ///     println!("{:6} {}", group.sockets, group.name.as_deref().unwrap_or("-"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn count_by(&self, key: GroupKey) -> Result<Groups, Error> {
        count_by(&Cache::default(), self, key)
    }

    /// Calls `each` with every row as it is read, without keeping it: for counting, and for machines with very many
    /// sockets. Returns what the listing could not see. [`ControlFlow::Break`] ends it early. (On Linux the rows of many network
    /// namespaces come from one pass over all, and are kept until it has ended.)
    ///
    /// Owners, if asked for, are looked up before the rows are read, and a row whose owner was not found then comes
    /// last.
    ///
    /// # Errors
    /// As [`Query::snapshot`]. Details of processes ([`Query::processes`]) and other ends ([`Query::peers`]) are not part of
    /// a row, so a query that asks for them is refused.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// let mut listeners = 0;
    /// netstat::Query::new().tcp().listening().for_each(|_socket| {
    ///     listeners += 1;
    ///     std::ops::ControlFlow::Continue(())
    /// })?;
    /// println!("{listeners} listeners");
    /// # Ok(())
    /// # }
    /// ```
    pub fn for_each(&self, mut each: impl FnMut(Socket) -> ControlFlow<()>) -> Result<Vec<Gap>, Error> {
        for_each(&Cache::default(), self, &mut each)
    }
}

impl NetnsId {
    /// The network namespace of the calling thread; `None` where `/proc` does not show it, and on other systems than Linux.
    ///
    /// # Sources
    /// `/proc/thread-self/ns/net`.
    pub fn current() -> Option<Self> {
        Native::current_netns()
    }
}

impl Support {
    /// What this build supports. Makes no system call.
    pub fn current() -> Self {
        Native::SUPPORT
    }
}

pub(crate) fn snapshot(cache: &Cache, query: &Query) -> Result<Snapshot, Error> {
    phases::take(&Native::new(cache), query).map_err(|error| explain(error, query))
}

/// Details of processes that were not seen with a socket.
pub(crate) fn processes(pids: &[u32], fields: ProcessFields) -> (Vec<Process>, Vec<Gap>) {
    let seen: Vec<_> = pids.iter().map(|pid| ProcessSeen::new(*pid, u64::MAX)).collect();
    Native::new(&Cache::default()).processes(&seen, fields, 1)
}

pub(crate) fn count(cache: &Cache, query: &Query, by_family: bool) -> Result<Counts, Error> {
    phases::count(&Native::new(cache), query, by_family).map_err(|error| explain(error, query))
}

pub(crate) fn count_by(cache: &Cache, query: &Query, key: GroupKey) -> Result<Groups, Error> {
    phases::count_by(&Native::new(cache), query, key).map_err(|error| explain(error, query))
}

pub(crate) fn for_each(
    cache: &Cache,
    query: &Query,
    each: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    refuse_what_rows_lack(query)?;
    phases::stream(&Native::new(cache), query, each).map_err(|error| explain(error, query))
}

/// A row has no place for them, and to leave them out in silence would look like processes without names.
fn refuse_what_rows_lack(query: &Query) -> Result<(), Error> {
    let (subject, why) = if !query.fields.is_empty() {
        (
            "rows with details of processes",
            "they are no part of a row; ask for owners only, or use a snapshot",
        )
    } else if query.shows_peers() {
        ("rows with their peers", "they are no part of a row; use a snapshot")
    } else {
        return Ok(());
    };
    Err(Error::system("stream", subject, io::Error::new(io::ErrorKind::InvalidInput, why)))
}

/// Marks are refused without the right to see them, and the kernel does not say that it is the marks.
fn explain(error: Error, query: &Query) -> Error {
    if query.filter.needs_mark() { error.because_of_mark() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::model::process::ProcessFields;

    #[test]
    fn refused_filter_by_mark_is_named_with_the_right_that_it_takes() {
        let refused = |kind: io::ErrorKind, filter: &Filter| {
            let error = Error::system("filter", "tcp sockets", io::Error::from(kind));
            explain(error, &Query::new().filter(filter.clone())).to_string()
        };
        let (marked, denied) = (Filter::tcp() & !Filter::mark(1), io::ErrorKind::PermissionDenied);
        let said = "cannot filter tcp sockets by fwmark, which takes CAP_NET_ADMIN: permission denied";
        assert_eq!(refused(denied, &marked), said);
        assert_eq!(refused(denied, &Filter::cgroup_id(1)), "cannot filter tcp sockets: permission denied");
        let other = refused(io::ErrorKind::OutOfMemory, &marked);
        assert!(other.starts_with("cannot filter tcp sockets: "), "{other}");
    }

    #[test]
    fn rows_one_by_one_with_details_of_processes_are_refused() {
        let query = Query::new().processes(ProcessFields::NAME);
        let mut rows = 0;
        let error = query.for_each(|_| {
            rows += 1;
            ControlFlow::Continue(())
        });
        let said = "cannot stream rows with details of processes: they are no part of a row; ask for owners only, or \
                    use a snapshot";
        assert_eq!((error.unwrap_err().to_string().as_str(), rows), (said, 0));
        let query = query.processes(ProcessFields::empty());
        assert!(refuse_what_rows_lack(&query).is_ok());
        assert!(refuse_what_rows_lack(&query.peers(true)).is_err());
    }
}
