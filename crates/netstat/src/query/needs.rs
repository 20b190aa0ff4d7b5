//! What the engine and the back ends ask of a query.

use super::{Ends, Query};
use crate::model::protocol_kind::ProtocolKind;

impl Query {
    /// The protocols of which a socket may pass: those that are named, else TCP, UDP and those that the filter names.
    pub(crate) fn wanted_protocols(&self) -> impl Iterator<Item = ProtocolKind> {
        self.protocols.iter().filter(|kind| self.filter.wants_protocol(*kind))
    }

    /// Whether sockets are wanted of other families than IPv4 and IPv6.
    #[allow(dead_code, reason = "used by the Linux back end only")]
    pub(crate) fn wants_other_families(&self) -> bool {
        use ProtocolKind as P;
        let is_other = |kind| matches!(kind, P::Unix | P::Netlink | P::Packet | P::Vsock | P::Other);
        self.wanted_protocols().any(is_other)
    }

    /// Whether sockets are wanted that no table lists: those of any protocol, or of one that most kernels have no table
    /// for.
    pub(crate) fn wants_unlisted(&self) -> bool {
        self.wanted_protocols().any(|kind| matches!(kind, ProtocolKind::Other | ProtocolKind::Vsock))
    }

    /// Whether rows are added for sockets that no table lists, which are seen with their owners only. All sockets of the
    /// tables must be known then, whatever the filter leaves out.
    pub(crate) fn adds_unlisted(&self) -> bool {
        self.wants_unlisted() && self.wants_owners()
    }

    pub(crate) fn wants_owners(&self) -> bool {
        self.owners || !self.fields.is_empty() || self.needs_owners()
    }

    /// Whether which rows pass depends on their owners.
    pub(crate) fn needs_owners(&self) -> bool {
        self.filter.needs_owners()
    }

    /// Whether a row that may pass, as far as that does not depend on owners, may still fail or be undecided.
    pub(crate) fn needs_decisions(&self) -> bool {
        self.only_decided || self.filter.may_be_undecided()
    }

    /// Whether another thread may receive what the kernel says.
    #[allow(dead_code, reason = "used by the Linux back end only")]
    pub(crate) fn may_receive_ahead(&self) -> bool {
        self.threads.is_none_or(|threads| threads > 1)
    }

    /// The connections that were named.
    #[allow(dead_code, reason = "used by the Linux back end only")]
    pub(crate) fn connections(&self) -> &[Ends] {
        &self.connections
    }

    /// How many threads the caller asked for, if it did.
    pub(crate) fn threads_wanted(&self) -> Option<usize> {
        self.threads
    }
}
