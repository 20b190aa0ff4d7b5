//! Processes that a query asks for and that have no row.

use super::scripted_proc::{Machine, ScriptedProc, process, task};
use crate::engine::snapshot::count;
use crate::filter::Filter;
use crate::model::family::Family;
use crate::model::gap::{Gap, GapKind};
use crate::model::protocol_kind::ProtocolKind;
use crate::query::Query;
use rustix::io::Errno;

/// The gaps that say why a process that is asked for has no row.
fn of(gaps: Vec<Gap>) -> Vec<String> {
    let is_reason = |kind| {
        matches!(
            kind,
            GapKind::ProcessNotFound
                | GapKind::ProcessesHidden
                | GapKind::SocketsElsewhere
                | GapKind::SocketsOfOtherKinds
                | GapKind::ProcessListUnavailable
                | GapKind::ProcessesUnreadable
        )
    };
    let gaps = gaps.into_iter().filter(|gap| is_reason(gap.kind));
    gaps.map(|gap| format!("{} {} {}", gap.kind.as_str(), gap.count, gap.source)).collect()
}

/// The reasons that a query gets. A snapshot, a stream and a count give the same.
#[track_caller]
fn reasons(filter: &Filter, change: impl Fn(&mut Machine)) -> Vec<String> {
    let query = Query::new().filter(filter.clone()).threads(1);
    let proc = || ScriptedProc::with(&change);
    let reasons = of(proc().ask(query.clone()).gaps);
    assert_eq!(of(proc().stream_of(&query).1), reasons, "a stream");
    assert_eq!(of(count(&&proc(), &query, false).unwrap().gaps), reasons, "a count");
    reasons
}

fn hidden(machine: &mut Machine) {
    machine.processes.insert(13, process(13, &[8]));
    machine.not_shown.extend([1, 13]);
}

#[test]
fn process_that_has_a_row_needs_no_explanation() {
    assert_eq!(reasons(&Filter::pid(12), |_| ()), [""; 0]);
    assert_eq!(reasons(&Filter::process("name"), |_| ()), [""; 0]);
    // It is not asked for.
    assert_eq!(reasons(&!Filter::pid(99), |_| ()), [""; 0]);
}

#[test]
fn pid_that_no_process_has_and_number_of_a_thread_are_not_found() {
    assert_eq!(reasons(&Filter::pid(99), |_| ()), ["process_not_found 1 pid 99"]);
    for both in [Filter::pid(12) | Filter::pid(99), Filter::pid(99) | Filter::pid(12) | Filter::pid(99)] {
        assert_eq!(reasons(&both, |_| ()), ["process_not_found 1 pid 99"], "once, beside one that has a row");
    }
    let thread =
        |machine: &mut Machine| _ = machine.processes.get_mut(&12).unwrap().insert(14, task(12, &[]));
    assert_eq!(reasons(&Filter::pid(14), thread), ["process_not_found 1 14 is a thread of process 12"]);
}

#[test]
fn process_without_sockets_exists() {
    let idle = |machine: &mut Machine| _ = machine.processes.insert(13, process(13, &[]));
    assert_eq!(reasons(&Filter::pid(13), idle), [""; 0]);
    // It holds a socket that the filter leaves out.
    assert_eq!(reasons(&(Filter::pid(12) & Filter::local_port(9)), |_| ()), [""; 0]);
}

