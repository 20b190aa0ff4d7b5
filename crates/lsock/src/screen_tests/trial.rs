//! The world of a trial by a new user, 171 sockets: forked workers, dual stack, IPv6 alone, a long address, 25 holders, 59
//! connections of one pair, a row whose owner is not visible, and two devices.

use crate::view::View;
use netstat::{
    Details, Family, HiddenReason, Identity, Owner, OwnerRole, Ownership, Process, Protocol, Queues,
    Snapshot, Socket, State, UnownedReason, details::TcpMetrics,
};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

const NGINX: u32 = 22_904;
const POSTGRES: u32 = 23_183;
const REDIS: u32 = 22_937;
const APP: u32 = 28_582;
const NODE: u32 = 27_866;
const NOBODY: u32 = 27_677;
const HTTP_SERVER: u32 = 27_675;
const CLIENT: u32 = 27_865;
const CARGO: u32 = 5_389;
const PROBE: u32 = 30_001;

const RED: u32 = 1_000_002;
const BLUE: u32 = 1_000_003;

const LONG: &str = "fd12:3456:789a:bcde:1234:5678:9abc:def0";

/// Devices that this machine does not have.
pub(super) fn name_interfaces(view: &View<'_>) {
    view.name_interface(RED, "red");
    view.name_interface(BLUE, "blue");
}

struct World {
    snapshot: Snapshot,
    inode: u64,
}

impl World {
    fn process(&mut self, pid: u32, parent: u32, command: &[&str], minutes: u64) {
        let mut process = Process::new(pid);
        process.name = command.first().map(Into::into);
        process.command_line = Some(command.iter().map(Into::into).collect());
        process.parent = Some(parent);
        process.start_time = Some(self.snapshot.taken_at - Duration::from_secs(60 * minutes));
        self.snapshot.processes.push(process);
    }

    fn socket(
        &mut self,
        protocol: Protocol,
        local: &str,
        remote: Option<&str>,
        state: Option<State>,
    ) -> &mut Socket {
        let local: SocketAddr = local.parse().unwrap();
        let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
        let mut socket = Socket::new(family, protocol, local);
        socket.remote = remote.map(|remote| remote.parse::<SocketAddr>().unwrap().into());
        socket.state = state;
        self.inode += 1;
        socket.identity = Some(Identity::Inode(self.inode));
        self.snapshot.sockets.push(socket);
        self.snapshot.sockets.last_mut().unwrap()
    }

    fn listener(&mut self, local: &str, pids: impl IntoIterator<Item = u32>, uid: u32) -> &mut Socket {
        let socket = self.socket(Protocol::Tcp, local, None, Some(State::Listen));
        socket.uid = Some(uid);
        socket.queues = Some(Queues::Accept { waiting: 0, limit: Some(64) });
        held(socket, pids);
        socket
    }

    fn udp(&mut self, local: &str, pids: impl IntoIterator<Item = u32>) -> &mut Socket {
        let socket = self.socket(Protocol::Udp, local, None, None);
        socket.uid = Some(0);
        held(socket, pids);
        socket
    }

    fn connection(&mut self, local: &str, remote: &str, pid: u32) -> &mut Socket {
        let socket = self.socket(Protocol::Tcp, local, Some(remote), Some(State::Established));
        socket.uid = Some(0);
        held(socket, [pid]);
        with_metrics(socket, Duration::from_micros(100), Duration::from_secs(5));
        socket
    }

    /// Both ends of connections within this machine.
    fn pairs(&mut self, count: u16, server: (&str, u32), client: (&str, u32), first_port: u16) {
        for port in first_port..first_port + count {
            let client_end = format!("{}:{port}", client.0);
            self.connection(server.0, &client_end, server.1);
            self.connection(&client_end, server.0, client.1);
        }
    }
}

fn held(socket: &mut Socket, pids: impl IntoIterator<Item = u32>) {
    let owners = pids.into_iter().map(|pid| Owner::new(pid, Some(7), OwnerRole::Holder));
    socket.set_owners(owners, Ownership::Known { complete: true });
}

fn with_metrics(socket: &mut Socket, rtt: Duration, last_ack: Duration) {
    let mut tcp = TcpMetrics::default();
    tcp.rtt = Some(rtt);
    tcp.last_ack_recv = last_ack;
    let mut details = Details::default();
    details.tcp = Some(Box::new(tcp));
    socket.set_details(Some(Box::new(details)));
}

fn without_owner(socket: &mut Socket, reason: UnownedReason) {
    socket.uid = None;
    socket.set_owners([], Ownership::None { reason });
}

/// The world.
pub(super) fn world() -> Snapshot {
    let mut world = World { snapshot: Snapshot::default(), inode: 50_000 };
    world.snapshot.taken_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_331_200);
    processes(&mut world);
    listeners(&mut world);
    connections(&mut world);
    world.snapshot.processes.sort_by_key(|process| process.pid);
    world.snapshot
}

