//! Widens a filter to what must be read so that both ends of the connections that pass it are known.

use super::base::Filter;
use super::expr::Expr;
use super::net::Net;
use super::states::States;
use super::term::{End, Term};
use crate::model::state::State;
use std::net::{IpAddr, Ipv6Addr};

/// Which sockets a widened filter is about.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Of {
    /// The sockets that pass, and those that have the same ends.
    Connections,
    /// Those that may be at the other end.
    OtherEnds,
    /// Those that may have accepted one.
    Listeners,
}

impl Filter {
    /// A filter that lets through what passes this one, what may be at the other end of it, what has the same ends as one of
    /// these, and all listeners of these protocols.
    ///
    /// Terms about what both ends have in common are kept, those about one end are exchanged, and what is not known of the
    /// other end is left open: mostly a kernel can still decide by ports and addresses.
    pub(crate) fn with_other_ends(&self) -> Self {
        let connections = widened(&self.0, true, Of::Connections);
        let other_ends = widened(&self.0, true, Of::OtherEnds);
        let listeners = widened(&self.0, true, Of::Listeners).and(Expr::Term(Term::Listening));
        Self(connections.or(other_ends).or(listeners))
    }

    /// Whether it depends on what only the kernel knows.
    pub(crate) fn has_kernel_terms(&self) -> bool {
        self.0.has(&Term::is_of_kernel)
    }

    /// Whether which sockets pass depends on the processes at the other end.
    pub(crate) fn needs_peers(&self) -> bool {
        self.0.has(&|term| matches!(term, Term::PeerPid(_) | Term::PeerProcess(_)))
    }
}

/// An expression that is true at least where this one is, of the sockets in question; if not `positive`, at most there.
fn widened(expr: &Expr, positive: bool, of: Of) -> Expr {
    let part = |part| widened(part, positive, of);
    match expr {
        Expr::Term(term) => term_of(term, of).unwrap_or(if positive { Expr::TRUE } else { Expr::FALSE }),
        Expr::Not(inner) => widened(inner, !positive, of).not(),
        Expr::All(parts) => parts.iter().map(part).fold(Expr::TRUE, Expr::and),
        Expr::Any(parts) => parts.iter().map(part).fold(Expr::FALSE, Expr::or),
    }
}

/// What a term comes to; `None` where it may be either.
fn term_of(term: &Term, of: Of) -> Option<Expr> {
    let seen_from = |end: End| match (of, end) {
        (Of::OtherEnds, End::Local) => End::Remote,
        (Of::OtherEnds, End::Remote) => End::Local,
        _ => end,
    };
    Some(Expr::Term(match term {
        Term::Protocol(_) | Term::ProtocolKind(_) | Term::Type(_) | Term::TooDeep => term.clone(),
        Term::Family(family) if !family.is_ip() => term.clone(),
        _ if of == Of::Listeners => return None,
        Term::Port(end, ports) => Term::Port(seen_from(*end), ports.clone()),
        // One end may have in the form of IPv6 what the other has as an IPv4 address.
        Term::Net(_, net) if has_mapped(net) => return None,
        Term::Net(end, net) => Term::Net(seen_from(*end), *net),
        // What listens has no other end, and passes in any case.
        Term::Listening => return Some(Expr::FALSE),
        Term::States(states) if *states == States::of(&[State::Listen]) => return Some(Expr::FALSE),
        _ => return None,
    }))
}

/// Whether a network holds IPv4 addresses in the form of IPv6.
fn has_mapped(net: &Net) -> bool {
    let mapped = Net::new(IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0)), 96);
    net.address().is_ipv6() && (net.contains(mapped.address()) || mapped.contains(net.address()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::random::Random;
    use crate::model::family::Family;
    use crate::model::socket::Socket;
    use std::net::SocketAddr;

    /// A socket at the other end of one: with its ends exchanged, maybe with IPv4 in the other form, and all else its own.
    fn other_end(random: &mut Random, socket: &Socket) -> Option<Socket> {
        let (local, remote) = (socket.local_addr()?, socket.remote_addr()?);
        let mut other = random.socket();
        other.protocol = socket.protocol;
        other.socket_type = socket.socket_type;
        other.netns = socket.netns;
        let is_ipv4 = local.ip().to_canonical().is_ipv4() && remote.ip().to_canonical().is_ipv4();
        other.family = match is_ipv4 {
            true => random.pick(&[Family::Ipv4, Family::Ipv6]),
            false => Family::Ipv6,
        };
        let end = |end: SocketAddr| {
            let ip = match (other.family, end.ip().to_canonical()) {
                (Family::Ipv6, IpAddr::V4(ip)) => ip.to_ipv6_mapped().into(),
                (_, ip) => ip,
            };
            SocketAddr::new(ip, end.port())
        };
        (other.local, other.remote) = (end(remote).into(), Some(end(local).into()));
        Some(other)
    }

    #[test]
    fn widened_filter_takes_what_passes_and_its_other_end_and_what_has_the_same_ends() {
        let mut random = Random::new(17);
        let (mut passed, mut kept_out) = (0, 0);
        for _ in 0..60_000 {
            let filter = random.filter(3);
            let widened = filter.with_other_ends();
            assert!(!widened.has_kernel_terms());
            let socket = random.socket();
            let is_connection = !socket.is_listening() && socket.state != Some(State::Listen);
            let other = other_end(&mut random, &socket).filter(|_| is_connection);
            if !filter.matches(&socket) {
                kept_out += usize::from(!widened.matches(&socket));
                continue;
            }
            assert!(widened.matches(&socket), "{filter}: {socket:?} passes, but not {widened}");
            let Some(other) = other else { continue };
            passed += 1;
            assert!(widened.matches(&other), "{filter}: {socket:?} with {other:?} is lost by {widened}");
            let Some(alike) = other_end(&mut random, &other) else { continue };
            assert!(widened.matches(&alike), "{filter}: {socket:?} like {alike:?} is lost by {widened}");
        }
        assert!(passed > 5_000 && kept_out > 3_000, "{passed} {kept_out}");
    }

    #[test]
    fn ports_and_addresses_stay_and_what_the_other_end_need_not_have_is_left_open() {
        let widened = |text: &str| text.parse::<Filter>().unwrap().with_other_ends().to_string();
        assert_eq!(
            widened("tcp and sport = :443"),
            "tcp and sport = :443 or tcp and dport = :443 or tcp and listening"
        );
        assert_eq!(widened("pid = 12"), "all");
        assert_eq!(widened("listening"), "listening");
        assert_eq!(widened("state established"), "all");
        assert_eq!(widened("not sport = :443"), "not sport = :443 or not dport = :443 or listening");
    }
}
