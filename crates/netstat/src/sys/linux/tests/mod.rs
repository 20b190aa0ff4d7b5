//! Tests of the Linux back end with scripted netlink sockets and a scripted `/proc`, one per fault or race.

mod counts;
mod dedup;
mod destroy;
mod details;
mod exchange;
mod fallback;
mod families;
mod filters;
mod lookup;
mod owners;
mod pipeline;
mod process_details;
mod protocols;
mod script;
mod scripted_proc;
#[cfg(feature = "bpf")]
mod select;
mod shared;
#[cfg(feature = "bpf")]
mod task_files;
mod unlisted_process;
#[cfg(feature = "bpf")]
mod unlisted_socket;
mod without_descriptor;
