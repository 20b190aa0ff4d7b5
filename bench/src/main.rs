//! netstat and lsock beside their peers, measured in one run, in turns, on worlds of sockets that it makes.
//!
//! `args` is what was typed. `apart` from everything else a world is built (`world`), if the machine can have it
//! (`limits`), the `contenders` take turns in it (`measure`), each in a process of its own (`launch`), what ours found
//! is held against the `truth`, and `report` writes the tables. `base` measures ours beside another build of it, and
//! `same_json` holds what the two list against each other. `results` is what is kept of it in a file, and
//! `compare` puts two such files side by side. `curve` draws several worlds over their size (`svg`), `micro` times the
//! decoders alone, `build` a clean build.

mod apart;
mod args;
mod base;
mod build;
mod compare;
mod contenders;
mod curve;
mod ffi;
mod figures;
mod launch;
mod limits;
mod measure;
mod micro;
mod report;
mod results;
mod same_json;
mod svg;
mod truth;
mod world;

use crate::apart::in_world;
use crate::args::{Action, Options};
use crate::contenders::Contender;
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
            // Nothing can be done about a standard error that takes no text.
            let _ = writeln!(io::stderr(), "bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let (action, options) = args::parse(std::env::args_os())?;
    match action {
        Action::Help => say(args::HELP)?,
        Action::Launch(command) => launch::main(command)?,
        Action::Contender { name, port } => contenders::main(&name, port)?,
        Action::Write(bytes) => write_bytes(bytes)?,
        Action::Worlds(worlds) => match &options.base {
            Some(base) => {
                let builds = base::Builds::make(base, options.lsock.as_deref())?;
                apart::apart(options.host_pids, || base::measure_worlds(&worlds, &builds, &options))?;
            }
            None => apart::apart(options.host_pids, || measure_worlds(&worlds, &options))?,
        },
        Action::SameJson { scenes, base } => return same_json::run(&scenes, &base, &options),
        Action::Curve(worlds) => apart::apart(options.host_pids, || curve::run(&worlds, &options))?,
        Action::Micro => {
            let results =
                Results { micro: micro::run(options.rounds.unwrap_or(15)), ..Results::of_this_machine() };
            say(&report::micro(&results.micro))?;
            store(&results, &options)?;
        }
        Action::Build => say(&build::run(options.rounds.unwrap_or(3))?)?,
        Action::Compare { old, new } => {
            let comparison =
                compare::compare(&Results::read(&old)?, &Results::read(&new)?, options.threshold)?;
            say(&comparison.text(options.all))?;
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
                say(&report::world(&measured))?;
                results.worlds.push(measured);
            }
            Err(why) => say(&format!("World {}: skipped: {why}\n\n", world.name))?,
        }
    }
    store(&results, options)?;
    no_faults(&results)
}

/// # Errors
/// One of ours did not find what it should.
fn no_faults(results: &Results) -> Result<()> {
    let faults: Vec<String> = results.worlds.iter().flat_map(Measured::faults).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

/// Gives why the machine cannot have the world, if so.
fn measure_one(
    named: &world::Named,
    contenders: Vec<Contender>,
    rounds: usize,
    options: &Options,
) -> Result<std::result::Result<Measured, String>> {
    let patience = options.patience;
    in_world(named, |world| measure::in_turns(named, world, contenders, rounds, patience))
}

/// A program that does nothing but write: what writing takes at the least, and being started.
fn write_bytes(bytes: usize) -> Result<()> {
    let chunk = [b' '; 64 << 10];
    let mut left = bytes;
    while left > 0 {
        let part = chunk.get(..left).unwrap_or(&chunk);
        left -= rustix::io::write(rustix::stdio::stdout(), part)?;
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
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
