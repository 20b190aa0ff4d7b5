//! The list of contenders, and which is measured against which.

use super::libraries::{listeners, netsock, netstat, netstat2, procfs};
use super::programs::{self, Program};
use super::{Contender, Kind, LOWER_BOUND, bound};
use crate::expected::Question;
use std::path::Path;

/// The names of contenders of ours and of what each is measured against.
pub(crate) const PAIRS: &[(&str, &str)] = &[
    ("netstat", "netstat2"),
    ("netstat-bpf", "netstat2"),
    ("netstat-walk", "netstat2"),
    ("netstat-pass", "netstat-bpf"),
    ("netstat-kept-pass", "netstat-kept-bpf"),
    ("netstat-old", "netstat2"),
    ("netstat", "netsock"),
    ("netstat", "listeners"),
    ("netstat", "procfs"),
    ("netstat-sockets", "netstat2-sockets"),
    ("netstat-old-sockets", "netstat2-sockets"),
    ("lsock", "ss"),
    ("lsock-bpf", "ss"),
    ("lsock-walk", "ss"),
    ("lsock", "lsof"),
    ("lsock", "net-tools"),
    ("netstat", LOWER_BOUND),
    ("netstat-bpf", LOWER_BOUND),
    ("netstat-kept", LOWER_BOUND),
    ("lsock", "lower-bound-lsock"),
    ("lsock-bpf", "lower-bound-lsock"),
    ("netstat-old", "netstat"),
    ("netstat-old-sockets", "netstat-sockets"),
    ("netstat-port-bpf", "netstat-bpf"),
    ("netstat-port-walk", "netstat-walk"),
    ("netstat-listeners-walk", "netstat2"),
    ("netstat-each", "netstat-sockets"),
    ("netstat-counts", "netstat-sockets"),
    ("netstat-nothing", "netstat-sockets"),
    ("netstat-workloads", "netstat-named"),
    ("netstat-connection", "netstat-sockets"),
];

/// A program that writes to a file, and the listing inside it, by name: the difference is the cost of writing.
pub(crate) const RENDERINGS: &[(&str, &str)] = &[
    ("lsock-json", "netstat-details"),
    ("lsock-jsonl", "netstat-names"),
    ("lsock-csv", "netstat-names"),
    ("lsock-table", "netstat-names"),
];

/// The arguments with which lsock lists for another program.
const LSOCK: &[&str] = &["--json"];

/// The contenders of a listing.
pub(super) fn listing(lsock: &Path) -> Vec<Contender> {
    use Question::{Connection, Listeners, Nothing, Owners, Port, Sockets};
    let program = |arguments| Kind::Program(Program::lsock(lsock, arguments));
    vec![
        call("netstat", "netstat, owners", Owners),
        ours("netstat-bpf", "netstat, owners by BPF", Owners, Kind::Call(netstat::owners_by_bpf)),
        ours("netstat-pass", "netstat, in one pass", Owners, Kind::Call(netstat::owners_in_one_pass)),
        call("netstat-walk", "netstat, owners by walk", Owners),
        call("netstat-kept", "netstat, owners, kept", Owners),
        ours("netstat-kept-bpf", "netstat, by BPF, kept", Owners, Kind::Call(netstat::kept_by_bpf)),
        ours(
            "netstat-kept-pass",
            "netstat, in one pass, kept",
            Owners,
            Kind::Call(netstat::kept_in_one_pass),
        ),
        call("netstat-old", "netstat, old interface", Owners),
        peer("netstat2", "netstat2, owners", Kind::Call(netstat2::owners)),
        peer("netsock", "netsock", Kind::Call(netsock::owners)),
        peer("listeners", "listeners", Kind::Call(listeners::owners)),
        peer("procfs", "procfs, joined", Kind::Call(procfs::owners)),
        call("netstat-sockets", "netstat, no owners", Sockets),
        call("netstat-each", "netstat, row by row", Sockets),
        call("netstat-old-sockets", "netstat, old, no owners", Sockets),
        peer("netstat2-sockets", "netstat2, no owners", Kind::Call(netstat2::sockets)),
        call("netstat-port", "netstat, a port", Port),
        ours("netstat-port-bpf", "netstat, a port by BPF", Port, Kind::Call(netstat::port_owners_by_bpf)),
        call("netstat-port-walk", "netstat, a port by walk", Port),
        call("netstat-listeners", "netstat, listeners", Listeners),
        call("netstat-listeners-walk", "netstat, listeners by walk", Listeners),
        call("netstat-counts", "netstat, counts by state", Sockets),
        ours("netstat-named", "netstat, owners by name", Owners, Kind::Call(netstat::names)),
        ours("netstat-workloads", "netstat, owners, workloads", Owners, Kind::Call(netstat::workloads)),
        ours("netstat-nothing", "netstat, none passes a filter", Nothing, Kind::Call(netstat::nothing)),
        ours("netstat-connection", "netstat, one connection", Connection, Kind::Call(netstat::connection)),
        ours(LOWER_BOUND, "lower bound", Sockets, Kind::Call(bound::bound)),
        ours("lsock", "lsock --json", Owners, program(LSOCK)),
        ours("lsock-bpf", "lsock --json, by BPF", Owners, program(&["--json", programs::BY_BPF])),
        ours("lsock-walk", "lsock --json, by walk", Owners, program(&["--json", "--owner-source=procfs"])),
        peer("ss", "ss -tunap", Kind::Program(programs::ss())),
        peer("lsof", "lsof -nPi", Kind::Program(programs::lsof())),
        peer("net-tools", "netstat -tunap", Kind::Program(programs::net_tools())),
        peer("lower-bound-lsock", "lower bound of lsock", Kind::Bound(Program::lsock(lsock, LSOCK))),
    ]
}

/// The contenders of `bench render`.
pub(super) fn rendering(lsock: &Path) -> Vec<Contender> {
    use Question::Owners;
    let to_file = |arguments| Kind::Program(Program::lsock(lsock, arguments).into_file());
    vec![
        call("netstat-names", "netstat, owners, names", Owners),
        ours("netstat-details", "netstat, owners, all of JSON", Owners, Kind::Call(netstat::details)),
        ours("lsock-json", "lsock --json > file", Owners, to_file(LSOCK)),
        ours("lsock-jsonl", "lsock --jsonl > file", Owners, to_file(&["--jsonl"])),
        ours("lsock-csv", "lsock --csv > file", Owners, to_file(&["--csv"])),
        ours("lsock-table", "lsock > file", Owners, to_file(&["--color=never"])),
    ]
}

/// A call of [`netstat_contender::calls`] of the same name.
fn call(name: &'static str, title: &'static str, question: Question) -> Contender {
    ours(name, title, question, Kind::Shared)
}

fn ours(name: &'static str, title: &'static str, question: Question, kind: Kind) -> Contender {
    Contender { name, title, question: Some(question), kind }
}

fn peer(name: &'static str, title: &'static str, kind: Kind) -> Contender {
    Contender { name, title, question: None, kind }
}
