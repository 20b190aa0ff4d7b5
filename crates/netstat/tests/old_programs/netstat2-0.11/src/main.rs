use netstat2::error::Error;
use netstat2::{
    get_sockets_info, iterate_sockets_info, AddressFamilyFlags, ProtocolFlags, ProtocolSocketInfo, SocketInfo,
    TcpSocketInfo, TcpState, UdpSocketInfo,
};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};

/// The states by name, as a match without a wildcard: no variant is missing and none is new.
fn name(state: TcpState) -> &'static str {
    match state {
        TcpState::Closed => "CLOSED",
        TcpState::Listen => "LISTEN",
        TcpState::SynSent => "SYN_SENT",
        TcpState::SynReceived => "SYN_RCVD",
        TcpState::Established => "ESTABLISHED",
        TcpState::FinWait1 => "FIN_WAIT_1",
        TcpState::FinWait2 => "FIN_WAIT_2",
        TcpState::CloseWait => "CLOSE_WAIT",
        TcpState::Closing => "CLOSING",
        TcpState::LastAck => "LAST_ACK",
        TcpState::TimeWait => "TIME_WAIT",
        TcpState::DeleteTcb => "DELETE_TCB",
        TcpState::Unknown => "__UNKNOWN",
    }
}

/// An error of the system becomes one of the library by `?`.
fn error() {
    fn fails() -> Result<(), Error> {
        std::fs::File::open("")?;
        Ok(())
    }
    let error = fails().unwrap_err();
    let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
    assert!(boxed.source().is_some());
    println!("{} {:?}", boxed, boxed);
}

