//! `lsock --pids`: the owners of the selected sockets, one pid per line, for `kill` and `xargs`.

use crate::exit::{self, EarlyExit};
use crate::ffi;
use lsock::list_args::ListArgs;
use lsock::rights::Rights;
use lsock::{gaps, plan};
use netstat::OwnerRole;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Prints the pids. A socket that may or may not be meant adds none.
pub(crate) fn run(args: &ListArgs) -> Result<(), EarlyExit> {
    let query = plan::selection(args)?.owners(true).only_decided(true);
    let snapshot = query.snapshot().map_err(EarlyExit::Query)?;
    let owners = snapshot.sockets.iter().flat_map(netstat::Socket::owners);
    // Another process may have the pid of one that has ended.
    let living = owners.filter(|owner| owner.role != OwnerRole::EndedBinder);
    let pids: BTreeSet<u32> = living.map(|owner| owner.pid).collect();
    let mut text = String::new();
    for pid in pids {
        let _ = writeln!(text, "{pid}");
    }
    exit::print(&text)?;
    if let Some(line) =
        gaps::line(&snapshot, args.owner_source.into(), || Rights::of_process(ffi::effective_uid()))
    {
        exit::eprint(&line);
    }
    Ok(())
}
