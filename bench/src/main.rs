//! netstat and lsock beside their peers, measured in one run, in turns, on worlds of sockets that it makes.
//!
//! `args` is what was typed. `apart` from everything else a world is built (`world`), if the machine can have it
//! (`limits`), the `contenders` take turns in it (`measure`), each in a process of its own (`launch`), what ours found
//! is held against the `truth`, and `report` writes the tables. `results` is what is kept of it in a file, and
//! `compare` puts two such files side by side. `curve` draws several worlds over their size (`svg`), `micro` times the
//! decoders alone, `build` a clean build.

mod apart;
mod args;
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
mod svg;
mod truth;
mod world;

use crate::args::{Action, Options};
use crate::contenders::Contender;
use crate::limits::Limits;
use crate::results::{Measured, Results};
use socket_world::World;
use socket_world::namespace::in_network_namespace;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

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
        Action::Worlds(worlds) => apart::apart(options.host_pids, || measure_worlds(&worlds, &options))?,
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

/// Each world has a network namespace of its own: the connections of the one before stay for a minute in TIME_WAIT.
/// Gives why the machine cannot have the world, if so.
fn measure_one(
    world: &world::Named,
    contenders: Vec<Contender>,
    rounds: usize,
    options: &Options,
) -> Result<std::result::Result<Measured, String>> {
    if let Some(why) = Limits::now().hinder(&world.spec) {
        return Ok(Err(why));
    }
    in_network_namespace(|| {
        let built = match World::build(&world.spec) {
            Ok(built) => built,
            Err(error) if limits::is_want(&error) => return Ok(Err(format!("it cannot be built: {error}"))),
            Err(error) => return Err(format!("cannot build the world: {error}")),
        };
        let measured = measure::in_turns(world, &built, contenders, rounds, options.patience);
        measured.map(Ok).map_err(|error| error.to_string())
    })
    .map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => "namespaces of its own need root".to_owned(),
        _ => format!("cannot enter a network namespace: {error}"),
    })?
    .map_err(Into::into)
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
