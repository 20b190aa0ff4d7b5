//! A world of sockets on a machine that has no others, and a lister that is held to it: for other kernels.
//!
//! ```text
//! kernel_world FALLBACKS LSOCK COUNT_SOCKETS SOURCE=USED...
//! ```
//!
//! Makes a socket in every state that loopback lets one make, runs LSOCK with each SOURCE of owners, and
//! compares the documents that it prints with the makers' own account: every row, no other row, each with exactly
//! its holders. Then it runs COUNT_SOCKETS, an example of netstat, whose counts must be theirs.
//!
//! FALLBACKS says which tables must have come from `/proc/net`: `none`, `udp`, or `tcp,udp`; what a document
//! calls incomplete must be that and nothing else. USED is how the source begins that must be used, with its reason, such
//! as `bpf (asked for)`. `ci/kernels.sh` boots kernels with this inside.
//!
//! Prints `ok N rows, ...` with the sources that were used, or every difference and ends with 1.
#![allow(clippy::print_stdout, reason = "that is its purpose")]

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn main() -> std::process::ExitCode {
    linux::main()
}

/// An example of a crate that is empty on other systems must compile there too.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn main() {}
