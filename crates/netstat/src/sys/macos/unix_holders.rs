//! Verifies the holders of unix sockets: libproc has no generation, so a handle may have been reused for another socket.

use super::calls::{self, Reference, StructureBytes};
use super::kernel::Kernel;
use super::local_sockets::{self, is_unix};
use super::row::SeenSocket;
use crate::engine::owner_table::OwnerTable;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership};
use netstat_wire::macos::socket_fdinfo::SocketFdinfo;
use std::collections::HashSet;

/// Unix sockets that a scan has seen, and where.
#[derive(Default)]
pub(crate) struct UnixHolders(Vec<Held>);

struct Held {
    socket: SeenSocket,
    pid: u32,
    reference: Reference,
}

impl Held {
    fn owner(&self) -> Owner {
        Owner::new(self.pid, self.reference.fd(), OwnerRole::Holder)
    }

    /// Whether the reference still refers to a socket with this handle.
    fn is_same_now(&self, kernel: &impl Kernel) -> bool {
        let mut info = [0; size_of::<StructureBytes>()];
        let read = calls::socket_info(kernel, self.pid, self.reference, &mut info);
        let info = read.ok().and_then(|bytes| SocketFdinfo::decode(bytes).ok());
        info.is_some_and(|info| is_unix(&info) && info.so == self.socket.handle)
    }
}

impl UnixHolders {
    pub(super) fn add(&mut self, socket: SeenSocket, pid: u32, reference: Reference) {
        self.0.push(Held { socket, pid, reference });
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Removes from the table the holders that may be those of another socket. One with a generation stays if its handle
    /// has the same now; one without if it still refers to that handle, all of a socket being read one after the other.
    pub(super) fn verify(mut self, kernel: &impl Kernel, table: &mut OwnerTable) {
        let has_generations = self.0.iter().any(|held| held.socket.generation.is_some());
        let now = if has_generations { local_sockets::generations(kernel) } else { None };
        if has_generations && now.is_none() {
            table.complete = false;
            table.if_missing = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
            let source = "net.local.{stream,dgram}.pcblist_n: holders cannot be verified";
            table.gaps.push(Gap::new(GapKind::OwnersUnavailable, 1, source));
        }
        self.0.sort_by_key(|held| held.socket.key());
        let is_wrong = |held: &&Held| match held.socket.generation {
            None => !held.is_same_now(kernel),
            generation => now.as_ref().and_then(|now| now.get(&held.socket.handle).copied()) != generation,
        };
        let wrong: HashSet<(u64, Owner)> =
            self.0.iter().filter(is_wrong).map(|held| (held.socket.key(), held.owner())).collect();
        if !wrong.is_empty() {
            table.retain(|key, owner| !wrong.contains(&(key, owner)));
        }
    }
}
