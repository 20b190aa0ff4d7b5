//! The kernel's counters of the sockets of a network namespace.

use crate::sys::linux::procfs::Procfs;
use netstat_wire::linux::proc_net_snmp::TcpOpens;
use netstat_wire::linux::proc_net_sockstat::Sockstat;
use rustix::io::Errno;

/// Those of the namespace of this thread, below `/proc`.
pub(super) const OF_THIS_THREAD: &str = "thread-self/net";

/// How many sockets there are, over IPv4 and over IPv6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counters {
    /// In the hash tables: neither bound only, nor TIME_WAIT and SYN_RECV.
    pub(super) tcp: [u64; 2],
    /// With a port.
    pub(super) udp: [u64; 2],
    /// Connections in TIME_WAIT, and those in FIN_WAIT2 without a holder.
    pub(super) time_wait: u64,
    /// Connections without a holder that are no such minisocks, of all network namespaces.
    pub(super) orphans: u64,
    /// How many connections have been opened since the namespace was made.
    pub(super) opens: u64,
}

impl Counters {
    /// Those before a pass. Connections that open after they were counted are among [`opens`](Self::opens) later, since these
    /// are counted first. `directory`: below `/proc`, the `net` of a task in the namespace. `None`: they cannot be read.
    pub(super) fn before(procfs: &impl Procfs, directory: &str) -> Option<Self> {
        let opens = opens(procfs, directory)?;
        Self::with(procfs, directory, opens)
    }

    /// Those after it.
    pub(super) fn after(procfs: &impl Procfs, directory: &str) -> Option<Self> {
        let counters = Self::with(procfs, directory, 0)?;
        Some(Self { opens: opens(procfs, directory)?, ..counters })
    }

    /// How many sockets there are of TCP and UDP.
    pub(super) fn sockets(&self) -> u64 {
        self.tcp.iter().chain(&self.udp).fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn with(procfs: &impl Procfs, directory: &str, opens: u64) -> Option<Self> {
        let mut text = Vec::new();
        procfs.read(&format!("{directory}/sockstat"), &mut text).ok()?;
        let line = |text: &[u8], protocol| Sockstat::decode(text, protocol).ok();
        let (tcp, udp) = (line(&text, "TCP")?, line(&text, "UDP")?);
        let [tcp_v6, udp_v6] = match procfs.read(&format!("{directory}/sockstat6"), &mut text) {
            Ok(()) => [line(&text, "TCP6")?.inuse, line(&text, "UDP6")?.inuse],
            // A kernel without IPv6.
            Err(Errno::NOENT) => [0, 0],
            Err(_) => return None,
        };
        let (tcp_counts, udp_counts) = ([tcp.inuse, tcp_v6], [udp.inuse, udp_v6]);
        Some(Self { tcp: tcp_counts, udp: udp_counts, time_wait: tcp.tw?, orphans: tcp.orphan?, opens })
    }
}

/// How many connections have been opened.
fn opens(procfs: &impl Procfs, directory: &str) -> Option<u64> {
    let mut text = Vec::new();
    procfs.read(&format!("{directory}/snmp"), &mut text).ok()?;
    let opens = TcpOpens::decode(&text).ok()?;
    Some(opens.active.wrapping_add(opens.passive))
}
