//! The kernel's faults, played: each a test named after it, over the code that meets the real ones.

mod ahead;
mod conversation;
mod counts;
mod dedup;
mod destroy;
mod details;
mod fallback;
mod filters;
mod lookup;
mod owners;
mod script;
mod shared;
#[cfg(feature = "bpf")]
mod task_files;
mod without_descriptor;
mod world;
