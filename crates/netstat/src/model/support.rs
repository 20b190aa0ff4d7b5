//! What the back end of this build can report: protocols, fields, roles.

use crate::model::details::DetailFields;
use crate::model::owner::OwnerRole;
use crate::model::process::ProcessFields;
use crate::model::protocol_kind::ProtocolKind;

crate::model::flags::flags! {
    /// The fields of a [`Socket`](crate::Socket) that a system may or may not give.
    pub struct SocketFields: u32 {
        /// `remote` of a TCP connection.
        const TCP_REMOTE = 1;
        /// `remote` of a connected UDP socket.
        const UDP_REMOTE = 1 << 1;
        /// `state`.
        const STATE = 1 << 2;
        /// `rx_queue` and `tx_queue`.
        const QUEUES = 1 << 3;
        /// `uid`.
        const UID = 1 << 4;
        /// `identity`, as an inode number.
        const INODE = 1 << 5;
        /// `identity`, as a kernel handle.
        const HANDLE = 1 << 6;
        /// `cookie`.
        const COOKIE = 1 << 7;
        /// `interface`.
        const INTERFACE = 1 << 8;
        /// `v6_only`.
        const V6_ONLY = 1 << 9;
        /// `created`.
        const CREATED = 1 << 10;
        /// `service`.
        const SERVICE = 1 << 11;
        /// `netns`, and listings of other network namespaces than the caller's ([`Scope`](crate::Scope)).
        const NETNS = 1 << 12;
    }
}

/// What this build of the library can give on the system it was built for.
///
/// It speaks of the system, not of this caller's rights or this kernel's configuration: those show in a
/// snapshot's gaps. A field that is not listed is `None` in every row.
///
/// # Examples
/// ```
/// use netstat::{SocketFields, Support};
///
/// let support = Support::current();
/// if support.socket_fields.contains(SocketFields::UID) {
///     println!("rows on {} say which user made the socket", support.system);
/// }
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Support {
    /// The system's name, such as `linux` or `windows`; `unsupported` where there is no back end yet.
    pub system: &'static str,
    /// The protocols whose sockets can be listed, in the order in which they are. Empty: every query answers that it is
    /// not supported. Whether the running kernel has a protocol shows in the gaps of a snapshot that asked for it.
    pub protocols: &'static [ProtocolKind],
    /// The fields of a row.
    pub socket_fields: SocketFields,
    /// The details of a row.
    pub detail_fields: DetailFields,
    /// The protocols of which both ends of a connection can be joined ([`Query::peers`](crate::Query::peers)).
    pub peers: &'static [ProtocolKind],
    /// The roles in which owners appear. Empty: owners cannot be found.
    pub owner_roles: &'static [OwnerRole],
    /// Whether all holders of a socket are reported, not just one.
    pub all_owners: bool,
    /// The details of a process.
    pub process_fields: ProcessFields,
}
