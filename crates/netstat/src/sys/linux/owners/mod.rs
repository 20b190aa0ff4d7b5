//! Which process holds which socket: two sources, behind one search.
//!
//! | | [`walk`] | [`task_files`] |
//! |---|---|---|
//! | how | the links in `/proc/<pid>/fd` | a BPF iterator over all descriptors |
//! | needs | nothing; the right to trace a process to see what it has | `CAP_BPF` and `CAP_PERFMON`, BTF |
//! | a descriptor costs | 2 to 4 microseconds | 0.3 microseconds, and 3 milliseconds to set it up |
//!
//! [`select`] chooses between them. It does so when the search runs, which is beside the reading of the tables: there
//! the set-up takes no time of the listing.
//!
//! Without the feature `bpf` the crate contains only the walk ([`procfs_only`]).

#[cfg(feature = "bpf")]
pub(crate) mod bpf;
#[cfg(not(feature = "bpf"))]
mod procfs_only;
#[cfg(feature = "bpf")]
mod select;
#[cfg(feature = "bpf")]
mod sources;
#[cfg(feature = "bpf")]
pub(crate) mod task_files;
pub(crate) mod walk;

#[cfg(not(feature = "bpf"))]
pub(crate) use procfs_only::{KeptProgram, OwnerSources};
#[cfg(feature = "bpf")]
pub(crate) use {select::KeptProgram, sources::OwnerSources};
