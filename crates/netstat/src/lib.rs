//! Which sockets are open on this machine, and who holds them: on every operating system, by the kernel's
//! own interfaces, never by running another program.
//!
//! ```
//! # fn main() -> Result<(), netstat::Error> {
//! use netstat::{ProcessFields, Query};
//!
//! let snapshot = Query::new().tcp().listening().processes(ProcessFields::NAME).snapshot()?;
//! for socket in &snapshot {
//!     for holder in snapshot.holders(socket) {
//!         println!("{} {holder}", socket.local); // 127.0.0.1:8080 nginx (814)
//!     }
//! }
//! for gap in &snapshot.gaps {
//!     eprintln!("incomplete: {gap}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Two interfaces
//! The full interface begins at [`Query`]: a query returns a [`Snapshot`] of [`Socket`]s with their
//! [`Owner`]s, the [`Process`]es behind them, and [`Gap`]s, which say what could not be seen. A row is the
//! same on every system; what a system does not report is `None`, and [`Support`] says which fields those are.
//! [`find`] has the usual questions as one function each. A [`Lister`] is for programs that poll, a [`Watcher`] for those
//! that want to know what changes, a [`Filter`] for conditions that a query has no method for.
//!
//! The old interface, [`get_sockets_info`] and its companions, is that of the crates `netstat` 0.7 and
//! netstat2 0.11. Programs written for them compile, unless they match on the variants of the error; [`compat`] has
//! these names alone and says what to write instead.
//!
//! # Features
//! - `bpf`, on by default. Linux: where the caller has the rights and it pays, owners are found by a program that the
//!   library loads into the kernel for as long as it is needed ([`OwnerSource`]), and a [`Watcher`] has opened sockets
//!   reported by another one ([`EventSource::Tracing`]). Without the feature the crate contains no code for that, and
//!   never calls bpf(2).
//! - `serde`: `Serialize` for [`Snapshot`], in the shape of `lsock --json` (`"schema":"lsock/1"`), and for [`Process`],
//!   [`Gap`], [`OwnerSourceUsed`] and [`Details`] as they are in it. A [`Socket`] alone has no such form, since the names
//!   of its owners are in the snapshot.
//! - `log`: one line at debug level through the crate `log`, target `netstat`, for each fallback: a table from a lesser
//!   source, owners by procfs and not by BPF and why, a table that the system filters, a kept socket or program that is
//!   dropped.
//!
//! # What can be relied on
//! - No row is left out for want of an owner: [`Socket::ownership`] says whether the owners are all there,
//!   or why there are none.
//! - No listing ends quietly: what failed in part is a gap, what failed as a whole is an [`Error`].
//! - A zero that means "not there" is `None`.
//! - Nothing waits without a bound, nothing is global, and no listing stops or traces a process.

// On a system without a back end there is little to do with some of what the back ends share.
#![cfg_attr(netstat_test_unsupported, allow(dead_code))]

mod assertions;
pub mod compat;
mod destroy;
mod engine;
mod etc;
mod filter;
pub mod find;
mod lister;
mod log;
mod model;
mod query;
#[cfg(test)]
#[doc(hidden)]
pub mod scripted;
#[cfg(feature = "serde")]
mod serde;
mod signal;
mod sys;
mod watch;

pub use compat::{
    AddressFamilyFlags, Error, ProtocolFlags, ProtocolSocketInfo, SocketInfo, TcpSocketInfo, TcpState,
    UdpSocketInfo, error, get_sockets_info, iterate_sockets_info, iterate_sockets_info_without_pids,
};
pub use filter::{Filter, FilterError};
pub use lister::Lister;
pub use model::counts::Counts;
pub use model::details::{self, DetailFields, Details};
pub use model::direction::{Direction, DirectionBasis, DirectionKind};
pub use model::endpoint::{Endpoint, UnixName};
pub use model::event::{Change, Event, EventSource};
pub use model::exposure::{Exposure, Reach};
pub use model::family::Family;
pub use model::gap::{Gap, GapKind};
pub use model::group::{Group, GroupKey, Groups};
pub use model::identity::{Identity, NetnsId};
pub use model::namespace::{Namespace, NamespaceSource};
pub use model::owner::{HiddenReason, Owner, OwnerRole, Ownership, UnownedReason};
pub use model::owner_source::{OwnerSource, OwnerSourceUsed};
pub use model::process::{Process, ProcessFields};
pub use model::process_id::ProcessId;
pub use model::protocol::{Protocol, SocketType};
pub use model::protocol_kind::ProtocolKind;
pub use model::queues::Queues;
pub use model::scope::Scope;
pub use model::snapshot::{Holder, Snapshot};
pub use model::socket::{Socket, UnixFile};
pub use model::socket_key::SocketKey;
pub use model::spelling::UnknownName;
pub use model::state::State;
pub use model::support::{SocketFields, Support};
pub use model::workload::{Bundle, Container, ContainerEngine, Pod, Published, Signature, Workload};
pub use query::Query;
pub use watch::Watcher;

