//! Rounds in which the runs of two builds are interleaved.

use super::{BASE, Builds};
use crate::Result;
use crate::contenders::{Contender, Runner};
use crate::expected;
use crate::measure::progress;
use crate::results::{Measured, Sample, Series, Skipped};
use crate::world::Named;
use netstat_contender::Unavailable;
use socket_world::World;

/// How many runs each build has in a round.
pub(super) const RUNS_PER_ROUND: usize = 2;

/// In each round a contender runs as ours, base, base, ours, and in every other round as base, ours, ours, base. So
/// a linear drift of the machine affects both alike.
///
/// # Errors
/// One of them fails.
pub(crate) fn run_rounds(
    named: &Named,
    world: &World,
    contenders: Vec<Contender>,
    builds: &Builds,
    rounds: usize,
) -> Result<Measured> {
    let mut measured = Measured::new(named, rounds);
    let mut runners = Vec::new();
    let port = expected::port_of(world);
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
                samples: Vec::with_capacity(RUNS_PER_ROUND * rounds),
            });
            runner
        };
        runners.push([series(ours), series(base)]);
    }
    for round in 1..=rounds {
        for (series, [our_runner, base_runner]) in measured.series.chunks_exact_mut(2).zip(&runners) {
            let [ours, base] = series else { continue };
            progress(&format!("round {round} of {rounds}"), &ours.title);
            for side in order(round) {
                match side {
                    Side::Ours => ours.samples.push(our_runner.run()?),
                    Side::Base => base.samples.push(base_runner.run()?),
                }
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
    figure: impl Fn(&Sample) -> f64 + 'a,
) -> impl Iterator<Item = f64> + 'a {
    let rounds = ours.samples.chunks(RUNS_PER_ROUND).zip(base.samples.chunks(RUNS_PER_ROUND));
    rounds.map(move |(ours, base)| {
        ours.iter().map(&figure).sum::<f64>() / base.iter().map(&figure).sum::<f64>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(cpu: &[u64]) -> Series {
        let sample = |&cpu: &u64| Sample {
            call: None,
            process: None,
            cpu,
            process_cpu: cpu,
            peak_kib: 0,
            bound: None,
        };
        let (name, title) = (String::new(), String::new());
        Series { name, title, count: None, expected: None, samples: cpu.iter().map(sample).collect() }
    }

    #[test]
    fn linear_drift_cancels_out() {
        // Two rounds in which every run takes one more than the run before, and both builds take the same.
        let (mut ours, mut base, mut cpu) = (Vec::new(), Vec::new(), 100);
        for round in 1..=2 {
            for side in order(round) {
                cpu += 1;
                if side == Side::Ours { ours.push(cpu) } else { base.push(cpu) }
            }
        }
        let ratios: Vec<f64> = ratios(&series(&ours), &series(&base), |sample| sample.cpu as f64).collect();
        assert_eq!(ratios, [1.0, 1.0]);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ratios: Vec<f64> =
            ratios(&series(&[1, 3, 8, 8]), &series(&[2, 2, 4, 4]), |sample| sample.cpu as f64).collect();
        assert_eq!(ratios, [1.0, 2.0]);
    }
}
