//! Compares this checkout with another checkout of the repository: `--base DIR`.
//!
//! Both are built alike (`checkout`): the program of `bench/contender`, once with the netstat of each, and both
//! `lsock`. `rounds` runs them interleaved in one world, and `report` prints the ratios.

mod checkout;
mod report;
mod rounds;

pub(crate) use checkout::{Builds, build_lsocks};
pub(crate) use rounds::run_rounds;

use crate::args::Options;
use crate::isolation::in_world;
use crate::results::{Measured, Results};
use crate::world::Named;
use crate::{Result, contenders, no_faults, print, store};

/// The default number of rounds.
const ROUNDS: usize = 31;

/// The suffix of a contender's name in the results of the base.
const BASE: &str = "@base";

/// Measures in these worlds.
///
/// # Errors
/// As a measurement.
pub(crate) fn measure_worlds(worlds: &[Named], builds: &Builds, options: &Options) -> Result<()> {
    let mut results = Results::of_this_machine();
    print(&report::builds(builds))?;
    for named in worlds {
        let contenders = contenders::with_base(options)?;
        let rounds = options.rounds.unwrap_or(ROUNDS);
        match in_world(named, |world| run_rounds(named, world, contenders, builds, rounds))? {
            Ok(measured) => {
                print(&report::world(&measured))?;
                results.worlds.push(measured);
            }
            Err(why) => print(&format!("World {}: skipped: {why}\n\n", named.name))?,
        }
    }
    store(&results, options)?;
    no_faults(&results)
}

/// Of each contender, the series of this checkout and that of the base.
fn pairs(measured: &Measured) -> impl Iterator<Item = (&crate::results::Series, &crate::results::Series)> {
    measured.series.iter().filter_map(|ours| Some((ours, measured.find(&format!("{}{BASE}", ours.name))?)))
}
