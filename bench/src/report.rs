//! The tables that the bench prints.

use crate::contenders::{PAIRS, RENDERINGS};
use crate::figures::{Spread, grouped, median};
use crate::results::{Measured, Micro, Sample, Series};
use netstat_contender::Bound;
use std::cmp::Ordering;
use std::fmt::Write;

/// The tables of one world. (Writing to a `String` does not fail.)
pub(crate) fn world(measured: &Measured) -> String {
    let mut out = measured.heading();
    let _ = writeln!(out, "Medians of {} interleaved rounds, after one unmeasured.\n", measured.rounds);
    contenders(measured, &mut out);
    if cfg!(debug_assertions) {
        out.push_str("This is a debug build: its times mean nothing.\n");
    } else {
        ratios(measured, &mut out);
    }
    renderings(measured, &mut out);
    bounds(measured, &mut out);
    measured.write_skipped(&mut out);
    out.push('\n');
    out
}

fn contenders(measured: &Measured, out: &mut String) {
    let _ = writeln!(
        out,
        "{:<28} {:>9} {:>10} {:>8} {:>8} {:>8} {:>8}  of what is expected",
        "", "call ms", "process ms", "cpu ms", "peak MiB", "rows", "owned"
    );
    for series in &measured.series {
        let of = |figure: fn(&Sample) -> Option<u64>| {
            let milliseconds = series.samples.iter().filter_map(figure).map(|time| time as f64 / 1e6);
            median(milliseconds)
        };
        // The times of a lookup are microseconds.
        let short = |time: f64| if time < 1.0 { format!("{time:.3}") } else { format!("{time:.1}") };
        let or_dash = |time: f64| if time.is_nan() { "-".to_owned() } else { short(time) };
        let _ = write!(
            out,
            "{:<28} {:>9} {:>10} {:>8} {:>8.1}",
            series.title,
            or_dash(of(|sample| sample.call)),
            or_dash(of(|sample| sample.process)),
            short(of(|sample| Some(sample.cpu))),
            series.peak_kib() / 1024.0,
        );
        if let Some(count) = series.count {
            // Rows that were not requested are not missing.
            let all = series.expected.map_or(measured.sockets(), |expected| expected.rows);
            let (rows, owned) = (grouped(count.rows), grouped(count.owned));
            let _ = write!(out, " {rows:>8} {owned:>8}  {}", against(count.rows, all));
        }
        out.push('\n');
    }
    out.push('\n');
}

fn ratios(measured: &Measured, out: &mut String) {
    let mut heading = true;
    for (ours, peer) in PAIRS {
        let (Some(ours), Some(peer)) = (measured.find(ours), measured.find(peer)) else {
            continue;
        };
        if std::mem::take(&mut heading) {
            let _ = writeln!(
                out,
                "{:<51} {:>6} {:>14} {:>6} {:>7}",
                "ours / peer", "time", "(min..max)", "cpu", "memory"
            );
        }
        let ratio = Ratios::of(ours, peer);
        let _ = writeln!(
            out,
            "{:<51} {:>6.2} {:>14} {:>6.2} {:>7.2}",
            format!("{} / {}", ours.title, peer.title),
            ratio.time.median,
            format!("({:.2}..{:.2})", ratio.time.least, ratio.time.most),
            ratio.cpu.median,
            ratio.memory
        );
    }
}

/// Ours divided by a peer's.
pub(crate) struct Ratios {
    /// Round by round.
    pub(crate) time: Spread,
    /// Round by round.
    pub(crate) cpu: Spread,
    /// Of the medians.
    pub(crate) memory: f64,
}

impl Ratios {
    pub(crate) fn of(ours: &Series, peer: &Series) -> Self {
        let rounds = || ours.samples.iter().zip(&peer.samples);
        Self {
            time: Spread::of(rounds().map(|(ours, peer)| ours.time() / peer.time())),
            cpu: Spread::of(rounds().map(|(ours, peer)| ours.cpu as f64 / peer.cpu as f64)),
            memory: ours.peak_kib() / peer.peak_kib(),
        }
    }
}

fn renderings(measured: &Measured, out: &mut String) {
    for (program, listing) in RENDERINGS {
        if let (Some(program), Some(listing)) = (measured.find(program), measured.find(listing)) {
            let beyond = beyond(program, listing);
            let _ = writeln!(
                out,
                "{:<22} beyond the listing: {:>6.1} ms ({:.1}..{:.1})",
                program.title, beyond.median, beyond.least, beyond.most
            );
        }
    }
}

/// The parts of the lower bounds.
fn bounds(measured: &Measured, out: &mut String) {
    for series in &measured.series {
        let bounds: Vec<Bound> = series.samples.iter().filter_map(|sample| sample.bound).collect();
        if bounds.is_empty() {
            continue;
        }
        let dump = median(bounds.iter().map(|bound| bound.dump as f64 / 1e6));
        let iteration =
            median(bounds.iter().filter_map(|bound| bound.iteration).map(|time| time as f64 / 1e6));
        let _ = write!(out, "{}: the empty dumps {dump:.1} ms", series.title);
        let _ = if iteration.is_nan() {
            let why = measured.no_iteration.as_deref().unwrap_or("none was made");
            writeln!(out, "; no iteration over descriptors: {why}")
        } else {
            writeln!(out, ", the empty iteration over descriptors {iteration:.1} ms")
        };
    }
}

/// What a program takes in addition to the listing inside it, in milliseconds.
pub(crate) fn beyond(program: &Series, listing: &Series) -> Spread {
    let rounds = program.samples.iter().zip(&listing.samples);
    Spread::of(rounds.map(|(program, listing)| (program.time() - listing.time()) / 1e6))
}

/// The rows found, compared with the sockets that exist.
fn against(rows: u64, sockets: u64) -> String {
    match rows.cmp(&sockets) {
        Ordering::Equal => "all".to_owned(),
        Ordering::Less => format!("{} missing", grouped(sockets - rows)),
        Ordering::Greater => format!("{} too many", grouped(rows - sockets)),
    }
}

/// The table of the decoders.
pub(crate) fn micro(results: &[Micro]) -> String {
    let mut out = format!("{:<42} {:>8} {:>8}\n", "nanoseconds a record", "least", "median");
    for result in results {
        let spread = Spread::of(result.nanoseconds.iter().copied());
        let _ = write!(out, "{:<42} {:>8.1} {:>8.1}", result.name, spread.least, spread.median);
        let peer = results.iter().find(|peer| Some(&peer.name) == result.peer.as_ref());
        if let Some(peer) = peer {
            let rounds = result.nanoseconds.iter().zip(&peer.nanoseconds);
            let ratio = Spread::of(rounds.map(|(ours, peer)| ours / peer));
            let _ = write!(out, "  {:.2} of the peer's", ratio.median);
        }
        out.push('\n');
    }
    out
}
