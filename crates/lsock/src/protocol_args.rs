//! The options that select protocols: letters, and `--protocol`.

use crate::usage::UsageError;
use netstat::{Protocol, ProtocolKind, Query};

/// A query for the protocols that were named.
#[derive(Debug)]
pub(crate) struct OfProtocols {
    pub(crate) query: Query,
    /// Whether one was named.
    pub(crate) is_named: bool,
    /// Whether TCP sockets are selected.
    pub(crate) has_tcp: bool,
}

impl OfProtocols {
    /// The query for these: protocols with letters, and names, perhaps with a number.
    pub(crate) fn new(
        letters: impl Iterator<Item = ProtocolKind>,
        names: &[String],
    ) -> Result<Self, UsageError> {
        let (query, is_named, has_tcp) = (Query::new(), false, false);
        let mut selected = letters.fold(Self { query, is_named, has_tcp }, Self::with);
        for typed in names {
            if let Ok(kind) = typed.parse() {
                selected = selected.with(kind);
            } else if let Ok(protocol) = typed.parse::<Protocol>() {
                selected = Self { query: selected.query.protocol(protocol), is_named: true, ..selected };
            } else {
                return Err(UsageError::new(format!(
                    "--protocol: {typed:?} is not tcp, udp, udplite, icmp (ping), raw, raw:NUMBER, sctp, mptcp, unix, \
                     netlink, packet or vsock"
                )));
            }
        }
        selected.has_tcp |= !selected.is_named;
        Ok(selected)
    }

    fn with(self, kind: ProtocolKind) -> Self {
        let has_tcp = self.has_tcp || kind == ProtocolKind::Tcp;
        Self { query: self.query.protocol_kind(kind), is_named: true, has_tcp }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(letters: &[ProtocolKind], names: &[&str]) -> Result<OfProtocols, UsageError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        OfProtocols::new(letters.iter().copied(), &names)
    }

    #[test]
    fn letters_and_names_select_the_same() {
        use ProtocolKind::{Mptcp, Raw, Sctp, Tcp};
        let text = |selected: OfProtocols| format!("{selected:?}");
        let letters = of(&[Tcp, Raw, Sctp, Mptcp], &[]).unwrap();
        assert_eq!(text(letters), text(of(&[], &["tcp", "RAW", "sctp", "mptcp"]).unwrap()));
        assert!(text(of(&[Raw], &["raw:58", "ping"]).unwrap()).contains("raw or raw:58 or icmp"));
    }

    #[test]
    fn without_a_name_the_query_is_the_default() {
        let none = of(&[], &[]).unwrap();
        assert_eq!(format!("{:?}", none.query), format!("{:?}", Query::new()));
        assert!(!none.is_named && none.has_tcp);
        let raw = of(&[], &["raw:58"]).unwrap();
        assert!(raw.is_named && !raw.has_tcp);
    }

    #[test]
    fn what_is_no_protocol_is_refused() {
        for typed in ["raw:256", "ip", ""] {
            let error = of(&[], &[typed]).unwrap_err().to_string();
            assert!(error.contains(&format!("{typed:?} is not tcp, udp")), "{error}");
        }
    }
}
