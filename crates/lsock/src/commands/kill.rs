//! `lsock kill`: ends the processes that hold sockets, after showing them and asking.

use crate::cli::KillArgs;
use crate::commands::confirm;
use crate::exit::{self, EarlyExit};
use crate::ffi;
use crate::signals::Signal;
use lsock::bare_word::BareWord;
use lsock::rights::Rights;
use lsock::targets::{self, Protected, Target, Targets};
use lsock::usage::UsageError;
use lsock::{escape, gaps, processes};
use netstat::{Filter, Lister, OwnerSource, Query, Snapshot};
use std::collections::HashSet;
use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// How long a process may take to end after SIGKILL: it may have much memory to give back.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// Ends the processes that the filters mean. The exit is early if one of them has not ended, or may be meant and is left
/// alone.
pub(crate) fn run(args: &KillArgs) -> Result<(), EarlyExit> {
    let mut kill = Kill::new(args)?;
    let before = kill.list()?;
    let found = kill.targets(&before);
    if let Some(line) = gaps::line(&before, OwnerSource::Auto, || Rights::of_process(ffi::effective_uid())) {
        exit::eprint(&line);
    }
    let mut is_whole = leave_alone(&found.left);
    if found.meant.is_empty() {
        return nothing_meant(args, &before, &found, is_whole);
    }
    let shown = targets::table(&found.meant, SystemTime::now());
    if args.dry_run {
        exit::print(&shown)?;
        return outcome(is_whole);
    }
    let mut meant = found.meant;
    if !args.yes {
        let mut terminal = io::stderr().lock();
        let question = question(&meant, kill.signal);
        let asked = terminal.write_all(shown.as_bytes());
        let answer =
            asked.and_then(|()| confirm::is_given(&question, &mut terminal, &mut io::stdin().lock()));
        drop(terminal);
        if !answer.map_err(EarlyExit::Output)? {
            exit::eprint("no process was signalled");
            return Err(EarlyExit::Reported);
        }
        let now = kill.list()?;
        is_whole &= still_meant(&mut meant, &kill.targets(&now));
    }
    is_whole &= kill.end(&meant)?;
    outcome(is_whole)
}

fn outcome(is_whole: bool) -> Result<(), EarlyExit> {
    if is_whole { Ok(()) } else { Err(EarlyExit::Reported) }
}

/// Names what is left alone. Returns whether there was nothing.
fn leave_alone(lines: &[String]) -> bool {
    for line in lines {
        exit::eprint(&format!("left alone {line}"));
    }
    lines.is_empty()
}

/// The end of a run that selects no process to end.
fn nothing_meant(
    args: &KillArgs,
    snapshot: &Snapshot,
    found: &Targets,
    is_whole: bool,
) -> Result<(), EarlyExit> {
    if !found.connected.is_empty() {
        /// As many as a line has room for.
        const NAMED: usize = 3;
        let names: Vec<&str> = found.connected.iter().take(NAMED).map(|it| it.name.as_str()).collect();
        let more = match found.connected.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        exit::eprint(&format!(
            "nothing selected listens; {}{more} only {} connections: name a process to end it, by --pid or --process",
            names.join(", "),
            if found.connected.len() == 1 { "has" } else { "have" },
        ));
        return Err(EarlyExit::Reported);
    }
    if !is_whole {
        return Err(EarlyExit::Reported);
    }
    if let Some(what) = gaps::unseen(snapshot) {
        exit::eprint(&format!("{what} could not be inspected, so the selection may be wrong"));
        return Err(EarlyExit::Reported);
    }
    let as_pid = match BareWord::of(&args.filters.filter)? {
        Some(BareWord::Number(number)) => format!("; a process by its pid: --pid {number}"),
        _ => String::new(),
    };
    exit::eprint(&format!("no process holds a matching socket{as_pid}"));
    Ok(())
}

fn question(meant: &[Target], signal: Option<Signal>) -> String {
    let what =
        if meant.len() == 1 { "this process".to_owned() } else { format!("these {} processes", meant.len()) };
    match signal {
        Some(signal) => format!("Send {signal} to {what}?"),
        None => format!("End {what}?"),
    }
}

/// Leaves out the processes that, since they were shown, no longer hold such a socket, and names those that hold one now and
/// were not shown. Returns whether there is none of either; a process that has ended is as it should be.
fn still_meant(shown: &mut Vec<Target>, now: &Targets) -> bool {
    let mut left = now.left.clone();
    let holding: HashSet<_> = now.meant.iter().map(|target| target.id).collect();
    let were_shown: HashSet<_> = shown.iter().map(|target| target.id).collect();
    shown.retain(|target| {
        // One that has ended gets its line with the others.
        let is_meant = holding.contains(&target.id) || has_ended(target);
        if !is_meant {
            left.push(format!("{}: it no longer holds such a socket", target.name));
        }
        is_meant
    });
    let new = now.meant.iter().filter(|target| !were_shown.contains(&target.id));
    left.extend(new.map(|target| format!("{}: it has such a socket since a moment ago", target.name)));
    leave_alone(&left)
}

/// A run with its query.
struct Kill<'a> {
    args: &'a KillArgs,
    filter: Filter,
    query: Query,
    /// The signal that was asked for, which is then the only one.
    signal: Option<Signal>,
    protected: Protected,
    lister: Lister,
}

