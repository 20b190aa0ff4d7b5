//! The systems: one back end a build, chosen here and nowhere else.
//!
//! # The contract
//! Each back end gives these names; what stands above it knows nothing else of a system.
//!
//! - `SUPPORT: Support`: what it can give. A field that is not promised is `None` in every row; a promised
//!   one is seen where the row has such a thing. Tests hold it to that.
//! - `Kept`: what a [`Lister`](crate::Lister) keeps from one listing to the next; `()` where there is nothing
//!   that pays. It is `Default`, `Send` and `Sync`.
//! - `Native`: the system to ask, made by `Native::new(&kept)` for one listing. It is a [`System`]:
//!   - `sockets(&Query, sink) -> Result<Vec<Gap>, Error>`: hands every socket of the tables that the query
//!     wants to the sink, row by row as decoded, TCP before UDP, each socket once. Owners that the table
//!     itself names it sets; holders that a search finds are added to them. An ownership that it sets is the
//!     last word where no holder is found. It may use the filter to ask for less, and may hand over more:
//!     the caller applies the filter. A table that fails is a gap while another one can be read; an
//!     error is for when nothing can. When the sink breaks off, it stops.
//!   - `count(&Query, &mut Counts)`: counts what `sockets` would list; by default it lists and counts.
//!   - `search(&Query)`: a search for owners: of the processes that the filter names, or of all.
//!   - `processes(&[Sighting], fields, threads) -> (Vec<Process>, Vec<Gap>)`: one entry a sighting, in that
//!     order, with the details asked for. A process that has gone, or whose pid has been given to another
//!     one since the sighting, keeps an entry with nothing but its pid.
//!   - `read_ahead(&[Sighting], fields, &stop)`: reads details of processes that will probably be asked for,
//!     while there is time. By default it does nothing.
//!   - `ownerless(&Socket) -> NoOwner`: why a row without identity has no owner.
//!   - `still_open(rows) -> Vec<bool>`: which of these rows are still open now; true where that cannot be
//!     told.
//!   - `is_short_name(name, full) -> bool`: whether `name` is what the kernel keeps of the name `full`.
//!   - `KERNEL_DECIDES`: whether `sockets` has the kernel decide what a filter says that no row tells (mark, control
//!     group, automatic binding), and fails where it cannot. By default false, and such a filter is refused.
//! - The search is a [`Search`]; it never fails, what it cannot see ends in its table's gaps.
//!   - `run(&self)` does a share of the work and returns when none is left; it is called on several
//!     threads at once, and one call alone does all.
//!   - `sockets_are_listed(&self, keys)` tells it that the table of sockets is complete: what it has looked at
//!     until now was looked at too early for sockets that came later. Where few sockets are listed, their keys
//!     are told, and holders of others need not be in the table.
//!   - `holders(&self)`: the processes found by now, for details to be read ahead. By default none.
//!   - `table(&mut self) -> OwnerTable`: the result.
//!   - `again(&mut self, table, missed, threads)`: looks once more for these sockets, where the first look
//!     may have been too early, and adds to the table.
//!   - `unlisted(&mut self) -> (Vec<Socket>, Vec<Gap>)`, asked last: sockets that the search has seen and the
//!     tables did not list, where a search sees more than descriptors (macOS). By default there are none.
//! - `interface_name(index) -> Option<String>`: the name of a network interface.
//! - `destroy(&Socket) -> Result<(), Error>`: closes a socket, that very one or none.
//! - `interface_index(name)`, `user_id(name)`, `cgroup_id(path)`, each a `Result<_, Error>`: the number behind a
//!   name in a filter.
//!
//! Nothing in a back end waits without a bound, starts another program, or reads text meant for people.

mod system;

pub(crate) use system::{Search, System};

#[cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]
mod linux;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]
pub(crate) use linux::{Kept, Native, SUPPORT, cgroup_id, destroy, interface_index, interface_name};

// On other systems over a scripted kernel.
#[cfg(any(target_vendor = "apple", test, netstat_scripted))]
#[cfg_attr(not(target_vendor = "apple"), allow(dead_code, reason = "without its foreign calls"))]
pub(crate) mod macos;
#[cfg(all(target_vendor = "apple", not(netstat_test_unsupported)))]
pub(crate) use macos::ffi::{Native, SUPPORT, interface_name};

// On other systems over a scripted kernel.
#[cfg(any(windows, test, netstat_scripted))]
#[cfg_attr(not(windows), allow(dead_code, unused_imports))]
pub(crate) mod windows;
#[cfg(all(windows, not(netstat_test_unsupported)))]
pub(crate) use windows::SUPPORT;
#[cfg(all(windows, not(netstat_test_unsupported)))]
pub(crate) use windows::ffi::{Native, interface_name};
#[cfg(windows)]
pub(crate) use windows::tcp_state;

#[cfg(any(
    not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)),
    netstat_test_unsupported
))]
mod unsupported;
#[cfg(any(
    not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)),
    netstat_test_unsupported
))]
pub(crate) use unsupported::{Native, SUPPORT, interface_name};

#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported))))]
#[cfg_attr(not(windows), allow(dead_code, reason = "users have names"))]
mod no_names;
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported))))]
pub(crate) use no_names::{cgroup_id, interface_index};

#[cfg(any(not(windows), test, netstat_scripted))]
#[allow(dead_code, reason = "not every system has a use for all of it")]
mod users;
#[cfg(windows)]
pub(crate) use no_names::user_id;
#[cfg(not(windows))]
pub(crate) use users::user_id;

/// Closing a socket that another process holds.
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported))))]
pub(crate) fn destroy(socket: &crate::socket::Socket) -> Result<(), crate::error::Error> {
    Err(crate::error::Error::unsupported("close", crate::destroy::subject(socket)))
}

/// Nothing that would pay.
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported))))]
pub(crate) type Kept = ();
