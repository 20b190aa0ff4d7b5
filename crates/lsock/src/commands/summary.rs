//! `lsock -s`: how many sockets there are of each protocol, in each state and of each family.

use crate::exit::{self, EarlyExit};
use crate::ffi;
use lsock::list_args::ListArgs;
use lsock::render::{self, Format};
use lsock::rights::Rights;
use lsock::{gaps, plan};
use netstat::{Lister, Snapshot};

/// Prints the counts and their sum.
pub(crate) fn run(args: &ListArgs) -> Result<(), EarlyExit> {
    let counts = Lister::new().count_by_family(&plan::selection(args)?).map_err(EarlyExit::Query)?;
    let format = args.format();
    exit::print(&render::counts(&counts, format, !args.no_header).map_err(EarlyExit::Output)?)?;
    let mut unseen = Snapshot::default();
    unseen.gaps = counts.gaps;
    if format != Format::Json
        && let Some(line) =
            gaps::line(&unseen, args.owner_source.into(), || Rights::of_process(ffi::effective_uid()))
    {
        exit::eprint(&line);
    }
    Ok(())
}
