//! Sockets on ports that nothing else has. The kernel gives a new socket a port that a connection in TIME_WAIT still has
//! at its other end, or on another address, and a question for that port is answered with the connection too.

use netstat::{AddressFamilyFlags, ProtocolFlags, ProtocolSocketInfo, get_sockets_info};
use std::collections::HashSet;
use std::net::{TcpListener, TcpStream};

fn in_use() -> HashSet<u16> {
    let families = AddressFamilyFlags::IPV4 | AddressFamilyFlags::IPV6;
    let listed = get_sockets_info(families, ProtocolFlags::TCP | ProtocolFlags::UDP).expect("a listing");
    let ports = listed.iter().flat_map(|socket| match &socket.protocol_socket_info {
        ProtocolSocketInfo::Tcp(tcp) => [tcp.local_port, tcp.remote_port],
        ProtocolSocketInfo::Udp(udp) => [udp.local_port, udp.local_port],
    });
    ports.collect()
}

/// What `make` makes, where no socket that was there before has one of its `ports` at either end. Those that are not
/// taken stay open until one is, so that the kernel gives each another port.
pub(crate) fn alone<T>(mut make: impl FnMut() -> T, ports: impl Fn(&T) -> Vec<u16>) -> T {
    let mut others = Vec::new();
    for _ in 0..10 {
        let in_use = in_use();
        for _ in 0..25 {
            let made = make();
            if ports(&made).iter().all(|port| !in_use.contains(port)) {
                return made;
            }
            others.push(made);
        }
    }
    panic!("no port is free of other sockets: {} are in use", in_use().len());
}

/// A listener on 127.0.0.1, and its port.
pub(crate) fn listener() -> (TcpListener, u16) {
    let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
    let listener =
        alone(|| TcpListener::bind("127.0.0.1:0").expect("loopback"), |listener| vec![port(listener)]);
    let port = port(&listener);
    (listener, port)
}

/// A listener on 127.0.0.1, and a connection to it: its client, and what was accepted.
pub(crate) fn connection() -> (TcpListener, TcpStream, TcpStream) {
    let make = || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("loopback");
        let (server, _) = listener.accept().expect("a connection");
        (listener, client, server)
    };
    alone(make, |(_, client, server)| {
        [client, server].map(|end| end.local_addr().expect("an address").port()).to_vec()
    })
}
