//! The addresses of a socket, in the tables and in libproc.
#![allow(clippy::unwrap_used)]

use netstat_wire::macos::address::Address;
use std::net::{Ipv4Addr, Ipv6Addr};

fn v4(address: [u8; 4]) -> Option<Address> {
    Some(Address::V4(address))
}

fn v6(address: &str, scope: u16) -> Option<Address> {
    Some(Address::V6 { bytes: address.parse::<Ipv6Addr>().unwrap().octets(), scope })
}

#[test]
fn scope_is_removed_from_link_local_addresses_and_no_others() {
    let with = |address: &str| {
        let mut bytes = address.parse::<Ipv6Addr>().unwrap().octets();
        bytes[2..4].copy_from_slice(&[0x01, 0x02]);
        Address::new(2, &bytes)
    };
    for local in ["fe80::1", "febf::1", "ff01::1", "ff02::fb", "ff11::1", "ff12::1", "ff31::1", "ff72::1"] {
        assert_eq!(with(local), v6(local, 0x0102), "{local}");
    }
    for global in ["ff05:102::1", "ff0e:102::1", "ff32:102::1", "fec0:102::1", "fe40:102::1", "2001:102::1"] {
        assert_eq!(with(global), v6(global, 0), "{global}");
    }
}

#[test]
fn vflag_determines_the_form_of_an_address() {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&Ipv4Addr::LOCALHOST.octets());
    for (vflag, expected) in [
        (0, None),
        (1, v4([127, 0, 0, 1])),
        (2, v6("::7f00:1", 0)),
        (3, v6("::7f00:1", 0)),
        (4, None),
        (5, v4([127, 0, 0, 1])),
        (0xff, v6("::7f00:1", 0)),
    ] {
        assert_eq!(Address::new(vflag, &bytes), expected, "{vflag}");
    }
}
