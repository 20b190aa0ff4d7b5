//! Rounds in which the runs of the contenders are interleaved.

use crate::Result;
use crate::contenders::{Contender, Runner, bound};
use crate::expected;
use crate::launch::OutOfPatience;
use crate::results::{Measured, Series, Skipped};
use crate::world::Named;
use netstat_contender::Unavailable;
use socket_world::World;
use std::io::{self, IsTerminal, Write};

/// Runs each contender once unmeasured and then once in each round: A B C, A B C, so that other load on the machine
/// affects all of them. A peer that keeps a processor busy for longer than `patience` in seconds is skipped, as is
/// what is not installed or otherwise unavailable.
///
/// # Errors
/// One of them fails.
pub(crate) fn run_rounds(
    named: &Named,
    world: &World,
    contenders: Vec<Contender>,
    rounds: usize,
    patience: u64,
) -> Result<Measured> {
    let mut measured = Measured::new(named, rounds);
    measured.no_iteration = bound::why_no_iteration();
    let mut runners = Vec::new();
    let port = expected::port_of(world);
    for contender in contenders {
        progress("warming up", contender.title);
        let title = contender.title.to_owned();
        let (runner, count) = match Runner::try_out(&contender, port, patience) {
            Ok(ready) => ready,
            Err(error) if error.is::<Unavailable>() || error.is::<OutOfPatience>() => {
                measured.skipped.push(Skipped { title, why: error.to_string() });
                continue;
            }
            Err(error) => return Err(error),
        };
        measured.series.push(Series {
            name: contender.name.to_owned(),
            title,
            count,
            expected: contender.question.map(|question| named.answer(question, world, port)),
            samples: Vec::with_capacity(rounds),
        });
        runners.push(runner);
    }
    for round in 1..=rounds {
        for (series, runner) in measured.series.iter_mut().zip(&runners) {
            progress(&format!("round {round} of {rounds}"), &series.title);
            series.samples.push(runner.run()?);
        }
    }
    progress("", "");
    Ok(measured)
}

/// Overwrites one line, on a terminal.
pub(crate) fn progress(what: &str, title: &str) {
    let mut err = io::stderr();
    if err.is_terminal() {
        // Nothing can be done about a standard error that fails.
        let _ = write!(err, "\r\x1b[K{what} {title}");
        let _ = err.flush();
    }
}