#[test]
fn process_whose_sockets_are_of_other_kinds_or_elsewhere_is_explained() {
    let other = |machine: &mut Machine| {
        machine.processes.insert(13, process(13, &[8, 9, 10]));
        machine.protocols.extend([((13, 3), "UNIX-STREAM"), ((13, 4), "NETLINK"), ((13, 5), "UNIX-STREAM")]);
    };
    let expected = ["sockets_of_other_kinds 3 process 13: NETLINK, UNIX-STREAM"];
    assert_eq!(reasons(&Filter::pid(13), other), expected);
    let elsewhere = |machine: &mut Machine| {
        machine.processes.insert(13, process(13, &[8]));
        machine.links.insert("thread-self/ns/net".to_owned(), b"net:[1]".to_vec());
        machine.links.insert("13/ns/net".to_owned(), b"net:[2]".to_vec());
    };
    let expected = ["sockets_elsewhere 1 process 13 is in another network namespace"];
    assert_eq!(reasons(&Filter::pid(13), elsewhere), expected);
    // By name too: the process 12 has that name and no socket any more.
    let by_name = |machine: &mut Machine| {
        elsewhere(machine);
        machine.task(12, 12).links.clear();
    };
    assert_eq!(reasons(&Filter::process("name"), by_name), expected);
}

#[test]
fn process_whose_sockets_are_in_no_table_is_explained_unless_the_filter_may_leave_them_out() {
    // Made in another network namespace than that of the process, or bound to nothing.
    let holds = |machine: &mut Machine| {
        machine.processes.insert(13, process(13, &[8, 9]));
        machine.protocols.extend([((13, 3), "UDPv6"), ((13, 4), "NETLINK")]);
    };
    let expected = ["sockets_elsewhere 1 sockets of process 13 are in none of the listed tables"];
    assert_eq!(reasons(&Filter::pid(13), holds), expected);
    assert_eq!(reasons(&(Filter::pid(13) & Filter::ipv6()), holds), expected);
    for other in [Filter::port(9), Filter::ipv4(), Filter::listening(), !Filter::process("name")] {
        assert_eq!(reasons(&(Filter::pid(13) & other), holds), [""; 0]);
    }
}

#[test]
fn kinds_are_compared_with_those_that_are_asked_for() {
    let holds = |machine: &mut Machine| {
        machine.processes.insert(13, process(13, &[8, 9]));
        machine.protocols.extend([((13, 3), "UNIX-STREAM"), ((13, 4), "UNIX")]);
    };
    let asked = |filter| Filter::pid(13) & filter;
    // They are listening, or not.
    assert_eq!(reasons(&asked(Filter::family(Family::Unix) & Filter::listening()), holds), [""; 0]);
    let expected = ["sockets_elsewhere 2 sockets of process 13 are in none of the listed tables"];
    assert_eq!(reasons(&asked(Filter::family(Family::Unix)), holds), expected);
    let expected = ["sockets_of_other_kinds 2 process 13: UNIX, UNIX-STREAM"];
    assert_eq!(reasons(&asked(Filter::protocol_kind(ProtocolKind::Netlink)), holds), expected);
    assert_eq!(
        reasons(&(Filter::pid(12) & Filter::tcp()), |_| ()),
        ["sockets_of_other_kinds 1 process 12: UDP"]
    );
}

#[test]
fn descriptors_of_processes_that_are_asked_for_are_looked_at_up_to_a_bound() {
    let query = Query::new().process_name("name").threads(1);
    let ask = |processes: u32, sockets: u64| {
        let proc = ScriptedProc::with(|machine| {
            machine.task(12, 12).links.clear();
            let inodes: Vec<u64> = (100..100 + sockets).collect();
            machine.processes.extend((20..20 + processes).map(|pid| (pid, process(pid, &inodes))));
            machine.protocols.extend((20..20 + processes).map(|pid| ((pid, 3), "UNIX-STREAM")));
        });
        let gaps = proc.ask(query.clone()).gaps;
        let count = |kind| gaps.iter().filter(|gap| gap.kind == kind).map(|gap| gap.count).sum::<u64>();
        (count(GapKind::SocketsOfOtherKinds), count(GapKind::ProcessesSkipped))
    };
    // Beside the processes 1 and 12 and this one, which have that name too.
    assert_eq!(ask(14, 1), (14, 1));
    assert_eq!(ask(2, 1), (2, 0));
    assert_eq!(ask(1, 70_000), (0, 1));
}

