//! What is measured: library calls, each in a process of its own, and whole programs.

mod libraries;
mod process;
mod programs;
mod runner;

pub(crate) use process::main;
pub(crate) use runner::Runner;

use crate::Result;
use crate::args::Options;
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
    pub(crate) ours: bool,
    /// Whether it is to find owners.
    pub(crate) owners: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Call(Call),
    Program(Program),
}

/// Ours beside a peer's, by name.
pub(crate) const PAIRS: &[(&str, &str)] = &[
    ("netstat", "netstat2"),
    ("netstat", "netsock"),
    ("netstat", "listeners"),
    ("netstat", "procfs"),
    ("netstat-sockets", "netstat2-sockets"),
    ("lsock", "ss"),
    ("lsock", "lsof"),
    ("lsock", "net-tools"),
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
    vec![
        ours("netstat", "netstat, owners", true, Kind::Call(netstat::owners)),
        peer("netstat2", "netstat2, owners", true, Kind::Call(netstat2::owners)),
        peer("netsock", "netsock", true, Kind::Call(netsock::owners)),
        peer("listeners", "listeners", true, Kind::Call(listeners::owners)),
        peer("procfs", "procfs, joined", true, Kind::Call(procfs::owners)),
        ours("netstat-sockets", "netstat, no owners", false, Kind::Call(netstat::sockets)),
        peer("netstat2-sockets", "netstat2, no owners", false, Kind::Call(netstat2::sockets)),
        ours("lsock", "lsock --json", true, Kind::Program(Program::lsock(lsock, "--json"))),
        peer("ss", "ss -tunap", true, Kind::Program(programs::ss())),
        peer("lsof", "lsof -nPi", true, Kind::Program(programs::lsof())),
        peer("net-tools", "netstat -tunap", true, Kind::Program(programs::net_tools())),
    ]
}

fn rendering(lsock: &Path) -> Vec<Contender> {
    let to_file = |argument| Kind::Program(Program::lsock(lsock, argument).into_file());
    vec![
        ours("netstat-names", "netstat, owners, names", true, Kind::Call(netstat::names)),
        ours("netstat-details", "netstat, owners, all of JSON", true, Kind::Call(netstat::details)),
        ours("lsock-json", "lsock --json > file", true, to_file("--json")),
        ours("lsock-jsonl", "lsock --jsonl > file", true, to_file("--jsonl")),
        ours("lsock-csv", "lsock --csv > file", true, to_file("--csv")),
        ours("lsock-table", "lsock > file", true, to_file("--color=never")),
    ]
}

fn ours(name: &'static str, title: &'static str, owners: bool, kind: Kind) -> Contender {
    Contender { name, title, ours: true, owners, kind }
}

fn peer(name: &'static str, title: &'static str, owners: bool, kind: Kind) -> Contender {
    Contender { ours: false, ..ours(name, title, owners, kind) }
}
