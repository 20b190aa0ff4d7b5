//! What a column shows of a row, as text and as a key to sort by.

use crate::digits::{push_hex, push_ip, push_number};
use crate::text::push;
use crate::time::Rfc3339;
use crate::view::{Shown, View};
use netstat::{Owner, Socket};
use std::collections::HashSet;
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::Duration;

/// How a column finds what it shows.
#[derive(Copy, Clone)]
pub(crate) enum Value {
    Word(fn(&Socket) -> Option<&'static str>),
    Number(fn(&Socket) -> Option<u64>),
    /// A number of 64 bits that means nothing as a number.
    Hex(fn(&Socket) -> Option<u64>),
    /// A time, shown in milliseconds.
    Millis(fn(&Socket) -> Option<Duration>),
    /// Address and port.
    End(fn(&Socket) -> Option<SocketAddr>),
    /// Address alone.
    Address(fn(&Socket) -> Option<SocketAddr>),
    /// The different numbers that the owners have.
    OfOwners(fn(&View<'_>, &Owner) -> Option<u64>),
    /// The different texts that the owners' processes have, harmless already.
    OfProcesses(for<'v> fn(&'v Shown<'_>) -> Option<&'v str>),
    /// Anything else: appends harmless text, or nothing.
    Text(fn(&View<'_>, &Socket, &mut String)),
}

/// What a row is sorted by: numbers by value, ends by address and then port, anything else by its text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Number(u64),
    End(SocketAddr),
    Text(String),
    /// Last.
    Absent,
}

impl Value {
    /// Appends the text of a row; nothing if the row has nothing.
    pub(crate) fn push(&self, view: &View<'_>, socket: &Socket, out: &mut String) {
        match self {
            Self::Word(of) => out.push_str(of(socket).unwrap_or_default()),
            Self::Number(of) => push_some(of(socket), push_number, out),
            Self::Hex(of) => push_some(of(socket), push_hex, out),
            Self::Millis(of) => push_some(of(socket), push_millis, out),
            Self::End(of) => {
                if let Some(end) = of(socket) {
                    push_end(view, end, out);
                }
            }
            Self::Address(of) => {
                if let Some(end) = of(socket) {
                    push_address(view, end, out);
                }
            }
            Self::OfOwners(of) => {
                push_different(socket.owners(), |owner| of(view, owner), push_number, out);
            }
            Self::OfProcesses(of) => {
                let of = |owner: &Owner| view.process_of(owner).and_then(of);
                push_different(socket.owners(), of, push_text, out);
            }
            Self::Text(push) => push(view, socket, out),
        }
    }

    pub(crate) fn key(&self, view: &View<'_>, socket: &Socket) -> Key {
        match self {
            Self::Number(of) | Self::Hex(of) => of(socket).map_or(Key::Absent, Key::Number),
            Self::Millis(of) => of(socket).map_or(Key::Absent, |time| Key::Number(micros(time))),
            Self::End(of) | Self::Address(of) => of(socket).map_or(Key::Absent, Key::End),
            Self::OfOwners(of) => {
                socket.owners().iter().find_map(|owner| of(view, owner)).map_or(Key::Absent, Key::Number)
            }
            Self::Word(_) | Self::OfProcesses(_) | Self::Text(_) => {
                let mut text = String::new();
                self.push(view, socket, &mut text);
                if text.is_empty() { Key::Absent } else { Key::Text(text) }
            }
        }
    }
}

fn push_some<T>(value: Option<T>, push: impl FnOnce(T, &mut String), out: &mut String) {
    if let Some(value) = value {
        push(value, out);
    }
}

/// What the owners have, in their order, each once, with commas between.
fn push_different<T: Copy + Hash + Eq>(
    owners: &[Owner],
    of: impl Fn(&Owner) -> Option<T>,
    push: impl Fn(T, &mut String),
    out: &mut String,
) {
    if let [owner] = owners {
        push_some(of(owner), push, out);
        return;
    }
    let mut seen = HashSet::new();
    let start = out.len();
    for value in owners.iter().filter_map(of) {
        if seen.insert(value) {
            if out.len() > start {
                out.push(',');
            }
            push(value, out);
        }
    }
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// `0.025`, `204`: as many digits behind the point as there are.
pub(super) fn push_millis(time: Duration, out: &mut String) {
    let micros = micros(time);
    push_number(micros / 1000, out);
    if !micros.is_multiple_of(1000) {
        push(out, format_args!(".{:03}", micros % 1000));
        out.truncate(out.trim_end_matches('0').len());
    }
}

fn push_text(text: &str, out: &mut String) {
    out.push_str(text);
}

/// `127.0.0.1:80`, `[fe80::1%eth0]:80`; `*` for port 0, which is none.
fn push_end(view: &View<'_>, end: SocketAddr, out: &mut String) {
    if end.is_ipv6() {
        out.push('[');
    }
    push_address(view, end, out);
    if end.is_ipv6() {
        out.push(']');
    }
    match end.port() {
        0 => out.push_str(":*"),
        port => {
            out.push(':');
            push_number(port, out);
        }
    }
}

/// `127.0.0.1`, `fe80::1%eth0`; the zone by number where it has no name.
fn push_address(view: &View<'_>, end: SocketAddr, out: &mut String) {
    push_ip(end.ip(), out);
    if let SocketAddr::V6(end) = end
        && end.scope_id() != 0
    {
        out.push('%');
        push_interface(view, end.scope_id(), out);
    }
}

fn push_interface(view: &View<'_>, index: u32, out: &mut String) {
    match view.interface(index) {
        Some(name) => crate::text::push_harmless(name.as_bytes(), out),
        None => push_number(index, out),
    }
}

pub(super) fn interface(view: &View<'_>, socket: &Socket, out: &mut String) {
    if let Some(index) = socket.interface {
        push_interface(view, index.get(), out);
    }
}

pub(super) fn user(view: &View<'_>, socket: &Socket, out: &mut String) {
    if let Some(uid) = socket.uid {
        match view.users.name(uid) {
            Some(name) => out.push_str(name),
            None => push_number(uid, out),
        }
    }
}

/// `nginx(814:6),nginx(815:6)`: what is not known of an owner is left out.
pub(super) fn owners(view: &View<'_>, socket: &Socket, out: &mut String) {
    for (nth, owner) in socket.owners().iter().enumerate() {
        if nth > 0 {
            out.push(',');
        }
        if let Some(name) = view.process_of(owner).and_then(|process| process.name.as_deref()) {
            out.push_str(name);
        }
        out.push('(');
        push_number(owner.pid, out);
        if let Some(fd) = owner.fd {
            out.push(':');
            push_number(fd, out);
        }
        out.push(')');
    }
}

pub(super) fn roles(_: &View<'_>, socket: &Socket, out: &mut String) {
    push_different(socket.owners(), |owner| Some(owner.role.as_str()), push_text, out);
}

pub(super) fn service(_: &View<'_>, socket: &Socket, out: &mut String) {
    if let Some(name) = &socket.service {
        crate::text::push_harmless(name.as_bytes(), out);
    }
}

pub(super) fn created(_: &View<'_>, socket: &Socket, out: &mut String) {
    push_some(socket.created.and_then(Rfc3339::new), |time, out| push(out, time), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_milliseconds_without_needless_digits() {
        for (micros, shown) in [(0, "0"), (25, "0.025"), (204_000, "204"), (1_500, "1.5"), (40_010, "40.01")]
        {
            let mut out = String::from("rtt:");
            push_millis(Duration::from_micros(micros), &mut out);
            assert_eq!(out, format!("rtt:{shown}"));
        }
    }
}
