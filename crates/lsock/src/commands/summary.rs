//! `lsock -s`: how many sockets there are of each protocol and in each state.

use crate::exit::{self, EarlyExit};
use crate::ffi;
use lsock::list_args::ListArgs;
use lsock::rights::Rights;
use lsock::view::state_name;
use lsock::{gaps, plan};
use netstat::{Lister, Snapshot};
use std::fmt::Write;

/// Prints the counts and their sum.
pub(crate) fn run(args: &ListArgs) -> Result<(), EarlyExit> {
    let counts = Lister::new().count(&plan::selection(args)?).map_err(EarlyExit::Query)?;
    let mut text = String::new();
    if !args.no_header {
        text.push_str("PROTO  STATE        SOCKETS\n");
    }
    for (protocol, state, count) in counts.iter() {
        let _ =
            writeln!(text, "{:<5}  {:<11}  {count:>7}", protocol.as_str(), state_name(state).unwrap_or("-"));
    }
    let _ = writeln!(text, "{:<5}  {:<11}  {:>7}", "all", "-", counts.total());
    exit::print(&text)?;
    let mut unseen = Snapshot::default();
    unseen.gaps = counts.gaps;
    if let Some(line) =
        gaps::line(&unseen, args.owner_source.into(), || Rights::of_process(ffi::effective_uid()))
    {
        exit::eprint(&line);
    }
    Ok(())
}
