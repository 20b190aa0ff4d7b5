//! The listing, which `lsock` prints without a command.

use crate::exit::{self, EarlyExit};
use crate::ffi;
use lsock::list_args::ListArgs;
use lsock::plan::Plan;
use lsock::render::Format;
use lsock::rights::Rights;
use lsock::users::Users;
use lsock::view::View;
use lsock::{gaps, render, sort};
use netstat::{Lister, Socket};
use std::io::{self, Write};
use std::mem::ManuallyDrop;

/// Lists the sockets that these arguments select.
pub(crate) fn run(args: &ListArgs) -> Result<(), EarlyExit> {
    let plan = Plan::new(args)?;
    let users = Users::of_system();
    // Not dropped: the end of the process frees all rows at once.
    let mut lister = ManuallyDrop::new(Lister::new());
    let snapshot = ManuallyDrop::new(lister.snapshot(&plan.query).map_err(EarlyExit::Query)?);
    let view = View::new(&snapshot, &users);
    let rows = sort::sorted(&view, &plan.sort);
    write(&plan, &view, &rows).map_err(EarlyExit::Output)?;
    if let Some(line) = gaps::line(&snapshot, plan.owner_source, || Rights::of_process(ffi::effective_uid()))
    {
        exit::eprint(&line);
    }
    if rows.is_empty() && !args.filters.bound && args.filters.filter(false, false)?.is_selective() {
        advise_bound(&mut lister, &plan);
    }
    Ok(())
}

/// Says that there are sockets that are only bound, where nothing else is to be shown: such a socket is why another
/// program finds its port in use.
fn advise_bound(lister: &mut Lister, plan: &Plan) {
    // An error would be that of the listing, which there was not.
    let Ok(bound) = lister.snapshot(&plan.query.clone().bound_inactive(true)) else { return };
    let bound = bound.sockets.len();
    let (sockets, them) = if bound == 1 { ("socket that is", "it") } else { ("sockets that are", "them") };
    if bound > 0 {
        exit::eprint(&format!(
            "{bound} {sockets} bound, but neither listening nor connected, left out: add -B to see {them}"
        ));
    }
}

fn write(plan: &Plan, view: &View<'_>, rows: &[&Socket]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if plan.output.format == Format::Table && plan.color.is_wanted() {
        // Copies everything, after enabling escape sequences on a Windows console.
        let mut out = anstream::AutoStream::always(out);
        render::write(&plan.output, true, view, rows, &mut out)?;
        return out.flush();
    }
    render::write(&plan.output, false, view, rows, &mut out)?;
    out.flush()
}
