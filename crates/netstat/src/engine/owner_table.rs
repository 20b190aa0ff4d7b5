//! The result of a search for owners: the holders of each socket, and what the absence of a holder means.

use crate::engine::process_start_times::ProcessStartTimes;
use crate::model::gap::{Gap, GapKind};
use crate::model::identity::{Identity, NetnsId};
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership, UnownedReason};
use crate::model::owner_source::OwnerSourceUsed;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use std::fmt::Display;
use std::num::NonZeroU64;
use std::ops::Range;

/// One socket held by one process. The key is the inode number of the socket's [`Identity`], or made of its handle
/// ([`handle_key`]).
///
/// Linux: inode numbers have 32 bits and repeat in time, so two open sockets can have the same key. What a source knows
/// beyond the key is kept with the holding and compared with the row. The fields are packed: there is one for each
/// descriptor of the machine, and they are sorted.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holding {
    pub(crate) key: u64,
    pid: u32,
    /// -1: without a descriptor.
    fd: i32,
    /// The low half of the socket's cookie; 0: not known.
    cookie: u32,
    /// The socket's local port, of a raw socket its IP protocol; 0: not known.
    port: u16,
    /// The two low bits: whether it is of TCP ([`IS_TCP`]) or UDP ([`IS_UDP`]); 0: of another protocol, or not known. The
    /// others: its network namespace, as a number made of its own ([`netns_tag`]); 0: not known.
    origin: u8,
    role: OwnerRole,
}

const IS_TCP: u8 = 1;
const IS_UDP: u8 = 2;
const PROTOCOL_BITS: u8 = 3;

/// The number by which holdings distinguish network namespaces: never 0, and different for up to 62 that were made one
/// after the other.
#[allow(dead_code, reason = "Linux alone has them")]
pub(crate) fn netns_tag(netns: NetnsId) -> u8 {
    u8::try_from(netns.0.get() % 62).map_or(1, |rest| rest + 1)
}

/// That of the namespace whose rows do not name it.
#[allow(dead_code, reason = "Linux alone has them")]
pub(crate) const OWN_NETNS: u8 = 63;

const _: () = assert!(size_of::<Holding>() == 24);

/// The numbers of IANA, which every system uses.
const IPPROTO_TCP: u16 = 6;
const IPPROTO_UDP: u16 = 17;

impl Holding {
    pub(crate) fn new(key: u64, owner: Owner) -> Self {
        let Owner { pid, fd, role } = owner;
        Self { key, pid, fd: fd.unwrap_or(-1), cookie: 0, port: 0, origin: 0, role }
    }

    /// The same, of a socket with this cookie, local port and `IPPROTO_*`; 0: not known.
    #[allow(dead_code, reason = "known by BPF alone")]
    pub(crate) fn of_socket(self, cookie: u64, port: u16, protocol: u16) -> Self {
        // Cookies are counted from 1, so the low half distinguishes any that are open at the same time.
        #[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let cookie = cookie as u32;
        let protocol = match protocol {
            IPPROTO_TCP => IS_TCP,
            IPPROTO_UDP => IS_UDP,
            _ => 0,
        };
        Self { cookie, port, origin: (self.origin & !PROTOCOL_BITS) | protocol, ..self }
    }

    /// The same, of a socket in the network namespace with this tag.
    #[allow(dead_code, reason = "known by BPF alone")]
    pub(crate) fn in_netns(self, netns: u8) -> Self {
        Self { origin: (self.origin & PROTOCOL_BITS) | (netns << 2), ..self }
    }

    pub(crate) fn owner(&self) -> Owner {
        Owner::new(self.pid, (self.fd >= 0).then_some(self.fd), self.role)
    }

