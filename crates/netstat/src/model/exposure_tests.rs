use super::*;
use crate::model::family::Family;
use crate::model::protocol::Protocol;
use crate::model::state::State;
use std::net::SocketAddr;
use std::num::NonZeroU64;

/// A TCP listener on an address.
fn listener(address: &str) -> Socket {
    let address: IpAddr = address.parse().unwrap();
    let family = if address.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    let mut socket = Socket::new(family, Protocol::Tcp, SocketAddr::new(address, 80));
    socket.state = Some(State::Listen);
    socket
}

#[test]
fn reach_and_families_of_every_kind_of_address_and_device() {
    use Reach as R;
    /// Whether IPv4 and IPv6 are accepted.
    type Families = (Option<bool>, bool);
    const V4: Families = (Some(true), false);
    const V6: Families = (Some(false), true);
    const BOTH: Families = (Some(true), true);
    const UNSURE: Families = (None, true);
    // Address, v6_only, device, and what is expected.
    let cases: [(&str, Option<bool>, u32, Reach, Families); 48] = [
        ("0.0.0.0", None, 0, R::Any, V4),
        ("0.0.0.0", None, 2, R::Any, V4),
        ("0.0.0.0", None, 1, R::Loopback, V4),
        ("::", Some(false), 0, R::Any, BOTH),
        ("::", Some(true), 0, R::Any, V6),
        ("::", None, 0, R::Any, UNSURE),
        ("::", Some(false), 3, R::Any, BOTH),
        ("::", Some(false), 1, R::Loopback, BOTH),
        ("::ffff:0.0.0.0", Some(false), 0, R::Any, V4),
        ("127.0.0.1", None, 0, R::Loopback, V4),
        ("127.255.255.254", None, 0, R::Loopback, V4),
        ("127.0.0.53", None, 1, R::Loopback, V4),
        ("126.255.255.255", None, 0, R::Public, V4),
        ("128.0.0.1", None, 0, R::Public, V4),
        ("::1", None, 0, R::Loopback, V6),
        ("::2", None, 0, R::Public, V6),
        ("::ffff:127.0.0.1", None, 0, R::Loopback, V4),
        ("::127.0.0.1", None, 0, R::Public, V6),
        ("169.254.0.1", None, 2, R::LinkLocal, V4),
        ("169.253.255.255", None, 0, R::Public, V4),
        ("fe80::1", None, 2, R::LinkLocal, V6),
        ("fe80::1", None, 1, R::Loopback, V6),
        ("febf:ffff::1", None, 2, R::LinkLocal, V6),
        ("fe7f::1", None, 0, R::Public, V6),
        ("fec0::1", None, 0, R::Private, V6),
        ("255.255.255.255", None, 0, R::LinkLocal, V4),
        ("224.0.0.251", None, 0, R::LinkLocal, V4),
        ("224.0.1.1", None, 0, R::Public, V4),
        ("239.1.2.3", None, 0, R::Private, V4),
        ("ff01::1", None, 0, R::Loopback, V6),
        ("ff02::fb", None, 0, R::LinkLocal, V6),
        ("ff15::1", None, 0, R::Private, V6),
        ("ff0e::1", None, 0, R::Public, V6),
        ("10.0.0.1", None, 0, R::Private, V4),
        ("10.0.0.1", None, 1, R::Loopback, V4),
        ("11.0.0.1", None, 0, R::Public, V4),
        ("172.16.0.1", None, 0, R::Private, V4),
        ("172.31.255.255", None, 0, R::Private, V4),
        ("172.32.0.1", None, 0, R::Public, V4),
        ("192.168.255.1", None, 0, R::Private, V4),
        ("192.169.0.1", None, 0, R::Public, V4),
        ("100.64.0.1", None, 0, R::Private, V4),
        ("100.128.0.1", None, 0, R::Public, V4),
        ("198.18.0.1", None, 0, R::Private, V4),
        ("::ffff:192.168.0.1", None, 0, R::Private, V4),
        ("fd00::1", None, 0, R::Private, V6),
        ("2001:db8::1", None, 0, R::Public, V6),
        ("203.0.113.9", None, 7, R::Public, V4),
    ];
    for (address, v6_only, device, reach, families) in cases {
        let mut socket = listener(address);
        (socket.v6_only, socket.interface) = (v6_only, NonZeroU32::new(device));
        let exposure = Exposure::of(&socket, None).unwrap();
        let found = (exposure.reach, (exposure.ipv4, exposure.ipv6));
        assert_eq!(found, (reach, families), "{address} {v6_only:?} {device}");
        assert_eq!(exposure.interface, socket.interface);
        assert_eq!(exposure.is_exposed(), reach != R::Loopback, "{address}");
    }
}

#[test]
fn only_what_waits_for_others_on_an_ip_address_has_an_exposure() {
    let mut connected = listener("10.0.0.1");
    connected.state = Some(State::Established);
    assert_eq!(Exposure::of(&connected, None), None);
    let unknown = Socket { local: crate::model::endpoint::Endpoint::Unknown, ..listener("10.0.0.1") };
    assert_eq!(Exposure::of(&unknown, None), None);
    let address = SocketAddr::from(([10, 0, 0, 1], 53));
    let mut udp = Socket::new(Family::Ipv4, Protocol::Udp, address);
    assert_eq!(Exposure::of(&udp, None).map(|it| it.reach), Some(Reach::Private));
    udp.remote = Some(address.into());
    assert_eq!(Exposure::of(&udp, None), None);
    let unbound = Socket::new(Family::Ipv4, Protocol::Udp, SocketAddr::from(([0, 0, 0, 0], 0)));
    assert_eq!(Exposure::of(&unbound, None), None);
}

#[test]
fn namespace_is_another_one_only_where_both_are_known() {
    let netns = |number| NonZeroU64::new(number).map(NetnsId);
    for (of_socket, own, other) in [
        (None, None, Some(false)),
        (None, netns(5), Some(false)),
        (netns(5), netns(5), Some(false)),
        (netns(6), netns(5), Some(true)),
        (netns(6), None, None),
    ] {
        let socket = Socket { netns: of_socket, ..listener("0.0.0.0") };
        assert_eq!(Exposure::of(&socket, own).unwrap().other_netns, other, "{of_socket:?} {own:?}");
    }
}

#[test]
fn reaches_are_ordered_from_narrow_to_wide_and_have_names() {
    let all = [Reach::Loopback, Reach::LinkLocal, Reach::Private, Reach::Public, Reach::Any];
    assert!(all.is_sorted());
    assert_eq!(all.map(Reach::as_str), ["loopback", "link-local", "private", "public", "any"]);
    assert_eq!(format!("{:>8}", Reach::Any), "     any");
}
