use netstat2::error::Error;
use netstat2::{
    get_sockets_info, iterate_sockets_info, iterate_sockets_info_without_pids, AddressFamilyFlags,
    ProtocolFlags, ProtocolSocketInfo, SocketInfo, TcpSocketInfo, TcpState, UdpSocketInfo,
};
use std::net::{IpAddr, Ipv4Addr, TcpListener};

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

fn describe(error: &Error) -> String {
    let error: &dyn std::error::Error = error;
    error.to_string()
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
    assert_eq!(AddressFamilyFlags::from_bits(0xff), None);
    let protocols: ProtocolFlags = [ProtocolFlags::TCP, ProtocolFlags::UDP].iter().copied().collect();
    assert!(protocols.is_all());
    assert_eq!(!protocols, ProtocolFlags::empty());
    assert_eq!((protocols & ProtocolFlags::TCP) - ProtocolFlags::UDP, ProtocolFlags::TCP);
    assert_eq!(protocols ^ ProtocolFlags::TCP, ProtocolFlags::UDP);
    println!("{:?} {:?}", af, protocols);
}

fn main() -> Result<(), Error> {
    flags();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let pid = std::process::id();

    let all = get_sockets_info(AddressFamilyFlags::all(), ProtocolFlags::all())?;
    let mine: &SocketInfo = all
        .iter()
        .find(|info| info.local_port() == port && info.associated_pids.contains(&pid))
        .expect("the listener is listed with its process");
    assert_eq!(mine.local_addr(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let expected = ProtocolSocketInfo::Tcp(TcpSocketInfo {
        local_addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
        local_port: port,
        remote_addr: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        remote_port: 0,
        state: TcpState::Listen,
    });
    assert_eq!(mine.protocol_socket_info, expected);
    let rebuilt = SocketInfo {
        protocol_socket_info: expected,
        associated_pids: vec![pid],
        inode: mine.inode,
        uid: mine.uid,
    };
    assert_eq!(&rebuilt, mine);

    let with_pids: Vec<Result<SocketInfo, Error>> =
        iterate_sockets_info(AddressFamilyFlags::IPV4, ProtocolFlags::TCP)?.collect();
    assert!(with_pids.iter().flatten().any(|info| info == mine));
    let without: Vec<SocketInfo> =
        iterate_sockets_info_without_pids(AddressFamilyFlags::IPV4, ProtocolFlags::TCP)?
            .collect::<Result<_, Error>>()?;
    assert!(without.iter().all(|info| info.associated_pids.is_empty()));
    assert!(without.iter().any(|info| info.inode == mine.inode && info.uid == mine.uid));

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
    assert_eq!(TcpState::from(10), TcpState::Listen);
    assert_eq!(TcpState::from(200), TcpState::Unknown);
    let _ = describe;
    println!("netstat2 program: done");
    Ok(())
}
