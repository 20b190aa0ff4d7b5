//! `lsock wait`: returns when such a socket appears, or with `--gone` when there is none any more.

use crate::cli::WaitArgs;
use crate::exit::{self, EarlyExit};
use lsock::bare_word;
use lsock::plan::Plan;
use lsock::usage::UsageError;
use lsock::users::Users;
use lsock::view::View;
use lsock::{escape, gaps, render, sort};
use netstat::{Filter, Lister, Snapshot};
use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Waits. The exit is early if the time is over, or if a listing fails.
pub(crate) fn run(args: &WaitArgs) -> Result<(), EarlyExit> {
    let filter = wanted(args)?;
    let plan = Plan::of_filters(&args.filters)?;
    // Owners are nearly all of the work, and are looked up at the end alone if the filter does not need them.
    let needs_owners = filter.needs_owners();
    let query = args.filters.query()?.filter(filter.clone()).only_decided(true).owners(needs_owners);
    let mut lister = Lister::new();
    let start = Instant::now();
    let mut doubt = None;
    loop {
        let snapshot = lister.snapshot(&query).map_err(failed)?;
        let seen = Seen::of(&snapshot, args.gone);
        if seen == Seen::Happened {
            return if args.gone { Ok(()) } else { print_rows(plan, filter, &mut lister, snapshot) };
        }
        if let Seen::Doubtful(why) = &seen
            && doubt.as_ref() != Some(why)
        {
            exit::eprint(why);
            doubt = Some(why.clone());
        }
        let pause = match args.timeout {
            Some(limit) => args.interval.min(limit.saturating_sub(start.elapsed())),
            None => args.interval,
        };
        if pause.is_zero() {
            return Err(timed_out(args, &seen));
        }
        sleep(pause);
    }
}

/// The filter; that of a listener, if all that was typed is one word with a port.
fn wanted(args: &WaitArgs) -> Result<Filter, EarlyExit> {
    let filter = args.filters.filter(false)?;
    if filter == Filter::all() {
        return Err(UsageError::new("wait needs what to wait for; example: lsock wait 8080").into());
    }
    Ok(if bare_word::is_port(&args.filters.filter) { filter & Filter::listening() } else { filter })
}

/// What one listing says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    /// There is such a socket; or with `--gone` there is certainly none.
    Happened,
    NotYet,
    /// There may be one: this is not visible.
    Doubtful(String),
}

impl Seen {
    fn of(snapshot: &Snapshot, gone: bool) -> Self {
        let doubt = doubt(snapshot);
        match (snapshot.sockets.is_empty(), gone, doubt) {
            (false, false, _) | (true, true, None) => Self::Happened,
            (true, _, Some(why)) => Self::Doubtful(why),
            (false, true, _) | (true, false, None) => Self::NotYet,
        }
    }
}

/// Why there may be sockets beside the listed ones.
fn doubt(snapshot: &Snapshot) -> Option<String> {
    match snapshot.undecided.len() {
        0 => gaps::unseen(snapshot).map(|what| format!("{what} could not be read, so there may be one")),
        1 => Some("the owners of 1 socket are not visible, so it may be meant".to_owned()),
        count => Some(format!("the owners of {count} sockets are not visible, so one may be meant")),
    }
}

fn failed(error: netstat::Error) -> EarlyExit {
    exit::eprint(&escape::escaped(error.to_string().as_bytes()));
    EarlyExit::Undecided
}

fn timed_out(args: &WaitArgs, seen: &Seen) -> EarlyExit {
    let limit = args.timeout.unwrap_or_default();
    let what = if args.gone { "there still is such a socket" } else { "there is no such socket" };
    match seen {
        Seen::Doubtful(_) => {
            exit::eprint(&format!("after {} it is not certain", seconds(limit)));
            EarlyExit::Undecided
        }
        _ => {
            exit::eprint(&format!("{what} after {}", seconds(limit)));
            EarlyExit::NothingFound
        }
    }
}

/// `30s`, `0.5s`
fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs_f64())
}

/// Prints the sockets with their owners, as the listing has them; without those, if they are gone already.
fn print_rows(mut plan: Plan, filter: Filter, lister: &mut Lister, seen: Snapshot) -> Result<(), EarlyExit> {
    plan.query = plan.query.filter(filter).only_decided(true);
    let whole = lister.snapshot(&plan.query).ok().filter(|now| !now.sockets.is_empty());
    let snapshot = whole.unwrap_or(seen);
    let users = Users::of_system();
    let view = View::new(&snapshot, &users);
    let rows = sort::sorted(&view, &plan.sort);
    let mut out = io::stdout().lock();
    let written = render::write(&plan.output, false, &view, &rows, &mut out);
    written.and_then(|()| out.flush()).map_err(EarlyExit::Output)
}
