//! Owners by the BPF iterator: the same rows as by the procfs walk, its races and its failures.

use super::scripted_proc::{INODE, Link, Machine, SEEN_AT_TEN, ScriptedProc, holder, process, row, task};
use crate::engine::owner_table::ProcessSeen;
use crate::engine::snapshot::take;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::{HiddenReason, Ownership, UnownedReason};
use crate::model::owner_source::{OwnerSource, OwnerSourceUsed};
use crate::model::process::{Process, ProcessFields};
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::model::support::Support;
use crate::query::Query;
use crate::sys::linux::owners::bpf::{Evidence, HeldSource, SocketFile};
use crate::sys::linux::owners::task_files::{Scope, TaskFileSearch};
use crate::sys::linux::owners::without_descriptor::HeldFile;
use crate::sys::support;
use crate::sys::system::{OwnerSearch, System};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::ops::ControlFlow;

const COMPLETE: Ownership = Ownership::Known { complete: true };
const INCOMPLETE: Ownership = Ownership::Known { complete: false };
const UNHELD: Ownership = Ownership::None { reason: UnownedReason::KernelOrInFlight };

/// The network namespace whose sockets are listed.
const NETNS: u32 = 4_026_531_840;

/// A machine whose kernel has the iterator.
pub(super) struct Iterated {
    proc: ScriptedProc,
    nested: bool,
    /// The namespace that the search takes the rows to be of.
    netns: Option<u32>,
}

/// The iterator over a machine: its step is `iterate`, and `iterate 12` for each process.
#[derive(Copy, Clone)]
pub(super) struct Iteration<'w>(&'w ScriptedProc);

impl<'w> Iteration<'w> {
    pub(super) fn of(proc: &'w ScriptedProc) -> Self {
        Self(proc)
    }
}

impl HeldSource for Iteration<'_> {
    fn read(&self, each: &mut (dyn FnMut(u64, SocketFile) + Send)) -> Result<(), Errno> {
        let pids: Vec<u32> = self.0.at("iterate").processes.keys().copied().collect();
        for pid in pids {
            let machine = self.0.at(&format!("iterate {pid}"));
            if let Some(errno) = machine.iteration_fails {
                return Err(errno);
            }
            let Some(tasks) = machine.processes.get(&pid) else { continue };
            let mut tables = BTreeSet::new();
            for task in tasks.values().filter(|task| tables.insert(task.table)) {
                for (fd, link) in &task.links {
                    if let Link::Socket(inode) = *link {
                        let evidence = machine.evidence.get(&(pid, *fd)).copied();
                        each(self.0.time(), SocketFile { pid, fd: *fd, inode, evidence });
                    }
                }
            }
        }
        Ok(())
    }

    fn rings(&self) -> Option<Vec<HeldFile>> {
        let machine = self.0.at("rings");
        let ring = |pid: u32, link: &(i32, Link)| {
            matches!(link.1, Link::Ring).then_some(HeldFile { pid, thread: None, fd: link.0 })
        };
        let leaders = machine.processes.iter().filter_map(|(pid, tasks)| Some((*pid, tasks.get(pid)?)));
        let rings = leaders.flat_map(|(pid, task)| task.links.iter().filter_map(move |link| ring(pid, link)));
        (!machine.lacks_rings).then(|| rings.collect())
    }
}

fn asked_for() -> OwnerSourceUsed {
    OwnerSourceUsed::new(OwnerSource::Bpf, "asked for")
}

impl<'w> System for &'w Iterated {
    type OwnerSearch = TaskFileSearch<
        Iteration<'w>,
        &'w ScriptedProc,
        Box<dyn Fn() -> Result<&'w ScriptedProc, Errno> + Sync + 'w>,
    >;

    const SUPPORT: Support = support::LINUX;

    const NAME_FIELDS: ProcessFields =
        ProcessFields::NAME.union(ProcessFields::PATH).union(ProcessFields::COMMAND_LINE);