    fn may_be_of_protocol(&self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Tcp => self.origin & PROTOCOL_BITS != IS_UDP,
            Protocol::Udp => self.origin & PROTOCOL_BITS != IS_TCP,
            _ => true,
        }
    }

    fn may_be_of_netns(&self, netns: Option<NetnsId>) -> bool {
        let tag = self.origin >> 2;
        tag == 0 || tag == netns.map_or(OWN_NETNS, netns_tag)
    }

    /// Whether it may be of this socket, which has the same key. A cookie decides where both have one; a kernel that has
    /// not been asked for the socket's cookie before has none.
    fn is_of(&self, socket: &Socket) -> bool {
        match socket.cookie {
            #[allow(clippy::cast_possible_truncation, reason = "as in of_socket")]
            Some(cookie) if self.cookie != 0 => cookie.get() as u32 == self.cookie,
            _ => {
                let has_port = self.port == 0 || number_of(socket).is_none_or(|number| number == self.port);
                has_port && self.may_be_of_protocol(socket.protocol) && self.may_be_of_netns(socket.netns)
            }
        }
    }
}

/// What the kernel keeps as the local port of a socket: of a raw socket the IP protocol.
fn number_of(socket: &Socket) -> Option<u16> {
    match socket.protocol {
        Protocol::Raw(protocol) => Some(protocol.into()),
        _ => socket.local.port(),
    }
}

/// The key of a socket with a handle. The kernel reuses a handle when its socket is gone, but not the generation, where
/// there is one. Both are mixed into one number: two sockets have the same once in 2^64, as with a handle that the
/// kernel has hashed.
pub(crate) fn handle_key(handle: u64, generation: Option<NonZeroU64>) -> u64 {
    match generation {
        None => handle,
        Some(generation) => {
            // The finalizer of MurmurHash3, which maps no two numbers to one.
            let mut mixed = generation.get();
            for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
                mixed = (mixed ^ (mixed >> 33)).wrapping_mul(factor);
            }
            handle ^ mixed ^ (mixed >> 33)
        }
    }
}

/// The key that joins a row with its owners.
pub(crate) fn join_key(socket: &Socket) -> Option<u64> {
    match socket.identity {
        Some(Identity::Inode(inode)) => Some(inode),
        Some(Identity::Handle(handle)) => Some(handle_key(handle, socket.cookie)),
        None => None,
    }
}

/// When a process was seen with the sockets it holds, so that its pid is not taken for the same process later. The clock
/// is that of process start times: a process that started after `at` was given the pid of one that had ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessSeen {
    pub(crate) pid: u32,
    /// Nanoseconds since boot. macOS: not a time but the unique number of the process, which is more precise.
    /// `u64::MAX`: not known.
    pub(crate) at: u64,
    /// Some of its descriptors with the keys of their sockets, which distinguish processes that started within one tick
    /// of the clock. Linux.
    pub(crate) sockets: [Option<(i32, u64)>; 4],
    /// Whether the second pass has seen it too: by then its pid may have belonged to another process.
    pub(crate) seen_twice: bool,
}

impl ProcessSeen {
    pub(crate) const fn new(pid: u32, at: u64) -> Self {
        Self { pid, at, sockets: [None; 4], seen_twice: false }
    }

    /// Adds a descriptor while there is space.
    #[allow(dead_code, reason = "some systems have times that are fine enough")]
    pub(crate) fn note_socket(&mut self, fd: i32, key: u64) {
        if let Some(place) = self.sockets.iter_mut().find(|socket| socket.is_none()) {
            *place = Some((fd, key));
        }
    }
}

/// The holders of sockets, by key.
#[derive(Debug, Default)]
pub(crate) struct OwnerTable {
    /// Ascending, each once.
    holdings: Vec<Holding>,
    index: Index,
    /// Ascending by pid, each once: the processes that hold something.
    seen: Vec<ProcessSeen>,
    /// Ascending: the keys of sockets whose holders in the table are all there are, even if some processes could not be
    /// read.
    exclusive: Vec<u64>,
    /// All processes of the machine, where one call returns them.
    pub(crate) process_starts: Option<ProcessStartTimes>,
    /// Whether every process that could hold a socket was read.
    pub(crate) complete: bool,
    /// Processes that may hold sockets beyond those in the table; `None`: which ones is not known. Says nothing where
    /// the table is complete.
    pub(crate) unread: Option<Vec<u32>>,
    /// Which source found the holders, where there is a choice.
    pub(crate) from: Option<OwnerSourceUsed>,
    /// The ownership of a socket that has an identity and is not in the table.
    pub(crate) if_missing: Ownership,
    /// What the search could not see.
    pub(crate) gaps: Vec<Gap>,
    /// What it could not see that matters only if an owner is missing.
    pub(crate) gaps_if_missing: Vec<Gap>,
}

