//! How many sockets there are, by protocol and state.

use netstat::{HiddenReason, Ownership, Socket, State};

/// Counts in the order of the protocols and of first appearance.
pub(crate) struct Counts {
    protocols: Vec<(&'static str, Vec<(String, usize)>)>,
    /// Listeners that accept connections to every address.
    open: usize,
}

impl Counts {
    pub(crate) fn of(rows: &[&Socket]) -> Self {
        let mut counts = Self { protocols: Vec::new(), open: 0 };
        for socket in rows {
            let name = socket.protocol.as_str();
            let at = counts.protocols.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                counts.protocols.push((name, Vec::new()));
                counts.protocols.len() - 1
            });
            let state = kind(socket);
            let Some((_, states)) = counts.protocols.get_mut(at) else { continue };
            match states.iter_mut().find(|(known, _)| *known == state) {
                Some((_, count)) => *count += 1,
                None => states.push((state, 1)),
            }
            let is_any = socket.local.ip().is_some_and(|ip| ip.is_unspecified());
            counts.open += usize::from(socket.is_listening() && is_any && socket.interface.is_none());
        }
        // Few, and the most frequent state is the most telling.
        for (_, states) in &mut counts.protocols {
            states.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        }
        counts
    }

    /// `tcp: 14 listening, 3 established`, `udp: 3 listening`, `8 open to every address`.
    pub(crate) fn parts(&self) -> Vec<String> {
        let states = |states: &[(String, usize)]| {
            states.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
        };
        let mut parts: Vec<String> =
            self.protocols.iter().map(|(name, of)| format!("{name}: {}", states(of))).collect();
        if self.open > 0 {
            parts.push(format!("{} open to every address", self.open));
        }
        parts
    }
}

/// The state in lower case; of a protocol without states, whether it has a remote end.
pub(crate) fn kind(socket: &Socket) -> String {
    match socket.state {
        _ if socket.is_listening() => "listening".to_owned(),
        Some(State::Other(number)) => format!("state {number}"),
        Some(state) => state.to_string().to_ascii_lowercase().replace('_', "-"),
        None => "connected".to_owned(),
    }
}

/// How many rows may have owners that could not be seen.
pub(crate) fn unseen(rows: &[&Socket]) -> usize {
    let is_unseen = |socket: &&&Socket| matches!(socket.ownership(), Ownership::Hidden { reason } if reason != HiddenReason::NotSearched);
    rows.iter().filter(is_unseen).count()
}