impl<'a> Kill<'a> {
    fn new(args: &'a KillArgs) -> Result<Self, EarlyExit> {
        let filter = args.filters.filter(false)?;
        // A protocol or a state alone would mean nearly every process.
        if !filter.is_selective() {
            return Err(UsageError::new(
                "kill needs more than a protocol or state: a port, address, process or user; example: lsock kill 8080",
            )
            .into());
        }
        let signal = args.signal.as_deref().map(Signal::parse).transpose()?;
        if !args.yes && !args.dry_run && !confirm::is_possible() {
            return Err(UsageError::new(
                "kill asks before it ends processes, and there is no terminal to ask on: add --yes",
            )
            .into());
        }
        let query = args.filters.query()?.filter(filter.clone());
        let query = query.only_decided(true).owners(true).processes(targets::FIELDS);
        let protected = protected();
        Ok(Self { args, filter, query, signal, protected, lister: Lister::new() })
    }

    fn list(&mut self) -> Result<Snapshot, EarlyExit> {
        self.lister.snapshot(&self.query).map_err(EarlyExit::Query)
    }

    fn targets(&self, snapshot: &Snapshot) -> Targets {
        Targets::find(snapshot, &self.filter, &self.protected)
    }

    /// Signals the processes, waits for their end where that is the purpose, and prints a line for each. Returns whether
    /// all went as it should.
    fn end(&mut self, meant: &[Target]) -> Result<bool, EarlyExit> {
        let Some(signal) = self.signal else {
            let (mut running, mut is_whole) = send(meant, Signal::TERM);
            report(&wait(&mut running, self.args.timeout), "ended")?;
            for target in &running {
                exit::eprint(&format!("{} has not ended after {}: it is killed", target.name, Signal::TERM));
            }
            let (mut killed, all_sent) = send_to(running, Signal::KILL);
            report(&wait(&mut killed, AFTER_KILL), "killed")?;
            is_whole &= all_sent && all_ended(&killed);
            return Ok(self.is_free()? && is_whole);
        };
        let (mut running, mut is_whole) = send(meant, signal);
        if !signal.ends() {
            let lines: String =
                running.iter().map(|target| format!("signalled {} with {signal}\n", target.name)).collect();
            exit::print(&lines)?;
            return Ok(is_whole);
        }
        report(&wait(&mut running, self.args.timeout), "ended")?;
        is_whole &= all_ended(&running);
        Ok(self.is_free()? && is_whole)
    }

    /// Whether nothing listens any more that the filters select. What does, because a holder was not visible or another
    /// process took its place, is named.
    fn is_free(&mut self) -> Result<bool, EarlyExit> {
        /// The kernel closes what an io_uring held a moment after its process has ended.
        const TRIES: u32 = 20;
        const PAUSE: Duration = Duration::from_millis(50);
        let mut now = self.list()?;
        for _ in 1..TRIES {
            if now.sockets.iter().all(|socket| !socket.is_listening() || !socket.owners().is_empty()) {
                break;
            }
            sleep(PAUSE);
            now = self.list()?;
        }
        let mut is_free = true;
        for socket in now.sockets.iter().filter(|socket| socket.is_listening()) {
            is_free = false;
            let holders: Vec<String> = now.holders(socket).map(|holder| holder.to_string()).collect();
            let holders = if holders.is_empty() {
                socket.ownership().reason().map(|why| format!(" ({why})")).unwrap_or_default()
            } else {
                format!(", held by {}", holders.join(", "))
            };
            exit::eprint(&format!("still open: {}{holders}", targets::ends(socket)));
        }
        Ok(is_free)
    }
}

/// Sends a signal to each process. Returns those that got it or had ended, and whether that is all.
fn send(targets: &[Target], signal: Signal) -> (Vec<&Target>, bool) {
    send_to(targets.iter().collect(), signal)
}

fn send_to(mut targets: Vec<&Target>, signal: Signal) -> (Vec<&Target>, bool) {
    let count = targets.len();
    targets.retain(|target| match target.id.signal(signal.number()) {
        Ok(()) => true,
        Err(error) if error.is_not_found() => true,
        Err(error) => {
            exit::eprint(&escape::escaped(error.to_string().as_bytes()));
            false
        }
    });
    let all_sent = targets.len() == count;
    (targets, all_sent)
}

/// Waits until all of these have ended, for at most so long. Those that have are taken out and returned.
fn wait<'t>(running: &mut Vec<&'t Target>, limit: Duration) -> Vec<&'t Target> {
    const PAUSE: Duration = Duration::from_millis(10);
    let start = Instant::now();
    let mut ended = Vec::new();
    loop {
        running.retain(|target| {
            let is_over = has_ended(target);
            if is_over {
                ended.push(*target);
            }
            !is_over
        });
        let left = limit.saturating_sub(start.elapsed());
        if running.is_empty() || left.is_zero() {
            return ended;
        }
        sleep(PAUSE.min(left));
    }
}

/// Where that cannot be found out, a process counts as running.
fn has_ended(target: &Target) -> bool {
    matches!(target.id.has_ended(), Ok(true))
}

fn report(targets: &[&Target], what: &str) -> Result<(), EarlyExit> {
    exit::print(&targets.iter().map(|target| format!("{what} {}\n", target.name)).collect::<String>())
}

/// Names the processes that run on.
fn all_ended(running: &[&Target]) -> bool {
    for target in running {
        exit::eprint(&format!("{} has not ended", target.name));
    }
    running.is_empty()
}

/// What is never ended by this program.
pub(super) fn protected() -> Protected {
    let own = std::process::id();
    Protected::new(own, |pid| if pid == own { ffi::parent() } else { processes::parent_of(pid) })
}
