//! The columns of a row, its owners and their processes, in the order of the help.

use super::column::{Absent, Align, Column, Needs, OnScreen, TEXT};
use super::connection;
use super::end::End;
use super::other_end;
use super::value::{self, Value};
use crate::view;
use netstat::{Exposure, ProcessFields};

/// The columns of the table if none are chosen.
pub const DEFAULT_COLUMNS: &[&str] = &["protocol", "state", "local", "remote", "user", "pid", "process"];

/// The columns of the CSV if none are chosen: one value in each, where the table shows several in one.
pub const DEFAULT_CSV_COLUMNS: &[&str] = &[
    "protocol",
    "family",
    "state",
    "local_addr",
    "local_port",
    "remote_addr",
    "remote_port",
    "rx_queue",
    "tx_queue",
    "inode",
    "uid",
    "user",
    "pid",
    "process",
    "owner_status",
    "owners_complete",
    "owner_reason",
];

const NUMBER: Column = Column { align: Align::Right, ..TEXT };
const OWNERS: Column = Column { needs: Needs::Owners, ..TEXT };

const fn detail(fields: ProcessFields) -> Column {
    Column { needs: Needs::ProcessDetails(fields), ..TEXT }
}

fn true_or_false(it: bool) -> &'static str {
    if it { "true" } else { "false" }
}

