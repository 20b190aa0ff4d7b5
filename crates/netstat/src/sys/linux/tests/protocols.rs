//! The tables of protocols beside TCP and UDP: what is requested, what is read where the kernel lacks a dump, and what
//! is said where it lacks the protocol.

use super::fallback::{HEADING, line};
use super::script::{Answer, Channel, Message, Outcome, Script, answers, done, rows};
use crate::filter::Filter;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::gap::GapKind;
use crate::model::protocol::{Protocol, SocketType};
use crate::model::protocol_kind::ProtocolKind;
use crate::model::queues::Queues;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::query::Query;
use crate::sys::linux::sock_diag::destroy::destroy_over;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::recheck::still_open;
use crate::sys::linux::sock_diag::request::{Source, Table, tables, tables_of};
use netstat_wire::linux::inet_diag::{
    AF_INET, AF_INET6, INET_DIAG_LOCALS, INET_DIAG_PEERS, INET_DIAG_PROTOCOL, SOCK_DIAG_BY_FAMILY,
};
use netstat_wire::linux::inet_diag_sctp::{SCTP_STATE_COOKIE_WAIT, SCTP_STATE_ESTABLISHED};
use netstat_wire::linux::netlink::Messages;
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN};
use rustix::io::Errno;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;

fn of(query: &Query) -> Vec<Table> {
    tables(query, true).unwrap()
}

fn of_kind(kind: ProtocolKind) -> Vec<Table> {
    of(&Query::new().protocol_kind(kind))
}

/// A kernel that has no handler for what is requested.
fn without_handler(requests: usize) -> Channel {
    Channel::Opens(vec![vec![Answer::Datagram(vec![Message::Done(-2)])]; requests])
}

fn table(family: Family, numbers: &[u16]) -> String {
    let lines: String = numbers.iter().map(|number| line(family, *number)).collect();
    format!("{HEADING}{lines}")
}

fn address(text: &str) -> Endpoint {
    Endpoint::Address { ip: text.parse::<IpAddr>().unwrap(), scope_id: 0 }
}

fn local(row: &Socket) -> String {
    row.local.to_string()
}

/// The body of a request: what follows its netlink header.
fn body(request: &[u8]) -> &[u8] {
    &request[16..]
}

struct Record {
    family: u8,
    state: u8,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    interface: u32,
    /// The cookie and the inode.
    socket: u32,
    queues: (u32, u32),
}

impl Record {
    fn new(state: u8, local: &str, remote: Option<&str>, socket: u32) -> Self {
        let [local, remote] =
            [Some(local), remote].map(|end| end.map(|end| end.parse::<SocketAddr>().unwrap()));
        let family = if local.unwrap().is_ipv4() { AF_INET } else { AF_INET6 };
        Self { family, state, local: local.unwrap(), remote, interface: 0, socket, queues: (0, 0) }
    }

