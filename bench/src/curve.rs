//! Draws time and memory over the number of sockets, of ours and of two peers.

use crate::Result;
use crate::args::Options;
use crate::contenders::{self, Contender};
use crate::figures::{grouped, median};
use crate::results::{Measured, Results, Series};
use crate::svg::{Panel, Picture};
use crate::world::Named;
use crate::{measure_one, no_faults, print, report, store};
use std::fs;
use std::path::{Path, PathBuf};

/// The contenders that are drawn, by name, in the order of the legend, and what of each is timed.
const DRAWN: [(&str, &str); 4] = [
    ("netstat", "netstat, the call"),
    ("lsock", "lsock --json"),
    ("netstat2", "netstat2, the call"),
    ("ss", "ss -tunap"),
];

/// Measures in these worlds and draws the picture.
///
/// # Errors
/// As a measurement; the picture cannot be written; there is nothing to draw.
pub(crate) fn run(worlds: &[Named], options: &Options) -> Result<()> {
    let mut results = Results::of_this_machine();
    for world in worlds {
        let (taking_part, slow) = taking_part(world, &results.worlds, options)?;
        for name in slow {
            print(&format!(
                "{name} in {}: skipped: a run would take more than {} s\n",
                world.name, options.patience
            ))?;
        }
        match measure_one(world, taking_part, options.rounds.unwrap_or(3), options)? {
            Ok(measured) => {
                print(&report::world(&measured))?;
                results.worlds.push(measured);
            }
            Err(why) => print(&format!("World {}: skipped: {why}\n\n", world.name))?,
        }
    }
    store(&results, options)?;
    no_faults(&results)?;
    let path = options.svg.clone().unwrap_or_else(picture_of_the_repository);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(&path, picture(&results).draw()).map_err(|error| format!("{}: {error}", path.display()))?;
    print(&format!("{}\n", path.display()))
}

fn picture_of_the_repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/curve.svg")
}

/// The contenders that are drawn, without the peers that were, or would be, too slow: the time of a peer grows at
/// least as the number of sockets does.
fn taking_part(
    world: &Named,
    before: &[Measured],
    options: &Options,
) -> Result<(Vec<Contender>, Vec<&'static str>)> {
    let mut contenders = contenders::chosen(options)?;
    contenders.retain(|contender| DRAWN.iter().any(|(name, _)| *name == contender.name));
    let mut slow = Vec::new();
    if let Some(last) = before.last() {
        let growth = world.spec.counts().sockets() as f64 / last.sockets() as f64;
        contenders.retain(|contender| {
            let seconds = last.find(contender.name).map_or(f64::INFINITY, |series| seconds(series) * growth);
            let takes_part = contender.question.is_some() || seconds <= options.patience as f64;
            if !takes_part {
                slow.push(contender.title);
            }
            takes_part
        });
    }
    Ok((contenders, slow))
}

fn seconds(series: &Series) -> f64 {
    median(series.samples.iter().map(|sample| sample.time() / 1e9))
}

fn picture(results: &Results) -> Picture {
    let lines = |value: fn(&Series) -> f64| -> Vec<Vec<(f64, f64)>> {
        let of = |name| {
            let found = results.worlds.iter().filter_map(move |world| Some((world, world.find(name)?)));
            found.map(|(world, series)| (world.sockets() as f64, value(series))).collect()
        };
        DRAWN.iter().map(|(name, _)| of(name)).collect()
    };
    let panel = |title: &str, lines, label: fn(f64) -> String| Panel {
        title: title.to_owned(),
        across: "sockets".to_owned(),
        lines,
        labels: [count_label, label],
    };
    let machine = &results.machine;
    let rounds = results.worlds.first().map_or(0, |world| world.rounds);
    Picture {
        heading: "All sockets with their owners".to_owned(),
        notes: vec![
            format!("Medians of {rounds} interleaved rounds. A peer is left out where a run takes too long."),
            format!("{}, {} processors, Linux {}", machine.processor, machine.processors, machine.kernel),
        ],
        legend: DRAWN.iter().map(|(_, title)| (*title).to_owned()).collect(),
        panels: vec![
            panel("Time", lines(|series| 1000.0 * seconds(series)), time_label),
            panel("Peak memory", lines(|series| series.peak_kib() / 1024.0), memory_label),
        ],
    }
}

fn count_label(count: f64) -> String {
    if count >= 1000.0 {
        format!("{}k", grouped(format!("{:.0}", count / 1000.0)))
    } else {
        format!("{count:.0}")
    }
}

fn time_label(milliseconds: f64) -> String {
    if milliseconds >= 1000.0 {
        format!("{} s", short(milliseconds / 1000.0))
    } else {
        format!("{} ms", short(milliseconds))
    }
}

fn memory_label(mebibytes: f64) -> String {
    format!("{} MiB", short(mebibytes))
}

/// The label of a step of an axis, which has one digit that is not zero.
fn short(step: f64) -> String {
    if step >= 1.0 { format!("{step:.0}") } else { format!("{}", (step * 1e6).round() / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Sample;
    use crate::world::named;

    fn measured(name: &str, milliseconds: u64) -> Measured {
        let mut world = Measured::new(&named(name, Default::default()).expect("a world"), 1);
        let sample = Sample {
            call: None,
            process: Some(milliseconds * 1_000_000),
            cpu: 1,
            process_cpu: 1,
            peak_kib: 2048,
            bound: None,
        };
        let series = |name: &str| Series {
            name: name.to_owned(),
            title: name.to_owned(),
            count: None,
            expected: None,
            samples: vec![sample],
        };
        world.series = ["netstat", "ss"].map(series).into();
        world
    }

    #[test]
    fn peer_that_would_take_too_long_is_skipped_and_named() {
        let (_, options) = crate::args::parse(["bench", "--patience", "5"].map(Into::into)).expect("options");
        let world = named("100k", Default::default()).expect("a world");
        let names = |milliseconds| {
            let before = [measured("10k", milliseconds)];
            let (contenders, slow) = taking_part(&world, &before, &options).expect("contenders");
            (contenders.iter().map(|contender| contender.name).collect::<Vec<_>>(), slow)
        };
        // netstat2 was not measured before.
        assert_eq!(names(499), (vec!["netstat", "lsock", "ss"], vec!["netstat2, owners"]));
        assert_eq!(names(501), (vec!["netstat", "lsock"], vec!["netstat2, owners", "ss -tunap"]));
    }

    #[test]
    fn time_and_memory_are_drawn_over_the_sockets() {
        let mut results = Results::of_this_machine();
        results.worlds = vec![measured("1k", 3), measured("10k", 40)];
        let picture = picture(&results);
        let [time, memory] = &picture.panels[..] else { panic!("two panels") };
        assert_eq!(time.lines[0], [(1000.0, 3.0), (10_000.0, 40.0)]);
        assert_eq!(memory.lines[3], [(1000.0, 2.0), (10_000.0, 2.0)]);
        assert!(time.lines[2].is_empty());
        let drawn = picture.draw();
        assert!(drawn.contains(">1k</text>") && drawn.contains(">10 ms</text>"), "{drawn}");
    }

    #[test]
    fn labels_of_the_axes_have_units() {
        assert_eq!([count_label(500.0), count_label(2000.0), count_label(1e6)], ["500", "2k", "1,000k"]);
        assert_eq!([time_label(0.5), time_label(20.0), time_label(5000.0)], ["0.5 ms", "20 ms", "5 s"]);
        assert_eq!(memory_label(100.0), "100 MiB");
    }
}
