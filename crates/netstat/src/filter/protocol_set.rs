//! The protocols whose tables a query reads.

use super::expr::Expr;
use super::term::Term;
use crate::model::family::Family;
use crate::model::protocol_kind::ProtocolKind;

/// A set of protocols, one bit each.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProtocolSet(u16);

/// TCP and UDP, which a query lists that names no protocol.
impl Default for ProtocolSet {
    fn default() -> Self {
        Self::NONE.with(ProtocolKind::Tcp).with(ProtocolKind::Udp)
    }
}

impl ProtocolSet {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn with(self, kind: ProtocolKind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn contains(self, kind: ProtocolKind) -> bool {
        self.0 & Self::NONE.with(kind).0 != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = ProtocolKind> {
        ProtocolKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }

    /// The protocols that an expression asks for by their name or that of their family, and not only because it asks for
    /// no other.
    pub(crate) fn named_in(expr: &Expr) -> Self {
        let mut named = Self::NONE;
        expr.each(true, &mut |term, positive| {
            if let Some(kind) = named_by(term).filter(|_| positive) {
                named = named.with(kind);
            }
        });
        named
    }
}

fn named_by(term: &Term) -> Option<ProtocolKind> {
    match term {
        Term::Protocol(protocol) => Some(protocol.kind()),
        Term::ProtocolKind(kind) => Some(*kind),
        Term::UnixName(..) => Some(ProtocolKind::Unix),
        Term::Family(family) => match family {
            Family::Ipv4 | Family::Ipv6 => None,
            Family::Unix => Some(ProtocolKind::Unix),
            Family::Netlink => Some(ProtocolKind::Netlink),
            Family::Packet => Some(ProtocolKind::Packet),
            Family::Vsock => Some(ProtocolKind::Vsock),
            Family::Other(_) => Some(ProtocolKind::Other),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    #[test]
    fn protocols_are_named_where_they_are_asked_for_and_not_where_they_are_left_out() {
        for (text, expected) in [
            ("", &[][..]),
            ("sport = :80", &[]),
            ("ipv4 or ipv6", &[]),
            ("raw", &[ProtocolKind::Raw]),
            ("raw:58 or udp", &[ProtocolKind::Udp, ProtocolKind::Raw]),
            ("not ( tcp or not mptcp )", &[ProtocolKind::Mptcp]),
            ("not raw", &[]),
            ("family = unix and not type = dgram", &[ProtocolKind::Unix]),
            ("family = 31", &[ProtocolKind::Other]),
            ("proto = ping", &[ProtocolKind::Icmp]),
        ] {
            let filter: Filter = text.parse().unwrap();
            let named = ProtocolSet::named_in(filter.expr());
            assert!(named.iter().eq(expected.iter().copied()), "{text}: {named:?}");
        }
        for kind in ProtocolKind::ALL {
            assert_eq!(
                ProtocolSet::named_in(Filter::protocol_kind(kind).expr()),
                ProtocolSet::NONE.with(kind)
            );
        }
    }
}