#[test]
fn name_that_no_process_has_is_not_found() {
    assert_eq!(reasons(&Filter::process("other"), |_| ()), ["process_not_found 1 name other"]);
    let one_of_two = Filter::process("name") | Filter::process("other");
    assert_eq!(reasons(&one_of_two, |_| ()), ["process_not_found 1 name other"]);
    let nested = |machine: &mut Machine| {
        machine.links.insert("self/ns/pid".to_owned(), b"pid:[4026532000]".to_vec());
    };
    let expected = "process_not_found 1 name other in this pid namespace";
    assert!(reasons(&Filter::process("other"), nested).contains(&expected.to_owned()));
}

#[test]
fn hidden_process_may_be_the_one_that_is_asked_for() {
    let expected = ["processes_hidden 1 hidepid"];
    assert_eq!(reasons(&Filter::pid(13), hidden), expected);
    assert_eq!(reasons(&Filter::process("other"), hidden), expected);
    // It has the name that is asked for, and a process that is shown has not.
    let named = |machine: &mut Machine| {
        hidden(machine);
        machine.files.insert(
            "12/stat".to_owned(),
            "12 (mine) S 1 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 0 0\n".to_owned(),
        );
        let own = std::process::id();
        machine.files.insert(
            format!("{own}/stat"),
            format!("{own} (mine) S 1 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 0 0\n"),
        );
    };
    assert_eq!(reasons(&Filter::process("name"), named), expected);
}

#[test]
fn process_whose_name_is_refused_may_have_it_and_one_that_has_ended_may_not() {
    let refused = |machine: &mut Machine| {
        machine.processes.insert(13, process(13, &[]));
        machine.names_refused.insert(13);
    };
    assert_eq!(reasons(&Filter::process("other"), refused), ["processes_unreadable 1 /proc/<pid>/stat"]);
    let ends = |machine: &mut Machine| _ = machine.processes.remove(&13);
    let proc = ScriptedProc::with(|machine| _ = machine.processes.insert(13, process(13, &[])));
    let gaps = proc.before("read 13/stat", ends).ask(Query::new().process_name("other")).gaps;
    assert!(gaps.contains(&Gap::new(GapKind::ProcessNotFound, 1, "name other")), "{gaps:?}");
}

#[test]
fn processes_that_cannot_be_listed_are_not_said_to_be_none() {
    let fails = |machine: &mut Machine| machine.list_fails = Some(Errno::MFILE);
    let reasons = reasons(&Filter::process("other"), fails);
    let expected = "process_list_unavailable 1 /proc: Too many open files (os error 24)";
    assert_eq!(reasons, [expected]);
}

#[test]
fn proc_of_another_pid_namespace_says_nothing_of_a_pid() {
    let other = |machine: &mut Machine| _ = machine.links.insert("self".to_owned(), b"1".to_vec());
    assert_eq!(reasons(&Filter::pid(99), other), [""; 0]);
    let gaps = ScriptedProc::with(other).ask(Query::new().pid(99)).gaps;
    assert_eq!(
        gaps.iter().map(|gap| gap.kind).collect::<Vec<_>>(),
        [GapKind::SocketsUndecided, GapKind::OwnersUnavailable]
    );
}

#[cfg(feature = "bpf")]
#[test]
fn iterator_gives_the_same_reasons_as_the_walk() {
    use super::task_files::iterated;
    for filter in [Filter::pid(13), Filter::pid(99), Filter::process("other")] {
        for change in [hidden, |_: &mut Machine| ()] {
            let query = Query::new().filter(filter.clone());
            let walked = of(ScriptedProc::with(change).ask(query.clone()).gaps);
            let by_iterator = of(iterated(ScriptedProc::with(change)).ask(&query).gaps);
            assert_eq!(by_iterator, walked, "{filter}");
        }
    }
}
