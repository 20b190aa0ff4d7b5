//! The contenders: library calls, each in a process of its own, and whole programs.

pub(crate) mod bound;
mod libraries;
mod list;
mod programs;
mod runner;

pub(crate) use list::{PAIRS, RENDERINGS};
pub(crate) use runner::{Build, Runner};

use crate::Result;
use crate::args::Options;
use crate::expected::Question;
use netstat_contender::{Call, calls};
use programs::Program;
use std::path::{Path, PathBuf};

/// A call or program that is measured.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    /// For `--only` and the files of results.
    pub(crate) name: &'static str,
    /// For the table.
    pub(crate) title: &'static str,
    /// The query, whose answer is checked. `None` for a peer.
    pub(crate) question: Option<Question>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// A call of [`calls`] that has the contender's name.
    Shared,
    Call(Call),
    Program(Program),
    /// The lower bound of this program.
    Bound(Program),
}

impl Contender {
    /// Whether it must find owners by BPF to take part.
    fn is_by_bpf(&self) -> bool {
        self.name.ends_with("-bpf")
    }
}

/// The name of the lower bound of a listing.
const LOWER_BOUND: &str = "lower-bound";

/// The lsock to measure.
pub(crate) fn lsock_of(options: &Options) -> PathBuf {
    options.lsock.clone().unwrap_or_else(programs::lsock)
}

/// The contenders that take part, in the order of their runs.
///
/// # Errors
/// `--only` names an unknown contender.
pub(crate) fn chosen(options: &Options) -> Result<Vec<Contender>> {
    let lsock = lsock_of(options);
    let contenders = if options.render { list::rendering(&lsock) } else { list::listing(&lsock) };
    only(contenders, &options.only)
}

/// The contenders that take part with `--base`. The paths of their programs are left empty.
///
/// # Errors
/// `--only` names an unknown contender.
pub(crate) fn with_base(options: &Options) -> Result<Vec<Contender>> {
    let mut contenders = list::listing(Path::new(""));
    contenders.extend(list::rendering(Path::new("")));
    contenders.retain(|contender| match &contender.kind {
        Kind::Shared | Kind::Call(_) => calls::named(contender.name).is_some(),
        Kind::Program(program) => contender.question.is_some() && !program.to_file,
        Kind::Bound(_) => false,
    });
    only(contenders, &options.only)
}

fn only(mut contenders: Vec<Contender>, only: &[String]) -> Result<Vec<Contender>> {
    let names: Vec<&str> = contenders.iter().map(|contender| contender.name).collect();
    if let Some(other) = only.iter().find(|only| !names.contains(&only.as_str())) {
        return Err(format!("there is no contender {other:?}; there are {}", names.join(", ")).into());
    }
    if !only.is_empty() {
        contenders.retain(|contender| only.iter().any(|only| only == contender.name));
    }
    Ok(contenders)
}

/// The process of a call, `bench contender NAME PORT`. In a process of its own the call has its own memory, and
/// finds nothing that another call has prepared.
///
/// # Errors
/// The listing fails; there is no call of this name.
pub(crate) fn main(name: &str, port: u16) -> Result<()> {
    netstat_contender::run(call(name).ok_or("contender is for the bench itself")?, port)
}

/// The call of this name.
fn call(name: &str) -> Option<Call> {
    let nowhere = PathBuf::new();
    let mut all = list::listing(&nowhere).into_iter().chain(list::rendering(&nowhere));
    all.find(|contender| contender.name == name).and_then(|contender| match contender.kind {
        Kind::Call(call) => Some(call),
        Kind::Shared => calls::named(name),
        Kind::Program(_) | Kind::Bound(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_ours_that_a_base_has_are_measured_against_it() {
        let (_, options) = crate::args::parse(["bench".into()]).expect("options");
        let contenders = with_base(&options).expect("all of them");
        for (name, _) in calls::ALL {
            assert!(contenders.iter().any(|contender| contender.name == *name), "{name}");
        }
        let names: Vec<&str> = contenders.iter().map(|contender| contender.name).collect();
        assert!(names.contains(&"lsock") && !names.contains(&"netstat2"), "{names:?}");
        assert!(contenders.iter().all(|contender| contender.question.is_some()));
    }

    #[test]
    fn contenders_of_all_pairs_are_in_the_list_and_have_their_calls() {
        let all = list::listing(Path::new(""));
        let listed = |name| all.iter().any(|contender| contender.name == name);
        for (ours, peer) in PAIRS {
            assert!(listed(*ours) && listed(*peer), "{ours} / {peer}");
        }
        let mut all = all.iter().chain(&list::rendering(Path::new(""))).cloned().collect::<Vec<_>>();
        all.retain(|contender| matches!(contender.kind, Kind::Shared | Kind::Call(_)));
        for contender in all {
            assert!(call(contender.name).is_some(), "{}", contender.name);
        }
    }
}
