//! Tests of the Linux back end with scripted netlink sockets and a scripted `/proc`, one per fault or race.

mod counts;
mod dedup;
mod destroy;
mod details;
mod exchange;
mod fallback;
mod filters;
mod lookup;
mod owners;
mod pipeline;
mod process_details;
mod protocols;
mod script;
mod scripted_proc;
mod shared;
#[cfg(feature = "bpf")]
mod task_files;
mod without_descriptor;
