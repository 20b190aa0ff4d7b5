//! A filter as text that reads as the same filter.

use super::base::Filter;
use super::expr::Expr;
use super::lex::ends_word;
use super::term::{End, Term};
use super::words;
use crate::model::family::Family;
use crate::model::protocol::SocketType;
use std::fmt::{self, Write as _};
use std::net::IpAddr;

impl fmt::Display for Filter {
    /// In the language that [`Filter`]s are read in. Names appear as the numbers they stand for; the name of a
    /// process that is no Unicode cannot be written as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |f: &mut fmt::Formatter<'_>, parts: &[Self], operator| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {operator} ")?;
                }
                // What binds less tightly is put in parentheses.
                match part {
                    Self::Any(inner) if !inner.is_empty() => write!(f, "( {part} )")?,
                    _ => part.fmt(f)?,
                }
            }
            Ok(())
        };
        match self {
            Self::Term(term) => term.fmt(f),
            Self::Not(inner) if matches!(**inner, Self::Term(_)) => write!(f, "not {inner}"),
            Self::Not(inner) => write!(f, "not ( {inner} )"),
            Self::All(parts) if parts.is_empty() => f.write_str("all"),
            Self::Any(parts) if parts.is_empty() => f.write_str("not all"),
            Self::All(parts) => listed(f, parts, "and"),
            Self::Any(parts) => listed(f, parts, "or"),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(protocol) => protocol.fmt(f),
            Self::ProtocolKind(kind) => kind.fmt(f),
            Self::Type(SocketType::Other(number)) => write!(f, "type = {number}"),
            Self::Type(socket_type) => write!(f, "type = {socket_type}"),
            Self::Family(Family::Other(number)) => write!(f, "family = {number}"),
            // By itself this is the name of the protocol.
            Self::Family(family) if !family.is_ip() => write!(f, "family = {family}"),
            Self::Family(family) => family.fmt(f),
            Self::States(states) => match words::state_name(*states) {
                Some(name) => write!(f, "state {name}"),
                None => {
                    let mut before = "";
                    for state in states.iter() {
                        let name = words::state_name([state].into_iter().collect()).unwrap_or_default();
                        write!(f, "{before}state {name}")?;
                        before = " ";
                    }
                    Ok(())
                }
            },
            Self::Listening => f.write_str("listening"),
            Self::Exposed => f.write_str("exposed"),
            Self::Local => f.write_str("local"),
            Self::Port(end, ports) => {
                let name = match end {
                    End::Local => "sport",
                    End::Remote => "dport",
                    End::Either => "port",
                };
                match (*ports.start(), *ports.end()) {
                    (first, last) if first == last => write!(f, "{name} = :{first}"),
                    (first, u16::MAX) => write!(f, "{name} >= :{first}"),
                    (0, last) => write!(f, "{name} <= :{last}"),
                    (first, last) => write!(f, "{name} = :{first}-{last}"),
                }
            }
            Self::Net(end, net) => {
                f.write_str(match end {
                    End::Local => "src = ",
                    End::Remote => "dst = ",
                    End::Either => "host = ",
                })?;
                match net.address() {
                    IpAddr::V4(address) => address.fmt(f)?,
                    IpAddr::V6(address) => write!(f, "[{address}]")?,
                }
                if net.prefix() < super::net::Net::width(net.address()) {
                    write!(f, "/{}", net.prefix())?;
                }
                Ok(())
            }
            Self::UnixName(end, pattern) => {
                f.write_str(match end {
                    End::Local => "src = ",
                    End::Remote => "dst = ",
                    End::Either => "host = ",
                })?;
                let text = String::from_utf8_lossy(pattern.as_bytes());
                match pattern.as_bytes() {
                    [b'/' | b'@', ..] => write_name(&text, f),
                    _ => write_name(&format!("unix:{text}"), f),
                }
            }
            Self::Interface(index) => write!(f, "dev = {index}"),
            Self::Uid(uid) => write!(f, "uid = {uid}"),
            Self::Inode(inode) => write!(f, "inode = {inode}"),
            Self::Netns(netns) => write!(f, "netns = {netns}"),
            Self::Pid(pid) => write!(f, "pid = {pid}"),
            Self::Process(name) => {
                f.write_str("process = ")?;
                write_name(&name.to_string_lossy(), f)
            }
            Self::Workload(part, name) => {
                write!(f, "{} = ", part.as_str())?;
                write_name(name, f)
            }
            Self::PeerPid(pid) => write!(f, "peer pid = {pid}"),
            Self::PeerProcess(name) => {
                f.write_str("peer process = ")?;
                write_name(&name.to_string_lossy(), f)
            }
            Self::Cgroup(id) => write!(f, "cgroup = {id}"),
            Self::Mark { value, mask: u32::MAX } => write!(f, "fwmark = {value:#x}"),
            Self::Mark { value, mask } => write!(f, "fwmark = {value:#x}/{mask:#x}"),
            Self::Autobound => f.write_str("autobound"),
            Self::TooDeep => f.write_str("..."),
        }
    }
}

/// A name as a word where it is one, and in quotation marks otherwise.
fn write_name(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // After an equals sign any word is a value.
    if !name.is_empty()
        && !name.chars().any(|c| ends_word(c) || c.is_control())
        && words::compare(name).is_none()
    {
        return f.write_str(name);
    }
    f.write_char('"')?;
    for c in name.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "{}", c.escape_unicode())?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}
