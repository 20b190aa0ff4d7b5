//! The check that a program sees on this kernel what it should.

use super::super::ffi;
use super::super::record::{Evidence, SocketFile, SocketRow};
use super::super::refused::Refused;
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, ipproto, socket_with};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// `TCP_CLOSE` of include/net/tcp_states.h.
const TCP_CLOSE: u8 = 7;

/// A socket of this process, to compare what the program reads of it with what system calls return. It is a TCP socket that
/// does nothing, bound to a loopback address if rows are read, so a listing does not have it; and it is closed when a run has
/// reported it.
#[derive(Debug)]
pub(in super::super) struct SelfCheck {
    pub(in super::super) socket: OwnedFd,
    pub(in super::super) expected: SocketFile,
    /// What else is expected of its row.
    pub(in super::super) expected_uid: u32,
    pub(in super::super) expected_address: IpAddr,
    /// Whether the network namespace is known: without `/proc` it is not.
    pub(in super::super) knows_netns: bool,
    pub(in super::super) knows_cookie: bool,
    /// Whether the descriptor was reported, and whether it was reported as it is.
    pub(in super::super) is_reported: AtomicBool,
    pub(in super::super) is_right: AtomicBool,
}

impl SelfCheck {
    /// For records.
    pub(in super::super) fn new() -> Result<Self, Errno> {
        Self::of(open(AddressFamily::INET)?)
    }

    /// For rows: with an address and a port. One of each family, but for IPv6 where the kernel has none.
    pub(in super::super) fn bound() -> Result<Vec<Self>, Errno> {
        let v4 = open(AddressFamily::INET)?;
        bind_to_either(&v4, Ipv4Addr::LOCALHOST.into(), Ipv4Addr::UNSPECIFIED.into())?;
        let mut checks = vec![Self::of(v4)?];
        if let Ok(v6) = open(AddressFamily::INET6) {
            set_ipv6_v6only(&v6, true)?;
            bind_to_either(&v6, Ipv6Addr::LOCALHOST.into(), Ipv6Addr::UNSPECIFIED.into())?;
            checks.push(Self::of(v6)?);
        }
        Ok(checks)
    }

    fn of(socket: OwnedFd) -> Result<Self, Errno> {
        let bound = SocketAddr::try_from(getsockname(&socket)?)?;
        let status = fstat(&socket)?;
        let netns = std::fs::metadata("/proc/thread-self/ns/net").ok().map(|namespace| namespace.ino());
        let netns = netns.and_then(|netns| u32::try_from(netns).ok());
        let cookie = ffi::socket_cookie(&socket);
        let evidence = Evidence {
            family: if bound.is_ipv6() { AF_INET6 } else { AF_INET },
            socket_type: 1,
            netns: netns.unwrap_or(0),
            cookie: cookie.unwrap_or(0),
            port: bound.port(),
            protocol: 6,
        };
        let expected = SocketFile {
            pid: std::process::id(),
            fd: socket.as_raw_fd(),
            inode: status.st_ino,
            evidence: Some(evidence),
        };
        let (knows_netns, knows_cookie) = (netns.is_some(), cookie.is_some());
        Ok(Self {
            socket,
            expected,
            expected_uid: status.st_uid,
            expected_address: bound.ip(),
            knows_netns,
            knows_cookie,
            is_reported: AtomicBool::new(false),
            is_right: AtomicBool::new(false),
        })
    }

    /// Notes whether a record is of this descriptor. Returns whether it is of this socket.
    pub(in super::super) fn note(&self, file: &SocketFile) -> bool {
        self.note_if(file, self.is_this(file))
    }

    /// The same, of a row.
    pub(in super::super) fn note_row(&self, row: &SocketRow) -> bool {
        if row.file.inode != self.expected.inode {
            return self.note(&row.file);
        }
        let mut local = [0; 16];
        match self.expected_address {
            IpAddr::V4(address) => local[..4].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => local = address.octets(),
        }
        let expected = SocketRow {
            file: row.file,
            state: TCP_CLOSE,
            uid: self.expected_uid,
            interface: 0,
            sock: row.sock,
            local,
            remote: [0; 16],
            remote_port: 0,
            v6_only: self.expected_address.is_ipv6(),
            queues: [0; 4],
        };
        self.note_if(&row.file, self.is_this(&row.file) && *row == expected)
    }

    fn note_if(&self, file: &SocketFile, is_this: bool) -> bool {
        if (file.pid, file.fd) == (self.expected.pid, self.expected.fd) {
            self.is_reported.store(true, Relaxed);
            self.is_right.fetch_or(is_this, Relaxed);
        }
        is_this
    }

    /// Whether the socket of a record is this one, as far as this one is known.
    fn is_this(&self, file: &SocketFile) -> bool {
        let known = |evidence: Evidence| Evidence {
            netns: if self.knows_netns { evidence.netns } else { 0 },
            cookie: if self.knows_cookie { evidence.cookie } else { 0 },
            ..evidence
        };
        file.inode == self.expected.inode && file.evidence.map(known) == self.expected.evidence
    }

    /// Whether this descriptor was reported as it is. A thread with a table of its own may have another socket there.
    pub(in super::super) fn verdict(&self) -> Result<(), Refused> {
        let why = match (self.is_right.load(Relaxed), self.is_reported.load(Relaxed)) {
            (true, _) => return Ok(()),
            (false, true) => "a socket of this process is reported as another",
            (false, false) => "a socket of this process is not reported",
        };
        Err(Refused::other("self-check of the BPF program", why))
    }
}

fn open(family: AddressFamily) -> Result<OwnedFd, Errno> {
    socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::TCP))
}

/// Where the loopback interface is down it has no address.
fn bind_to_either(socket: &OwnedFd, first: IpAddr, second: IpAddr) -> Result<(), Errno> {
    let bind_to = |address: IpAddr| bind(socket, &SocketAddr::from((address, 0)));
    bind_to(first).or_else(|_| bind_to(second))
}
