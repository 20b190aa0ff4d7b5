//! What the tables of sockets listed, which the scan over processes compares with what it has seen.
//!
//! From macOS 27 a table omits the sockets of other processes, for every program without an entitlement that only Apple
//! has. Every table omits some sockets: those of a connection that is gone are counted and not listed. So a count that
//! differs proves nothing by itself:
//!
//! - On a kernel that filters, any difference is taken for the filter, for every caller but root.
//! - Root is said to get the whole table. Its table is filtered if the kernel's two counts of it differ: that of the
//!   sizing call, which is of all sockets, and that in the header.
//! - A table with a trailer has sockets. If its count is 0, they have been omitted, on any kernel.
//! - A socket that is older than the table, is still open after it was read, and is not in it, was omitted. On a kernel
//!   that is not known to filter it must also have been seen before the table was read, since a socket is not listed
//!   before it is initialised.

use crate::log::debug;
use crate::model::gap::{Gap, GapKind};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use std::collections::HashMap;
use std::ffi::CStr;
use std::num::NonZeroU64;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// The tables of XNU, by protocol. Those of unix sockets are two, one for each type.
pub(super) const TABLES: [(Protocol, &CStr); 3] = [
    (Protocol::Tcp, c"net.inet.tcp.pcblist_n"),
    (Protocol::Udp, c"net.inet.udp.pcblist_n"),
    (Protocol::Unix, c"net.local.{stream,dgram}.pcblist_n"),
];

/// The generations of unix sockets at one moment, by their handles.
pub(super) type Generations = HashMap<u64, NonZeroU64>;

/// One table that has been read.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// The generation of the table: sockets of a greater one are newer.
    pub(super) generation: u64,
    /// The number of sockets according to the header.
    pub(super) count: u64,
    /// The number of sockets according to the sizing call, on a kernel that filters.
    pub(super) sized: u64,
    /// The number of sockets in the table.
    pub(super) shown: u64,
    /// Whether the table was copied to its end.
    pub(super) is_whole: bool,
    pub(super) has_trailer: bool,
    /// Whether the kernel is known to filter.
    pub(super) kernel_filters: bool,
    /// Whether a gap for the filter exists.
    pub(super) has_gap: AtomicBool,
    /// The keys of the rows, of unix sockets their handles; ascending once the table is set.
    pub(super) keys: Vec<u64>,
    /// Of unix sockets.
    pub(super) generations: Generations,
}

impl Listed {
    fn total(&self) -> u64 {
        self.count.max(self.sized)
    }

    /// Whether the kernel may have omitted sockets that exist, so that it is worth to look for them.
    pub(super) fn may_be_filtered(&self) -> bool {
        self.is_filtered(false)
    }

    /// Whether the counts show that the table was filtered.
    pub(super) fn is_filtered(&self, is_root: bool) -> bool {
        let omits = if is_root { self.sized > self.count } else { self.total() > self.shown };
        let has_none_of_some = self.count == 0 && self.has_trailer;
        has_none_of_some || (self.kernel_filters && self.is_whole && omits)
    }

    /// Whether the table omitted this socket, which is open and not in it. `seen_before`: it was seen before the table
    /// was read.
    pub(super) fn omitted(&self, socket: &Socket, seen_before: bool) -> bool {
        let is_older = socket.cookie.is_some_and(|cookie| cookie.get() <= self.generation);
        self.is_whole && is_older && (self.kernel_filters || seen_before)
    }

    /// Whether the table has a row with this key, or of a unix socket with this handle.
    pub(super) fn has(&self, key: u64) -> bool {
        self.keys.binary_search(&key).is_ok()
    }

    /// The gap for a filtered table, once.
    pub(super) fn filtered(&self, name: &CStr) -> Option<Gap> {
        let source = format!("{}: {} of {} sockets shown", name.to_string_lossy(), self.shown, self.total());
        (!self.has_gap.swap(true, SeqCst)).then(|| {
            debug!("a table is filtered: {source}");
            Gap::new(GapKind::TableFiltered, 1, source)
        })
    }
}

/// The state of one table in a listing.
#[derive(Debug, Default)]
struct Table {
    is_requested: AtomicBool,
    listed: OnceLock<Listed>,
}

/// What the listing and the search for owners of one snapshot share.
#[derive(Debug, Default)]
pub(super) struct ListedTables {
    is_searched: AtomicBool,
    /// In the order of [`TABLES`].
    tables: [Table; TABLES.len()],
}

impl ListedTables {
    /// A search for owners runs beside the listing, and will add the sockets that only it has seen.
    pub(super) fn set_searched(&self) {
        self.is_searched.store(true, SeqCst);
    }

    pub(super) fn is_searched(&self) -> bool {
        self.is_searched.load(SeqCst)
    }

    fn table(&self, protocol: Protocol) -> Option<&Table> {
        TABLES.iter().zip(&self.tables).find(|((of, _), _)| *of == protocol).map(|(_, table)| table)
    }

    /// The table of a protocol is about to be read.
    pub(super) fn set_requested(&self, protocol: Protocol) {
        if let Some(table) = self.table(protocol) {
            table.is_requested.store(true, SeqCst);
        }
    }

    pub(super) fn is_requested(&self, protocol: Protocol) -> bool {
        self.table(protocol).is_some_and(|table| table.is_requested.load(SeqCst))
    }

    /// The table of a protocol, once it has been read.
    pub(super) fn of(&self, protocol: Protocol) -> Option<&Listed> {
        self.table(protocol)?.listed.get()
    }

    /// Stores what a table listed, until the end of the listing.
    pub(super) fn set(&self, protocol: Protocol, mut listed: Listed) {
        listed.keys.sort_unstable();
        if let Some(table) = self.table(protocol) {
            table.listed.get_or_init(|| listed);
        }
    }
}
