//! Appends numbers and addresses to a string, as the standard library displays them but several times as fast: most of
//! a listing is numbers and addresses.

use std::fmt::{Display, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Appends what a value displays.
pub(crate) fn push_display(out: &mut String, value: impl Display) {
    // Writing to a string does not fail.
    let _ = write!(out, "{value}");
}

/// Appends a number.
pub(crate) fn push_number(number: impl itoa::Integer, out: &mut String) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Appends a number in hex: `0x1f`.
pub(crate) fn push_hex(number: u64, out: &mut String) {
    out.push_str("0x");
    push_hex_digits(number, out);
}

fn push_hex_digits(number: u64, out: &mut String) {
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for at in (0..digits).rev() {
        let digit = u8::try_from(number >> (4 * at) & 0xf).unwrap_or_default();
        out.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
    }
}

/// Appends an address, without its zone.
pub(crate) fn push_ip(ip: IpAddr, out: &mut String) {
    match ip {
        IpAddr::V4(ip) => push_v4(ip, out),
        IpAddr::V6(ip) => push_v6(ip, out),
    }
}

fn push_v4(ip: Ipv4Addr, out: &mut String) {
    let [a, b, c, d] = ip.octets();
    push_number(a, out);
    for octet in [b, c, d] {
        out.push('.');
        push_number(octet, out);
    }
}

/// As RFC 5952 has it: the first of the longest runs of zeros is left out, an IPv4-mapped address ends in dots.
fn push_v6(ip: Ipv6Addr, out: &mut String) {
    if let Some(v4) = ip.to_ipv4_mapped() {
        out.push_str("::ffff:");
        return push_v4(v4, out);
    }
    let groups = ip.segments();
    let left_out = longest_zeros(groups);
    for (at, group) in groups.into_iter().enumerate() {
        if left_out.contains(&at) {
            if at == left_out.start {
                out.push_str("::");
            }
            continue;
        }
        if at > 0 && at != left_out.end {
            out.push(':');
        }
        push_hex_digits(group.into(), out);
    }
}

/// The first of the longest runs of at least two zeros.
fn longest_zeros(groups: [u16; 8]) -> Range<usize> {
    let (mut longest, mut start) = (0..0, 0);
    for (at, group) in groups.into_iter().enumerate() {
        if group != 0 {
            start = at + 1;
        } else if at + 1 - start > longest.len().max(1) {
            longest = start..at + 1;
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(push: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        push(&mut out);
        out
    }

    #[test]
    fn numbers_are_as_std_displays_them() {
        let of_64_bits = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, u64::MAX >> bit]);
        for number in of_64_bits {
            assert_eq!(pushed(|out| push_number(number, out)), number.to_string());
            assert_eq!(pushed(|out| push_hex(number, out)), format!("{number:#x}"));
        }
        assert_eq!(pushed(|out| push_number(i32::MIN, out)), i32::MIN.to_string());
    }

    #[test]
    fn every_octet_is_as_std_displays_it() {
        for octet in 0..=255 {
            let ip = Ipv4Addr::from([octet, 255 - octet, octet / 2, 0]);
            assert_eq!(pushed(|out| push_ip(ip.into(), out)), ip.to_string());
        }
    }

    #[test]
    fn every_pattern_of_zeros_in_ipv6_is_as_std_displays_it() {
        for groups in
            [[1, 2, 3, 4, 5, 6, 7, 8], [0xffff; 8], [0xfe80, 0x20, 0x300, 0x4000, 0xa, 0xbb, 0xccc, 0xdddd]]
        {
            for zeros in 0..=255_u32 {
                let mut ip: [u16; 8] = groups;
                for (at, group) in ip.iter_mut().enumerate() {
                    *group = if zeros >> at & 1 == 1 { 0 } else { *group };
                }
                let ip = Ipv6Addr::from(ip);
                assert_eq!(pushed(|out| push_ip(ip.into(), out)), ip.to_string());
            }
        }
    }

    #[test]
    fn ipv4_within_ipv6_is_as_std_displays_it() {
        for text in [
            "::ffff:10.0.0.1",
            "::ffff:0.0.0.0",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "::fffe:a00:1",
            "::1:ffff:a00:1",
        ] {
            let ip: Ipv6Addr = text.parse().unwrap();
            assert_eq!(pushed(|out| push_ip(ip.into(), out)), ip.to_string());
        }
    }
}
