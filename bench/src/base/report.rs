//! The tables of `--base`.

use super::checkout::Builds;
use super::pairs;
use super::rounds::ratios;
use crate::figures::{Spread, grouped, median};
use crate::results::{Measured, Sample};
use std::fmt::Write;

/// Whether the two builds differ at all.
pub(super) fn builds(builds: &Builds) -> String {
    let same = |same| if same { "the same program, byte for byte" } else { "two different programs" };
    format!(
        "The builds of the library are {}; those of lsock are {}.\n\n",
        same(builds.same_contender),
        same(builds.same_lsock)
    )
}

/// The table of one world. (Writing to a `String` does not fail.)
pub(super) fn world(measured: &Measured) -> String {
    let mut out = measured.heading();
    let _ = writeln!(
        out,
        "{} rounds of two runs each, after one unmeasured. Ours / base by rounds: median (quartiles) (min..max).\n",
        measured.rounds
    );
    let _ = writeln!(
        out,
        "{:<28} {:>9} {:>9}  {:>5} {:>13} {:>13}   {:>5} {:>13} {:>13} {:>7}",
        "", "base ms", "base cpu", "cpu", "", "", "time", "", "", "memory"
    );
    for (ours, base) in pairs(measured) {
        let middle = |figure: fn(&Sample) -> f64| median(base.samples.iter().map(figure)) / 1e6;
        let _ = writeln!(
            out,
            "{:<28} {:>9.1} {:>9.1}  {}   {} {:>7.2}",
            ours.title,
            middle(Sample::time),
            middle(cpu),
            spread(Spread::of(ratios(ours, base, cpu))),
            spread(Spread::of(ratios(ours, base, Sample::time))),
            ours.peak_kib() / base.peak_kib(),
        );
    }
    let found: Vec<String> = pairs(measured)
        .filter(|(ours, base)| ours.count != base.count)
        .filter_map(|(ours, base)| {
            let (ours_found, base_found) = (ours.count?, base.count?);
            let found = |count: netstat_contender::Count| {
                format!("{} rows, {} owned", grouped(count.rows), grouped(count.owned))
            };
            Some(format!("{}: {}, and the base {}", ours.title, found(ours_found), found(base_found)))
        })
        .collect();
    for found in found {
        let _ = writeln!(out, "found another number: {found}");
    }
    measured.write_skipped(&mut out);
    out.push('\n');
    out
}

/// Of the whole process.
fn cpu(sample: &Sample) -> f64 {
    sample.process_cpu as f64
}

fn spread(spread: Spread) -> String {
    let range = |from, to| format!("({from:.2}..{to:.2})");
    format!(
        "{:>5.3} {:>13} {:>13}",
        spread.median,
        range(spread.quartiles.0, spread.quartiles.1),
        range(spread.least, spread.most)
    )
}
