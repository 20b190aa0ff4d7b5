//! The kernel's counters of the sockets of this thread's network namespace.

use crate::sys::linux::procfs::Procfs;
use netstat_wire::linux::proc_net_snmp::TcpOpens;
use netstat_wire::linux::proc_net_sockstat::Sockstat;
use rustix::io::Errno;

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
    /// are counted first. `None`: they cannot be read.
    pub(super) fn before(procfs: &impl Procfs) -> Option<Self> {
        let opens = opens(procfs)?;
        Self::with(procfs, opens)
    }

    /// Those after it.
    pub(super) fn after(procfs: &impl Procfs) -> Option<Self> {
        let counters = Self::with(procfs, 0)?;
        Some(Self { opens: opens(procfs)?, ..counters })
    }

    fn with(procfs: &impl Procfs, opens: u64) -> Option<Self> {
        let mut text = Vec::new();
        procfs.read("thread-self/net/sockstat", &mut text).ok()?;
        let line = |text: &[u8], protocol| Sockstat::decode(text, protocol).ok();
        let (tcp, udp) = (line(&text, "TCP")?, line(&text, "UDP")?);
        let [tcp_v6, udp_v6] = match procfs.read("thread-self/net/sockstat6", &mut text) {
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
fn opens(procfs: &impl Procfs) -> Option<u64> {
    let mut text = Vec::new();
    procfs.read("thread-self/net/snmp", &mut text).ok()?;
    let opens = TcpOpens::decode(&text).ok()?;
    Some(opens.active.wrapping_add(opens.passive))
}
