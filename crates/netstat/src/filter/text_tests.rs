use super::random::Random;
use super::{Filter, FilterError};
use crate::model::identity::NetnsId;
use crate::model::state::State;
use std::net::IpAddr;
use std::num::NonZeroU64;

fn read(text: &str) -> Filter {
    text.parse().unwrap_or_else(|error: FilterError| panic!("{text:?}: {error:#}"))
}

fn refused(text: &str) -> FilterError {
    text.parse::<Filter>().map(|filter| panic!("{text:?}: {filter}")).unwrap_err()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_examples_of_the_manual_of_ss_are_understood() {
    let established = Filter::state(State::Established);
    assert_eq!(
        read("state established ( dport = :ssh or sport = :ssh )"),
        established & (Filter::remote_port(22) | Filter::local_port(22))
    );
    assert_eq!(
        read("state fin-wait-1 ( sport = :http or sport = :https ) dst 193.233.7/24"),
        Filter::state(State::FinWait1)
            & (Filter::local_port(80) | Filter::local_port(443))
            & Filter::remote_net(ip("193.233.7.0"), 24)
    );
    assert_eq!(read("fwmark = 0x01/0x03"), Filter::mark_masked(1, 3));
}

#[test]
fn states_come_in_rows_that_add_and_take_away() {
    let of = |states: &[State]| Filter::states(states.iter().copied());
    use State::{Closed, Established, Listen, SynSent, TimeWait};
    for (text, expected) in [
        ("state established state time-wait", of(&[Established, TimeWait])),
        ("state connected exclude time-wait", Filter::connected() & !of(&[TimeWait])),
        ("exclude listening exclude closed", !of(&[Listen, Closed])),
        ("state all exclude listen", !of(&[Listen])),
        ("state all", Filter::all()),
        ("all", Filter::all()),
        ("state listen exclude listen", Filter::none()),
        ("state big", Filter::big()),
        ("exclude big", Filter::bucket()),
        ("bucket", Filter::bucket()),
        ("state synchronized state syn-sent", Filter::connected()),
        ("ESTAB or SYN_SENT", of(&[Established]) | of(&[SynSent])),
        ("state listening", of(&[Listen])),
        ("listening", Filter::listening()),
        ("EXPOSED", Filter::exposed()),
        ("container web or pod = default/web-0", Filter::container("web") | Filter::pod("default/web-0")),
        ("unit != ssh.service", !Filter::unit("ssh.service")),
        ("workload = docker:web", Filter::workload("docker:web")),
        ("not workload \"shop/web\"", !Filter::workload("shop/web")),
        ("not local", !Filter::loopback_only()),
        ("not state listen state closed", !of(&[Listen, Closed])),
    ] {
        let (read, is_same) = (read(text), |row: &crate::Socket| read_same(text, &expected, row));
        let mut random = Random::new(3);
        assert!((0..200).all(|_| is_same(&random.socket())), "{text}: {read}");
    }
}

fn read_same(text: &str, expected: &Filter, row: &crate::Socket) -> bool {
    read(text).matches(row) == expected.matches(row)
}

#[test]
fn protocols_families_and_types_are_read_by_name_and_number() {
    use crate::{Family, Protocol, ProtocolKind, SocketType};
    for (texts, expected) in [
        (&["tcp", "proto tcp", "protocol = TCP", "proto == tcp"][..], Filter::protocol(Protocol::Tcp)),
        (&["udplite", "UDP-Lite"], Filter::protocol(Protocol::UdpLite)),
        (&["icmp", "ping", "proto ping"], Filter::protocol(Protocol::Icmp)),
        (&["raw", "proto = raw"], Filter::protocol_kind(ProtocolKind::Raw)),
        (&["raw:58", "proto raw:58"], Filter::protocol(Protocol::Raw(58))),
        (&["not sctp", "proto != sctp"], !Filter::protocol(Protocol::Sctp)),
        (&["unix", "proto unix"], Filter::protocol(Protocol::Unix)),
        (&["other", "proto other"], Filter::protocol_kind(ProtocolKind::Other)),
        (&["family unix", "family = UNIX"], Filter::family(Family::Unix)),
        (&["family inet6", "ipv6"], Filter::ipv6()),
        (&["family link", "family = packet"], Filter::family(Family::Packet)),
        (&["family 31"], Filter::family(Family::Other(31))),
        (&["type dgram", "type = datagram"], Filter::socket_type(SocketType::Datagram)),
        (&["type != 10"], !Filter::socket_type(SocketType::Other(10))),
    ] {
        for text in texts {
            assert_eq!(read(text), expected, "{text}");
        }
    }
    for bad in ["proto", "proto 6", "raw:256", "family foo", "family 65536", "type 256", "proto < tcp"] {
        refused(bad);
    }
}

#[test]
fn states_that_stand_first_narrow_all_that_follows() {
    let (estab, port) = (Filter::state(State::Established), Filter::remote_port);
    let either = port(1) | port(2);
    assert_eq!(read("state estab dport = 1 or dport = 2"), estab.clone() & either.clone());
    assert_eq!(read("udp or (state estab dport 1 or dport 2)"), Filter::udp() | estab.clone() & either);
    // With an operator after it, it is a term like any other.
    assert_eq!(read("state estab and dport 1 or dport 2"), estab.clone() & port(1) | port(2));
    assert_eq!(read("state estab or dport 1"), estab.clone() | port(1));
    assert_eq!(read("dport 1 state estab"), port(1) & estab);
}

#[test]
fn operators_have_all_their_spellings_and_bind_as_they_should() {
    let port = Filter::local_port;
    for text in ["sport 1 and sport 2", "sport 1 & sport 2", "sport=1&&sport=2", "sport == :1 sport eq :2"] {
        assert_eq!(read(text), port(1) & port(2), "{text}");
    }
    for text in ["sport 1 or sport 2", "sport 1|sport 2", "sport 1 || sport 2", "(sport 1)OR(sport 2)"] {
        assert_eq!(read(text), port(1) | port(2), "{text}");
    }
    for text in [
        "not sport 1",
        "! sport 1",
        "!sport=1",
        "sport != :1",
        "sport ne 1",
        "sport neq 1",
        "not not !sport 1",
    ] {
        assert_eq!(read(text), !port(1), "{text}");
    }
    assert_eq!(read("not sport 1 sport 2 or sport 3 sport 4"), !port(1) & port(2) | port(3) & port(4));
    for (texts, expected) in [
        (["sport < 80", "sport<:80", "sport lt 80"], Filter::local_ports(..80)),
        (["sport <= 80", "sport le :http", "sport leq 80"], Filter::local_ports(..=80)),
        (["sport > 80", "sport>80", "sport gt 80"], Filter::local_ports(81..)),
        (["sport >= 80", "sport ge 80", "sport geq 80"], Filter::local_ports(80..)),
    ] {
        for text in texts {
            assert_eq!(read(text), expected, "{text}");
        }
    }
    assert_eq!(read("sport > 65535"), Filter::none());
}

#[test]
fn terms_have_their_meaning() {
    let cases = [
        ("", Filter::all()),
        ("  ", Filter::all()),
        ("dst 10.0.0.0/8", Filter::remote_net(ip("10.0.0.0"), 8)),
        ("dst = 10.1.2.3/8:443", Filter::remote_net(ip("10.0.0.0"), 8) & Filter::remote_port(443)),
        ("dst != *:443", !Filter::remote_port(443)),
        ("src [::1]:80", Filter::local_address(ip("::1")) & Filter::local_port(80)),
        ("src inet6:[::1]", Filter::ipv6() & Filter::local_address(ip("::1"))),
        ("dport = inet::443", Filter::ipv4() & Filter::remote_port(443)),
        ("dst *", Filter::all()),
        ("host 127.0.0.1", Filter::address(ip("127.0.0.1"))),
        (
            "host 127.0.0.1:80",
            Filter::local_address(ip("127.0.0.1")) & Filter::local_port(80)
                | Filter::remote_address(ip("127.0.0.1")) & Filter::remote_port(80),
        ),
        ("port 80-90", Filter::ports(80..=90)),
        (":8080", Filter::port(8080)),
        ("TCP :8080", Filter::tcp() & Filter::port(8080)),
        ("dport = :8000-8999", Filter::remote_ports(8000..=8999)),
        (":80,90-99", Filter::port(80) | Filter::ports(90..=99)),
        ("dport != 80,90", !(Filter::remote_port(80) | Filter::remote_port(90))),
        (
            "src 10.0.0.1:80,90",
            Filter::local_address(ip("10.0.0.1")) & (Filter::local_port(80) | Filter::local_port(90)),
        ),
        ("sport \"80\" dst \"10.0.0.1\"", Filter::local_port(80) & Filter::remote_address(ip("10.0.0.1"))),
        ("state \"estab\" pid \"12\"", Filter::state(State::Established) & Filter::pid(12)),
        ("dev = 3", Filter::interface(3)),
        ("dev != 3", !Filter::interface(3)),
        ("fwmark 16/0xF0", Filter::mark_masked(16, 0xf0)),
        ("fwmark = 0x10", Filter::mark(16)),
        ("cgroup = 4711", Filter::cgroup_id(4711)),
        ("autobound", Filter::autobound()),
        ("process nginx", Filter::process("nginx")),
        ("process = \"a \\\"b\\\" \\u{43}\"", Filter::process("a \"b\" C")),
        ("process and and tcp", Filter::process("and") & Filter::tcp()),
        ("pid 12", Filter::pid(12)),
        ("uid 33", Filter::uid(33)),
        ("user != 33", !Filter::uid(33)),
        ("inode 7", Filter::inode(7)),
        ("netns = 4026531840", Filter::netns(NetnsId(NonZeroU64::new(4_026_531_840).unwrap()))),
        ("udp ipv4", Filter::udp() & Filter::ipv4()),
        ("tcp inet6", Filter::tcp() & Filter::ipv6()),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn a_filter_reads_as_what_it_is_printed_as() {
    let mut random = Random::new(4);
    for _ in 0..10_000 {
        let filter = random.filter(4);
        assert_eq!(read(&filter.to_string()), filter);
    }
    let netns = !Filter::netns(NetnsId(NonZeroU64::new(4_026_531_840).unwrap()));
    assert_eq!(read(&netns.to_string()), netns);
    for name in ["", "eq", "ne", "a\nb", "(", "\\", "ä ö", "and", "x=y", "nginx: worker"] {
        let filter = !Filter::process(name);
        assert_eq!(read(&filter.to_string()), filter, "{name:?}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_would_be_right() {
    for (text, found, expected) in [
        ("tcp and foo", "foo", "a term (dst"),
        ("tcp and", "", "a term (dst"),
        ("tcp or or udp", "or", "a term (dst"),
        ("( tcp", "", "an operator, a term or a closing parenthesis"),
        ("tcp )", ")", "an operator, a term or the end"),
        ("state open", "open", "a state (established, syn-sent, "),
        ("state \"estab,\"", "\"estab,\"", "a state (established, syn-sent, "),
        ("state", "", "a state (established, syn-sent, "),
        ("dst example.com", "example.com", "a numeric address (names are never looked up)"),
        ("dst 10.0.0.0/33", "10.0.0.0/33", "a prefix that"),
        ("dst", "", "an address"),
        ("dst < 10.0.0.1", "<", "= or !="),
        ("sport = :70000", ":70000", "a port (0 to 65535)"),
        ("sport < :80-90", ":80-90", "one port"),
        ("sport < :80,90", ":80,90", "one port"),
        ("sport :80,", ":80,", "a port (0 to 65535), a range or list"),
        ("sport =", "", "a port"),
        ("pid nginx", "nginx", "the number of a process"),
        ("pid 4294967296", "4294967296", "the number of a process"),
        ("process \"a", "\"a", "the name of a process"),
        ("process \"\\n\"", "\"\\n\"", "the name of a process"),
        ("fwmark 0xg", "0xg", "a mark"),
        ("fwmark 0x+1", "0x+1", "a mark"),
        ("dev no-such0", "no-such0", "the index or name of a network interface (cannot find"),
        ("user no-such-user", "no-such-user", "the name or number of a user (cannot find"),
        ("cgroup /no/such", "/no/such", "the path or id of a control group (cannot find"),
        ("\"tcp\"", "\"tcp\"", "a term (dst"),
        ("tcp = udp", "=", "an operator, a term or the end"),
    ] {
        let error = refused(text);
        assert_eq!(error.found(), found, "{text}");
        assert!(error.expected().starts_with(expected), "{text}: {error}");
        assert_eq!(error.range().start, text.rfind(found).unwrap(), "{text}");
        assert!(!error.to_string().contains('\n'), "{error}");
        // What is recommended is right, but for names of one machine.
        if !["dev", "user", "cgroup"].iter().any(|machine| text.starts_with(machine)) {
            let _ = read(error.example());
        }
    }
}

#[test]
fn the_place_is_marked_below_the_text_without_obeying_it() {
    let error = refused("tcp\u{1b} ä and foo");
    assert_eq!(error.found(), "tcp\u{1b}");
    let lines: Vec<String> = format!("{error:#}").lines().map(str::to_owned).collect();
    assert_eq!(lines[1..], ["  tcp  ä and foo", "  ^^^^"]);
    let error = refused("x\u{202e}\u{301}\u{200b}");
    assert_eq!(format!("{error:#}").lines().skip(1).collect::<Vec<_>>(), ["  x   ", "  ^^^^"]);
    assert!(!format!("{error:#}").contains(['\u{202e}', '\u{301}', '\u{200b}']), "{error:#}");
    let error = refused("ä or foo");
    assert_eq!(format!("{:#}", refused("tcp or \u{e4}\u{e4} or x")).lines().last(), Some("         ^^"));
    assert_eq!(error.range(), 0..2);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}tcp{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(read(&nested(64)), Filter::tcp());
    let error = refused(&nested(65));
    assert_eq!(error.range(), 64..65);
    assert_eq!(error.expected(), "within 64 parentheses");
    refused(&"(".repeat(1_000_000));
    assert_eq!(read(&format!("{}tcp", "not ".repeat(1_000_001))), !Filter::tcp());
    let _ = read(&"tcp or udp and not ".repeat(20_000).replace("not tcp", "tcp").replace("not ", "tcp "));
}

#[test]
fn hostile_texts_are_read_or_refused_with_a_place_inside_them() {
    let mut random = Random::new(5);
    let pieces = [
        "(", ")", "!", "=", "<=", "\"", "\\", "[", "]", "/", ":", "-", "*", "state", " or ", "ä", "\u{0}",
        "9",
    ];
    let (mut good, mut bad) = (0, 0);
    for _ in 0..3_000 {
        let mut text: Vec<char> = random.filter(3).to_string().chars().collect();
        for _ in 0..=random.below(3) {
            let at = random.below(text.len() + 1);
            match random.below(4) {
                0 => {
                    let piece: Vec<char> = random.pick(&pieces).chars().collect();
                    text.splice(at..at, piece);
                }
                1 => text.truncate(at),
                2 if at < text.len() => drop(text.remove(at)),
                _ => {
                    let to = random.below(text.len() + 1);
                    let (from, to) = (at.min(to), at.max(to));
                    let copy = text[from..to].to_vec();
                    text.splice(at..at, copy);
                }
            }
        }
        let text: String = text.into_iter().collect();
        match text.parse::<Filter>() {
            Ok(filter) => {
                good += 1;
                assert_eq!(read(&filter.to_string()), filter, "{text:?}");
            }
            Err(error) => {
                bad += 1;
                assert!(text.get(error.range()).is_some(), "{text:?}: {error:?}");
                assert_eq!(error.found().is_empty(), error.range().start == text.len(), "{text:?}");
                assert!(format!("{error:#}").lines().count() == 3, "{text:?}: {error:#}");
            }
        }
    }
    assert!(good > 200 && bad > 500, "{good} good, {bad} bad");
}

#[test]
fn second_state_without_its_word_is_refused_as_no_socket_is_in_two() {
    for text in
        ["state established close-wait", "( state listening closed ) or tcp", "exclude listening closed"]
    {
        let error = text.parse::<Filter>().unwrap_err().to_string();
        assert!(error.contains("each state has the word before it"), "{error}");
    }
    for text in
        ["state established state close-wait", "state established and tcp", "state connected ( established )"]
    {
        let _ = text.parse::<Filter>().unwrap();
    }
}

#[test]
fn names_of_unix_sockets_stand_where_hosts_do() {
    for (text, expected, shown) in [
        ("src /run/*", Filter::local_unix_name("/run/*"), "src = /run/*"),
        ("dst = @dbus-?", Filter::remote_unix_name("@dbus-?"), "dst = @dbus-?"),
        ("host unix:*.sock", Filter::unix_name("*.sock"), "host = unix:*.sock"),
        ("src != /run/x", !Filter::local_unix_name("/run/x"), "not src = /run/x"),
        ("src \"/a b\"", Filter::local_unix_name("/a b"), "src = \"/a b\""),
    ] {
        let filter = read(text);
        assert_eq!((&filter, &*filter.to_string()), (&expected, shown), "{text}");
        assert!(filter.wants_protocol(crate::model::protocol_kind::ProtocolKind::Unix), "{text}");
        assert_eq!(filter.is_selective(), !text.contains('!'), "{text}");
    }
    assert!(!Filter::local_unix_name("*").is_selective());
    assert!(!read("src /run/*").wants_protocol(crate::model::protocol_kind::ProtocolKind::Tcp));
}
