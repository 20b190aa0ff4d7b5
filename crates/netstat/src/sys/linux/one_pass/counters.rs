//! The kernel's counters of the sockets of a network namespace.

use crate::model::protocol::Protocol;
use crate::sys::linux::procfs::{Proc, read_from_start};
use netstat_wire::linux::proc_net_snmp::TcpOpens;
use netstat_wire::linux::proc_net_sockstat::Sockstat;
use rustix::io::Errno;
use std::os::fd::OwnedFd;

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
    /// How many sockets there are of one of these.
    pub(super) fn of(&self, protocol: Protocol) -> u64 {
        let counts = if protocol == Protocol::Tcp { &self.tcp } else { &self.udp };
        counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many sockets there are of TCP and UDP.
    pub(super) fn sockets(&self) -> u64 {
        self.tcp.iter().chain(&self.udp).fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// The files with the counters of a namespace. They stay those of the namespace in which they were opened, and to read them again
/// takes a third of the time.
#[derive(Debug)]
pub(super) struct CounterFiles {
    opens: OwnedFd,
    sockets: OwnedFd,
    /// `None`: a kernel without IPv6.
    sockets_v6: Option<OwnedFd>,
}

impl CounterFiles {
    /// `directory`: below `/proc`, the `net` of a task in the namespace. `None`: they cannot be opened.
    pub(super) fn open(procfs: &Proc, directory: &str) -> Option<Self> {
        let open = |name| procfs.open_file(&format!("{directory}/{name}"));
        Some(Self {
            opens: open("snmp").ok()?,
            sockets: open("sockstat").ok()?,
            sockets_v6: match open("sockstat6") {
                Ok(file) => Some(file),
                Err(Errno::NOENT) => None,
                Err(_) => return None,
            },
        })
    }

    /// The counters before a pass. Connections that open after they were counted are among [`opens`](Counters::opens) later, since
    /// these are counted first. `None`: they cannot be read.
    pub(super) fn before(&self) -> Option<Counters> {
        let opens = self.opens()?;
        self.with(opens)
    }

    /// Those after it.
    pub(super) fn after(&self) -> Option<Counters> {
        let counters = self.with(0)?;
        Some(Counters { opens: self.opens()?, ..counters })
    }

    fn with(&self, opens: u64) -> Option<Counters> {
        let mut text = Vec::new();
        read_from_start(&self.sockets, &mut text).ok()?;
        let line = |text: &[u8], protocol| Sockstat::decode(text, protocol).ok();
        let (tcp, udp) = (line(&text, "TCP")?, line(&text, "UDP")?);
        let [tcp_v6, udp_v6] = match &self.sockets_v6 {
            Some(sockets) => {
                read_from_start(sockets, &mut text).ok()?;
                [line(&text, "TCP6")?.inuse, line(&text, "UDP6")?.inuse]
            }
            None => [0, 0],
        };
        let (tcp_counts, udp_counts) = ([tcp.inuse, tcp_v6], [udp.inuse, udp_v6]);
        Some(Counters { tcp: tcp_counts, udp: udp_counts, time_wait: tcp.tw?, orphans: tcp.orphan?, opens })
    }

    /// How many connections have been opened.
    fn opens(&self) -> Option<u64> {
        let mut text = Vec::new();
        read_from_start(&self.opens, &mut text).ok()?;
        let opens = TcpOpens::decode(&text).ok()?;
        Some(opens.active.wrapping_add(opens.passive))
    }
}
