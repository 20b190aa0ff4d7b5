//! Rounds in which the contenders take turns.

use crate::Result;
use crate::contenders::{Contender, Runner};
use crate::results::{Measured, Series, Skipped};
use crate::world::Named;
use std::io::{self, IsTerminal, Write};

/// Lets each contender run once unmeasured and then once in each round: A B C, A B C, so that what else happens on
/// the machine happens to all of them.
///
/// # Errors
/// One of them fails. Those that are not installed are skipped.
pub(crate) fn in_turns(world: &Named, contenders: Vec<Contender>, rounds: usize) -> Result<Measured> {
    let mut measured = Measured::new(world, rounds);
    let mut runners = Vec::new();
    for contender in contenders {
        progress("warming up", contender.title);
        let runner = match Runner::new(&contender) {
            Ok(runner) => runner,
            Err(why) => {
                let title = contender.title.to_owned();
                measured.skipped.push(Skipped { title, why });
                continue;
            }
        };
        runner.run()?;
        measured.series.push(Series {
            name: contender.name.to_owned(),
            title: contender.title.to_owned(),
            ours: contender.ours,
            owners: contender.owners,
            count: runner.count()?,
            turns: Vec::with_capacity(rounds),
        });
        runners.push(runner);
    }
    for round in 1..=rounds {
        for (series, runner) in measured.series.iter_mut().zip(&runners) {
            progress(&format!("round {round} of {rounds}"), &series.title);
            series.turns.push(runner.run()?);
        }
    }
    progress("", "");
    Ok(measured)
}

/// One line that is written over, on a terminal.
fn progress(what: &str, who: &str) {
    let mut err = io::stderr();
    if err.is_terminal() {
        // Nothing can be done about a standard error that takes no text.
        let _ = write!(err, "\r\x1b[K{what} {who}");
        let _ = err.flush();
    }
}
