use model::*;
use netstat2::compat::*;

mod model {
    pub struct Process {
        pub pid: u32,
    }

    pub struct Socket {
        pub port: u16,
        pub owners: Vec<Process>,
    }

    #[derive(Default)]
    pub struct Query {
        pub listening: bool,
    }

    pub struct Snapshot {
        pub query: Query,
        pub sockets: Vec<Socket>,
    }

    pub enum Protocol {
        Tcp,
        Udp,
    }

    pub enum State {
        Open,
        Closed,
    }
}

fn protocol(info: &SocketInfo) -> (Protocol, State) {
    match &info.protocol_socket_info {
        ProtocolSocketInfo::Tcp(TcpSocketInfo { state: TcpState::Closed, .. }) => (Protocol::Tcp, State::Closed),
        ProtocolSocketInfo::Tcp(_) => (Protocol::Tcp, State::Open),
        ProtocolSocketInfo::Udp(UdpSocketInfo { .. }) => (Protocol::Udp, State::Open),
    }
}

fn snapshot(query: Query) -> Result<Snapshot, error::Error> {
    let wanted = |info: &SocketInfo| match &info.protocol_socket_info {
        ProtocolSocketInfo::Tcp(tcp) => !query.listening || tcp.state == TcpState::Listen,
        ProtocolSocketInfo::Udp(_) => !query.listening,
    };
    let mut sockets = Vec::new();
    for info in iterate_sockets_info(AddressFamilyFlags::all(), ProtocolFlags::all())? {
        let info = info?;
        if wanted(&info) {
            let owners = info.associated_pids.iter().map(|pid| Process { pid: *pid }).collect();
            sockets.push(Socket { port: info.local_port(), owners });
        }
    }
    Ok(Snapshot { query, sockets })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    // Queried, since Wine knows the process of a socket only after that.
    listener.ttl()?;
    let Snapshot { query, sockets } = snapshot(Query { listening: true })?;
    assert!(query.listening);
    let mine = |socket: &&Socket| socket.port == port;
    let socket = sockets.iter().find(mine).expect("the listener is listed");
    assert!(socket.owners.iter().any(|process| process.pid == std::process::id()));

    let (mut tcp, mut udp) = (0, 0);
    for info in get_sockets_info(AddressFamilyFlags::all(), ProtocolFlags::all())? {
        match protocol(&info) {
            (Protocol::Tcp, State::Open | State::Closed) => tcp += 1,
            (Protocol::Udp, _) => udp += 1,
        }
    }
    println!("{} of TCP, {} of UDP", tcp, udp);
    println!("program with two globs: done");
    Ok(())
}
