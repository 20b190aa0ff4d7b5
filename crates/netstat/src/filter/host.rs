//! Parses hosts and ports in a filter's text: `10.0.0.0/8:443`, `[2001:db8::]/32`, `:https`, `*:80,8000-8999`.

use super::net::Net;
use super::words;
use crate::model::family::Family;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// What a host says. What it does not say is `None`: any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) family: Option<Family>,
    pub(super) net: Option<Net>,
    /// One of these, of which there is one at least.
    pub(super) ports: Option<Vec<RangeInclusive<u16>>>,
}

/// A host; what would have been one, otherwise.
pub(super) fn host(text: &str) -> Result<Host, &'static str> {
    let (family, rest) = split_family(text);
    let (address, port) = split_port(rest);
    Ok(Host { family, net: net(address)?, ports: port.map(ports).transpose()?.flatten() })
}

/// A port as it stands after `sport` and `dport`, with or without its colon.
pub(super) fn port(text: &str) -> Result<Host, &'static str> {
    let (family, rest) = split_family(text);
    let rest = rest.strip_prefix('*').filter(|rest| rest.starts_with(':')).unwrap_or(rest);
    Ok(Host { family, net: None, ports: ports(rest.strip_prefix(':').unwrap_or(rest))? })
}

/// The family that it begins with, as `ss` has it.
fn split_family(text: &str) -> (Option<Family>, &str) {
    let families =
        [("inet:", Family::Ipv4), ("inet6:", Family::Ipv6), ("ipv4:", Family::Ipv4), ("ipv6:", Family::Ipv6)];
    families
        .into_iter()
        .find_map(|(prefix, family)| text.strip_prefix(prefix).map(|rest| (Some(family), rest)))
        .unwrap_or((None, text))
}

/// Address and port. An address of IPv6 needs no brackets where no port follows.
fn split_port(text: &str) -> (&str, Option<&str>) {
    let bare = text.split(['/', '%']).next().unwrap_or(text);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return (text, None);
    }
    match text.rsplit_once(':') {
        // Inside the brackets.
        Some((_, port)) if port.contains(']') => (text, None),
        Some((address, port)) => (address, Some(port)),
        None => (text, None),
    }
}

/// Rows show one, but which interface a socket is bound to is another term.
const ZONE: &str =
    "an address without its zone (%); the interface is a term of its own: src [fe80::1]:6666 and dev lo";

/// A network: `None` is any.
fn net(text: &str) -> Result<Option<Net>, &'static str> {
    const EXPECTED: &str =
        "a numeric address (names are never looked up), with or without a prefix and a port";
    if matches!(text, "" | "*") {
        return Ok(None);
    }
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    // The prefix may stand inside the brackets too.
    let address = match address.strip_prefix('[') {
        Some(inner) if text.ends_with(']') && prefix.is_some() => inner,
        Some(inner) => inner.strip_suffix(']').ok_or(EXPECTED)?,
        None => address,
    };
    let zoneless = address.split_once('%').map(|(address, _)| address.parse::<Ipv6Addr>());
    if let Some(Ok(_)) = zoneless {
        return Err(ZONE);
    }
    let address: IpAddr = match address.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) if prefix.is_some() => short_ipv4(address).ok_or(EXPECTED)?.into(),
        Err(_) => return Err(EXPECTED),
    };
    let width = Net::width(address);
    let prefix = match prefix {
        None => width,
        Some(digits) => {
            let digits = if text.starts_with('[') { digits.trim_end_matches(']') } else { digits };
            let prefix = number(digits).and_then(|number| u8::try_from(number).ok());
            prefix.filter(|prefix| *prefix <= width).ok_or("a prefix that the address has room for")?
        }
    };
    Ok(Some(Net::new(address, prefix)))
}

/// An IPv4 network whose last numbers are left out: `193.233.7`.
fn short_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut places = octets.iter_mut();
    for digits in text.split('.') {
        *places.next()? = u8::try_from(number(digits)?).ok()?;
    }
    Some(Ipv4Addr::from(octets))
}