/// Those for which the kernel sends no more than it does anyway.
pub(super) const SOCKET_COLUMNS: &[Column] = &[
    Column {
        name: "protocol",
        aliases: &["proto", "netid"],
        header: "PROTO",
        help: "tcp, udp, raw:58, unix, netlink, packet ...",
        value: Value::Text(value::protocol),
        ..TEXT
    },
    Column {
        name: "family",
        header: "FAMILY",
        help: "what the socket was made with: ipv4, ipv6, unix, netlink ...",
        value: Value::Word(|socket| socket.family.as_str()),
        ..TEXT
    },
    Column {
        name: "state",
        header: "STATE",
        help: "state of a connection",
        on_screen: OnScreen::State,
        value: Value::Word(|socket| view::state_name(socket.state)),
        ..TEXT
    },
    Column {
        name: "local",
        aliases: &["localaddress"],
        header: "LOCAL",
        help: "local address and port, with %DEVICE if the socket is bound to one; name and inode of a unix socket",
        on_screen: OnScreen::Local,
        value: Value::Endpoint(End::Local),
        ..TEXT
    },
    Column {
        name: "local_addr",
        header: "LOCAL-ADDR",
        help: "local address, with its zone or the device that the socket is bound to",
        value: Value::Address(End::Local),
        ..TEXT
    },
    Column {
        name: "local_port",
        aliases: &["lport", "sport"],
        header: "LPORT",
        help: "local port",
        value: Value::Number(|socket| Some(socket.local_addr()?.port().into())),
        ..NUMBER
    },
    Column {
        name: "remote",
        aliases: &["remoteaddress"],
        header: "REMOTE",
        help: "remote address and port, name and inode of the peer; *:* where there is none",
        absent: Absent::AnyEndpoint,
        on_screen: OnScreen::Remote,
        value: Value::Endpoint(End::Remote),
        ..TEXT
    },
    Column {
        name: "remote_addr",
        header: "REMOTE-ADDR",
        help: "remote address, with its zone",
        value: Value::Address(End::Remote),
        ..TEXT
    },
    Column {
        name: "remote_port",
        aliases: &["rport", "dport"],
        header: "RPORT",
        help: "remote port",
        value: Value::Number(|socket| Some(socket.remote_addr()?.port().into())),
        ..NUMBER
    },
    Column {
        name: "rx_queue",
        aliases: &["recvq", "rxq"],
        header: "RECV-Q",
        help: "bytes not read yet; of a listener, connections that wait (not Windows)",
        value: Value::Number(|socket| Some(socket.queues?.receive().into())),
        ..NUMBER
    },
    Column {
        name: "tx_queue",
        aliases: &["sendq", "txq"],
        header: "SEND-Q",
        help: "bytes not confirmed yet; of a listener, how many connections may wait (not Windows)",
        value: Value::Number(|socket| Some(socket.queues?.send()?.into())),
        ..NUMBER
    },
    Column {
        name: "uid",
        header: "UID",
        help: "number of the user who made the socket (not Windows)",
        value: Value::Number(|socket| socket.uid.map(u64::from)),
        ..NUMBER
    },
    Column {
        name: "user",
        header: "USER",
        help: "name of the user who made the socket, or the number if there is none (not Windows)",
        on_screen: OnScreen::User,
        value: Value::Text(value::user),
        ..TEXT
    },
    Column {
        name: "pid",
        aliases: &["pids"],
        header: "PID",
        help: "processes that hold the socket; on Windows the one that bound it",
        on_screen: OnScreen::Pids,
        value: Value::OfOwners(|_, owner| Some(owner.pid.into())),
        ..OWNERS
    },
    Column {
        name: "fd",
        aliases: &["fds"],
        header: "FD",
        help: "their descriptors of it (not Windows)",
        value: Value::OfOwners(|_, owner| owner.fd.and_then(|fd| fd.try_into().ok())),
        ..OWNERS
    },
    Column {
        name: "process",
        aliases: &["name", "program"],
        header: "PROCESS",
        help: "their names, or in brackets why no process is visible",
        absent: Absent::Reason,
        on_screen: OnScreen::Processes,
        value: Value::OfProcesses(|process| process.name.as_deref()),
        ..detail(ProcessFields::NAME)
    },
    Column {
        name: "owners",
        aliases: &["owner", "users"],
        header: "OWNERS",
        help: "name, pid and descriptor of each: nginx(814:6)",
        absent: Absent::Reason,
        value: Value::Text(value::owners),
        ..detail(ProcessFields::NAME)
    },
    Column {
        name: "role",
        header: "ROLE",
        help: "their relation to the socket: holder, binder, last_user, effective, ended_binder",
        value: Value::Text(value::roles),
        ..OWNERS
    },
    Column {
        name: "path",
        aliases: &["exe", "executable"],
        header: "PATH",
        help: "their executables",
        value: Value::OfProcesses(|process| process.path.as_deref()),
        ..detail(ProcessFields::PATH)
    },
    Column {
        name: "command",
        aliases: &["cmd", "commandline", "cmdline", "args"],
        header: "COMMAND",
        help: "their command lines",
        value: Value::OfProcesses(|process| process.command.as_deref()),
        ..detail(ProcessFields::COMMAND_LINE)
    },
    Column {
        name: "parent",
        aliases: &["ppid"],
        header: "PARENT",
        help: "their parents' pids",
        value: Value::OfOwners(|view, owner| view.process_of(owner)?.raw.parent.map(u64::from)),
        ..detail(ProcessFields::PARENT)
    },
    Column {
        name: "process_user",
        header: "PROCESS-USER",
        help: "the users that they run as",
        value: Value::OfProcesses(|process| process.user.as_deref()),
        ..detail(ProcessFields::UID.union(ProcessFields::USER))
    },
    Column {
        name: "started",
        aliases: &["starttime"],
        header: "STARTED",
        help: "when they started (UTC)",
        on_screen: OnScreen::Started,
        value: Value::OfProcesses(|process| process.started.as_deref()),
        ..detail(ProcessFields::START_TIME)
    },
    Column {
        name: "session",
        header: "SESSION",
        help: "the logon sessions that they run in (Windows)",
        value: Value::OfOwners(|view, owner| view.process_of(owner)?.raw.session.map(u64::from)),
        ..detail(ProcessFields::SESSION)
    },
    Column {
        name: "owner_status",
        header: "OWNER-STATUS",
        help: "known, none, hidden or not_asked",
        value: Value::Word(|socket| Some(socket.ownership().as_str())),
        ..OWNERS
    },
    Column {
        name: "owners_complete",
        header: "COMPLETE",
        help: "whether these are all the owners: true or false",
        value: Value::Word(|socket| Some(true_or_false(socket.ownership().is_complete()))),
        ..OWNERS
    },
    Column {
        name: "owner_reason",
        aliases: &["why", "reason"],
        header: "REASON",
        help: "why no owner is visible",
        value: Value::Word(|socket| socket.ownership().reason()),
        ..OWNERS
    },
    Column {
        name: "inode",
        header: "INODE",
        help: "the number in socket:[N] (Linux)",
        value: Value::Number(|socket| socket.inode()),
        ..NUMBER
    },
    Column {
        name: "peer_inode",
        header: "PEER-INODE",
        help: "the inode number of the unix socket at the other end (Linux)",
        value: Value::Number(other_end::peer_inode),
        ..NUMBER
    },
    Column {
        name: "peer",
        aliases: &["peerprocess", "peerprocesses"],
        header: "PEER",
        help: "the processes at the other end of a connection within this machine: name, pid and descriptor of each; in \
               brackets why none is visible",
        needs: Needs::PeerDetails(ProcessFields::NAME),
        value: Value::Text(connection::peer),
        ..TEXT
    },
    Column {
        name: "direction",
        header: "DIRECTION",
        help: "inbound, outbound or local, decided by what listens",
        needs: Needs::Peers,
        value: Value::Text(connection::direction),
        ..TEXT
    },
    Column {
        name: "type",
        aliases: &["sockettype"],
        header: "TYPE",
        help: "stream, dgram, raw or seqpacket",
        value: Value::Word(|socket| socket.socket_type?.as_str()),
        ..TEXT
    },
    Column {
        name: "socket_path",
        header: "SOCKET-PATH",
        help: "the path that a unix socket was bound to",
        value: Value::Text(other_end::socket_path),
        ..TEXT
    },
    Column {
        name: "handle",
        header: "HANDLE",
        help: "the kernel's name for the socket (macOS, BSD)",
        value: Value::Hex(|socket| socket.handle()),
        ..NUMBER
    },
    Column {
        name: "cookie",
        aliases: &["sk"],
        header: "COOKIE",
        help: "a number that is never used twice (Linux, macOS)",
        value: Value::Hex(|socket| socket.cookie.map(u64::from)),
        ..NUMBER
    },
    Column {
        name: "interface",
        aliases: &["device", "dev"],
        header: "INTERFACE",
        help: "the network interface that the socket is bound to (Linux)",
        value: Value::Text(value::interface),
        ..TEXT
    },
    Column {
        name: "netns",
        aliases: &["namespace"],
        header: "NETNS",
        help: "the network namespace of the socket, by name or number, where others than the own are listed (Linux)",
        value: Value::Text(value::netns),
        ..TEXT
    },
    Column {
        name: "exposure",
        aliases: &["reach"],
        header: "EXPOSURE",
        help: "how far a listener's address reaches: loopback, link-local, private, public or any; a firewall may allow less",
        value: Value::Word(|socket| Exposure::of(socket, None).map(|exposure| exposure.reach.as_str())),
        ..TEXT
    },
    Column {
        name: "v6_only",
        header: "V6ONLY",
        help: "whether an IPv6 socket takes no IPv4: true or false",
        value: Value::Word(|socket| socket.v6_only.map(true_or_false)),
        ..TEXT
    },
    Column {
        name: "created",
        header: "CREATED",
        help: "when the socket was made (UTC; Windows)",
        on_screen: OnScreen::Created,
        value: Value::Text(value::created),
        ..TEXT
    },
    Column {
        name: "service",
        aliases: &["services"],
        header: "SERVICE",
        help: "the service that made the socket, in a process that hosts services (Windows)",
        needs: Needs::Services,
        value: Value::Text(value::service),
        ..TEXT
    },
];
