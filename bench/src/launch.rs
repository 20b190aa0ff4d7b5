//! Runs one program and measures its time and peak memory.
//!
//! This is done by a separate process, the bench itself run as `bench launch`: the kernel's account of a process
//! (`ru_maxrss`) starts before its `exec`, with the memory of the process that forked it, and the bench keeps a
//! description of a hundred thousand sockets. The launcher has some 2 MiB, which is the least that a program can be
//! seen to take.

use crate::Result;
use crate::ffi;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one run of a program took.
#[derive(Debug)]
pub(crate) struct Run {
    /// From just before the start to the end.
    pub(crate) time: Duration,
    /// Its processor time, in user mode and in the kernel.
    pub(crate) cpu: Duration,
    /// `ru_maxrss`.
    pub(crate) peak_kib: u64,
    /// Its standard output, if that was [`Output::Kept`].
    pub(crate) output: String,
}

/// Where a program's standard output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output<'a> {
    /// To `/dev/null`.
    Nowhere,
    /// Into [`Run::output`]: some lines.
    Kept,
    /// Into this file, which is truncated.
    File(&'a Path),
}

/// Precedes the launcher's own account, which follows all that the program wrote.
const MARK: &str = "launched:";

/// Runs a program through the launcher. `patience` is for how many seconds it may keep a processor busy.
///
/// # Errors
/// It cannot be started, or does not end with success; [`OutOfPatience`].
pub(crate) fn run(
    program: &Path,
    arguments: &[&str],
    output: Output<'_>,
    patience: Option<u64>,
) -> Result<Run> {
    let launcher = Command::new(std::env::current_exe()?)
        .arg("launch")
        .arg(patience.map_or("patient".to_owned(), |seconds| seconds.to_string()))
        .arg(match output {
            Output::Nowhere => OsStr::new("nowhere"),
            Output::Kept => OsStr::new("kept"),
            Output::File(path) => path.as_os_str(),
        })
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&launcher.stdout);
    let fail = |what: &str| format!("{} {}: {what}", program.display(), arguments.join(" "));
    let (output, account) = text.rsplit_once(MARK).ok_or_else(|| fail("it was not started"))?;
    let mut numbers = account.split_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next().and_then(std::result::Result::ok);
    match (next(), next(), next(), next()) {
        (Some(time), Some(cpu), Some(peak_kib), None) => Ok(Run {
            time: Duration::from_nanos(time),
            cpu: Duration::from_nanos(cpu),
            peak_kib,
            output: output.to_owned(),
        }),
        _ if account.trim() == SLOW => Err(OutOfPatience(patience.unwrap_or(0)).into()),
        _ => Err(fail(account.trim()).into()),
    }
}

/// A program was ended because it took too long.
#[derive(Debug)]
pub(crate) struct OutOfPatience(u64);

impl fmt::Display for OutOfPatience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a run takes more than {} s", self.0)
    }
}

impl std::error::Error for OutOfPatience {}

/// The account of a program that was ended because it took too long.
const SLOW: &str = "slow";

/// The launcher itself: `bench launch patient|SECONDS nowhere|kept|FILE PROGRAM [ARGUMENT...]`. Its account is the
/// wall-clock time and the processor time in nanoseconds and the peak in KiB, or how the program failed.
///
/// # Errors
/// The program cannot be started.
pub(crate) fn main(command: Vec<OsString>) -> Result<()> {
    let [patience, output, program, arguments @ ..] = command.as_slice() else {
        return Err("launch is for the bench itself".into());
    };
    let patience = patience.to_str().and_then(|seconds| seconds.parse().ok());
    if let Some(seconds) = patience {
        // The kernel ends it, by SIGXCPU. The launcher has the same limit and uses almost no processor time.
        setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: None })?;
    }
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C");
    if output == "nowhere" {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    } else if output != "kept" {
        command.stdout(File::create(output)?).stderr(Stdio::null());
    }
    let start = Instant::now();
    let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let ended = ffi::wait4(child.id())?;
    let time = start.elapsed();
    let mut out = io::stdout();
    if ended.status.success() {
        let (time, cpu) = (time.as_nanos(), ended.cpu.as_nanos());
        writeln!(out, "{MARK} {time} {cpu} {}", ended.peak_kib)?;
    } else if ended.status.signal() == Some(libc::SIGXCPU) {
        writeln!(out, "{MARK} {SLOW}")?;
    } else {
        writeln!(out, "{MARK} ended with {}", ended.status)?;
    }
    Ok(())
}
