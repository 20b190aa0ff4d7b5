//! Compares two stored results of the same machine: which figures got worse.
//!
//! Where there is a peer, the ratio to the peer is compared, not the time: the peer did not change, so other load
//! on the machine affected both.

use crate::Result;
use crate::contenders::{PAIRS, RENDERINGS};
use crate::figures::Spread;
use crate::report::{Ratios, beyond};
use crate::results::{Measured, Results};
use std::fmt::Write;

/// Figures that both results have.
#[derive(Debug)]
pub(crate) struct Comparison {
    figures: Vec<Figure>,
    threshold: f64,
    /// The kernels, if they differ.
    kernels: Option<(String, String)>,
}

/// A figure for which smaller is better.
#[derive(Debug)]
struct Figure {
    what: String,
    old: f64,
    new: f64,
}

impl Figure {
    /// By how much it is worse, as a fraction.
    fn worse_by(&self) -> f64 {
        self.new / self.old - 1.0
    }
}

/// # Errors
/// They are of different machines, or have nothing in common.
pub(crate) fn compare(old: &Results, new: &Results, threshold: f64) -> Result<Comparison> {
    let of = |results: &Results| (results.machine.processor.clone(), results.machine.processors);
    if of(old) != of(new) {
        return Err(format!("the results are of two machines: {:?} and {:?}", of(old), of(new)).into());
    }
    let figures: Vec<Figure> = pairs_of_figures(&figures(old), &figures(new)).collect();
    if figures.is_empty() {
        return Err("the results have no figure in common".into());
    }
    let kernels = (old.machine.kernel.clone(), new.machine.kernel.clone());
    Ok(Comparison { figures, threshold, kernels: (kernels.0 != kernels.1).then_some(kernels) })
}

fn pairs_of_figures(old: &[(String, f64)], new: &[(String, f64)]) -> impl Iterator<Item = Figure> {
    new.iter().filter_map(|(what, new)| {
        let (_, old) = old.iter().find(|(name, _)| name == what)?;
        Some(Figure { what: what.clone(), old: *old, new: *new })
    })
}

/// All that can be compared, by name.
fn figures(results: &Results) -> Vec<(String, f64)> {
    let mut figures = Vec::new();
    for world in &results.worlds {
        of_world(world, &mut figures);
    }
    for micro in &results.micro {
        let least = Spread::of(micro.nanoseconds.iter().copied()).least;
        figures.push((format!("{}, ns", micro.name), least));
    }
    figures
}

fn of_world(world: &Measured, figures: &mut Vec<(String, f64)>) {
    // Worlds named `custom` are the same only if they have the same size.
    let name = format!("{}, {} sockets", world.world, world.sockets());
    for (ours, peer) in PAIRS {
        if let (Some(ours), Some(peer)) = (world.find(ours), world.find(peer)) {
            let ratios = Ratios::of(ours, peer);
            for (what, ratio) in
                [("time", ratios.time.median), ("cpu", ratios.cpu.median), ("memory", ratios.memory)]
            {
                figures.push((format!("{name}: {} / {}, {what}", ours.title, peer.title), ratio));
            }
        }
    }
    for (program, listing) in RENDERINGS {
        if let (Some(program), Some(listing)) = (world.find(program), world.find(listing)) {
            let what = format!("{name}: {} beyond the listing, ms", program.title);
            figures.push((what, beyond(program, listing).median));
        }
    }
}

impl Comparison {
    fn is_worse(&self, figure: &Figure) -> bool {
        figure.worse_by() > self.threshold
    }

    /// How many figures are worse.
    pub(crate) fn worse(&self) -> usize {
        self.figures.iter().filter(|figure| self.is_worse(figure)).count()
    }

    /// The worse figures, or all, and a line of summary. (Writing to a `String` does not fail.)
    pub(crate) fn text(&self, all: bool) -> String {
        let mut out = String::new();
        let shown = |figure: &&Figure| all || self.is_worse(figure);
        for figure in self.figures.iter().filter(shown) {
            let mark = if self.is_worse(figure) { "  WORSE" } else { "" };
            let _ = writeln!(
                out,
                "{:<74} {:>8.2} -> {:>8.2} {:>+6.0} %{mark}",
                figure.what,
                figure.old,
                figure.new,
                figure.worse_by() * 100.0
            );
        }
        if let Some((old, new)) = &self.kernels {
            let _ = writeln!(out, "The kernel was {old} and is {new}.");
        }
        let _ = writeln!(
            out,
            "{} of {} figures worse by more than {:.0} %.",
            self.worse(),
            self.figures.len(),
            self.threshold * 100.0
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Micro, Sample, Series};
    use crate::world::named;
    use netstat_contender::Count;

    /// A world in which our call takes `ours` where the peer's takes 100, twice.
    fn results(ours: u64, decoder: f64) -> Results {
        let series = |name: &str, time: u64| {
            let sample = |factor: u64| Sample {
                call: Some(time * factor),
                process: Some(time * factor + 5),
                cpu: time * factor,
                process_cpu: 1,
                peak_kib: 1000,
                bound: None,
            };
            Series {
                name: name.to_owned(),
                title: name.to_owned(),
                count: Some(Count { rows: 1, owned: 1, pids: None }),
                expected: None,
                samples: vec![sample(1), sample(3)],
            }
        };
        let mut world = Measured::new(&named("tiny", Default::default()).expect("a world"), 2);
        world.series = vec![series("netstat", ours), series("netstat2", 100)];
        Results {
            worlds: vec![world],
            micro: vec![Micro {
                name: "a decoder".to_owned(),
                peer: None,
                nanoseconds: vec![decoder * 2.0, decoder],
            }],
            ..Results::of_this_machine()
        }
    }

    #[test]
    fn figures_worse_than_the_threshold_are_reported() {
        let old = results(40, 10.0);
        let comparison = compare(&old, &results(50, 10.5), 0.15).expect("one machine");
        assert_eq!(comparison.worse(), 2, "time and cpu of the call");
        let text = comparison.text(false);
        assert!(text.contains("netstat / netstat2, time") && text.contains("WORSE"), "{text}");
        assert!(!text.contains("a decoder"), "{text}");
        assert!(comparison.text(true).contains("a decoder"));
        assert_eq!(compare(&old, &results(45, 11.0), 0.15).expect("one machine").worse(), 0);
        assert_eq!(compare(&old, &results(40, 12.0), 0.15).expect("one machine").worse(), 1);
    }

    #[test]
    fn results_of_two_machines_are_not_compared() {
        let old = results(40, 10.0);
        let mut new = old.clone();
        new.machine.processors += 1;
        assert!(compare(&old, &new, 0.15).is_err());
        let empty = Results::of_this_machine();
        assert!(compare(&old, &empty, 0.15).is_err());
    }

    #[test]
    fn results_survive_a_round_trip() {
        let results = results(40, 10.0);
        let text = serde_json::to_string(&results).expect("JSON");
        let parsed: Results = serde_json::from_str(&text).expect("results");
        assert_eq!(compare(&results, &parsed, 0.0).expect("one machine").worse(), 0);
    }
}
