//! The value of a row in a column, as text and as a key to sort by.

use super::end::{End, push_interface};
use super::endpoint::{push_address, push_endpoint};
use super::other_end;
use crate::digits::{push_display, push_hex, push_number};
use crate::escape::escape_into;
use crate::time::Rfc3339;
use crate::view::{ProcessView, View};
use netstat::{Owner, Protocol, Socket};
use std::collections::HashSet;
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::Duration;

/// How a column gets its value.
#[derive(Copy, Clone)]
pub(super) enum Value {
    Word(fn(&Socket) -> Option<&'static str>),
    Number(fn(&Socket) -> Option<u64>),
    /// An identifier of 64 bits, shown in hex.
    Hex(fn(&Socket) -> Option<u64>),
    /// A time, shown in milliseconds.
    Millis(fn(&Socket) -> Option<Duration>),
    /// Address and port.
    Endpoint(End),
    /// Address alone.
    Address(End),
    /// A number of each owner, each different number once.
    OfOwners(fn(&View<'_>, &Owner) -> Option<u64>),
    /// A text of each owner's process, each different text once; escaped already.
    OfProcesses(for<'v> fn(&'v ProcessView<'_>) -> Option<&'v str>),
    /// Anything else: appends escaped text, or nothing.
    Text(fn(&View<'_>, &Socket, &mut String)),
}

/// What a row is sorted by: numbers by value, endpoints by address and then port, anything else by its text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Number(u64),
    Endpoint(SocketAddr),
    Text(String),
    /// No value: last.
    Absent,
}

impl Value {
    /// Appends the text of a row; nothing if the row has no value.
    pub(super) fn push(&self, view: &View<'_>, socket: &Socket, out: &mut String) {
        match self {
            Self::Word(of) => out.push_str(of(socket).unwrap_or_default()),
            Self::Number(of) => push_some(of(socket), push_number, out),
            Self::Hex(of) => push_some(of(socket), push_hex, out),
            Self::Millis(of) => push_some(of(socket), push_millis, out),
            Self::Endpoint(end) => match end.of(socket) {
                Some(endpoint) => push_endpoint(view, socket, endpoint, end.device(socket, endpoint), out),
                None => other_end::push(view, socket, *end, out),
            },
            Self::Address(end) => match end.of(socket) {
                Some(endpoint) => push_address(view, socket, endpoint, end.device(socket, endpoint), out),
                None => other_end::push_name(view, socket, *end, out),
            },
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

    pub(super) fn key(&self, view: &View<'_>, socket: &Socket) -> Key {
        match self {
            Self::Number(of) | Self::Hex(of) => of(socket).map_or(Key::Absent, Key::Number),
            Self::Millis(of) => of(socket).map_or(Key::Absent, |time| Key::Number(micros(time))),
            Self::OfOwners(of) => {
                socket.owners().iter().find_map(|owner| of(view, owner)).map_or(Key::Absent, Key::Number)
            }
            Self::Endpoint(end) | Self::Address(end) if end.of(socket).is_some() => {
                end.of(socket).map_or(Key::Absent, Key::Endpoint)
            }
            Self::Word(_) | Self::OfProcesses(_) | Self::Text(_) | Self::Endpoint(_) | Self::Address(_) => {
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

/// The owners' values in their order, each different value once, separated by commas.
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

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// `0.025`, `204`: without trailing zeros.
pub(super) fn push_millis(time: Duration, out: &mut String) {
    let micros = micros(time);
    push_number(micros / 1000, out);
    if !micros.is_multiple_of(1000) {
        push_display(out, format_args!(".{:03}", micros % 1000));
        out.truncate(out.trim_end_matches('0').len());
    }
}

fn push_text(text: &str, out: &mut String) {
    out.push_str(text);
}

/// `tcp`, `raw:58`: a raw socket shows its IP protocol, which other protocols show with their ends or not at all.
pub(super) fn protocol(_: &View<'_>, socket: &Socket, out: &mut String) {
    out.push_str(socket.protocol.as_str());
    if let Protocol::Raw(number) = socket.protocol {
        out.push(':');
        push_number(number, out);
    }
}

pub(super) fn interface(view: &View<'_>, socket: &Socket, out: &mut String) {
    if let Some(index) = socket.interface {
        push_interface(view, socket, index.get(), out);
    }
}

pub(crate) fn netns(view: &View<'_>, socket: &Socket, out: &mut String) {
    let Some(netns) = socket.netns else { return };
    match view.snapshot.namespace(netns).and_then(|namespace| namespace.names.first()) {
        Some(name) => escape_into(name.as_encoded_bytes(), out),
        None => push_number(netns.0.get(), out),
    }
}

pub(super) fn user(view: &View<'_>, socket: &Socket, out: &mut String) {
    if let Some(uid) = socket.uid {
        match view.users.name(view.snapshot, uid) {
            Some(name) => out.push_str(name),
            None => push_number(uid, out),
        }
    }
}

/// `nginx(814:6),nginx(815:6)`, without what is not known of an owner.
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
    if let Some(name) = socket.service() {
        escape_into(name.as_bytes(), out);
    }
}

pub(super) fn created(_: &View<'_>, socket: &Socket, out: &mut String) {
    push_some(socket.created().and_then(Rfc3339::new), |time, out| push_display(out, time), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_milliseconds_without_trailing_zeros() {
        for (micros, shown) in [(0, "0"), (25, "0.025"), (204_000, "204"), (1_500, "1.5"), (40_010, "40.01")]
        {
            let mut out = String::from("rtt:");
            push_millis(Duration::from_micros(micros), &mut out);
            assert_eq!(out, format!("rtt:{shown}"));
        }
    }
}