    /// `struct inet_diag_msg`, with attributes.
    fn encode(&self, attributes: &[(u16, Vec<u8>)]) -> Message {
        let octets = |end: SocketAddr| match end.ip() {
            IpAddr::V4(ip) => [&ip.octets()[..], &[0; 12]].concat(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let mut bytes = vec![self.family, self.state, 0, 0];
        bytes.extend(self.local.port().to_be_bytes());
        bytes.extend(self.remote.map_or(0, |end| end.port()).to_be_bytes());
        bytes.extend(octets(self.local));
        bytes.extend(self.remote.map_or(vec![0; 16], octets));
        let words = [self.interface, self.socket, 0, 0, self.queues.0, self.queues.1, 1000, self.socket];
        bytes.extend(words.into_iter().flat_map(u32::to_ne_bytes));
        for (kind, payload) in attributes {
            let length = u16::try_from(payload.len() + 4).unwrap();
            bytes.extend(length.to_ne_bytes().into_iter().chain(kind.to_ne_bytes()));
            bytes.extend(payload);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        Message::Record(bytes)
    }
}

/// `struct sockaddr_storage` of each.
fn storages(ends: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for end in ends {
        let start = bytes.len();
        match end.parse::<SocketAddr>().unwrap() {
            SocketAddr::V4(end) => {
                bytes.extend(u16::from(AF_INET).to_ne_bytes());
                bytes.extend(end.port().to_be_bytes());
                bytes.extend(end.ip().octets());
            }
            SocketAddr::V6(end) => {
                bytes.extend(u16::from(AF_INET6).to_ne_bytes());
                bytes.extend(end.port().to_be_bytes());
                bytes.extend([0; 4]);
                bytes.extend(end.ip().octets());
            }
        }
        bytes.resize(start + 128, 0);
    }
    bytes
}

#[test]
fn raw_sockets_are_requested_for_each_family_whatever_the_ports() {
    let raw = |local: &str, protocol: u8, socket| {
        Record::new(TCP_CLOSE, local, None, socket).encode(&[(INET_DIAG_PROTOCOL, vec![protocol])])
    };
    let of_port = Filter::local_port(80) | Filter::protocol_kind(ProtocolKind::Raw);
    let wanted = of(&Query::new().filter(of_port).protocol_kind(ProtocolKind::Raw));
    let outcome = Script::new([Channel::Opens(vec![
        vec![Answer::Datagram(vec![raw("127.0.0.1:99", 99, 6), raw("127.0.0.1:1", 1, 7)]), done()],
        vec![Answer::Datagram(vec![raw("[::1]:58", 58, 8)]), done()],
    ])])
    .list(&wanted);
    assert_eq!(outcome.gaps(), []);
    let seen: Vec<_> = outcome.rows.iter().map(|row| (row.protocol, row.local.clone())).collect();
    let expected = [(1, "127.0.0.1"), (58, "::1"), (99, "127.0.0.1")];
    assert_eq!(seen, expected.map(|(number, ip)| (Protocol::Raw(number), address(ip))));
    assert!(outcome.rows.iter().all(|row| row.cookie.is_some() && row.state.is_none()));
    for (request, family) in outcome.requests.iter().zip([AF_INET, AF_INET6]) {
        let header = Messages::new(request).next().unwrap().unwrap().header;
        assert_eq!((header.kind, &body(request)[..2]), (SOCK_DIAG_BY_FAMILY, &[family, 255][..]));
        // The wanted port, in whose place the kernel has the IP protocol.
        assert_eq!(body(request)[8..12], [0; 4]);
    }
    assert_eq!(outcome.requests.len(), 2);
    // No raw socket has a port, so a port alone selects none.
    assert!(of(&Query::new().protocol_kind(ProtocolKind::Raw).local_port(1)).is_empty());
}

#[test]
fn program_for_raw_sockets_compares_ip_protocols_and_no_ports() {
    let programs = |filter: Filter| -> Vec<bool> {
        let raw = Query::new().protocol_kind(ProtocolKind::Raw).filter(filter);
        of(&raw).iter().map(|table| table.program.is_some()).collect()
    };
    assert_eq!(programs(Filter::protocol(Protocol::Raw(58))), [true]);
    assert_eq!(programs(!Filter::local_port(58)), [false]);
    assert_eq!(programs(Filter::local_net([127, 0, 0, 0], 8)), [true]);
}

#[test]
fn raw_sockets_of_a_kernel_without_their_dump_are_read_from_files_with_a_gap() {
    let outcome = Script::new([without_handler(1)])
        .file("/proc/thread-self/net/raw", &table(Family::Ipv4, &[1, 255]))
        .file("/proc/thread-self/net/raw6", &table(Family::Ipv6, &[58]))
        .list(&of_kind(ProtocolKind::Raw));
    let seen: Vec<_> = outcome.rows.iter().map(|row| (row.protocol, row.local.clone())).collect();
    // In the order of protocols, so that the rows of one come together.
    let expected = [(1, "127.0.0.1"), (58, "::1"), (255, "127.0.0.1")];
    assert_eq!(seen, expected.map(|(number, ip)| (Protocol::Raw(number), address(ip))));
    let gap = "sock_diag raw: No such file or directory (os error 2)";
    assert_eq!(outcome.gaps(), [(GapKind::Fallback, gap)]);
}

#[test]
fn raw_sockets_of_one_family_that_cannot_be_read_are_a_gap_beside_those_of_the_other() {
    let denied = super::script::FileScript::CannotOpen(Errno::ACCESS);
    let outcome = Script::new([without_handler(1)])
        .file("/proc/thread-self/net/raw", &table(Family::Ipv4, &[1]))
        .file_script("/proc/thread-self/net/raw6", [denied])
        .list(&of_kind(ProtocolKind::Raw));
    assert_eq!(outcome.rows.len(), 1);
    let fallback = "sock_diag raw: No such file or directory (os error 2)";
    let unread = "/proc/thread-self/net/raw6: Permission denied (os error 13)";
    let expected = [(GapKind::Fallback, fallback), (GapKind::TableUnavailable, unread)];
    assert_eq!(outcome.gaps(), expected);
}

#[test]
fn ping_sockets_are_read_from_files_without_a_request_or_a_gap() {
    let outcome = Script::new([])
        .file("/proc/thread-self/net/icmp", &table(Family::Ipv4, &[77]))
        .file("/proc/thread-self/net/icmp6", &table(Family::Ipv6, &[78]))
        .list(&of_kind(ProtocolKind::Icmp));
    assert_eq!((outcome.numbers(), outcome.gaps(), outcome.opened), (vec![77, 78], vec![], 0));
    assert!(outcome.rows.iter().all(|row| row.protocol == Protocol::Icmp && row.state.is_none()));
}

#[test]
fn ping_sockets_that_cannot_be_read_are_an_error_and_beside_others_a_gap() {
    let missing = Script::new([]).list(&of_kind(ProtocolKind::Icmp));
    assert!(missing.result.unwrap_err().to_string().contains("icmp sockets from /proc/thread-self/net/icmp"));
    let script = || {
        let denied = super::script::FileScript::CannotOpen(Errno::ACCESS);
        Script::new([answers([rows([1]), done()])])
            .file("/proc/thread-self/net/icmp", &table(Family::Ipv4, &[77]))
            .file_script("/proc/thread-self/net/icmp6", [denied])
    };
    let wanted = of(&Query::new().tcp().protocol(Protocol::Icmp));
    let outcome = script().list(&wanted);
    assert_eq!(outcome.numbers(), [1, 77]);
    let gap = "/proc/thread-self/net/icmp6: Permission denied (os error 13)";
    assert_eq!(outcome.gaps(), [(GapKind::TableUnavailable, gap)]);
    // Their lines lack the interface, which is no reason to leave them out.
    let by_interface = of(&Query::new().tcp().protocol(Protocol::Icmp).filter(Filter::interface(1)));
    let outcome = script().list(&by_interface);
    assert_eq!((outcome.numbers(), outcome.paths.len()), (vec![1], 0));
    let gap = "/proc/net icmp: lacks what the filter compares";
    assert_eq!(outcome.gaps(), [(GapKind::TableUnavailable, gap)]);
}

#[test]
fn udplite_is_read_from_files_where_its_dump_is_refused_and_missing_where_the_kernel_has_none() {
    let outcome = Script::new([without_handler(1)])
        .file("/proc/thread-self/net/udplite", &table(Family::Ipv4, &[5]))
        .file("/proc/thread-self/net/udplite6", &table(Family::Ipv6, &[6]))
        .list(&of_kind(ProtocolKind::UdpLite));
    assert_eq!(outcome.numbers(), [5, 6]);
    assert!(outcome.rows.iter().all(|row| row.protocol == Protocol::UdpLite));
    let gap = "sock_diag udplite: No such file or directory (os error 2)";
    assert_eq!(outcome.gaps(), [(GapKind::Fallback, gap)]);
    is_missing(ProtocolKind::UdpLite, "sock_diag udplite: ");
}

/// Checks what a listing says of a protocol of which the kernel has neither a dump nor a file.
fn is_missing(kind: ProtocolKind, gap: &str) {
    let alone = Script::new([without_handler(1)]).list(&of_kind(kind));
    let error = alone.result.unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains(kind.as_str()), "{error}");
    let beside =
        Channel::Opens(vec![vec![rows([1]), done()], vec![Answer::Datagram(vec![Message::Done(-2)])]]);
    let beside = Script::new([beside]).list(&of(&Query::new().tcp().protocol_kind(kind)));
    assert_eq!(beside.numbers(), [1]);
    let gaps = beside.gaps();
    assert!(matches!(gaps[..], [(GapKind::TableUnavailable, source)] if source.starts_with(gap)), "{gaps:?}");
}

#[test]
fn mptcp_has_one_request_for_both_families_and_no_other_source() {
    let outcome = Script::new([answers([
        Answer::Datagram(vec![
            Record { queues: (1, 5), ..Record::new(TCP_LISTEN, "127.0.0.1:80", None, 7) }.encode(&[]),
            Record { queues: (832, 0), ..Record::new(TCP_ESTABLISHED, "[::1]:81", Some("[::1]:5"), 8) }
                .encode(&[]),
        ]),
        done(),
    ])])
    .list(&of_kind(ProtocolKind::Mptcp));
    let seen: Vec<_> = outcome.rows.iter().map(|row| (row.protocol, row.state, row.queues)).collect();
    let expected = [
        (Protocol::Mptcp, Some(State::Listen), Some(Queues::Accept { waiting: 1, limit: Some(5) })),
        (Protocol::Mptcp, Some(State::Established), Some(Queues::Memory { receive: 832, send: 0 })),
    ];
    assert_eq!((outcome.gaps(), seen), (vec![], expected.to_vec()));
    // The attribute that names the protocol, in host order.
    assert!(outcome.requests[0].ends_with(&262_u32.to_ne_bytes()));
    is_missing(ProtocolKind::Mptcp, "sock_diag mptcp: ");
    for family in [Family::Ipv4, Family::Ipv6] {
        let of_one = of(&Query::new().protocol(Protocol::Mptcp).family(family));
        assert_eq!(of_one.iter().map(|table| table.selection.family).collect::<Vec<_>>(), [None]);
    }
}

#[test]
fn mptcp_is_not_requested_of_a_kernel_that_would_answer_with_tcp() {
    let old = |query: &Query| tables(query, false).unwrap();
    let alone = old(&Query::new().protocol(Protocol::Mptcp));
    assert_eq!(alone.iter().map(|table| table.source).collect::<Vec<_>>(), [Source::Missing]);
    let outcome = Script::new([answers([rows([9]), done()])]).list(&alone);
    assert!(outcome.result.unwrap_err().is_unsupported() && outcome.requests.is_empty());
    let beside = old(&Query::new().tcp().protocol(Protocol::Mptcp));
    let outcome = Script::new([answers([rows([1]), done()])]).list(&beside);
    assert_eq!((outcome.numbers(), outcome.requests.len()), (vec![1], 1));
    let gap = "sock_diag mptcp: Linux lists these sockets since 5.9";
    assert_eq!(outcome.gaps(), [(GapKind::TableUnavailable, gap)]);
}

/// A listener, a one-to-one connection, and a one-to-many socket with two associations; that of the listener twice.
fn sctp_records() -> Vec<Message> {
    let locals = |ends: &[&str]| (INET_DIAG_LOCALS, storages(ends));
    let peers = |ends: &[&str]| (INET_DIAG_PEERS, storages(ends));
    let listener = Record { queues: (1, 5), ..Record::new(TCP_LISTEN, "192.0.2.1:80", None, 1) };
    let connected = Record::new(TCP_ESTABLISHED, "192.0.2.1:81", Some("192.0.2.9:5"), 2);
    let its_association = Record {
        interface: 3,
        queues: (100, 200),
        ..Record::new(SCTP_STATE_ESTABLISHED, "192.0.2.1:81", Some("192.0.2.9:5"), 2)
    };
    let many = Record::new(TCP_CLOSE, "[::1]:82", None, 3);
    let first = Record::new(SCTP_STATE_COOKIE_WAIT, "[::1]:82", Some("[::1]:6"), 3);
    // The primary address of the peer is an IPv4 address, where the fixed part has an IPv6 one.
    let mut second = Record::new(SCTP_STATE_ESTABLISHED, "[::1]:82", Some("192.0.2.7:7"), 3);
    second.family = AF_INET6;
    vec![
        listener.encode(&[locals(&["192.0.2.1:80"])]),
        listener.encode(&[locals(&["192.0.2.1:80"])]),
        connected.encode(&[locals(&["192.0.2.1:81"])]),
        its_association
            .encode(&[locals(&["192.0.2.1:81", "192.0.2.2:81"]), peers(&["192.0.2.8:5", "192.0.2.9:5"])]),
        many.encode(&[locals(&["[::1]:82"])]),
        first.encode(&[locals(&["[::1]:82"]), peers(&["[::1]:6"])]),
        second.encode(&[locals(&["[::1]:82"]), peers(&["[::2]:7", "192.0.2.7:7"])]),
    ]
}

/// State, local and remote end, inode.
type SctpRow = (Option<State>, String, Option<String>, Option<u64>);

fn sctp_rows(outcome: &Outcome) -> Vec<SctpRow> {
    let row =
        |row: &Socket| (row.state, local(row), row.remote.as_ref().map(Endpoint::to_string), row.inode());
    outcome.rows.iter().map(row).collect()
}

fn expected_sctp_rows() -> Vec<SctpRow> {
    [
        (State::Listen, "192.0.2.1:80", None, 1),
        (State::Established, "192.0.2.1:81", Some("192.0.2.9:5"), 2),
        (State::Closed, "[::1]:82", None, 3),
        (State::CookieWait, "[::1]:82", Some("[::1]:6"), 3),
        (State::Established, "[::1]:82", Some("[::ffff:192.0.2.7]:7"), 3),
    ]
    .map(|(state, local, remote, inode)| (Some(state), local.into(), remote.map(str::to_owned), Some(inode)))
    .to_vec()
}

#[test]
fn sctp_has_a_row_for_each_association_and_each_socket_that_is_not_itself_one() {
    let outcome = Script::new([answers([
        Answer::Datagram(sctp_records()[..3].to_vec()),
        // The rest, after what has been read has changed.
        Answer::Datagram(sctp_records()[2..].to_vec()),
        done(),
    ])])
    .list(&of_kind(ProtocolKind::Sctp));
    assert_eq!((outcome.gaps(), sctp_rows(&outcome)), (vec![], expected_sctp_rows()));
    assert!(outcome.rows.iter().all(|row| row.protocol == Protocol::Sctp && row.uid == Some(1000)));
    assert_eq!(outcome.rows[0].queues, Some(Queues::Accept { waiting: 1, limit: Some(5) }));
    assert_eq!(outcome.rows[1].queues, Some(Queues::Memory { receive: 100, send: 200 }));
    // The device that its packets go through is none that the socket is bound to.
    assert_eq!(outcome.rows[1].interface, None);
}

#[test]
fn sctp_dump_that_overran_starts_over_and_repeats_nothing() {
    let cut = vec![Answer::Datagram(sctp_records()), Answer::Datagram(vec![Message::Overrun])];
    let whole = vec![Answer::Datagram(sctp_records()), done()];
    let outcome = Script::new([answers(cut), answers(whole)]).list(&of_kind(ProtocolKind::Sctp));
    assert_eq!((outcome.gaps(), sctp_rows(&outcome)), (vec![], expected_sctp_rows()));
}

#[test]
fn sctp_records_that_cannot_be_read_are_counted() {
    let mut records = sctp_records();
    let Message::Record(payload) = &mut records[0] else { panic!() };
    payload.truncate(60);
    // A list of addresses that ends in the middle of one.
    let half = Record::new(TCP_LISTEN, "192.0.2.1:90", None, 9).encode(&[(INET_DIAG_LOCALS, vec![0; 64])]);
    records.push(half);
    let outcome =
        Script::new([answers([Answer::Datagram(records), done()])]).list(&of_kind(ProtocolKind::Sctp));
    assert_eq!(sctp_rows(&outcome), expected_sctp_rows());
    assert_eq!(outcome.gaps(), [(GapKind::RecordsSkipped, "sock_diag sctp")]);
}

#[test]
fn sctp_is_requested_in_every_state_and_filtered_by_the_states_of_its_rows() {
    for filter in [Filter::state(State::CookieWait), Filter::state(State::Listen), Filter::local_port(80)] {
        let [table] = &of(&Query::new().protocol(Protocol::Sctp).filter(filter))[..] else { panic!() };
        assert_eq!((table.selection.states, table.selection.local_port), (0xffe, 0));
        assert!(table.program.is_none());
    }
    let error = tables(&Query::new().protocol(Protocol::Sctp).filter(Filter::mark(1)), true).unwrap_err();
    assert!(error.is_unsupported(), "{error}");
}

#[test]
fn sctp_of_a_kernel_without_its_dump_is_read_from_files_with_a_gap() {
    let eps = " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n\
               0 0 2   10   9    80   1000 1 192.0.2.1 \n\
               0 0 2   1   9    81   1000 2 192.0.2.1 192.0.2.2 \n\
               0 0 0   7   9    82   1000 3 0000:0000:0000:0000:0000:0000:0000:0001 \n";
    let assocs = " ASSOC     SOCK   STY SST ST HBKT ASSOC-ID TX_QUEUE RX_QUEUE UID INODE LPORT RPORT LADDRS <-> RADDRS\n\
               0 0 2   1   3  0    1  200  100  1000  2 81   5   *192.0.2.1 192.0.2.2 <-> 192.0.2.8 *192.0.2.9 \t 30000\n\
               0 0 0   7   1  0    1  0  0  1000  3 82   6   *0000:0000:0000:0000:0000:0000:0000:0001 <-> *0000:0000:0000:0000:0000:0000:0000:0001 \t 30000\n\
               0 0 0   7   3  0    2  0  0  1000  3 82   7   *0000:0000:0000:0000:0000:0000:0000:0001 <-> *192.0.2.7 \t 30000\n";
    let script = || {
        Script::new([without_handler(1)])
            .file("/proc/thread-self/net/sctp/eps", eps)
            .file("/proc/thread-self/net/sctp/assocs", assocs)
    };
    let outcome = script().list(&of_kind(ProtocolKind::Sctp));
    // Sockets come first.
    let mut expected = expected_sctp_rows();
    expected.swap(1, 2);
    assert_eq!(sctp_rows(&outcome), expected);
    assert_eq!(outcome.rows[2].queues, Some(Queues::Memory { receive: 100, send: 200 }));
    let types: Vec<_> = outcome.rows.iter().map(|row| row.socket_type.unwrap()).collect();
    let (one, many) = (SocketType::Stream, SocketType::SeqPacket);
    assert_eq!(types, [one, many, one, many, many]);
    let gap = "sock_diag sctp: No such file or directory (os error 2)";
    assert_eq!(outcome.gaps(), [(GapKind::Fallback, gap)]);
    let of_ipv6 = script().list(&of(&Query::new().protocol(Protocol::Sctp).ipv6()));
    assert_eq!(sctp_rows(&of_ipv6), expected_sctp_rows()[2..]);
}

#[test]
fn sctp_is_missing_where_the_kernel_has_neither_dump_nor_files() {
    is_missing(ProtocolKind::Sctp, "sock_diag sctp: ");
}

#[test]
fn sctp_associations_that_no_process_has_are_not_taken_for_those_of_one_socket() {
    let assocs = "heading\n\
               0 0 2   1   3  0    1  0  0  0  0 81   5   *192.0.2.1 <-> *192.0.2.8 \t\n\
               0 0 2   1   3  0    1  0  0  0  0 81   6   *192.0.2.1 <-> *192.0.2.8 \t\n";
    let eps = "heading\n0 0 2   1   9    83   0 0 192.0.2.1 \n";
    let outcome = Script::new([without_handler(1)])
        .file("/proc/thread-self/net/sctp/eps", eps)
        .file("/proc/thread-self/net/sctp/assocs", assocs)
        .list(&of_kind(ProtocolKind::Sctp));
    assert_eq!(outcome.rows.len(), 3);
    assert!(outcome.rows.iter().all(|row| row.inode().is_none() && row.uid.is_none()));
}

#[test]
fn sockets_without_an_exact_request_are_neither_looked_up_nor_closed() {
    let row = |protocol| {
        let mut row = Socket::new(Family::Ipv4, protocol, SocketAddr::from(([127, 0, 0, 1], 80)));
        (row.cookie, row.state) = (NonZeroU64::new(7), Some(State::Established));
        row
    };
    let sockets = [Protocol::Icmp, Protocol::Raw(1), Protocol::Sctp, Protocol::Mptcp].map(row);
    let mut dumps = Dumps::new(|| -> Result<super::script::ScriptedPeer, Errno> { panic!("a request") });
    assert_eq!(still_open(&mut dumps, &mut sockets.iter(), &mut 4), [true; 4]);
    for socket in &sockets {
        let error = destroy_over(&mut dumps, socket).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
    }
    let ends = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let query =
        Query::new().protocol(Protocol::UdpLite).protocol(Protocol::Sctp).connection(ends[0], ends[1]);
    let looked_up = tables_of(&query).unwrap();
    let connections = |table: &Table| (table.selection.info.protocol, table.connections.len());
    let expected = [(Protocol::UdpLite, 1), (Protocol::Sctp, 0)];
    assert!(looked_up.iter().all(|table| expected.contains(&connections(table))) && looked_up.len() >= 2);
}
