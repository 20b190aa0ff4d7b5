//! Runs one contender and measures it.

use super::programs::{self, Program};
use super::{Contender, Kind, LOWER_BOUND};
use crate::Result;
use crate::launch::{self, Output, Run};
use crate::results::Sample;
use netstat_contender::{Account, Answer, Count, Unavailable};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs one contender, in a new process each time.
#[derive(Debug)]
pub(crate) enum Runner {
    Call {
        /// The bench itself, or the program of a build.
        program: PathBuf,
        name: &'static str,
        port: u16,
    },
    Program {
        program: Program,
        path: PathBuf,
        /// Removed at the end.
        file: Option<PathBuf>,
    },
    /// The lower bound of a listing, and a program that writes as many bytes.
    Bound { port: u16, bytes: usize },
}

/// The programs of one build of netstat and lsock.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// The program of the crate in `bench/contender`.
    pub(crate) contender: PathBuf,
    pub(crate) lsock: PathBuf,
}

impl Runner {
    /// Prepares a contender and runs it once; returns what it finds, if it lists. `port` is the port of the query,
    /// `patience` for how many seconds a peer may keep a processor busy.
    ///
    /// # Errors
    /// It fails. [`Unavailable`], [`launch::OutOfPatience`]: it does not take part.
    pub(crate) fn try_out(contender: &Contender, port: u16, patience: u64) -> Result<(Self, Option<Count>)> {
        let patience = contender.question.is_none().then_some(patience);
        let name = contender.name;
        Ok(match &contender.kind {
            Kind::Shared | Kind::Call(_) => {
                let program = std::env::current_exe()?;
                let (account, _) = account(&program, name, port, patience)?;
                (Self::Call { program, name, port }, Some(account.count))
            }
            Kind::Program(program) => {
                let path = program.find().map_err(Unavailable)?;
                let file = program.to_file.then(|| file_of(name));
                let runner = Self::Program { program: program.clone(), path: path.clone(), file };
                if patience.is_some() {
                    runner.sample(patience)?;
                }
                (runner, Some(program.count(&path)?))
            }
            Kind::Bound(program) => {
                let path = program.find().map_err(Unavailable)?;
                (Self::Bound { port, bytes: program.output(&path)?.len() }, None)
            }
        })
    }

    /// As [`Runner::try_out`], with the programs of a build.
    ///
    /// # Errors
    /// As for [`Runner::try_out`].
    pub(crate) fn try_out_of(build: &Build, contender: &Contender, port: u16) -> Result<(Self, Count)> {
        let name = contender.name;
        Ok(match &contender.kind {
            Kind::Program(program) => {
                let path = build.lsock.clone();
                let count = program.count(&path)?;
                (Self::Program { program: program.clone(), path, file: None }, count)
            }
            Kind::Shared | Kind::Call(_) => {
                // In some versions of the library the call cannot report that; lsock can.
                if contender.is_by_bpf()
                    && let Some(why) = programs::why_no_bpf(&build.lsock)?
                {
                    return Err(Unavailable(why).into());
                }
                let program = build.contender.clone();
                let (account, _) = account(&program, name, port, None)?;
                (Self::Call { program, name, port }, account.count)
            }
            Kind::Bound(_) => return Err(Unavailable("it is the same for every build".to_owned()).into()),
        })
    }

    /// Runs it once, without a time limit.
    ///
    /// # Errors
    /// It fails.
    pub(crate) fn run(&self) -> Result<Sample> {
        self.sample(None)
    }

    fn sample(&self, patience: Option<u64>) -> Result<Sample> {
        match self {
            Self::Call { program, name, port } => {
                let (account, run) = account(program, name, *port, patience)?;
                Ok(Sample {
                    call: Some(account.call),
                    process: (!account.several).then_some(nanoseconds(run.time)),
                    cpu: account.cpu,
                    process_cpu: nanoseconds(run.cpu),
                    peak_kib: account.peak_kib,
                    bound: account.bound,
                })
            }
            Self::Program { program, path, file } => {
                let output = file.as_deref().map_or(Output::Nowhere, Output::File);
                let run = launch::run(path, program.arguments, output, patience)?;
                Ok(Sample {
                    call: None,
                    process: Some(nanoseconds(run.time)),
                    cpu: nanoseconds(run.cpu),
                    process_cpu: nanoseconds(run.cpu),
                    peak_kib: run.peak_kib,
                    bound: None,
                })
            }
            Self::Bound { port, bytes } => {
                let bench = std::env::current_exe()?;
                let (listing, process) = account(&bench, LOWER_BOUND, *port, patience)?;
                let run = launch::run(&bench, &["write", &bytes.to_string()], Output::Nowhere, patience)?;
                Ok(Sample {
                    call: None,
                    process: Some(listing.call + nanoseconds(run.time)),
                    cpu: listing.cpu + nanoseconds(run.cpu),
                    process_cpu: nanoseconds(process.cpu + run.cpu),
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
            // It does not exist if the program was never run.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// The account of a call, and that of its whole process.
fn account(program: &Path, name: &str, port: u16, patience: Option<u64>) -> Result<(Account, Run)> {
    let run = launch::run(program, &["contender", name, &port.to_string()], Output::Kept, patience)?;
    match run.output.parse()? {
        Answer::Account(account) => Ok((account, run)),
        Answer::Unavailable(why) => Err(Unavailable(why).into()),
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn file_of(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("netstat-bench-{}-{name}", std::process::id()))
}