impl OwnerTable {
    /// The result of a search that failed altogether.
    #[allow(dead_code, reason = "some searches can always be made")]
    pub(crate) fn failed(why: impl Display) -> Self {
        Self {
            if_missing: Ownership::Hidden { reason: HiddenReason::UnreadableProcess },
            gaps: vec![Gap::new(GapKind::OwnersUnavailable, 1, why.to_string())],
            ..Self::default()
        }
    }

    /// Sets how complete the search was. `all_read`: every process that was read was read to its end. `some_only`: only
    /// the processes that the query names were read. `hidden`: why there may be processes that the search was not
    /// shown.
    #[allow(dead_code, reason = "a system without a search finds nothing")]
    pub(crate) fn set_reach(&mut self, all_read: bool, some_only: bool, hidden: Option<HiddenReason>) {
        let hide = |reason| Ownership::Hidden { reason };
        self.complete = all_read && !some_only && hidden.is_none();
        self.if_missing = match hidden {
            _ if some_only => hide(HiddenReason::NotSearched),
            Some(reason) => hide(reason),
            None if !all_read => hide(HiddenReason::UnreadableProcess),
            None => Ownership::None { reason: UnownedReason::KernelOrInFlight },
        };
    }

    /// Adds the holdings that a pass found, in any order, with or without repeats.
    #[allow(dead_code, reason = "a system without a search finds nothing")]
    pub(crate) fn add(&mut self, holdings: Vec<Holding>, seen: Vec<ProcessSeen>) {
        if self.holdings.is_empty() {
            self.holdings = holdings;
        } else {
            self.holdings.extend(holdings);
        }
        // The stable sort finds the sorted runs of the threads and only merges them.
        self.holdings.sort();
        self.holdings.dedup();
        self.index = Index::new(&self.holdings);
        self.seen.extend(seen);
        self.seen = first_of_each(&self.seen);
    }

    /// Whether no holder was found, beside those that rows have already.
    pub(crate) fn is_empty(&self) -> bool {
        self.holdings.is_empty()
    }

    /// Removes what does not pass: the holders of some sockets turned out to be those of others.
    #[allow(dead_code, reason = "only macOS has handles without generations")]
    pub(crate) fn retain(&mut self, is_right: impl Fn(u64, Owner) -> bool) {
        let mut removed = Vec::new();
        self.holdings.retain(|holding| {
            let is_right = is_right(holding.key, holding.owner());
            removed.extend((!is_right).then_some(holding.key));
            is_right
        });
        // Which of the holders had the only reference is not known.
        self.exclusive.retain(|key| removed.binary_search(key).is_err());
        if !removed.is_empty() {
            self.index = Index::new(&self.holdings);
        }
    }

    /// Adds sockets that have no other holders than those in the table.
    #[allow(dead_code, reason = "not every system reports it")]
    pub(crate) fn add_exclusive(&mut self, keys: Vec<u64>) {
        self.exclusive.extend(keys);
        self.exclusive.sort_unstable();
    }

    /// Whether the holders of this socket in the table are all there are.
    pub(crate) fn is_exclusive(&self, key: u64) -> bool {
        !self.exclusive.is_empty() && self.exclusive.binary_search(&key).is_ok()
    }

    /// The owners of this socket, which has this key. They stay in the table: a second row with the same key may have the
    /// same.
    pub(crate) fn owners(&self, key: u64, socket: &Socket) -> impl Iterator<Item = Owner> {
        self.holdings(key).filter(|holding| holding.is_of(socket)).map(Holding::owner)
    }

    fn holdings(&self, key: u64) -> impl Iterator<Item = &Holding> {
        let step = self.holdings.get(self.index.step(key)).unwrap_or_default();
        let first = step.partition_point(|holding| holding.key < key);
        step.iter().skip(first).take_while(move |holding| holding.key == key)
    }

