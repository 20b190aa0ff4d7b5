//! Whether `lsock --json` prints the same as that of another checkout.
//!
//! Both list the same world, which must not change meanwhile: the base lists before and after ours, and if its own
//! two documents differ, everything is repeated.

mod documents;
mod states;

use crate::args::Options;
use crate::base::build_lsocks;
use crate::isolation::{in_namespace, in_world, isolated};
use crate::world::Named;
use crate::{Result, WORSE, print};
use documents::{Comparison, differences};
use serde_json::Value;
use states::States;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// A world that is listed.
#[derive(Clone, Debug)]
pub(crate) enum Scene {
    /// Sockets in every state, with every kind of holder.
    States,
    World(Named),
}

impl Scene {
    fn name(&self) -> &str {
        match self {
            Self::States => "states",
            Self::World(named) => &named.name,
        }
    }
}

/// The arguments with which lsock lists, beside `--json`.
const FORMS: [&[&str]; 4] = [&[], &["--owner-source=bpf"], &["--owner-source=procfs"], BOUND];

/// Sockets that are bound and neither listen nor connect, and no others: only the world [`Scene::States`] has one.
const BOUND: &[&str] = &["--bound"];

/// How often the world may change while it is listed.
const TRIES: usize = 5;

/// Fields that differ between two listings of one world by the same program, with why.
///
/// No queue, timer or start of a process is among them: the worlds do not change, so that those are the same.
const VOLATILE: &[(&str, &str)] = &[];

/// Compares in these worlds and prints the differences.
///
/// # Errors
/// A build or a listing fails; a world cannot be built or keeps changing.
pub(crate) fn run(scenes: &[Scene], base: &Path, options: &Options) -> Result<ExitCode> {
    let (ours, base) = build_lsocks(base, options.lsock.as_deref())?;
    // The work may run in another process, which reports over this pipe.
    let (mut seen, mut differ) = io::pipe()?;
    isolated(options.host_pids, move || {
        for scene in scenes {
            let found = match scene {
                Scene::States => in_namespace(|| {
                    let _states = States::make()?;
                    compare(&ours, &base, &options.except)
                })?,
                Scene::World(named) => in_world(named, |_| compare(&ours, &base, &options.except))?
                    .map_err(|why| format!("the world {}: {why}", named.name))?,
            };
            if !print_differences(scene.name(), &found)? {
                differ.write_all(b"x")?;
            }
        }
        Ok(())
    })?;
    let mut marks = Vec::new();
    seen.read_to_end(&mut marks)?;
    Ok(if marks.is_empty() { ExitCode::SUCCESS } else { WORSE })
}

/// Prints them, and returns whether there are none.
fn print_differences(scene: &str, found: &[(String, Comparison)]) -> Result<bool> {
    let mut same = true;
    for (command, comparison) in found {
        print(&format!("{scene}: {command}: {comparison}"))?;
        same &= comparison.differences.is_empty();
    }
    Ok(same)
}

/// One comparison for each set of arguments.
fn compare(ours: &Path, base: &Path, except: &[String]) -> Result<Vec<(String, Comparison)>> {
    FORMS.into_iter().map(|form| Ok((command(form), compare_form(ours, base, form, except)?))).collect()
}

fn compare_form(ours: &Path, base: &Path, form: &[&str], except: &[String]) -> Result<Comparison> {
    let volatile: Vec<String> = VOLATILE.iter().map(|(field, _)| (*field).to_owned()).collect();
    let mut except = except.to_vec();
    except.extend(volatile.iter().cloned());
    let mut unsteady = String::new();
    for _ in 0..TRIES {
        let before = list(base, form)?;
        let found = list(ours, form)?;
        let after = list(base, form)?;
        let change = differences(&before, &after, &volatile);
        if change.differences.is_empty() {
            return Ok(differences(&before, &found, &except));
        }
        unsteady = change.to_string();
    }
    Err(format!("{}: the world changed each of {TRIES} times: {unsteady}", command(form)).into())
}

fn command(form: &[&str]) -> String {
    ["lsock", "--json"].iter().chain(form).copied().collect::<Vec<_>>().join(" ")
}

/// The document of one listing. Only [`BOUND`] may list nothing.
fn list(lsock: &Path, form: &[&str]) -> Result<Value> {
    let output = Command::new(lsock).arg("--json").args(form).stdin(Stdio::null()).output()?;
    let fail = |what: &str| format!("{} ({}): {what}", lsock.display(), command(form));
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(fail(&format!("it ended with {}: {}", output.status, stderr.trim())).into());
    }
    let document: Value = serde_json::from_slice(&output.stdout).map_err(|error| fail(&error.to_string()))?;
    match document["sockets"].as_array() {
        Some(sockets) if !sockets.is_empty() || form == BOUND => Ok(document),
        _ => Err(fail("it lists no sockets").into()),
    }
}
