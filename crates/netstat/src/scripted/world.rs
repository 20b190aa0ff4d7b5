//! The model: processes, their descriptors, and sockets.

use std::net::SocketAddr;
use std::ops::Range;

/// A machine.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Its processes.
    pub processes: Vec<Process>,
    /// Its sockets, in the order of their creation.
    pub sockets: Vec<Socket>,
    /// Its unix sockets, likewise.
    pub unix: Vec<UnixSocket>,
}

/// A process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// A number that no other process ever has.
    pub unique_id: u64,
    /// The pid of its parent.
    pub parent: u32,
    /// Its effective user.
    pub uid: u32,
    /// Its name, of any length.
    pub name: String,
    /// The path of its executable; `None`: deleted.
    pub path: Option<String>,
    /// Its start, in seconds since 1970.
    pub started: u64,
    /// Its open descriptors.
    pub descriptors: Vec<Descriptor>,
    /// Sockets that it holds without a descriptor, as name and place (macOS: in Mach ports).
    pub parked: Vec<(u32, usize)>,
    /// What happens to it during a listing.
    pub fate: Fate,
}

/// What happens to a process during a listing.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It continues to run.
    #[default]
    Lives,
    /// It is a zombie: it has ended, and its parent has not waited for it.
    Zombie,
    /// It is in the list of processes, and has ended before the first call that reads it.
    EndsBeforeItIsRead,
    /// It ends after so many of its sockets have been returned.
    EndsAfter(usize),
    /// It ends after its sockets have been returned, and another process gets its pid.
    PidIsReused,
    /// It cannot be read, not even by root.
    Refuses,
}

/// A descriptor.
#[derive(Copy, Clone, Debug)]
pub struct Descriptor {
    /// Its number.
    pub fd: i32,
    /// What it refers to.
    pub target: Target,
    /// What happens to it during a listing.
    pub fate: DescriptorFate,
}

/// What a descriptor refers to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A socket of the world, by its place.
    Socket(usize),
    /// A unix socket of the world, by its place.
    Unix(usize),
    /// A socket of a family other than IP, which is not in the world.
    OtherSocket,
    /// A file or a pipe.
    File,
}

/// What happens to a descriptor between the call that lists it and the call that reads it.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum DescriptorFate {
    /// It stays open.
    #[default]
    Stays,
    /// It is closed.
    Closes,
    /// It is closed, and its number is reused for a file.
    BecomesFile,
    /// It is closed, and its number is reused for this socket, after the tables were read.
    BecomesSocket(usize),
    /// The call that reads it fails with this error number.
    Fails(i32),
}

/// The protocol of a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// The state of a TCP connection.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the states of RFC 9293")]
pub enum State {
    #[default]
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    CloseWait,
    FinWait1,
    Closing,
    LastAck,
    FinWait2,
    TimeWait,
    /// A number that no kernel has.
    Unknown,
}

/// Whether a descriptor can refer to a socket, and if not, why.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Attachment {
    /// Descriptors can refer to it.
    #[default]
    Open,
    /// A connection in its handshake, in a listener's queue.
    HalfOpen,
    /// A connection in the accept queue.
    AcceptQueue,
    /// Closed by its process.
    Orphan,
    /// macOS: a pcb without a socket.
    NoSocket,
    /// macOS: a connection in a process's own network stack.
    Flow,
    /// macOS: a subflow of a multipath connection.
    Subflow,
    /// macOS: descriptors still refer to it, and its connection is gone.
    Detached,
    /// macOS: created, and not yet initialised.
    Uninitialised,
}

/// When a socket exists. The tables are read once in the middle of a listing; the scan over processes may come before or
/// after that.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// Throughout.
    #[default]
    Always,
    /// Created after the tables were read.
    OpenedAfterTables,
    /// Closed after the tables were read for the first time. No descriptor refers to it any more.
    ClosedAfterTables,
    /// Closed, with its descriptors, between the sizing call and the call that reads the table: only a scan that comes
    /// first sees it.
    ClosedBeforeTables,
    /// Its connection ends before the tables are read, while descriptors still refer to it.
    DetachedBeforeTables,
}

/// A socket.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Its protocol.
    pub protocol: Protocol,
    /// Whether it was created as an IPv6 socket.
    pub ipv6: bool,
    /// Whether it accepts IPv6 only.
    pub v6_only: bool,
    /// Its local endpoint. IPv4 on an IPv6 socket is mapped.
    pub local: SocketAddr,
    /// Its remote endpoint.
    pub remote: Option<SocketAddr>,
    /// The state of TCP.
    pub state: State,
    /// The user who created it.
    pub uid: u32,
    /// The process that used it last; 0: none.
    pub last_user: u32,
    /// The process that another one uses it for; 0: none.
    pub effective: u32,
    /// Bytes received and not read.
    pub received: u32,
    /// Bytes not yet sent.
    pub to_send: u32,
    /// The accept queue: its connections, those of them in the handshake, and the backlog.
    pub backlog: (u16, u16, u16),
    /// The kernel's handle.
    pub handle: u64,
    /// The kernel's generation count at its creation.
    pub generation: u64,
    /// Whether a descriptor can refer to it.
    pub attachment: Attachment,
    /// When it exists.
    pub lifetime: Lifetime,
    /// A message in flight holds a reference to it.
    pub in_flight: bool,
    /// macOS: flow divert carries the connection, so that TCP itself never leaves CLOSED.
    pub diverted: bool,
}

/// A unix socket.
#[derive(Clone, Debug)]
pub struct UnixSocket {
    /// Whether it sends datagrams.
    pub is_datagram: bool,
    /// The path that it is bound to; empty: none.
    pub path: &'static str,
    /// The socket that it is connected to, by its place.
    pub peer: Option<usize>,
    /// Whether it is a listener.
    pub is_listening: bool,
    /// The user who created it.
    pub uid: u32,
    /// The process that used it last; 0: none.
    pub last_user: u32,
    /// Bytes received and not read.
    pub received: u32,
    /// The accept queue: its connections, those of them in the handshake, and the backlog.
    pub backlog: (u16, u16, u16),
    /// The kernel's handle, which another one may have at another time.
    pub handle: u64,
    /// The kernel's generation count at its creation.
    pub generation: u64,
    /// Whether a descriptor can refer to it.
    pub attachment: Attachment,
    /// After how many complete reads of its table it exists.
    pub exists: Range<u32>,
}

impl World {
    /// The process with this pid.
    pub fn process(&self, pid: u32) -> Option<&Process> {
        self.processes.iter().find(|process| process.pid == pid)
    }

    /// The number of descriptors of a unix socket, of all processes.
    pub fn unix_references(&self, socket: usize) -> usize {
        let descriptors = self.processes.iter().flat_map(|process| &process.descriptors);
        descriptors.filter(|descriptor| descriptor.target == Target::Unix(socket)).count()
    }

    /// The number of references to a socket, of all processes and in flight.
    pub fn references(&self, socket: usize) -> usize {
        let in_flight = self.sockets.get(socket).is_some_and(|socket| socket.in_flight);
        let of = |process: &Process| {
            let descriptors =
                process.descriptors.iter().filter(|descriptor| descriptor.target == Target::Socket(socket));
            descriptors.count() + process.parked.iter().filter(|(_, parked)| *parked == socket).count()
        };
        self.processes.iter().map(of).sum::<usize>() + usize::from(in_flight)
    }
}
