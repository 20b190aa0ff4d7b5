//! `lsock watch`: a line for each change, until it is interrupted or the reader has closed the pipe.

use crate::cli::WatchArgs;
use crate::exit::{self, EarlyExit};
use crate::{ffi, pager};
use lsock::events::EventLines;
use lsock::gaps;
use lsock::plan::Plan;
use lsock::rights::Rights;
use lsock::users::Users;
use netstat::{Gap, GapKind, ProcessFields, Snapshot, Watcher};
use std::collections::HashSet;
use std::time::Duration;

/// How long it can take until a reader that is gone is noticed where nothing happens.
const NOTICED: Duration = Duration::from_secs(1);

/// Prints what changes.
pub(crate) fn run(args: &WatchArgs) -> Result<(), EarlyExit> {
    let plan = Plan::of_filters(&args.filters)?;
    // The parent tells the master of forked processes.
    let query = plan.query.processes(ProcessFields::NAME | ProcessFields::PARENT);
    let color = !args.jsonl && args.color.is_wanted();
    let lines = EventLines { json: args.jsonl, color, remainders: args.all, utc_offset: ffi::utc_offset };
    let users = Users::of_system();
    let mut watcher = Watcher::new(query, args.interval).map_err(EarlyExit::Query)?;
    let mut said = HashSet::new();
    let mut text = String::new();
    loop {
        let unseen = watcher.unseen();
        say(unseen.iter().chain(&watcher.snapshot().gaps), &mut said);
        let events = watcher.wait(NOTICED).map_err(EarlyExit::Query)?;
        if ffi::stdout_has_no_reader() {
            return Ok(());
        }
        events.iter().for_each(|event| lines.push(event, &users, &mut text));
        if !text.is_empty() {
            pager::write_directly(text.as_bytes(), color).map_err(EarlyExit::Output)?;
            text.clear();
        }
    }
}

/// Prints the gaps that were not printed before, whatever their number is.
fn say<'g>(gaps: impl Iterator<Item = &'g Gap>, said: &mut HashSet<(GapKind, String)>) {
    let mut unsaid = Snapshot::default();
    unsaid.gaps =
        gaps.filter(|gap| said.insert((gap.kind, gap.source.clone().into_owned()))).cloned().collect();
    let rights = || Rights::of_process(ffi::effective_uid());
    if let Some(line) = gaps::line(&unsaid, netstat::OwnerSource::Auto, rights) {
        exit::eprint(&line);
    }
}
