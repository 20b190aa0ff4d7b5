//! What is measured: library calls, each in a process of its own, and whole programs.

pub(crate) mod bound;
mod libraries;
mod process;
mod programs;
mod runner;

pub(crate) use process::{Unavailable, main};
pub(crate) use runner::Runner;

use crate::Result;
use crate::args::Options;
use crate::truth::Question;
use libraries::{listeners, netsock, netstat, netstat2, procfs};
use process::Call;
use programs::Program;
use std::path::{Path, PathBuf};

/// One of those that are measured.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    /// For `--only` and the files of results.
    pub(crate) name: &'static str,
    /// For the table.
    pub(crate) title: &'static str,
    /// What it is asked: its answer is checked. `None` for a peer.
    pub(crate) question: Option<Question>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Call(Call),
    Program(Program),
    /// The lower bound of this program.
    Bound(Program),
}

/// The name of the lower bound of a listing.
const LOWER_BOUND: &str = "lower-bound";

/// Ours beside what it is measured against, by name.
pub(crate) const PAIRS: &[(&str, &str)] = &[
    ("netstat", "netstat2"),
    ("netstat-bpf", "netstat2"),
    ("netstat-walk", "netstat2"),
    ("netstat", "netsock"),
    ("netstat", "listeners"),
    ("netstat", "procfs"),
    ("netstat-sockets", "netstat2-sockets"),
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
    ("netstat-port-bpf", "netstat-bpf"),
    ("netstat-port-walk", "netstat-walk"),
    ("netstat-listeners-walk", "netstat2"),
    ("netstat-counts", "netstat-sockets"),
];

/// A program's output to a file, and the listing inside it, by name: what is between them is the writing.
pub(crate) const RENDERINGS: &[(&str, &str)] = &[
    ("lsock-json", "netstat-details"),
    ("lsock-jsonl", "netstat-names"),
    ("lsock-csv", "netstat-names"),
    ("lsock-table", "netstat-names"),
];

/// Who takes part, in the order of the turns.
///
/// # Errors
/// `--only` names somebody else.
pub(crate) fn chosen(options: &Options) -> Result<Vec<Contender>> {
    let lsock = options.lsock.clone().unwrap_or_else(programs::lsock);
    let mut contenders = if options.render { rendering(&lsock) } else { listing(&lsock) };
    let names: Vec<&str> = contenders.iter().map(|contender| contender.name).collect();
    if let Some(other) = options.only.iter().find(|only| !names.contains(&only.as_str())) {
        return Err(format!("there is no {other:?} here; there are {}", names.join(", ")).into());
    }
    if !options.only.is_empty() {
        contenders.retain(|contender| options.only.iter().any(|only| only == contender.name));
    }
    Ok(contenders)
}

/// The call of this name.
fn call(name: &str) -> Option<Call> {
    let nowhere = PathBuf::new();
    let mut all = listing(&nowhere).into_iter().chain(rendering(&nowhere));
    all.find_map(|contender| match contender.kind {
        Kind::Call(call) if contender.name == name => Some(call),
        _ => None,
    })
}

fn listing(lsock: &Path) -> Vec<Contender> {
    use Question::{Listeners, Owners, Port, Sockets};
    let program = |arguments| Kind::Program(Program::lsock(lsock, arguments));
    vec![
        ours("netstat", "netstat, owners", Owners, Kind::Call(netstat::owners)),
        ours("netstat-bpf", "netstat, owners by BPF", Owners, Kind::Call(netstat::owners_by_bpf)),
        ours("netstat-walk", "netstat, owners by walk", Owners, Kind::Call(netstat::owners_by_walk)),
        ours("netstat-kept", "netstat, owners, kept", Owners, Kind::Call(netstat::kept)),
        peer("netstat2", "netstat2, owners", Kind::Call(netstat2::owners)),
        peer("netsock", "netsock", Kind::Call(netsock::owners)),
        peer("listeners", "listeners", Kind::Call(listeners::owners)),
        peer("procfs", "procfs, joined", Kind::Call(procfs::owners)),
        ours("netstat-sockets", "netstat, no owners", Sockets, Kind::Call(netstat::sockets)),
        peer("netstat2-sockets", "netstat2, no owners", Kind::Call(netstat2::sockets)),
        ours("netstat-port", "netstat, a port", Port, Kind::Call(netstat::port_owners)),
        ours("netstat-port-bpf", "netstat, a port by BPF", Port, Kind::Call(netstat::port_owners_by_bpf)),
        ours("netstat-port-walk", "netstat, a port by walk", Port, Kind::Call(netstat::port_owners_by_walk)),
        ours("netstat-listeners", "netstat, listeners", Listeners, Kind::Call(netstat::listeners)),
        ours(
            "netstat-listeners-walk",
            "netstat, listeners by walk",
            Listeners,
            Kind::Call(netstat::listeners_by_walk),
        ),
        ours("netstat-counts", "netstat, counts by state", Sockets, Kind::Call(netstat::counts)),
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

/// How lsock lists for another program.
const LSOCK: &[&str] = &["--json"];

fn rendering(lsock: &Path) -> Vec<Contender> {
    use Question::Owners;
    let to_file = |arguments| Kind::Program(Program::lsock(lsock, arguments).into_file());
    vec![
        ours("netstat-names", "netstat, owners, names", Owners, Kind::Call(netstat::names)),
        ours("netstat-details", "netstat, owners, all of JSON", Owners, Kind::Call(netstat::details)),
        ours("lsock-json", "lsock --json > file", Owners, to_file(LSOCK)),
        ours("lsock-jsonl", "lsock --jsonl > file", Owners, to_file(&["--jsonl"])),
        ours("lsock-csv", "lsock --csv > file", Owners, to_file(&["--csv"])),
        ours("lsock-table", "lsock > file", Owners, to_file(&["--color=never"])),
    ]
}

fn ours(name: &'static str, title: &'static str, question: Question, kind: Kind) -> Contender {
    Contender { name, title, question: Some(question), kind }
}

fn peer(name: &'static str, title: &'static str, kind: Kind) -> Contender {
    Contender { name, title, question: None, kind }
}
