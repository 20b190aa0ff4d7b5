//! Rounds in which the two builds take turns.

use super::{BASE, Builds};
use crate::Result;
use crate::contenders::{Contender, Runner};
use crate::measure::progress;
use crate::results::{Measured, Series, Skipped, Turn};
use crate::truth;
use crate::world::Named;
use netstat_contender::Unavailable;
use socket_world::World;

/// How many turns each build has in a round.
pub(super) const TURNS_A_ROUND: usize = 2;

/// In each round a contender runs as ours, base, base, ours, and in every other round as base, ours, ours, base. So
/// what drifts on the machine in a straight line falls on both alike.
///
/// # Errors
/// One of them fails.
pub(crate) fn in_turns(
    named: &Named,
    world: &World,
    contenders: Vec<Contender>,
    builds: &Builds,
    rounds: usize,
) -> Result<Measured> {
    let mut measured = Measured::new(named, rounds);
    let mut runners = Vec::new();
    let port = truth::port_of(world);
    for contender in contenders {
        progress("warming up", contender.title);
        let mut both = Vec::new();
        for (build, mark) in [(&builds.ours, ""), (&builds.base, BASE)] {
            match Runner::try_out_of(build, &contender, port) {
                Ok((runner, count)) => both.push((runner, count, mark)),
                Err(error) if error.is::<Unavailable>() => {
                    let title = format!("{}{mark}", contender.title);
                    measured.skipped.push(Skipped { title, why: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        let Ok([ours, base]) = <[_; 2]>::try_from(both) else { continue };
        let expected = contender.question.map(|question| named.answer(question, world, port));
        let mut series = |(runner, count, mark): (Runner, _, &str)| {
            measured.series.push(Series {
                name: format!("{}{mark}", contender.name),
                title: format!("{}{mark}", contender.title),
                count: Some(count),
                expected,
                turns: Vec::with_capacity(TURNS_A_ROUND * rounds),
            });
            runner
        };
        runners.push([series(ours), series(base)]);
    }
    for round in 1..=rounds {
        for (series, runners) in measured.series.chunks_exact_mut(2).zip(&runners) {
            let [ours, base] = series else { continue };
            progress(&format!("round {round} of {rounds}"), &ours.title);
            for (turn, side) in order(round).into_iter().zip([&runners; 4]) {
                let (series, runner) =
                    if turn == Side::Ours { (&mut *ours, &side[0]) } else { (&mut *base, &side[1]) };
                series.turns.push(runner.run()?);
            }
        }
    }
    progress("", "");
    Ok(measured)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Ours,
    Base,
}

fn order(round: usize) -> [Side; 4] {
    use Side::{Base, Ours};
    if round.is_multiple_of(2) { [Base, Ours, Ours, Base] } else { [Ours, Base, Base, Ours] }
}

/// Ours divided by the base, round by round.
pub(super) fn ratios<'a>(
    ours: &'a Series,
    base: &'a Series,
    figure: impl Fn(&Turn) -> f64 + 'a,
) -> impl Iterator<Item = f64> + 'a {
    let rounds = ours.turns.chunks(TURNS_A_ROUND).zip(base.turns.chunks(TURNS_A_ROUND));
    rounds.map(move |(ours, base)| {
        ours.iter().map(&figure).sum::<f64>() / base.iter().map(&figure).sum::<f64>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(cpu: &[u64]) -> Series {
        let turn =
            |&cpu: &u64| Turn { call: None, process: None, cpu, process_cpu: cpu, peak_kib: 0, bound: None };
        let (name, title) = (String::new(), String::new());
        Series { name, title, count: None, expected: None, turns: cpu.iter().map(turn).collect() }
    }

    #[test]
    fn a_drift_in_a_straight_line_cancels_out() {
        // Two rounds in which every turn takes one more than the turn before, and both builds take the same.
        let (mut ours, mut base, mut cpu) = (Vec::new(), Vec::new(), 100);
        for round in 1..=2 {
            for side in order(round) {
                cpu += 1;
                if side == Side::Ours { ours.push(cpu) } else { base.push(cpu) }
            }
        }
        let ratios: Vec<f64> = ratios(&series(&ours), &series(&base), |turn| turn.cpu as f64).collect();
        assert_eq!(ratios, [1.0, 1.0]);
    }

    #[test]
    fn ratios_are_those_of_the_rounds() {
        let ratios: Vec<f64> =
            ratios(&series(&[1, 3, 8, 8]), &series(&[2, 2, 4, 4]), |turn| turn.cpu as f64).collect();
        assert_eq!(ratios, [1.0, 2.0]);
    }
}