fn flags() {
    let mut af = AddressFamilyFlags::empty();
    assert!(af.is_empty());
    af |= AddressFamilyFlags::IPV4;
    af.insert(AddressFamilyFlags::IPV6);
    assert_eq!(af, AddressFamilyFlags::all());
    assert!(af.contains(AddressFamilyFlags::IPV6) && af.intersects(AddressFamilyFlags::IPV4));
    af.toggle(AddressFamilyFlags::IPV4);
    af.remove(AddressFamilyFlags::IPV4);
    af.set(AddressFamilyFlags::IPV4, true);
    assert_eq!(AddressFamilyFlags::from_bits(af.bits()), Some(af));
    assert_eq!(AddressFamilyFlags::from_bits_truncate(0xff), AddressFamilyFlags::all());
    assert_eq!(AddressFamilyFlags::from_bits_retain(0xff).bits(), 0xff);
    assert_eq!(AddressFamilyFlags::from_bits(0xff), None);
    assert_eq!(AddressFamilyFlags::from_name("IPV4"), Some(AddressFamilyFlags::IPV4));
    assert_eq!(af.iter().count(), 2);
    assert_eq!(af.iter_names().next(), Some(("IPV4", AddressFamilyFlags::IPV4)));
    let protocols: ProtocolFlags = [ProtocolFlags::TCP, ProtocolFlags::UDP].iter().copied().collect();
    assert!(protocols.is_all());
    assert_eq!(!protocols, ProtocolFlags::empty());
    assert_eq!(protocols.complement(), ProtocolFlags::empty());
    assert_eq!((protocols & ProtocolFlags::TCP) - ProtocolFlags::UDP, ProtocolFlags::TCP);
    assert_eq!(protocols ^ ProtocolFlags::TCP, ProtocolFlags::UDP);
    println!("{:?} {:?}", af, protocols);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn system(mine: &SocketInfo) -> Result<(), Error> {
    use netstat2::iterate_sockets_info_without_pids;

    let (inode, uid): (u32, u32) = (mine.inode, mine.uid);
    let rebuilt = SocketInfo {
        protocol_socket_info: mine.protocol_socket_info.clone(),
        associated_pids: vec![std::process::id()],
        inode,
        uid,
    };
    assert_eq!(&rebuilt, mine);

    let without: Vec<SocketInfo> =
        iterate_sockets_info_without_pids(AddressFamilyFlags::IPV4, ProtocolFlags::TCP)?
            .collect::<Result<_, Error>>()?;
    assert!(without.iter().all(|info| info.associated_pids.is_empty()));
    assert!(without.iter().any(|info| info.inode == inode && info.uid == uid));

    let number: u8 = 10;
    assert_eq!(TcpState::from(number), TcpState::Listen);
    assert_eq!(TcpState::from(200), TcpState::Unknown);
    Ok(())
}

#[cfg(target_os = "windows")]
fn system(mine: &SocketInfo) -> Result<(), Error> {
    use netstat2::iterate_sockets_info_without_pids;

    let rebuilt = SocketInfo {
        protocol_socket_info: mine.protocol_socket_info.clone(),
        associated_pids: vec![std::process::id()],
    };
    assert_eq!(&rebuilt, mine);

    let without: Vec<SocketInfo> =
        iterate_sockets_info_without_pids(ProtocolFlags::TCP)?.collect::<Result<_, Error>>()?;
    assert!(without.iter().all(|info| info.associated_pids.is_empty()));
    assert!(without.iter().any(|info| info.protocol_socket_info == mine.protocol_socket_info));

    let number: u32 = 2;
    assert_eq!(TcpState::from(number), TcpState::Listen);
    assert_eq!(TcpState::from(200), TcpState::Unknown);
    Ok(())
}

// macOS, without iterate_sockets_info_without_pids; and systems that netstat2 does not build for.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "windows")))]
fn system(mine: &SocketInfo) -> Result<(), Error> {
    let rebuilt = SocketInfo {
        protocol_socket_info: mine.protocol_socket_info.clone(),
        associated_pids: vec![std::process::id()],
    };
    assert_eq!(&rebuilt, mine);
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    {
        assert_eq!(TcpState::from("LISTEN"), TcpState::Listen);
        assert_eq!(TcpState::from("200"), TcpState::Unknown);
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    flags();
    error();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let port = address.port();
    let pid = std::process::id();
    // Queried, since Wine knows the process of a socket only after that.
    let mut client = TcpStream::connect(address)?;
    let (mut server, _) = listener.accept()?;
    client.write_all(b"x")?;
    server.read_exact(&mut [0])?;
    listener.ttl()?;
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    udp.ttl()?;

    let all = get_sockets_info(AddressFamilyFlags::all(), ProtocolFlags::all())?;
    let expected = ProtocolSocketInfo::Tcp(TcpSocketInfo {
        local_addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
        local_port: port,
        remote_addr: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        remote_port: 0,
        state: TcpState::Listen,
    });
    let mine: &SocketInfo = all
        .iter()
        .find(|info| info.protocol_socket_info == expected)
        .expect("the listener is listed");
    assert!(mine.associated_pids.contains(&pid));
    assert_eq!(mine.local_addr(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(mine.local_port(), port);
    let expected = ProtocolSocketInfo::Udp(UdpSocketInfo {
        local_addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
        local_port: udp.local_addr()?.port(),
    });
    assert!(all.iter().any(|info| info.protocol_socket_info == expected));

    let with_pids: Vec<Result<SocketInfo, Error>> =
        iterate_sockets_info(AddressFamilyFlags::IPV4, ProtocolFlags::TCP)?.collect();
    assert!(with_pids.iter().flatten().any(|info| info == mine));
    system(mine)?;

    assert!(get_sockets_info(AddressFamilyFlags::empty(), ProtocolFlags::all())?.is_empty());
    assert!(get_sockets_info(AddressFamilyFlags::all(), ProtocolFlags::empty())?.is_empty());

    for info in &all {
        match &info.protocol_socket_info {
            ProtocolSocketInfo::Tcp(tcp) => assert_eq!(tcp.state.to_string(), name(tcp.state)),
            ProtocolSocketInfo::Udp(UdpSocketInfo { local_addr, local_port }) => {
                println!("udp {} {}", local_addr, local_port)
            }
        }
    }
    println!("netstat2 program: done");
    Ok(())
}
