//! What a column shows of a row, as text and as a key to sort by.

use crate::text::push;
use crate::time::Rfc3339;
use crate::view::{Shown, View};
use netstat::{Owner, Socket};
use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};

/// How a column finds what it shows.
#[derive(Copy, Clone)]
pub(crate) enum Value {
    Word(fn(&Socket) -> Option<&'static str>),
    Number(fn(&Socket) -> Option<u64>),
    /// A number of 64 bits that means nothing as a number.
    Hex(fn(&Socket) -> Option<u64>),
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
            Self::Number(of) => push_some(out, of(socket)),
            Self::Hex(of) => push_some(out, of(socket).map(Hex)),
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
                push_different(out, socket.owners(), |owner| of(view, owner));
            }
            Self::OfProcesses(of) => {
                push_different(out, socket.owners(), |owner| view.process_of(owner).and_then(of));
            }
            Self::Text(push) => push(view, socket, out),
        }
    }

    pub(crate) fn key(&self, view: &View<'_>, socket: &Socket) -> Key {
        match self {
            Self::Number(of) | Self::Hex(of) => of(socket).map_or(Key::Absent, Key::Number),
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

/// A 64-bit handle, as text and JSON have it.
pub(crate) struct Hex(pub(crate) u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

fn push_some(out: &mut String, value: Option<impl fmt::Display>) {
    if let Some(value) = value {
        push(out, value);
    }
}

/// What the owners have, in their order, each once, with commas between.
fn push_different<T: fmt::Display + Hash + Eq>(
    out: &mut String,
    owners: &[Owner],
    of: impl Fn(&Owner) -> Option<T>,
) {
    if let [owner] = owners {
        push_some(out, of(owner));
        return;
    }
    let mut seen = HashSet::new();
    let start = out.len();
    for value in owners.iter().filter_map(of) {
        if !seen.contains(&value) {
            if out.len() > start {
                out.push(',');
            }
            push(out, &value);
            seen.insert(value);
        }
    }
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
        port => push(out, format_args!(":{port}")),
    }
}

/// `127.0.0.1`, `fe80::1%eth0`; the zone by number where it has no name.
fn push_address(view: &View<'_>, end: SocketAddr, out: &mut String) {
    match end {
        SocketAddr::V4(end) => push(out, end.ip()),
        SocketAddr::V6(end) => {
            push(out, IpAddr::V6(*end.ip()));
            if end.scope_id() != 0 {
                out.push('%');
                push_interface(view, end.scope_id(), out);
            }
        }
    }
}

fn push_interface(view: &View<'_>, index: u32, out: &mut String) {
    match view.interface(index) {
        Some(name) => crate::text::push_harmless(name.as_bytes(), out),
        None => push(out, index),
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
            Some(name) => crate::text::push_harmless(name.as_bytes(), out),
            None => push(out, uid),
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
        push(out, format_args!("({}", owner.pid));
        if let Some(fd) = owner.fd {
            push(out, format_args!(":{fd}"));
        }
        out.push(')');
    }
}

pub(super) fn roles(_: &View<'_>, socket: &Socket, out: &mut String) {
    push_different(out, socket.owners(), |owner| Some(owner.role.as_str()));
}

pub(super) fn service(_: &View<'_>, socket: &Socket, out: &mut String) {
    if let Some(name) = &socket.service {
        crate::text::push_harmless(name.as_bytes(), out);
    }
}

pub(super) fn created(_: &View<'_>, socket: &Socket, out: &mut String) {
    push_some(out, socket.created.and_then(Rfc3339::new));
}
