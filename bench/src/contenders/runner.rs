//! A contender made ready to take its turns.

use super::process::Answer;
use super::programs::Program;
use super::{Contender, Kind};
use crate::Result;
use crate::launch::{self, Output};
use crate::results::{Count, Turn};
use std::path::PathBuf;
use std::time::Duration;

/// Runs one contender again and again.
#[derive(Debug)]
pub(crate) enum Runner {
    Call {
        name: &'static str,
    },
    Program {
        program: Program,
        path: PathBuf,
        /// Removed at the end.
        file: Option<PathBuf>,
    },
}

impl Runner {
    /// # Errors
    /// The program is not there.
    pub(crate) fn new(contender: &Contender) -> std::result::Result<Self, String> {
        match &contender.kind {
            Kind::Call(_) => Ok(Self::Call { name: contender.name }),
            Kind::Program(program) => Ok(Self::Program {
                path: program.find()?,
                file: program.to_file.then(|| file_of(contender.name)),
                program: program.clone(),
            }),
        }
    }

    /// One turn.
    ///
    /// # Errors
    /// It fails.
    pub(crate) fn run(&self) -> Result<Turn> {
        match self {
            Self::Call { name } => Ok(answer(name)?.0),
            Self::Program { program, path, file } => {
                let output = file.as_deref().map_or(Output::Nowhere, Output::File);
                let run = launch::run(path, &[program.argument], output)?;
                Ok(Turn {
                    call: None,
                    process: nanoseconds(run.time),
                    cpu: nanoseconds(run.cpu),
                    peak_kib: run.peak_kib,
                })
            }
        }
    }

    /// How many rows it finds.
    ///
    /// # Errors
    /// It fails.
    pub(crate) fn count(&self) -> Result<Count> {
        match self {
            Self::Call { name } => Ok(answer(name)?.1),
            Self::Program { program, path, .. } => program.count(path),
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

fn answer(name: &str) -> Result<(Turn, Count)> {
    let bench = std::env::current_exe()?;
    let run = launch::run(&bench, &["contender", name], Output::Kept)?;
    let answer = Answer::parse(&run.output).ok_or_else(|| format!("{name} said {:?}", run.output))?;
    let turn = Turn {
        call: Some(nanoseconds(answer.call)),
        process: nanoseconds(run.time),
        cpu: nanoseconds(run.cpu),
        peak_kib: answer.peak_kib,
    };
    Ok((turn, answer.count))
}

fn file_of(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("netstat-bench-{}-{name}", std::process::id()))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