fn processes(world: &mut World) {
    world.process(NGINX, 1, &["nginx", "-g", "daemon off;"], 17);
    for worker in 1..=4 {
        world.process(NGINX + worker, NGINX, &["nginx"], 17);
    }
    world.process(POSTGRES, 1, &["postgres", "-D", "/var/lib/postgresql"], 17);
    world.process(REDIS, 1, &["redis-server"], 17);
    world.process(APP, 1, &["python3", "/srv/app.py", "--token", "secret"], 16);
    // Their pids are lower than that of their parent: the numbers were used before.
    for worker in 0..24 {
        world.process(APP - 100 + worker, APP, &["python3", "/srv/app.py"], 16);
    }
    world.process(NODE, 1, &["node", "server.js"], 16);
    world.process(NOBODY, 1, &["python3", "nob.py"], 16);
    world.process(HTTP_SERVER, 1, &["python3", "-m", "http.server", "8000"], 16);
    world.process(CLIENT, 1, &["python3", "client.py"], 16);
    world.process(CARGO, 1, &["cargo", "install", "x"], 2);
    world.process(PROBE, 1, &["probe"], 3_000);
}

fn listeners(world: &mut World) {
    let nginx = || NGINX..=NGINX + 4;
    let app = || (APP - 100..APP - 76).chain([APP]);
    world.listener("0.0.0.0:80", nginx(), 0);
    world.listener("[::]:80", nginx(), 0).v6_only = Some(true);
    let hidden = world.listener("0.0.0.0:2024", [], 0);
    hidden.set_owners([], Ownership::Hidden { reason: HiddenReason::UnreadableProcess });
    world.listener("0.0.0.0:3000", [NOBODY], 65_534);
    world.listener("[::]:3001", [NODE], 0).v6_only = Some(false);
    world.listener("[::]:9443", app(), 0).v6_only = Some(false);
    world.listener(&format!("[{LONG}]:8000"), [HTTP_SERVER], 0);
    for address in ["127.0.0.1:5432", "[::1]:5432"] {
        world.listener(address, [POSTGRES], 101);
    }
    for address in ["127.0.0.1:6379", "[::1]:6379"] {
        world.listener(address, [REDIS], 0);
    }
    world.listener("127.0.0.1:8080", app(), 0);
    world.listener("127.0.0.1:8443", nginx(), 0);
    let waiting = world.listener("127.0.0.1:9999", app(), 0);
    waiting.queues = Some(Queues::Accept { waiting: 4, limit: Some(64) });
    world.udp("0.0.0.0:4000", [NODE]);
    world.udp("0.0.0.0:5353", app());
    world.udp("[::]:5353", app()).v6_only = Some(true);
    for device in [RED, BLUE] {
        world.udp("0.0.0.0:3784", [PROBE]).interface = NonZeroU32::new(device);
    }
}

fn connections(world: &mut World) {
    let local = "127.0.0.1";
    world.pairs(59, ("127.0.0.1:8080", APP), (local, APP), 45_000);
    // The end of a socket for both families has an IPv4 address within IPv6.
    for port in 46_000..46_006 {
        world.connection("[::ffff:127.0.0.1]:9443", &format!("[::ffff:127.0.0.1]:{port}"), APP);
        world.connection(&format!("127.0.0.1:{port}"), "127.0.0.1:9443", APP);
    }
    world.pairs(4, ("127.0.0.1:9999", APP), (local, APP), 47_000);
    for socket in &mut world.snapshot.sockets {
        if socket.local.port() == Some(9999) && !socket.is_listening() {
            without_owner(socket, UnownedReason::AcceptQueue);
        }
    }
    let server = format!("[{LONG}]:8000");
    world.pairs(3, (&server, HTTP_SERVER), (&format!("[{LONG}]"), CLIENT), 48_000);
    world.pairs(1, ("127.0.0.1:6379", REDIS), (local, APP), 49_000);
    for port in [41_956, 41_970] {
        let socket = world.connection(&format!("192.0.2.2:{port}"), "203.0.113.80:443", CARGO);
        with_metrics(socket, Duration::from_millis(12), Duration::from_secs(1));
    }
    let stuck = world.connection("127.0.0.1:8080", "127.0.0.1:45906", APP);
    stuck.state = Some(State::CloseWait);
    with_metrics(stuck, Duration::from_micros(90), Duration::from_secs(14 * 60 + 5));
    let orphan = world.connection("127.0.0.1:45906", "127.0.0.1:8080", APP);
    orphan.state = Some(State::FinWait2);
    without_owner(orphan, UnownedReason::Orphan);
    let connecting = world.connection("192.0.2.2:41990", "198.51.100.9:25", NODE);
    connecting.state = Some(State::SynSent);
    let ended = world.connection("192.0.2.2:41900", "203.0.113.80:80", CARGO);
    ended.state = Some(State::TimeWait);
    without_owner(ended, UnownedReason::TimeWait);
}