    fn owner_search(&self, query: &Query) -> Self::OwnerSearch {
        let proc = &self.proc;
        let netns = self.netns.into_iter().collect();
        let pids = query.filter.pids();
        let scope = Scope {
            nested: self.nested,
            netns,
            unnamed_netns: None,
            more_netns: false,
            pids,
            unlisted: false,
        };
        proc.unmapped.begin();
        let search: Self::OwnerSearch =
            TaskFileSearch::over(Iteration(proc), scope, asked_for(), Box::new(move || Ok(proc)));
        search.remembering(&proc.unmapped)
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

pub(super) fn iterated(proc: ScriptedProc) -> Iterated {
    Iterated { proc, nested: false, netns: Some(NETNS) }
}

impl Iterated {
    pub(super) fn ask(&self, query: &Query) -> Snapshot {
        // On one thread the table of sockets is read first; the other order is that of `stream`.
        take(&self, &query.clone().owners(true).threads(1)).unwrap()
    }

    /// The iteration ends before the table of sockets is read.
    fn iterate_first(&self) -> (Vec<Socket>, Vec<Gap>) {
        let mut rows = Vec::new();
        let gaps =
            crate::engine::snapshot::stream(&self, &Query::new().owners(true).threads(1), &mut |row| {
                rows.push(row);
                ControlFlow::Continue(())
            });
        (rows, gaps.unwrap())
    }
}

fn ownership(snapshot: &Snapshot) -> (Vec<u32>, Ownership, Vec<GapKind>) {
    let [row] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
    let pids = row.owners().iter().map(|owner| owner.pid).collect();
    (pids, row.ownership(), snapshot.gaps.iter().map(|gap| gap.kind).collect())
}

fn source(snapshot: &Snapshot) -> (OwnerSource, &str) {
    let from = snapshot.owner_source.as_ref().unwrap();
    (from.source, &from.reason)
}

#[test]
fn holder_is_found_and_the_source_is_reported() {
    let snapshot = iterated(ScriptedProc::new()).ask(&Query::new());
    assert_eq!(ownership(&snapshot), (vec![12], COMPLETE, vec![]));
    assert_eq!(source(&snapshot), (OwnerSource::Bpf, "asked for"));
}

#[test]
fn every_holder_of_a_shared_socket_is_found_and_each_descriptor_once() {
    let proc = ScriptedProc::with(|machine| {
        machine.processes.insert(13, process(13, &[INODE, INODE]));
        // A thread that shares its leader's descriptors, and one with its own.
        machine.processes.get_mut(&12).unwrap().insert(14, task(12, &[INODE]));
        machine.processes.get_mut(&12).unwrap().insert(15, task(15, &[8, INODE]));
    });
    let iterated = iterated(proc);
    let snapshot = iterated.ask(&Query::new());
    assert_eq!(ownership(&snapshot), (vec![12, 12, 13, 13], COMPLETE, vec![]));
    assert_eq!(snapshot.sockets, iterated.proc.snapshot().sockets, "as by the walk");
}

#[test]
fn process_that_refuses_to_be_read_hides_nothing_from_the_iterator() {
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).refuses = Some(Errno::ACCESS));
    assert_eq!(ownership(&iterated(proc).ask(&Query::new())), (vec![12], COMPLETE, vec![]));
}

#[test]
fn socket_is_unheld_if_the_iterator_has_seen_all() {
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).links.clear());
    assert_eq!(ownership(&iterated(proc).ask(&Query::new())), (vec![], UNHELD, vec![]));
}

#[test]
fn in_a_nested_pid_namespace_other_processes_may_hold_it() {
    let other = Ownership::Hidden { reason: HiddenReason::OtherPidNamespace };
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).links.clear());
    let unheld = Iterated { nested: true, ..iterated(proc) }.ask(&Query::new());
    assert_eq!(ownership(&unheld), (vec![], other, vec![GapKind::ProcessesHidden]));
    let one = Iterated { nested: true, ..iterated(ScriptedProc::new()) }.ask(&Query::new());
    assert_eq!(ownership(&one), (vec![12], INCOMPLETE, vec![]));
}

#[test]
fn only_the_requested_processes_are_reported_as_owners() {
    let proc = ScriptedProc::with(|machine| {
        machine.processes.insert(13, process(13, &[INODE]));
    });
    let snapshot = iterated(proc).ask(&Query::new().pid(13));
    assert_eq!(ownership(&snapshot), (vec![13], INCOMPLETE, vec![]));
}

#[test]
fn socket_opened_after_its_process_was_read_is_found_by_a_second_iteration() {
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).links.clear());
    let opens = |machine: &mut Machine| machine.task(12, 12).links.push((3, Link::Socket(INODE)));
    let iterated = iterated(proc.before("table of sockets", opens));
    let (rows, gaps) = iterated.iterate_first();
    assert_eq!((rows[0].owners(), rows[0].ownership(), gaps), (&[holder(12)][..], COMPLETE, vec![]));
    assert_eq!(iterations(&iterated), 2);
}