    /// The holdings of each socket, ascending by key.
    #[allow(dead_code, reason = "of use where tables do not list every socket")]
    pub(crate) fn by_key(&self) -> impl Iterator<Item = &[Holding]> {
        self.holdings.chunk_by(|a, b| a.key == b.key)
    }

    /// When this process was seen.
    pub(crate) fn process(&self, pid: u32) -> Option<ProcessSeen> {
        let found = self.seen.binary_search_by_key(&pid, |seen| seen.pid);
        found.ok().and_then(|index| self.seen.get(index).copied())
    }

    /// The processes that hold a socket.
    pub(crate) fn processes(&self) -> &[ProcessSeen] {
        &self.seen
    }
}

/// Ascending by pid, each process once, as it was first seen.
#[allow(dead_code, reason = "as OwnerTable::add")]
fn first_of_each(seen: &[ProcessSeen]) -> Vec<ProcessSeen> {
    const PLACE: u64 = u32::MAX as u64;
    // Numbers are sorted in place of the entries, which are ten times as long.
    let mut order = Vec::with_capacity(seen.len());
    for (place, seen) in (0..=PLACE).zip(seen) {
        order.push(u64::from(seen.pid) << 32 | place);
    }
    order.sort_unstable();
    let mut first: Vec<ProcessSeen> = Vec::with_capacity(seen.len());
    for number in order {
        let place = usize::try_from(number & PLACE).ok();
        let Some(seen) = place.and_then(|place| seen.get(place)) else { continue };
        match first.last_mut() {
            Some(known) if known.pid == seen.pid => {
                if seen.at < known.at {
                    *known = *seen;
                }
                known.seen_twice = true;
            }
            _ => first.push(*seen),
        }
    }
    first
}

/// An index of a sorted list by key. The span from the least key to the greatest is cut into steps, as many as the list
/// has entries or up to twice as many, and the index has the place where each step begins. Kernels number sockets in
/// order, so keys are dense and a step has one or two: a look-up reads memory twice, where a binary search in a
/// hundred thousand reads it seventeen times.
#[derive(Debug, Default)]
struct Index {
    least: u64,
    shift: u32,
    /// Where each step begins, and where the last one ends.
    starts: Vec<u32>,
}

impl Index {
    #[allow(dead_code, reason = "as OwnerTable::add")]
    fn new(holdings: &[Holding]) -> Self {
        let (Some(first), Some(last)) = (holdings.first(), holdings.last()) else { return Self::default() };
        let span = last.key - first.key;
        // The smallest that leaves at most twice as many steps as entries.
        let shift = (0..63).find(|shift| span >> shift < 2 * holdings.len() as u64).unwrap_or(63);
        let mut index = Self { least: first.key, shift, starts: Vec::new() };
        for (at, holding) in (0_u32..).zip(holdings) {
            let step = index.number(holding.key);
            while index.starts.len() <= step {
                index.starts.push(at);
            }
        }
        index.starts.push(u32::try_from(holdings.len()).unwrap_or(u32::MAX));
        index
    }

    /// The step that a key belongs to; keys below the least belong to the first.
    fn number(&self, key: u64) -> usize {
        usize::try_from(key.saturating_sub(self.least) >> self.shift).unwrap_or(usize::MAX)
    }

