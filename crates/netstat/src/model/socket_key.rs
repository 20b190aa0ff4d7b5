//! A key by which the same socket is recognized in two listings.

use crate::model::endpoint::Endpoint;
use crate::model::identity::{Identity, NetnsId};
use crate::model::owner::OwnerRole;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use std::num::NonZeroU64;

/// Identifies a socket between two listings on the same machine. Opaque.
///
/// Equal for the same socket whichever source listed it (a dump, `/proc/net`), as long as its owner has it:
///
/// - Linux: network namespace and inode number, with protocol and local end, so that a number that was given out again
///   to an unlike socket differs. Without an inode: protocol and both ends.
/// - macOS: protocol and generation.
/// - Windows: protocol, both ends, and pid and time of the bind.
///
/// The cookie is not part of it, because not every source of rows reports one. A connection gains its inode when it
/// is accepted and loses it when its process closes it, so its key changes then.
///
/// # Examples
/// Which sockets are new since the last listing?
/// ```
/// use std::collections::HashSet;
///
/// # fn main() -> Result<(), netstat::Error> {
/// let query = netstat::Query::new().tcp();
/// let known: HashSet<_> = query.snapshot()?.sockets.iter().map(netstat::Socket::key).collect();
/// for socket in query.snapshot()?.sockets.iter().filter(|socket| !known.contains(&socket.key())) {
///     println!("new: {socket}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketKey(Key);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    /// A number that the system gives this socket among those of its protocol.
    Number { netns: Option<NetnsId>, protocol: Protocol, number: u64, local: Endpoint },
    /// macOS: no two sockets of a protocol ever have the same.
    Generation { protocol: Protocol, generation: NonZeroU64 },
    /// What distinguishes a socket without a number: its ends, and on Windows who bound it and when.
    Ends {
        netns: Option<NetnsId>,
        protocol: Protocol,
        local: Endpoint,
        remote: Option<Endpoint>,
        bound: Option<(u32, NonZeroU64)>,
    },
}

impl Socket {
    /// What identifies the socket between two listings, whichever source listed it.
    pub fn key(&self) -> SocketKey {
        let Self { protocol, netns, .. } = *self;
        let local = || self.local.clone();
        let numbered = |number| Key::Number { netns, protocol, number, local: local() };
        SocketKey(match (self.identity, self.cookie) {
            (Some(Identity::Inode(inode)), _) => numbered(inode),
            (Some(Identity::Handle(_)), Some(generation)) => Key::Generation { protocol, generation },
            (Some(Identity::Handle(handle)), None) => numbered(handle),
            (None, _) => {
                let binder = |role| matches!(role, OwnerRole::Binder | OwnerRole::EndedBinder);
                let binder = self.owners().iter().find(|owner| binder(owner.role)).map(|owner| owner.pid);
                let (remote, bound) = (self.remote.clone(), binder.zip(self.created));
                Key::Ends { netns, protocol, local: local(), remote, bound }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::family::Family;
    use crate::model::owner::{Owner, Ownership};
    use std::net::SocketAddr;

    fn socket(port: u16) -> Socket {
        Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    #[test]
    fn what_a_source_may_lack_does_not_change_the_key() {
        let mut dumped = socket(80);
        dumped.identity = Some(Identity::Inode(7));
        let from_proc = dumped.clone();
        dumped.cookie = NonZeroU64::new(99);
        dumped.uid = Some(0);
        assert_eq!(dumped.key(), from_proc.key());
    }

    #[test]
    fn a_number_that_was_given_out_again_to_an_unlike_socket_differs() {
        let (mut one, mut other) = (socket(80), socket(81));
        one.identity = Some(Identity::Inode(7));
        other.identity = Some(Identity::Inode(7));
        assert_ne!(one.key(), other.key());
        other.local = one.local.clone();
        other.protocol = Protocol::Udp;
        assert_ne!(one.key(), other.key());
    }

    #[test]
    fn a_handle_that_was_used_again_differs_by_its_generation() {
        let (mut one, mut other) = (socket(80), socket(80));
        for (socket, generation) in [(&mut one, 1), (&mut other, 2)] {
            socket.identity = Some(Identity::Handle(0xffff_0000));
            socket.cookie = NonZeroU64::new(generation);
        }
        assert_ne!(one.key(), other.key());
        other.cookie = one.cookie;
        assert_eq!(one.key(), other.key());
    }

    #[test]
    fn windows_rows_with_the_same_ends_differ_by_who_bound_them_and_when() {
        let bound = |pid, created| {
            let mut socket = socket(80);
            socket
                .set_owners([Owner::new(pid, None, OwnerRole::Binder)], Ownership::Known { complete: false });
            socket.created = NonZeroU64::new(created);
            socket.key()
        };
        assert_eq!(bound(4, 100), bound(4, 100));
        assert_ne!(bound(4, 100), bound(4, 101));
        assert_ne!(bound(4, 100), bound(5, 100));
    }
}
