//! Measures a listing of unix sockets against `ss -xap`: pairs of sockets in some processes, with peers and holders.

use crate::Result;
use crate::args::Options;
use crate::figures::median;
use crate::isolation::in_namespace;
use crate::launch::{self, Output};
use crate::measure::progress;
use crate::print;
use socket_world::{Child, need_descriptors};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// How many processes hold the pairs.
const PROCESSES: usize = 20;

/// One program and its runs.
struct Contender<'a> {
    title: &'a str,
    program: &'a Path,
    arguments: &'a [&'a str],
    /// Milliseconds, and those of processor time.
    times: Vec<(f64, f64)>,
}

/// Lists `pairs` pairs of connected unix sockets with lsock and with `ss`, in interleaved rounds.
///
/// # Errors
/// Not root; a program fails, or does not list every socket with its peer and holder.
pub(crate) fn run(pairs: usize, lsock: &Path, options: &Options) -> Result<()> {
    in_namespace(|| {
        let children: Vec<Child> = (0..PROCESSES).map(|_| hold(pairs / PROCESSES)).collect::<Result<_>>()?;
        let sockets = 2 * PROCESSES * (pairs / PROCESSES);
        let contender =
            |title, program, arguments| Contender { title, program, arguments, times: Vec::new() };
        let mut contenders = [
            contender("lsock -x", lsock, &["-x", "--no-header"][..]),
            contender("lsock -x --json", lsock, &["-x", "--json"][..]),
            contender("ss -xap", Path::new("ss"), &["-Hxap"][..]),
        ];
        for contender in &contenders {
            let output = launch::run(contender.program, contender.arguments, Output::Kept, None)?.output;
            check(contender, &output, sockets, &children)?;
        }
        let rounds = options.rounds.unwrap_or(7);
        for round in 1..=rounds {
            for contender in &mut contenders {
                progress(&format!("round {round} of {rounds}"), contender.title);
                let run = launch::run(contender.program, contender.arguments, Output::Nowhere, None)?;
                contender.times.push((1e3 * run.time.as_secs_f64(), 1e3 * run.cpu.as_secs_f64()));
            }
        }
        progress("", "");
        print(&report(&contenders, sockets, rounds))
    })
}

/// A process that holds so many pairs.
fn hold(pairs: usize) -> Result<Child> {
    let child = Child::fork(None, &[], |report| {
        need_descriptors(2 * pairs as u64 + 100)?;
        for _ in 0..pairs {
            let (one, other) = UnixStream::pair()?;
            report.keep_unreported(one);
            report.keep_unreported(other);
        }
        Ok(())
    });
    Ok(child?)
}

/// Checks that each socket is listed, with a process that has the pid of one of these.
fn check(contender: &Contender<'_>, output: &str, sockets: usize, children: &[Child]) -> Result<()> {
    let rows = match contender.arguments.contains(&"--json") {
        true => output.matches(r#""peer_inode":"#).count() - output.matches(r#""peer_inode":null"#).count(),
        false => output.lines().count(),
    };
    let has_holder = |child: &Child| {
        let pid = child.pid();
        [format!("pid={pid},"), format!("\"pid\":{pid},"), format!("  {pid}  ")]
            .iter()
            .any(|it| output.contains(it))
    };
    if rows != sockets || !children.iter().all(has_holder) {
        return Err(format!("{} lists {rows} rows of {sockets}, or not all holders", contender.title).into());
    }
    Ok(())
}

fn report(contenders: &[Contender<'_>], sockets: usize, rounds: usize) -> String {
    let medians = |contender: &Contender<'_>| {
        (median(contender.times.iter().map(|it| it.0)), median(contender.times.iter().map(|it| it.1)))
    };
    let (of_ss, cpu_of_ss) = contenders.last().map_or((f64::NAN, f64::NAN), medians);
    let mut text = format!(
        "{sockets} connected unix sockets in {PROCESSES} processes, medians of {rounds} rounds\n\
         {:<20} {:>8} {:>8} {:>8} {:>8}\n",
        "", "ms", "/ ss", "cpu ms", "/ ss"
    );
    for contender in contenders {
        let (time, cpu) = medians(contender);
        text += &format!(
            "{:<20} {time:>8.1} {:>8.2} {cpu:>8.1} {:>8.2}\n",
            contender.title,
            time / of_ss,
            cpu / cpu_of_ss
        );
    }
    text + "\n"
}
