//! Measures netstat and lsock against their peers in one run, interleaved, on worlds of sockets that it makes.
//!
//! `args` parses the command line. A world is built (`world`) in namespaces (`isolation`), if the machine has the
//! resources for it (`limits`). The `contenders` run in it in interleaved rounds (`measure`), each in a process of
//! its own (`launch`). Ours must find what is `expected`, and `report` prints the tables. `base` measures this
//! checkout against another one, and `same_json` compares what the two list. `results` are stored in a file, and
//! `compare` compares two such files. `curve` draws several worlds over their size (`svg`), `micro` times the
//! decoders alone, `build` a clean build, `unix_pairs` a listing of unix sockets.

mod args;
mod base;
mod build;
mod compare;
mod contenders;
mod curve;
mod expected;
mod ffi;
mod figures;
mod isolation;
mod launch;
mod limits;
mod measure;
mod micro;
mod namespaces;
mod report;
mod results;
mod same_json;
mod svg;
mod unix_pairs;
mod world;

use crate::args::{Action, Options};
use crate::contenders::Contender;
use crate::isolation::in_world;
use crate::results::{Measured, Results};
use std::io::{self, Write};
use std::process::ExitCode;

type Error = Box<dyn std::error::Error>;
type Result<T> = std::result::Result<T, Error>;

/// The exit code when something got worse; that of an error is 2.
const WORSE: ExitCode = ExitCode::FAILURE;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // Nothing can be done about a standard error that fails.
            let _ = writeln!(io::stderr(), "bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let (action, options) = args::parse(std::env::args_os())?;
    match action {
        Action::Help => print(args::HELP)?,
        Action::Launch(command) => launch::main(command)?,
        Action::Contender { name, port } => contenders::main(&name, port)?,
        Action::Write(bytes) => write_bytes(bytes)?,
        Action::Worlds(worlds) => match &options.base {
            Some(base) => {
                let builds = base::Builds::make(base, options.lsock.as_deref())?;
                isolation::isolated(options.host_pids, || base::measure_worlds(&worlds, &builds, &options))?;
            }
            None => isolation::isolated(options.host_pids, || measure_worlds(&worlds, &options))?,
        },
        Action::SameJson { scenes, base } => return same_json::run(&scenes, &base, &options),
        Action::Curve(worlds) => isolation::isolated(options.host_pids, || curve::run(&worlds, &options))?,
        Action::Micro => {
            let results =
                Results { micro: micro::run(options.rounds.unwrap_or(15)), ..Results::of_this_machine() };
            print(&report::micro(&results.micro))?;
            store(&results, &options)?;
        }
        Action::Namespaces(beside) => {
            let rounds = options.rounds.unwrap_or(7);
            isolation::isolated(options.host_pids, || print(&namespaces::run(beside.as_ref(), rounds)?))?;
        }
        Action::Unix { pairs } => {
            let lsock = contenders::lsock_of(&options);
            isolation::isolated(options.host_pids, || unix_pairs::run(pairs, &lsock, &options))?;
        }
        Action::Build => print(&build::run(options.rounds.unwrap_or(3))?)?,
        Action::Compare { old, new } => {
            let comparison =
                compare::compare(&Results::read(&old)?, &Results::read(&new)?, options.threshold)?;
            print(&comparison.text(options.all))?;
            return Ok(if comparison.worse() == 0 { ExitCode::SUCCESS } else { WORSE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn measure_worlds(worlds: &[world::Named], options: &Options) -> Result<()> {
    let mut results = Results::of_this_machine();
    for world in worlds {
        match measure_one(world, contenders::chosen(options)?, options.rounds.unwrap_or(7), options)? {
            Ok(measured) => {
                print(&report::world(&measured))?;
                results.worlds.push(measured);
            }
            Err(why) => print(&format!("World {}: skipped: {why}\n\n", world.name))?,
        }
    }
    store(&results, options)?;
    no_faults(&results)
}

/// # Errors
/// One of ours did not find what is expected.
fn no_faults(results: &Results) -> Result<()> {
    let faults: Vec<String> = results.worlds.iter().flat_map(Measured::faults).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

/// Returns the reason if the machine cannot have the world.
fn measure_one(
    named: &world::Named,
    contenders: Vec<Contender>,
    rounds: usize,
    options: &Options,
) -> Result<std::result::Result<Measured, String>> {
    let patience = options.patience;
    in_world(named, |world| measure::run_rounds(named, world, contenders, rounds, patience))
}

/// A program that does nothing but write: the least that starting a program and writing take.
fn write_bytes(bytes: usize) -> Result<()> {
    let chunk = [b' '; 64 << 10];
    let mut left = bytes;
    while left > 0 {
        let part = chunk.get(..left).unwrap_or(&chunk);
        left -= rustix::io::write(rustix::stdio::stdout(), part)?;
    }
    Ok(())
}

fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn store(results: &Results, options: &Options) -> Result<()> {
    match &options.json {
        Some(path) => results.write(path),
        None => Ok(()),
    }
}