/// `80`, `8000-8999`, `https`, and lists of these with commas; `None` is any.
fn ports(text: &str) -> Result<Option<Vec<RangeInclusive<u16>>>, &'static str> {
    if text == "*" {
        return Ok(None);
    }
    const EXPECTED: &str = "a port (0 to 65535), a range or list of ports or the name of a service";
    let mut all = Vec::new();
    for part in text.split(',') {
        all.push(port_range(part).ok_or(EXPECTED)?);
    }
    Ok(Some(all))
}

fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |digits: &str| number(digits).and_then(|number| u16::try_from(number).ok());
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = port(first).zip(port(last)).map(|(first, last)| first..=last);
    range.filter(|range| !range.is_empty()).or_else(|| words::service(text).map(|port| port..=port))
}

/// A number without a sign.
pub(super) fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_in_every_form() {
        let of = |net: Option<(&str, u8)>, ports: Option<RangeInclusive<u16>>| Host {
            family: None,
            net: net.map(|(address, prefix)| Net::new(address.parse().unwrap(), prefix)),
            ports: ports.map(|ports| vec![ports]),
        };
        let cases = [
            ("10.0.0.1", of(Some(("10.0.0.1", 32)), None)),
            ("10.0.0.0/8", of(Some(("10.0.0.0", 8)), None)),
            ("10.0.0.0/8:443", of(Some(("10.0.0.0", 8)), Some(443..=443))),
            ("10/8", of(Some(("10.0.0.0", 8)), None)),
            ("193.233.7/24:80-90", of(Some(("193.233.7.0", 24)), Some(80..=90))),
            ("10.0.0.1:*", of(Some(("10.0.0.1", 32)), None)),
            ("[2001:db8::]/32:443", of(Some(("2001:db8::", 32)), Some(443..=443))),
            ("[2001:db8::/32]:443", of(Some(("2001:db8::", 32)), Some(443..=443))),
            ("[::1]:https", of(Some(("::1", 128)), Some(443..=443))),
            ("[::1]", of(Some(("::1", 128)), None)),
            ("::1", of(Some(("::1", 128)), None)),
            ("2001:db8::/32", of(Some(("2001:db8::", 32)), None)),
            ("::/0", of(Some(("::", 0)), None)),
            ("::ffff:10.0.0.1", of(Some(("::ffff:10.0.0.1", 128)), None)),
            (":443", of(None, Some(443..=443))),
            ("*:443", of(None, Some(443..=443))),
            ("*", of(None, None)),
            ("*:*", of(None, None)),
            ("inet6::22", Host { family: Some(Family::Ipv6), ..of(None, Some(22..=22)) }),
            ("inet:10.0.0.1", Host { family: Some(Family::Ipv4), ..of(Some(("10.0.0.1", 32)), None) }),
        ];
        for (text, expected) in cases {
            assert_eq!(host(text).as_ref(), Ok(&expected), "{text}");
        }
        for text in ["443", ":443", "*:443"] {
            assert_eq!(port(text), Ok(of(None, Some(443..=443))), "{text}");
        }
        let listed = Host { ports: Some(vec![80..=80, 8000..=8999, 443..=443]), ..Host::default() };
        for text in [":80,8000-8999,https", "*:80,8000-8999,443"] {
            assert_eq!((host(text).as_ref(), port(text).as_ref()), (Ok(&listed), Ok(&listed)), "{text}");
        }
    }

    #[test]
    fn address_with_a_zone_is_refused_with_what_to_write() {
        for text in ["fe80::1%lo", "[fe80::1%lo]", "[fe80::1%lo]:6666", "[fe80::1%2]:*", "[fe80::1%lo/64]:1"]
        {
            assert_eq!(host(text), Err(ZONE), "{text}");
        }
        for text in ["fe80::x%lo", "10.0.0.1%lo", "%", "[%lo]:1"] {
            assert!(host(text).is_err_and(|why| why != ZONE), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "example.com",
            "10",
            "10.0.0.1/33",
            "10.0.0.1/+8",
            "10.0.0.0.0/8",
            "10..0/8",
            "[::1",
            "::1]",
            "[::1]/129",
            "[::1]x",
            "1.2.3.4:65536",
            "1.2.3.4:9-8",
            "1.2.3.4:",
            "1.2.3.4:80,",
            ":80,,81",
            ":80,*",
            "fe80::1%lo",
            "/8",
            "[/",
            "[]",
            "unix:*",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }
}
