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
        text.push_str("PROTO    STATE        SOCKETS\n");
    }
    // Protocols of one name (the protocols of netlink) are one row.
    let mut rows: Vec<(&str, &str, u64)> = Vec::new();
    for (protocol, state, count) in counts.iter() {
        let (protocol, state) = (protocol.as_str(), state_name(state).unwrap_or("-"));
        match rows.iter_mut().find(|row| (row.0, row.1) == (protocol, state)) {
            Some(row) => row.2 += count,
            None => rows.push((protocol, state, count)),
        }
    }
    rows.push(("all", "-", counts.total()));
    for (protocol, state, count) in rows {
        let _ = writeln!(text, "{protocol:<7}  {state:<11}  {count:>7}");
    }
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
