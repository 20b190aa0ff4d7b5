//! The model: processes, their descriptors, and sockets.

use std::net::SocketAddr;

/// A machine.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Its processes.
    pub processes: Vec<Process>,
    /// Its sockets, in the order in which they were made.
    pub sockets: Vec<Socket>,
}

/// A process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The number that no other process ever has.
    pub unique_id: u64,
    /// Its parent.
    pub parent: u32,
    /// Its effective user.
    pub uid: u32,
    /// Its name, however long.
    pub name: String,
    /// Its executable; `None`: deleted.
    pub path: Option<String>,
    /// When it started: seconds since 1970.
    pub started: u64,
    /// What it has open.
    pub descriptors: Vec<Descriptor>,
    /// Sockets that it keeps without a descriptor (macOS: in Mach ports).
    pub parked: Vec<(u32, usize)>,
    /// What happens to it.
    pub fate: Fate,
}

/// What happens to a process while it is looked at.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It lives on.
    #[default]
    Lives,
    /// It has ended already, and nobody has waited for it.
    Zombie,
    /// It is there when processes are listed, and gone when it is asked for.
    EndsBeforeItIsRead,
    /// It ends after so many of its sockets have been told.
    EndsAfter(usize),
    /// It ends when its sockets have been told, and another process is given its pid.
    PidIsUsedAgain,
    /// It cannot be read, whoever asks.
    Refuses,
}

/// A descriptor.
#[derive(Copy, Clone, Debug)]
pub struct Descriptor {
    /// Its number.
    pub fd: i32,
    /// What it refers to.
    pub what: What,
    /// What happens to it.
    pub fate: DescriptorFate,
}

/// What a descriptor refers to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A socket of the world, by its place.
    Socket(usize),
    /// A socket that is no IP socket.
    OtherSocket,
    /// A file, a pipe.
    File,
}

/// What happens to a descriptor between its listing and the question what it is.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum DescriptorFate {
    /// Nothing.
    #[default]
    Stays,
    /// It is closed.
    Closes,
    /// It is closed and opened as a file.
    BecomesFile,
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
    /// One that nobody has heard of.
    Unheard,
}

/// In whose hands a socket can be.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Hands {
    /// Descriptors may refer to it.
    #[default]
    Open,
    /// A connection in its making, in a listener's queue.
    HalfOpen,
    /// A connection that waits to be accepted.
    Waiting,
    /// Closed by its process.
    Orphan,
    /// macOS: the pcb has no socket any more.
    NoSocket,
    /// macOS: it lives in a process's own network stack.
    Flow,
    /// macOS: a part of a multipath connection.
    Subflow,
    /// macOS: a descriptor still refers to it, and its connection is gone.
    Detached,
    /// macOS: made, and not yet more than that.
    HalfMade,
}

/// When a socket exists.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// All the time.
    #[default]
    Always,
    /// Opened after the tables were read.
    AfterTables,
    /// Closed after the tables were read for the first time; nothing refers to it any more.
    UntilTables,
}

/// A socket.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Its protocol.
    pub protocol: Protocol,
    /// Whether it was made as an IPv6 socket.
    pub ipv6: bool,
    /// Whether it takes IPv6 alone.
    pub v6_only: bool,
    /// Its local end. IPv4 on an IPv6 socket is mapped.
    pub local: SocketAddr,
    /// Its remote end.
    pub remote: Option<SocketAddr>,
    /// The state of TCP.
    pub state: State,
    /// Who made it.
    pub uid: u32,
    /// Who used it last; 0: nobody.
    pub last_user: u32,
    /// On whose behalf it is used; 0: on nobody's.
    pub effective: u32,
    /// Bytes received and not read.
    pub received: u32,
    /// Bytes to be sent.
    pub to_send: u32,
    /// Connections that wait, those of them in the making, and how many may.
    pub backlog: (u16, u16, u16),
    /// The kernel's handle.
    pub handle: u64,
    /// The kernel's count of such sockets when it was made.
    pub generation: u64,
    /// In whose hands it can be.
    pub hands: Hands,
    /// When it exists.
    pub when: When,
    /// A message that has not arrived holds a reference to it.
    pub in_flight: bool,
}

impl World {
    /// The process with this pid.
    pub fn process(&self, pid: u32) -> Option<&Process> {
        self.processes.iter().find(|process| process.pid == pid)
    }

    /// How many references there are to a socket, in all processes and in flight.
    pub fn references(&self, socket: usize) -> usize {
        let in_flight = self.sockets.get(socket).is_some_and(|socket| socket.in_flight);
        let of = |process: &Process| {
            let descriptors =
                process.descriptors.iter().filter(|descriptor| descriptor.what == What::Socket(socket));
            descriptors.count() + process.parked.iter().filter(|(_, parked)| *parked == socket).count()
        };
        self.processes.iter().map(of).sum::<usize>() + usize::from(in_flight)
    }
}