/// The name of a network interface by its index ([`Socket::interface`], the scope id of a link-local
/// address), in the caller's network namespace; `None` if there is none.
///
/// # Sources
/// Linux: `SIOCGIFNAME`, netdevice(7). Windows: `ConvertInterfaceLuidToAlias`.
pub fn interface_name(index: u32) -> Option<String> {
    <sys::Native as sys::system::System>::interface_name(index)
}

/// Details of these processes, one for each and in that order, whether they hold sockets or not: for instance the
/// [`parent`](Process::parent) of an owner, and its parent in turn. Of one that does not exist, or cannot be read, the pid
/// alone is returned.
///
/// # Races
/// A pid names whatever process has it now. Compare [`Process::start_time`]: no parent started after its child.
///
/// # Rights
/// Those of [`Process`]'s fields.
///
/// # Sources
/// Linux: `/proc/<pid>`. Windows: `NtQuerySystemInformation`. macOS: libproc.
pub fn processes(pids: impl IntoIterator<Item = u32>, fields: ProcessFields) -> Vec<Process> {
    processes_and_gaps(pids, fields).0
}

/// The same, and what could not be read of them: of one that has ended, or the name of a container that stands in no file that
/// the caller may read.
pub fn processes_and_gaps(
    pids: impl IntoIterator<Item = u32>,
    fields: ProcessFields,
) -> (Vec<Process>, Vec<Gap>) {
    engine::run::processes(&pids.into_iter().collect::<Vec<_>>(), fields)
}

/// The names of these users ([`Socket::uid`], [`Process::uid`]); those without a name are absent. Ask for all users of a
/// listing at once: `/etc/passwd` is read once for each call.
///
/// Nothing waits for a network beyond a fifth of a second for all of them.
///
/// # Sources
/// `/etc/passwd`. Linux: also the records of systemd's userdb (users of LDAP, sssd, dynamic services).
pub fn user_names(uids: impl IntoIterator<Item = u32>) -> std::collections::HashMap<u32, String> {
    user_names_of(uids.into_iter().collect())
}

/// What the paths of these control groups (version 2) say, by their numbers
/// ([`Details::cgroup_id`](details::Details::cgroup_id)): what a socket belonged to when it was made, while
/// [`Process::workload`] is what its holder belongs to now. A socket that systemd opened for a service, and that no other
/// process holds yet, is often made in the group of its `.socket` unit.
///
/// Names of containers and pods are not looked up. Absent are groups that were removed, and those outside of what the caller can
/// see. Ask for all of a listing at once: each call searches the tree. Linux; empty elsewhere.
///
/// # Sources
/// The directories below `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified`, of at most 65,536 groups.
pub fn cgroup_workloads(ids: impl IntoIterator<Item = u64>) -> std::collections::HashMap<u64, Workload> {
    let ids: std::collections::BTreeSet<u64> = ids.into_iter().collect();
    <sys::Native as sys::system::System>::cgroup_workloads(&ids.into_iter().collect::<Vec<_>>())
}

fn user_names_of(mut uids: Vec<u32>) -> std::collections::HashMap<u32, String> {
    uids.sort_unstable();
    uids.dedup();
    <sys::Native as sys::system::System>::user_names(&uids)
}

/// The examples of the crate's README, as tests. Those outside of the package are in crates/guide-tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
