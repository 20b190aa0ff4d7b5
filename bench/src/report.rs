//! The tables that people read.

use crate::contenders::{PAIRS, RENDERINGS};
use crate::figures::{Spread, grouped, median};
use crate::results::{Measured, Micro, Series, Turn};
use std::cmp::Ordering;
use std::fmt::Write;

/// Everything about one world. (Writing to a `String` does not fail.)
pub(crate) fn world(measured: &Measured) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "World {}: {} sockets ({} TCP, {} UDP) and {} other descriptors in {} processes.",
        measured.world,
        grouped(measured.sockets()),
        grouped(measured.tcp_sockets),
        grouped(measured.udp_sockets),
        grouped(measured.plain_descriptors),
        grouped(measured.processes)
    );
    let _ = writeln!(out, "Medians of {} rounds in turns, after one unmeasured.\n", measured.rounds);
    contenders(measured, &mut out);
    if cfg!(debug_assertions) {
        out.push_str("This is a debug build: its times mean nothing.\n");
    } else {
        ratios(measured, &mut out);
    }
    renderings(measured, &mut out);
    for skipped in &measured.skipped {
        let _ = writeln!(out, "skipped: {}: {}", skipped.title, skipped.why);
    }
    out.push('\n');
    out
}

fn contenders(measured: &Measured, out: &mut String) {
    let _ = writeln!(
        out,
        "{:<28} {:>9} {:>10} {:>8} {:>8} {:>8} {:>8}  of the world",
        "", "call ms", "process ms", "cpu ms", "peak MiB", "rows", "owned"
    );
    for series in &measured.series {
        let of = |figure: fn(&Turn) -> Option<u64>| {
            let milliseconds = series.turns.iter().filter_map(figure).map(|time| time as f64 / 1e6);
            median(milliseconds)
        };
        let call = of(|turn| turn.call);
        let call = if call.is_nan() { "-".to_owned() } else { format!("{call:.1}") };
        let _ = writeln!(
            out,
            "{:<28} {:>9} {:>10.1} {:>8.1} {:>8.1} {:>8} {:>8}  {}",
            series.title,
            call,
            of(|turn| Some(turn.process)),
            of(|turn| Some(turn.cpu)),
            series.peak_kib() / 1024.0,
            grouped(series.count.rows),
            grouped(series.count.owned),
            against(series.count.rows, measured.sockets())
        );
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
                "{:<42} {:>6} {:>14} {:>6} {:>7}",
                "ours / peer", "time", "(min..max)", "cpu", "memory"
            );
        }
        let ratio = Ratios::of(ours, peer);
        let _ = writeln!(
            out,
            "{:<42} {:>6.2} {:>14} {:>6.2} {:>7.2}",
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
        let rounds = || ours.turns.iter().zip(&peer.turns);
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

/// What a program takes beyond the listing inside it, in milliseconds.
pub(crate) fn beyond(program: &Series, listing: &Series) -> Spread {
    let rounds = program.turns.iter().zip(&listing.turns);
    Spread::of(rounds.map(|(program, listing)| (program.time() - listing.time()) / 1e6))
}

/// How the rows found stand to the sockets that there are.
fn against(rows: u64, sockets: u64) -> String {
    match rows.cmp(&sockets) {
        Ordering::Equal => "all".to_owned(),
        Ordering::Less => format!("{} missing", grouped(sockets - rows)),
        Ordering::Greater => format!("{} too many", grouped(rows - sockets)),
    }
}

/// The decoders.
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