fn iterations(iterated: &Iterated) -> usize {
    iterated.proc.steps().iter().filter(|step| *step == "iterate").count()
}

#[test]
fn second_iteration_runs_only_if_needed() {
    let found = iterated(ScriptedProc::new());
    found.iterate_first();
    assert_eq!(iterations(&found), 1, "every owner is known");
    let late = iterated(ScriptedProc::with(|machine| machine.task(12, 12).links.clear()));
    late.ask(&Query::new());
    assert_eq!(iterations(&late), 1, "it began after the table of sockets was complete");
}

#[test]
fn second_iteration_that_fails_leaves_the_owner_unknown_with_a_gap() {
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).links.clear());
    let fails = |machine: &mut Machine| machine.iteration_fails = Some(Errno::NOMEM);
    let (rows, gaps) = iterated(proc.before("table of sockets", fails)).iterate_first();
    assert_eq!(rows[0].ownership(), Ownership::Hidden { reason: HiddenReason::UnreadableProcess });
    assert_eq!(gaps[0].kind, GapKind::OwnersUnavailable);
    assert_eq!(gaps[0].source, "bpf_iter_task_file: Cannot allocate memory (os error 12)");
}

#[test]
fn iteration_that_fails_at_any_process_is_replaced_by_the_walk_with_its_reason() {
    for step in ["iterate", "iterate 1", "iterate 12"] {
        let fails = |machine: &mut Machine| machine.iteration_fails = Some(Errno::NOMEM);
        let snapshot = iterated(ScriptedProc::new().before(step, fails)).ask(&Query::new());
        assert_eq!(ownership(&snapshot), (vec![12], COMPLETE, vec![]), "{step}");
        let reason = "bpf_iter_task_file: Cannot allocate memory (os error 12)";
        assert_eq!(source(&snapshot), (OwnerSource::Procfs, reason), "{step}");
    }
}

