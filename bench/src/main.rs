//! netstat and lsock beside their peers, measured in one run, in turns, on worlds of sockets that it makes.
//!
//! `args` is what was typed. `apart` from everything else a world is built (`world`), the `contenders` take turns
//! in it (`measure`), each in a process of its own (`launch`), and `report` writes the tables. `results` is what is
//! kept of it in a file, and `compare` puts two such files side by side. `micro` times the decoders alone, `build` a
//! clean build.

mod apart;
mod args;
mod build;
mod compare;
mod contenders;
mod ffi;
mod figures;
mod launch;
mod measure;
mod micro;
mod report;
mod results;
mod world;

use crate::args::{Action, Options};
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
        Action::Contender(name) => contenders::main(&name)?,
        Action::Worlds(worlds) => apart::apart(|| measure_worlds(&worlds, &options))?,
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
        let measured = measure_one(world, options)?;
        say(&report::world(&measured))?;
        results.worlds.push(measured);
    }
    store(&results, options)?;
    let faults: Vec<String> = results.worlds.iter().flat_map(Measured::faults).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

/// Each world has a namespace of its own: the connections of the one before stay for a minute in TIME_WAIT.
fn measure_one(world: &world::Named, options: &Options) -> Result<Measured> {
    let contenders = contenders::chosen(options)?;
    in_network_namespace(|| {
        let built = World::build(&world.spec).map_err(|error| format!("cannot build the world: {error}"))?;
        let rounds = options.rounds.unwrap_or(7);
        let measured = measure::in_turns(world, contenders, rounds).map_err(|error| error.to_string());
        drop(built);
        measured
    })
    .map_err(|error| format!("cannot enter a network namespace: {error}"))?
    .map_err(Into::into)
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