    /// The place of the step that a key would be in.
    fn step(&self, key: u64) -> Range<usize> {
        let number = self.number(key);
        let start = |number: usize| self.starts.get(number).map_or(0, |start| *start as usize);
        match number.checked_add(1) {
            Some(next) if next < self.starts.len() => start(number)..start(next),
            // Above the greatest.
            _ => 0..0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::family::Family;
    use std::net::SocketAddr;

    fn table(keys: &[u64]) -> OwnerTable {
        let mut table = OwnerTable::default();
        let owner = |pid| Owner::new(pid, Some(3), OwnerRole::Holder);
        let holdings = (0..).zip(keys).map(|(pid, key)| Holding::new(*key, owner(pid)));
        table.add(holdings.collect(), Vec::new());
        table
    }

    #[test]
    fn every_key_is_found_with_all_its_owners_and_no_other() {
        let spread = [7, 7, 7, 9, 1_000, 1_001, u64::from(u32::MAX), u64::MAX, 0];
        for keys in [&spread[..], &spread[..4], &[5], &[5, 5], &[0, u64::MAX], &[]] {
            let table = table(keys);
            for key in keys {
                let expected = keys.iter().filter(|other| *other == key).count();
                assert_eq!(table.holdings(*key).count(), expected, "{key} in {keys:?}");
            }
            for key in [1, 6, 8, 999, 1_002, u64::MAX - 1].iter().filter(|key| !keys.contains(key)) {
                assert_eq!(table.holdings(*key).count(), 0, "{key} in {keys:?}");
            }
        }
    }

    #[test]
    fn owner_of_another_socket_with_the_same_inode_number_is_not_this_sockets() {
        let holding = |pid| Holding::new(7, Owner::new(pid, Some(3), OwnerRole::Holder));
        let mut table = OwnerTable::default();
        // Cookie and port, each known or not.
        let holdings = [(1, 5, 80), (2, 6, 80), (3, 0, 80), (4, 0, 81), (5, 0, 0), (6, 6, 81)];
        let of_tcp = |(pid, cookie, port)| holding(pid).of_socket(cookie, port, 6);
        table.add(holdings.map(of_tcp).to_vec(), vec![]);
        table.add(vec![holding(7).of_socket(0, 80, 17), holding(8).of_socket(5, 80, 17)], vec![]);
        let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], 80)));
        let owners = |socket: &Socket| table.owners(7, socket).map(|owner| owner.pid).collect::<Vec<_>>();
        assert_eq!(owners(&socket), [1, 2, 3, 5], "without a cookie port and protocol decide");
        socket.cookie = NonZeroU64::new(5);
        assert_eq!(owners(&socket), [1, 3, 5, 8], "the cookie decides alone");
        socket.local = crate::model::endpoint::Endpoint::Unknown;
        assert_eq!(owners(&socket), [1, 3, 4, 5, 8], "nothing is known that contradicts it");
    }

    #[test]
    fn second_pass_adds_to_the_first_and_nothing_comes_twice() {
        let mut both = table(&[4, 2]);
        let owner = Owner::new(0, Some(3), OwnerRole::Holder);
        both.add(vec![Holding::new(4, owner), Holding::new(3, owner)], vec![ProcessSeen::new(0, 5)]);
        assert_eq!([2, 3, 4, 5].map(|key| both.holdings(key).count()), [1, 1, 1, 0]);
        assert_eq!(both.process(0), Some(ProcessSeen::new(0, 5)));
        both.add(Vec::new(), vec![ProcessSeen::new(0, 3), ProcessSeen::new(1, 3)]);
        assert_eq!(both.process(0), Some(ProcessSeen { seen_twice: true, ..ProcessSeen::new(0, 3) }));
        assert_eq!(both.process(1), Some(ProcessSeen::new(1, 3)));
    }

    #[test]
    fn holders_that_turn_out_to_be_those_of_another_socket_are_removed_with_what_only_they_proved() {
        let mut table = OwnerTable::default();
        let holding = |key, pid| Holding::new(key, Owner::new(pid, Some(3), OwnerRole::Holder));
        table.add(vec![holding(7, 1), holding(7, 2), holding(8, 1), holding(9, 2)], Vec::new());
        table.add_exclusive(vec![7, 9]);
        table.retain(|key, owner| (key, owner.pid) != (7, 2));
        let socket = Socket::new(Family::Ipv4, Protocol::Udp, SocketAddr::from(([127, 0, 0, 1], 53)));
        let pids = |key| table.owners(key, &socket).map(|owner| owner.pid).collect::<Vec<_>>();
        assert_eq!((pids(7), pids(8), pids(9)), (vec![1], vec![1], vec![2]));
        assert!(!table.is_exclusive(7) && table.is_exclusive(9));
    }
}
