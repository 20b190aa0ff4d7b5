//! A contender made ready to take its turns.

use super::process::{Account, Answer, Unavailable, nanoseconds};
use super::programs::Program;
use super::{Contender, Kind, LOWER_BOUND};
use crate::Result;
use crate::launch::{self, Output};
use crate::results::{Count, Turn};
use std::path::PathBuf;

/// Runs one contender again and again.
#[derive(Debug)]
pub(crate) enum Runner {
    Call {
        name: &'static str,
        port: u16,
    },
    Program {
        program: Program,
        path: PathBuf,
        /// Removed at the end.
        file: Option<PathBuf>,
    },
    /// The lower bound of a listing, and a program that writes as much.
    Bound {
        port: u16,
        bytes: usize,
    },
}

impl Runner {
    /// Makes it ready and lets it run once; what it finds, if it lists. `port` is the one that is asked about,
    /// `patience` for how many seconds a peer may keep a processor busy.
    ///
    /// # Errors
    /// It fails. [`Unavailable`], [`launch::OutOfPatience`]: it does not take part.
    pub(crate) fn try_out(contender: &Contender, port: u16, patience: u64) -> Result<(Self, Option<Count>)> {
        let patience = contender.question.is_none().then_some(patience);
        let name = contender.name;
        Ok(match &contender.kind {
            Kind::Call(_) => {
                let (account, _) = account(name, port, patience)?;
                (Self::Call { name, port }, Some(account.count))
            }
            Kind::Program(program) => {
                let path = program.find().map_err(Unavailable)?;
                let file = program.to_file.then(|| file_of(name));
                let runner = Self::Program { program: program.clone(), path: path.clone(), file };
                if patience.is_some() {
                    runner.turn(patience)?;
                }
                (runner, Some(program.count(&path)?))
            }
            Kind::Bound(program) => {
                let path = program.find().map_err(Unavailable)?;
                (Self::Bound { port, bytes: program.output(&path)?.len() }, None)
            }
        })
    }

    /// One turn, however long it takes.
    ///
    /// # Errors
    /// It fails.
    pub(crate) fn run(&self) -> Result<Turn> {
        self.turn(None)
    }

    fn turn(&self, patience: Option<u64>) -> Result<Turn> {
        match self {
            Self::Call { name, port } => {
                let (account, process) = account(name, *port, patience)?;
                Ok(Turn {
                    call: Some(account.call),
                    process: (!account.several).then_some(process),
                    cpu: account.cpu,
                    peak_kib: account.peak_kib,
                    bound: account.bound,
                })
            }
            Self::Program { program, path, file } => {
                let output = file.as_deref().map_or(Output::Nowhere, Output::File);
                let run = launch::run(path, program.arguments, output, patience)?;
                Ok(Turn {
                    call: None,
                    process: Some(nanoseconds(run.time)),
                    cpu: nanoseconds(run.cpu),
                    peak_kib: run.peak_kib,
                    bound: None,
                })
            }
            Self::Bound { port, bytes } => {
                let (listing, _) = account(LOWER_BOUND, *port, patience)?;
                let bench = std::env::current_exe()?;
                let run = launch::run(&bench, &["write", &bytes.to_string()], Output::Nowhere, patience)?;
                Ok(Turn {
                    call: None,
                    process: Some(listing.call + nanoseconds(run.time)),
                    cpu: listing.cpu + nanoseconds(run.cpu),
                    peak_kib: listing.peak_kib.max(run.peak_kib),
                    bound: listing.bound,
                })
            }
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Self::Program { file: Some(file), .. } = self {
            // It is not there if the program was never run.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// The account of a call, and the nanoseconds of the whole process.
fn account(name: &str, port: u16, patience: Option<u64>) -> Result<(Account, u64)> {
    let bench = std::env::current_exe()?;
    let run = launch::run(&bench, &["contender", name, &port.to_string()], Output::Kept, patience)?;
    match serde_json::from_str(&run.output)? {
        Answer::Account(account) => Ok((account, nanoseconds(run.time))),
        Answer::Unavailable(why) => Err(Unavailable(why).into()),
    }
}

fn file_of(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("netstat-bench-{}-{name}", std::process::id()))
}
