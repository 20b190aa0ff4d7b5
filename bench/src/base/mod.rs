//! Ours beside another build of it, from another checkout of the repository: `--base DIR`.
//!
//! Both builds are made alike (`checkout`): the program of `bench/contender`, once with the netstat of each, and both
//! `lsock`. They take `turns` in one world, and `report` has the ratios.

mod checkout;
mod report;
mod turns;

pub(crate) use checkout::{Builds, build_lsocks};
pub(crate) use turns::in_turns;

use crate::apart::in_world;
use crate::args::Options;
use crate::results::{Measured, Results};
use crate::world::Named;
use crate::{Result, contenders, no_faults, say, store};

/// How many rounds there are unless the options say.
const ROUNDS: usize = 31;

/// What follows the name of a contender in the results of the base.
const BASE: &str = "@base";

/// Measures in these worlds.
///
/// # Errors
/// As a measurement.
pub(crate) fn measure_worlds(worlds: &[Named], builds: &Builds, options: &Options) -> Result<()> {
    let mut results = Results::of_this_machine();
    say(&report::builds(builds))?;
    for named in worlds {
        let contenders = contenders::with_base(options)?;
        let rounds = options.rounds.unwrap_or(ROUNDS);
        match in_world(named, |world| in_turns(named, world, contenders, builds, rounds))? {
            Ok(measured) => {
                say(&report::world(&measured))?;
                results.worlds.push(measured);
            }
            Err(why) => say(&format!("World {}: skipped: {why}\n\n", named.name))?,
        }
    }
    store(&results, options)?;
    no_faults(&results)
}

/// The series of a build of ours and that of the base, of each contender.
fn pairs(measured: &Measured) -> impl Iterator<Item = (&crate::results::Series, &crate::results::Series)> {
    measured.series.iter().filter_map(|ours| Some((ours, measured.find(&format!("{}{BASE}", ours.name))?)))
}
