//! Converts the values in a filter's text (ports, users, marks, groups, processes, protocols) into terms.

use super::base::Filter;
use super::host::{Host, number};
use super::lex::Compare;
use super::term::End;
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::protocol::SocketType;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// By number, or else by name.
pub(super) fn by_number(
    text: &str,
    expected: &'static str,
    of_number: fn(u32) -> Filter,
    of_name: &dyn Fn(&str) -> Result<Filter, Error>,
) -> Result<Filter, Cow<'static, str>> {
    match number(text) {
        Some(_) => small(text).map(of_number).ok_or(expected.into()),
        None => of_name(text).map_err(|error| because(expected, &error)),
    }
}

/// What was expected, and why this is not it.
pub(super) fn because(expected: &str, error: &Error) -> Cow<'static, str> {
    format!("{expected} ({error})").into()
}

pub(super) fn small(digits: &str) -> Option<u32> {
    number(digits).and_then(|number| u32::try_from(number).ok())
}

/// The filter of a protocol: `tcp`, `raw`, `raw:58`.
pub(super) fn protocol(name: &str) -> Option<Filter> {
    let kind = || name.parse().ok().map(Filter::protocol_kind);
    name.parse().ok().map(Filter::protocol).or_else(kind)
}

/// An address family by its name, or one without a name by its number.
pub(super) fn family(name: &str) -> Option<Family> {
    match number(name) {
        Some(number) => u16::try_from(number).ok().map(Family::Other),
        None => name.parse().ok(),
    }
}

/// A type of sockets by its name, or one without a name by its number.
pub(super) fn socket_type(name: &str) -> Option<SocketType> {
    match number(name) {
        Some(number) => u8::try_from(number).ok().map(SocketType::Other),
        None => name.parse().ok(),
    }
}

/// A number in decimal or, after `0x`, in hexadecimal.
pub(super) fn mark(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => small(text),
    }
}

/// The filter of a host, each part of which has to be met by the same end.
pub(super) fn of_host(end: End, host: Host) -> Filter {
    if end == End::Either {
        return of_either(host);
    }
    let mut filter = host.family.map_or_else(Filter::all, Filter::family);
    if let Some(net) = host.net {
        filter = filter & Filter::in_net(end, net);
    }
    if let Some(ports) = host.ports {
        filter = filter & in_any(end, ports);
    }
    filter
}

fn in_any(end: End, ports: Vec<RangeInclusive<u16>>) -> Filter {
    let mut any = Filter::none();
    for ports in ports {
        any = any | Filter::in_ports(end, ports);
    }
    any
}

/// A pattern of names of unix sockets in place of a host, as it begins with `/`, `@` or `unix:`.
pub(super) fn unix_name(end: End, text: &str) -> Option<Filter> {
    let pattern = match text.strip_prefix("unix:") {
        Some(pattern) => pattern,
        None if text.starts_with(['/', '@']) => text,
        None => return None,
    };
    Some(match end {
        End::Local => Filter::local_unix_name(pattern),
        End::Remote => Filter::remote_unix_name(pattern),
        End::Either => Filter::unix_name(pattern),
    })
}

/// One end has to meet all of it.
fn of_either(host: Host) -> Filter {
    match host {
        Host { net: Some(_), ports: Some(_), .. } => {
            of_host(End::Local, host.clone()) | of_host(End::Remote, host)
        }
        Host { family, net, ports } => {
            let family = family.map_or_else(Filter::all, Filter::family);
            let net = net.map_or_else(Filter::all, |net| Filter::in_net(End::Either, net));
            family & net & ports.map_or_else(Filter::all, |ports| in_any(End::Either, ports))
        }
    }
}

/// A port compared; `None` where a comparison has no meaning for ranges, lists or any port.
pub(super) fn compared(end: End, compare: Compare, host: Host) -> Option<Filter> {
    use std::ops::Bound::{Excluded, Unbounded};
    let family = host.family.map_or_else(Filter::all, Filter::family);
    let one = || match host.ports.as_deref() {
        Some([ports]) if ports.start() == ports.end() => Some(*ports.start()),
        _ => None,
    };
    Some(match compare {
        Compare::Equal => of_host(end, host),
        Compare::Unequal => !of_host(end, host),
        Compare::Less => family & Filter::in_ports(end, ..one()?),
        Compare::AtMost => family & Filter::in_ports(end, ..=one()?),
        Compare::Greater => family & Filter::in_ports(end, (Excluded(one()?), Unbounded)),
        Compare::AtLeast => family & Filter::in_ports(end, one()?..),
    })
}