#[cfg(feature = "log")]
#[test]
fn iteration_that_is_replaced_by_the_walk_logs_one_line() {
    use crate::log::recorder::lines_of;
    let fails = |machine: &mut Machine| machine.iteration_fails = Some(Errno::NOMEM);
    let (_, lines) =
        lines_of(|| iterated(ScriptedProc::new().before("iterate 12", fails)).ask(&Query::new()));
    let reason = "bpf_iter_task_file: Cannot allocate memory (os error 12)";
    assert_eq!(lines, [format!("owners by procfs, not by BPF: {reason}")]);
    let (_, lines) = lines_of(|| iterated(ScriptedProc::new()).ask(&Query::new()));
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn process_with_the_pid_of_one_seen_before_is_not_taken_for_it() {
    for case in SEEN_AT_TEN {
        let proc = ScriptedProc::with(|machine| case.apply(machine));
        let snapshot = iterated(proc).ask(&Query::new().processes(ProcessFields::NAME));
        assert_eq!(snapshot.process(12).unwrap().name.is_some(), case.is_the_same, "{case:?}");
    }
}

#[test]
fn rows_of_other_sockets_have_their_own_owners() {
    let proc = ScriptedProc::with(|machine| {
        machine.processes.insert(13, process(13, &[9, 8]));
    });
    let snapshot = iterated(proc.listing(&[8, INODE, 9, 10])).ask(&Query::new());
    let owners: Vec<Vec<u32>> = snapshot
        .sockets
        .iter()
        .map(|socket| socket.owners().iter().map(|owner| owner.pid).collect())
        .collect();
    assert_eq!(owners, [vec![13], vec![12], vec![13], vec![]]);
    assert_eq!(snapshot.sockets[3].identity, row(10).identity);
}

/// The evidence of a socket that is listed: of this namespace, with the port of the row.
const EVIDENCE: Evidence =
    Evidence { family: 2, socket_type: 2, netns: NETNS, cookie: 0, port: 53, protocol: 17 };

/// The holders of the row, which has the cookie 70, if the descriptor of the process 12 has this evidence.
fn holders_by(evidence: Evidence) -> Vec<u32> {
    let proc = ScriptedProc::with(|machine| _ = machine.evidence.insert((12, 3), evidence));
    let row = Socket { cookie: std::num::NonZeroU64::new(70), ..row(INODE) };
    ownership(&iterated(proc.listing_rows(vec![row])).ask(&Query::new())).0
}

#[test]
fn descriptor_of_another_socket_with_the_same_inode_number_does_not_hold_this_one() {
    assert_eq!(holders_by(EVIDENCE), [12]);
    assert_eq!(holders_by(Evidence { cookie: 70, ..EVIDENCE }), [12]);
    let none = [0; 0];
    assert_eq!(holders_by(Evidence { cookie: 71, ..EVIDENCE }), none, "another cookie");
    assert_eq!(holders_by(Evidence { port: 54, ..EVIDENCE }), none, "another port");
    assert_eq!(holders_by(Evidence { netns: NETNS + 1, ..EVIDENCE }), none, "another network namespace");
    assert_eq!(holders_by(Evidence { port: 0, ..EVIDENCE }), none, "not bound, so in no table");
    // An MPTCP socket is listed by its subflows.
    assert_eq!(holders_by(Evidence { port: 54, cookie: 71, protocol: 262, ..EVIDENCE }), [12]);
}

#[test]
fn inode_number_that_was_given_out_twice_is_held_by_those_of_that_very_socket() {
    // Processes 12 and 13 have a descriptor each with the number of the row, which has the cookie 70 and the port 53.
    let holders = |evidence: [Option<Evidence>; 2]| {
        let proc = ScriptedProc::with(|machine| {
            machine.processes.insert(13, process(13, &[INODE]));
            for (pid, evidence) in [12, 13].into_iter().zip(evidence) {
                machine.evidence.extend(evidence.map(|evidence| ((pid, 3), evidence)));
            }
        });
        let row = Socket { cookie: std::num::NonZeroU64::new(70), ..row(INODE) };
        ownership(&iterated(proc.listing_rows(vec![row])).ask(&Query::new())).0
    };
    let of = |cookie, port| Some(Evidence { cookie, port, ..EVIDENCE });
    assert_eq!(holders([of(70, 53), of(71, 53)]), [12], "by the cookie, with an equal port");
    assert_eq!(holders([of(0, 53), of(71, 53)]), [12], "a cookie of 0 is none: the port decides");
    assert_eq!(holders([of(0, 54), of(70, 53)]), [13], "a cookie of 0 is not that of any socket");
    assert_eq!(holders([of(0, 53), of(0, 54)]), [12]);
    assert_eq!(holders([of(70, 53), of(70, 53)]), [12, 13], "shared");
    assert_eq!(holders([of(71, 53), of(72, 53)]), [0; 0], "neither");
    let elsewhere = |cookie| Some(Evidence { netns: NETNS + 1, cookie, ..EVIDENCE });
    assert_eq!(holders([of(0, 53), elsewhere(0)]), [12], "another namespace");
    assert_eq!(holders([elsewhere(70), None]), [13], "nothing is known of it that contradicts the row");
    // Sockets of UDP and TCP can have one number and one port.
    let of_tcp = Some(Evidence { protocol: 6, ..EVIDENCE });
    assert_eq!(holders([of(0, 53), of_tcp]), [12], "another protocol");
}

#[test]
fn two_rows_with_one_inode_number_have_their_own_holders() {
    let proc = ScriptedProc::with(|machine| {
        machine.processes.insert(13, process(13, &[INODE]));
        machine.evidence.insert((12, 3), Evidence { cookie: 70, ..EVIDENCE });
        machine.evidence.insert((13, 3), Evidence { cookie: 71, ..EVIDENCE });
    });
    let rows = [70, 71].map(|cookie| Socket { cookie: std::num::NonZeroU64::new(cookie), ..row(INODE) });
    let snapshot = iterated(proc.listing_rows(rows.to_vec())).ask(&Query::new());
    let pids = snapshot.sockets.iter().map(|socket| socket.pids().collect::<Vec<_>>());
    assert_eq!(pids.collect::<Vec<_>>(), [[12], [13]]);
}

#[test]
fn without_the_namespace_of_the_rows_none_is_excluded() {
    let proc = ScriptedProc::with(|machine| {
        machine.evidence.insert((12, 3), Evidence { netns: NETNS + 1, ..EVIDENCE });
    });
    let unknown = Iterated { netns: None, ..iterated(proc) };
    assert_eq!(ownership(&unknown.ask(&Query::new())).0, [12]);
}

#[test]
fn socket_bound_after_its_process_was_passed_is_found_by_a_second_iteration() {
    let proc = ScriptedProc::with(|machine| {
        machine.evidence.insert((12, 3), Evidence { port: 0, ..EVIDENCE });
    });
    let binds = |machine: &mut Machine| _ = machine.evidence.insert((12, 3), EVIDENCE);
    let (rows, _) = iterated(proc.before("table of sockets", binds)).iterate_first();
    assert_eq!(rows[0].owners(), [holder(12)]);
}

#[test]
fn sockets_without_a_descriptor_are_owned_as_by_the_walk() {
    let proc = ScriptedProc::with(|machine| {
        machine.task(12, 12).links = vec![(5, Link::Ring)];
        let text = "UserFiles:\t1\n    0: socket:[7]\nUserBufs:\t0\n";
        machine.files.insert("12/fdinfo/5".to_owned(), text.to_owned());
        machine.files.insert("sys/kernel/osrelease".to_owned(), "6.18.1\n".to_owned());
    });
    let iterated = iterated(proc);
    let snapshot = iterated.ask(&Query::new());
    assert_eq!(ownership(&snapshot), (vec![12], COMPLETE, vec![]));
    assert_eq!(snapshot.sockets, iterated.proc.snapshot().sockets);
}

#[test]
fn mappings_that_were_searched_are_remembered_as_by_the_walk() {
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).links.clear());
    let cookie = std::num::NonZeroU64::new(70);
    let tcp = Socket { protocol: crate::model::protocol::Protocol::Tcp, cookie, ..row(INODE) };
    let iterated = self::iterated(proc.listing_rows(vec![tcp]));
    for _ in 0..3 {
        assert_eq!(ownership(&iterated.ask(&Query::new())), (vec![], UNHELD, vec![]));
    }
    let count = |wanted: &str| iterated.proc.steps().iter().filter(|step| *step == wanted).count();
    assert_eq!((count("read 12/maps"), count("rings")), (1, 3));
}

