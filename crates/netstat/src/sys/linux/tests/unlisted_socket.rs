//! Sockets that processes hold and no table lists, as each source of owners sees them.

use super::scripted_proc::{INODE, Link, Machine, ScriptedProc, process, task};
use crate::engine::owner_table::{OwnerTable, ProcessSeen};
use crate::engine::snapshot::take;
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner_source::{OwnerSource, OwnerSourceUsed};
use crate::model::process::{Process, ProcessFields};
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::model::support::Support;
use crate::query::Query;
use crate::sys::linux::netns::ListedNamespaces;
use crate::sys::linux::owners::bpf::Evidence;
use crate::sys::linux::owners::task_files::{Scope, TaskFileSearch};
use crate::sys::linux::owners::walk::{ProcfsWalk, Searchable};
use crate::sys::linux::tests::task_files::Iteration;
use crate::sys::linux::unlisted_socket::{Listed, Unlisted};
use crate::sys::support;
use crate::sys::system::{OwnerSearch, System};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::ControlFlow;

const NETNS: u32 = 4_026_531_840;
const OTHER_NETNS: u32 = 4_026_532_000;

/// Family, name, type and protocol of a socket: `AF_*`, `struct proto`, `SOCK_*`.
type Kind = (u16, &'static str, u16, u16);

/// Sockets of twenty families. Each number is that of linux/socket.h.
const KINDS: [Kind; 21] = [
    (1, "UNIX-STREAM", 1, 0),
    (2, "UDP", 2, 17),
    (3, "AX25", 5, 0),
    (9, "X25", 5, 0),
    (10, "RAWv6", 3, 58),
    (15, "KEY", 3, 2),
    (16, "NETLINK", 3, 15),
    (17, "PACKET", 3, 0),
    (21, "RDS", 5, 0),
    (24, "PPPOE", 1, 0),
    (26, "LLC", 1, 0),
    (29, "CAN_RAW", 3, 1),
    (29, "CAN_BCM", 2, 2),
    (30, "TIPC", 4, 0),
    (31, "L2CAP", 5, 0),
    (38, "ALG", 5, 0),
    (40, "AF_VSOCK", 1, 0),
    (41, "KCM", 2, 0),
    (42, "QIPCRTR", 2, 0),
    (43, "SMC", 1, 0),
    (44, "XDP", 3, 0),
];

/// One of a family that came after this library.
const NEW: Kind = (60, "NEW", 1, 0);

fn family(number: u16) -> Family {
    match number {
        1 => Family::Unix,
        2 => Family::Ipv4,
        10 => Family::Ipv6,
        16 => Family::Netlink,
        17 => Family::Packet,
        40 => Family::Vsock,
        other => Family::Other(other),
    }
}

/// The inode number of the first of [`KINDS`].
const FIRST: u64 = 100;
const OF_A_THREAD: u64 = 200;
const PATH_ONLY: u64 = 300;
const ELSEWHERE: u64 = 400;
const OF_A_NEW_FAMILY: u64 = 500;

/// Gives a process one more descriptor of a socket.
fn hold(machine: &mut Machine, (pid, thread): (u32, u32), link: Link, kind: Kind, netns: u32) {
    let links = &mut machine.task(pid, thread).links;
    let fd = 3 + i32::try_from(links.len()).unwrap();
    links.push((fd, link));
    let (family, name, socket_type, protocol) = kind;
    machine.protocols.insert((pid, fd), name);
    let evidence = Evidence { family, socket_type, netns, cookie: 0, port: 0, protocol };
    machine.evidence.insert((pid, fd), evidence);
}

/// The process 12 and its child 13 hold a socket of each family, beside the one that is listed; a thread of 14 with a table
/// of its own one more; 16 has opened another with `O_PATH` alone; and 20 lives in another network namespace.
fn families() -> ScriptedProc {
    ScriptedProc::with(|machine| {
        machine.links.insert("thread-self/ns/net".to_owned(), format!("net:[{NETNS}]").into_bytes());
        for pid in [13, 14, 16, 20] {
            machine.processes.insert(pid, process(pid, &[]));
        }
        for pid in [1, 12, 13, 14, 16, 20] {
            let netns = if pid == 20 { OTHER_NETNS } else { NETNS };
            machine.links.insert(format!("{pid}/ns/net"), format!("net:[{netns}]").into_bytes());
        }
        machine.processes.get_mut(&14).unwrap().insert(15, task(15, &[]));
        let listed = Evidence { family: 2, socket_type: 2, netns: NETNS, cookie: 0, port: 53, protocol: 17 };
        machine.evidence.insert((12, 3), listed);
        for (inode, kind) in (FIRST..).zip(KINDS) {
            hold(machine, (12, 12), Link::Socket(inode), kind, NETNS);
            hold(machine, (13, 13), Link::Socket(inode), kind, NETNS);
        }
        hold(machine, (14, 15), Link::Socket(OF_A_THREAD), KINDS[15], NETNS);
        hold(machine, (16, 16), Link::PathOnly(PATH_ONLY), KINDS[0], NETNS);
        hold(machine, (20, 20), Link::Socket(ELSEWHERE), KINDS[17], OTHER_NETNS);
        hold(machine, (12, 12), Link::Socket(OF_A_NEW_FAMILY), NEW, NETNS);
    })
}

/// A search for owners that adds what no table lists, as [`crate::sys::linux::owners::OwnerSources`] does.
struct Adding<'w> {
    search: Search<'w>,
    unlisted: Unlisted,
    proc: &'w ScriptedProc,
}

type OpenProc<'w> = Box<dyn Fn() -> Result<&'w ScriptedProc, Errno> + Sync + 'w>;

