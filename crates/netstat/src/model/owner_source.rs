//! The choice between the sources of owners, where a system has several: `/proc` or BPF.

use std::borrow::Cow;
use std::fmt;

/// How to find the owners of sockets, where a system has more than one source: Linux. Ignored elsewhere.
/// `Bpf` is in the crate with its feature `bpf`, which is on by default.
///
/// | | what it needs | what it sees | what it costs |
/// |---|---|---|---|
/// | `Procfs` | nothing; the rights to trace a process of another user (root, or `CAP_SYS_PTRACE` with `CAP_DAC_READ_SEARCH`) to see what it holds | the processes in `/proc` that may be traced | 2 to 4 microseconds a descriptor |
/// | `OnePass` | as `Bpf`, and Linux 6.4 | as `Bpf`; the rows of TCP and UDP sockets come from the same pass, with their owners | three to four milliseconds at first, then 0.2 microseconds a socket and less for another descriptor |
/// | `Bpf` | `CAP_BPF` with `CAP_PERFMON`, or `CAP_SYS_ADMIN`, in the first user namespace; Linux 5.8 with BTF (`/sys/kernel/btf/vmlinux`), 6.5 in a pid namespace of its own | every process in the caller's pid namespace, those that refuse to be traced too | two to three milliseconds at first, then 0.3 microseconds a descriptor |
///
/// All find the same holders. Which one a snapshot used is in
/// [`Snapshot::owner_source`](crate::Snapshot::owner_source).
///
/// # Sources
/// proc_pid_fd(5); bpf(2), kernel/bpf/task_iter.c.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OwnerSource {
    /// `Bpf` when the caller has the rights and the machine has enough descriptors to pay for the set-up (some
    /// hundreds), or when a [`Lister`](crate::Lister) is asked a second time, and `OnePass` instead where it can answer the query
    /// and there are some five thousand sockets (for a later listing of a `Lister` one thousand), or where many network namespaces
    /// are listed (these without owners too); otherwise procfs. Where only some
    /// processes are asked about, procfs. Where procfs was refused something that BPF may see, BPF after it. Nothing is asked for that the
    /// caller has no right to, so that nothing is refused, and logged, where it can be foreseen. BPF also finds the network
    /// namespaces that only a socket keeps, for [`Scope::All`](crate::Scope::All).
    #[default]
    Auto,
    /// A walk over the descriptors of all processes in `/proc`. BPF is used for nothing.
    Procfs,
    /// A BPF iterator over the descriptors of all processes. Where it cannot be had, procfs stands in, and
    /// [`Snapshot::owner_source`](crate::Snapshot::owner_source) says why.
    Bpf,
    /// One pass of a BPF program over all descriptor tables, for the sockets and their owners together; what no process holds
    /// comes from the kernel's tables. A query that it cannot answer (one port, details, some other network namespaces than all, processes by
    /// their pid) has its rows from the tables, and its owners by the same program. Where it cannot be had, `Bpf` or procfs stands in, and
    /// [`Snapshot::owner_source`](crate::Snapshot::owner_source) says why.
    ///
    /// The kernel gives a socket its [cookie](crate::Socket::cookie) when it is first asked for it, and this pass does not ask.
    OnePass,
}

impl OwnerSource {
    /// `auto`, `procfs`, `bpf` or `one-pass`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Procfs => "procfs",
            Self::Bpf => "bpf",
            Self::OnePass => "one-pass",
        }
    }
}

impl fmt::Display for OwnerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where the owners of a snapshot were found, and why there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OwnerSourceUsed {
    /// [`OwnerSource::Procfs`], [`OwnerSource::Bpf`] or [`OwnerSource::OnePass`].
    pub source: OwnerSource,
    /// Why this one and not the other, such as `asked for` or
    /// `bpf(BPF_PROG_LOAD): Operation not permitted (os error 1)`.
    pub reason: Cow<'static, str>,
}

impl OwnerSourceUsed {
    /// For tests of programs that show an answer.
    pub fn new(source: OwnerSource, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { source, reason: reason.into() }
    }
}

impl fmt::Display for OwnerSourceUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.source, self.reason)
    }
}
