//! The holders of sockets: two sources behind one search.
//!
//! | | [`walk`] | [`task_files`] |
//! |---|---|---|
//! | reads | the links in `/proc/<pid>/fd` | all descriptor tables, by a BPF program |
//! | needs | the right to trace a process, for that process | `CAP_BPF` and `CAP_PERFMON`, BTF |
//! | cost of a descriptor | 2 to 4 microseconds | 0.1 microseconds (before Linux 6.4: 0.3), after 3 milliseconds of set-up |
//!
//! Where there are many sockets, the program gives their rows too, and no table is dumped for them: see
//! [`one_pass`](super::one_pass).
//!
//! [`select`] chooses between them when the search runs, in parallel with the reading of the tables, so that the set-up
//! adds nothing to the time of a listing.
//!
//! Without the feature `bpf` the crate contains only the walk ([`procfs_only`]).

#[cfg(feature = "bpf")]
pub(crate) mod bpf;
#[cfg(not(feature = "bpf"))]
mod procfs_only;
#[cfg(feature = "bpf")]
pub(crate) mod select;
mod shared;
#[cfg(feature = "bpf")]
mod sources;
#[cfg(feature = "bpf")]
pub(crate) mod task_files;
pub(crate) mod unmapped;
pub(crate) mod walk;
pub(crate) mod without_descriptor;

#[cfg(not(feature = "bpf"))]
pub(crate) use procfs_only::{KeptProgram, NamespacesByBpf, OwnerSources};
#[cfg(feature = "bpf")]
pub(crate) use sources::{Iteration, NamespacesByBpf, OwnerSources};
#[cfg(feature = "bpf")]
pub(crate) use {select::KeptProgram, select::open_files};