enum Search<'w> {
    Walk(Box<ProcfsWalk<&'w ScriptedProc>>),
    Iterate(Box<TaskFileSearch<Iteration<'w>, &'w ScriptedProc, OpenProc<'w>>>),
}

impl<'w> Search<'w> {
    fn search(&self) -> &(dyn OwnerSearch + 'w) {
        match self {
            Self::Walk(walk) => &**walk,
            Self::Iterate(iteration) => &**iteration,
        }
    }

    fn search_mut(&mut self) -> &mut (dyn OwnerSearch + 'w) {
        match self {
            Self::Walk(walk) => &mut **walk,
            Self::Iterate(iteration) => &mut **iteration,
        }
    }
}

impl OwnerSearch for Adding<'_> {
    fn run(&self) {
        self.search.search().run();
    }

    fn tables_complete(&self, keys: Option<Vec<u64>>) {
        self.search.search().tables_complete(keys);
    }

    fn table(&mut self) -> OwnerTable {
        self.search.search_mut().table()
    }

    fn second_pass(&mut self, table: &mut OwnerTable, unresolved: &[u64], threads: usize) {
        self.search.search_mut().second_pass(table, unresolved, threads);
    }

    fn unlisted(&mut self, table: &OwnerTable) -> (Vec<Socket>, Vec<Gap>) {
        let seen = match &mut self.search {
            Search::Walk(_) => Vec::new(),
            Search::Iterate(iteration) => iteration.sockets(),
        };
        let netns = ListedNamespaces { all: vec![NETNS], unnamed: Some(NETNS), more: false };
        self.unlisted.rows(|| Ok(self.proc), table, seen, &netns)
    }
}

/// A machine whose kernel has the iterator, or not.
struct Families {
    proc: ScriptedProc,
    has_iterator: bool,
}

impl<'w> System for &'w Families {
    type OwnerSearch = Adding<'w>;

    const SUPPORT: Support = support::LINUX;

    const NAME_FIELDS: ProcessFields = ProcessFields::NAME;

    fn owner_search(&self, query: &Query) -> Adding<'w> {
        let proc = &self.proc;
        let listed = Listed::default();
        listed.lock().unwrap().push(INODE);
        let search = if self.has_iterator {
            let (netns, unnamed_netns) = (vec![NETNS], Some(NETNS));
            let scope = Scope {
                nested: false,
                netns,
                unnamed_netns,
                more_netns: false,
                pids: Vec::new(),
                unlisted: true,
            };
            let open: OpenProc<'w> = Box::new(move || Ok(proc));
            let from = OwnerSourceUsed::new(OwnerSource::Bpf, "asked for");
            Search::Iterate(Box::new(TaskFileSearch::over(Iteration::of(proc), scope, from, open)))
        } else {
            Search::Walk(Box::new(ProcfsWalk::over(Searchable::new(Ok(proc)), &[])))
        };
        Adding { search, unlisted: Unlisted::new(query, listed), proc }
    }

    fn sockets(
        &self,
        query: &Query,
        sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        (&&self.proc).sockets(query, sink)
    }

    fn processes(
        &self,
        seen: &[ProcessSeen],
        fields: ProcessFields,
        threads: usize,
    ) -> (Vec<Process>, Vec<Gap>) {
        (&&self.proc).processes(seen, fields, threads)
    }

    fn recheck(&self, sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
        (&&self.proc).recheck(sockets)
    }

    fn unlisted_process(&self, query: &Query, pid: u32) -> Vec<Gap> {
        (&&self.proc).unlisted_process(query, pid)
    }

    fn unlisted_processes_named(&self, query: &Query, name: &OsStr) -> Vec<Gap> {
        (&&self.proc).unlisted_processes_named(query, name)
    }

    fn is_named(&self, wanted: &OsStr, process: &Process) -> Option<bool> {
        (&&self.proc).is_named(wanted, process)
    }
}

fn snapshot(has_iterator: bool) -> Snapshot {
    let system = Families { proc: families(), has_iterator };
    take(&&system, &Query::new().all_protocols().owners(true).threads(1)).unwrap()
}

#[test]
fn every_socket_of_twenty_families_is_one_row_with_all_its_holders_by_either_source() {
    for has_iterator in [false, true] {
        let snapshot = snapshot(has_iterator);
        let row = |socket: &Socket| {
            let holders = socket.owners().iter().map(|owner| owner.pid).collect::<Vec<u32>>();
            (socket.inode().unwrap(), (socket.family, holders))
        };
        let rows: BTreeMap<u64, (Family, Vec<u32>)> = snapshot.sockets.iter().map(row).collect();
        assert_eq!(rows.len(), snapshot.sockets.len(), "one row for each socket");
        let mut expected = BTreeMap::from([
            (INODE, (Family::Ipv4, vec![12])),
            (OF_A_THREAD, (family(KINDS[15].0), vec![14])),
            // The name alone says nothing of a family that is not known.
            (OF_A_NEW_FAMILY, (Family::Other(if has_iterator { NEW.0 } else { 0 }), vec![12])),
        ]);
        expected.extend((FIRST..).zip(KINDS.map(|(number, ..)| (family(number), vec![12, 13]))));
        assert_eq!(rows, expected, "by the iterator: {has_iterator}");
        assert!(snapshot.sockets.is_sorted_by_key(|row| row.protocol));
        let gaps: Vec<(GapKind, u64)> = snapshot.gaps.iter().map(|gap| (gap.kind, gap.count)).collect();
        assert_eq!(gaps, [(GapKind::SocketsElsewhere, 1)], "{:?}", snapshot.gaps);
    }
}