#[test]
fn process_that_refuses_to_be_read_may_hold_a_socket_without_a_descriptor() {
    let hidden = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
    let expected = (vec![], hidden, vec![GapKind::ProcessesUnreadable]);
    let proc = ScriptedProc::with(|machine| {
        machine.task(12, 12).links = vec![(4, Link::Refused)];
        machine.task(12, 12).refuses = Some(Errno::ACCESS);
        machine.maps_refused.insert(12);
    });
    let tcp = Socket { protocol: crate::model::protocol::Protocol::Tcp, ..row(INODE) };
    let iterated = self::iterated(proc.listing_rows(vec![tcp]));
    assert_eq!(ownership(&iterated.ask(&Query::new())), expected);
    assert_eq!(iterated.proc.ownership(), expected, "as by the walk");
    // Its ring is seen, and what is registered there is not.
    let ring = |machine: &mut Machine| machine.task(12, 12).links = vec![(5, Link::Ring)];
    assert_eq!(ownership(&self::iterated(ScriptedProc::with(ring)).ask(&Query::new())), expected);
}

#[test]
fn rings_are_not_looked_for_among_too_many_descriptors() {
    let proc = ScriptedProc::with(|machine| {
        machine.task(12, 12).links.clear();
        machine.processes.insert(13, process(13, &vec![9; 70_000]));
        machine.lacks_rings = true;
    });
    let hidden = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
    let expected = (vec![], hidden, vec![GapKind::ProcessesSkipped]);
    assert_eq!(ownership(&iterated(proc).ask(&Query::new())), expected);
}

/// A process whose threads have many copies of one descriptor table.
struct Copies;

impl HeldSource for Copies {
    fn read(&self, each: &mut (dyn FnMut(u64, SocketFile) + Send)) -> Result<(), Errno> {
        for _ in 0..1000 {
            for fd in 0..1000 {
                let evidence =
                    Evidence { family: 1, socket_type: 1, netns: NETNS, cookie: 0, port: 0, protocol: 0 };
                let inode = u64::try_from(fd).unwrap();
                each(0, SocketFile { pid: 12, fd, inode, evidence: Some(evidence) });
            }
        }
        Ok(())
    }

    fn rings(&self) -> Option<Vec<HeldFile>> {
        None
    }
}

#[test]
fn sockets_that_were_seen_are_kept_once_as_soon_as_there_are_many() {
    let scope = Scope { unlisted: true, ..Scope::default() };
    let proc = ScriptedProc::new();
    let mut search = TaskFileSearch::over(Copies, scope, asked_for(), || Ok(&proc));
    search.run();
    let kept = search.sockets().len();
    assert!((1000..300_000).contains(&kept), "{kept} of 1,000");
}
