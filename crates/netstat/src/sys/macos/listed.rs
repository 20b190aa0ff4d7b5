//! What the tables of sockets listed, for the search to compare with what it has seen.

use crate::log::debug;
use crate::model::gap::{Gap, GapKind};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// The tables of XNU, by protocol.
pub(super) const TABLES: [(Protocol, &CStr); 2] =
    [(Protocol::Tcp, c"net.inet.tcp.pcblist_n"), (Protocol::Udp, c"net.inet.udp.pcblist_n")];

/// One table that has been read.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Sockets of a greater generation came later.
    pub(super) generation: u64,
    /// How many sockets the kernel says there are.
    pub(super) count: u64,
    /// How many it showed.
    pub(super) shown: u64,
    /// Whether the table was copied to its end.
    pub(super) whole: bool,
    /// Whether there is a gap that says that the table was filtered.
    pub(super) has_gap: AtomicBool,
    /// The keys of the rows; ascending once the table is set.
    pub(super) keys: Vec<u64>,
}

impl Listed {
    /// Whether most of the table was kept back. A few to some dozens are missing from every table: sockets
    /// whose connection is gone are counted and not shown.
    pub(super) fn looks_filtered(&self) -> bool {
        self.whole && self.shown.saturating_mul(2) < self.count
    }

    /// Whether this socket must have been in the table: it is older, and open still.
    pub(super) fn should_have(&self, socket: &Socket) -> bool {
        self.whole && socket.cookie.is_some_and(|cookie| cookie.get() <= self.generation)
    }

    /// Whether the table has a row with this key.
    pub(super) fn has(&self, key: u64) -> bool {
        self.keys.binary_search(&key).is_ok()
    }

    /// A gap that says that the table was filtered, unless there is one.
    pub(super) fn filtered(&self, name: &CStr) -> Option<Gap> {
        let Self { count, shown, .. } = *self;
        let source = format!("{}: {shown} of {count} sockets shown", name.to_string_lossy());
        (!self.has_gap.swap(true, SeqCst)).then(|| {
            debug!("a table is filtered: {source}");
            Gap::new(GapKind::TableFiltered, 1, source)
        })
    }
}

/// What the listing and the search of one snapshot share.
#[derive(Debug, Default)]
pub(super) struct ListedTables {
    searched: AtomicBool,
    /// In the order of [`TABLES`].
    listed: [OnceLock<Listed>; TABLES.len()],
}

impl ListedTables {
    /// A search runs beside the listing, and will add what it alone has seen.
    pub(super) fn search_runs(&self) {
        self.searched.store(true, SeqCst);
    }

    pub(super) fn is_searched(&self) -> bool {
        self.searched.load(SeqCst)
    }

    /// The table of a protocol, once it has been read.
    pub(super) fn of(&self, protocol: Protocol) -> Option<&Listed> {
        self.place(protocol)?.get()
    }

    fn place(&self, protocol: Protocol) -> Option<&OnceLock<Listed>> {
        TABLES.iter().zip(&self.listed).find(|((of, _), _)| *of == protocol).map(|(_, place)| place)
    }

    /// Keeps what a table listed, for the rest of this listing.
    pub(super) fn set(&self, protocol: Protocol, mut listed: Listed) {
        listed.keys.sort_unstable();
        if let Some(place) = self.place(protocol) {
            place.get_or_init(|| listed);
        }
    }

    /// Leaves of these rows those that the protocol's table did not list, and returns a gap if that means that it was
    /// filtered. All are left if there is no such table.
    pub(super) fn retain_unlisted(
        &self,
        (protocol, name): (Protocol, &CStr),
        rows: &mut Vec<(u64, Socket)>,
    ) -> Option<Gap> {
        let listed = self.of(protocol)?;
        rows.retain(|(key, _)| !listed.has(*key));
        let filtered = rows.iter().any(|(_, socket)| listed.should_have(socket));
        if filtered { listed.filtered(name) } else { None }
    }
}
