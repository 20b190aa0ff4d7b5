//! The listing, which `lsock` prints without a command.

use crate::exit::{self, EarlyExit};
use crate::{ffi, pager, terminal};
use lsock::list_args::ListArgs;
use lsock::plan::Plan;
use lsock::render::Format;
use lsock::rights::Rights;
use lsock::users::Users;
use lsock::view::View;
use lsock::{gaps, render, sort};
use netstat::{Lister, Socket};
use std::io::{self, IsTerminal, Write};
use std::mem::ManuallyDrop;

/// Lists the sockets that these arguments select.
pub(crate) fn run(args: &ListArgs) -> Result<(), EarlyExit> {
    let mut plan = Plan::new(args)?;
    if !args.wide
        && plan.output.format == Format::Table
        && let Some(screen) = terminal::screen(args.color)
    {
        plan.show_on(screen);
    }
    let users = Users::of_system();
    // Not dropped: the end of the process frees all rows at once.
    let mut lister = ManuallyDrop::new(Lister::new());
    let snapshot = ManuallyDrop::new(lister.snapshot(&plan.query).map_err(EarlyExit::Query)?);
    let mut view = View::new(&snapshot, &users);
    let rows = sort::sorted(&view, &plan.sort);
    let unseen = gaps::line(&snapshot, plan.owner_source, || Rights::of_process(ffi::effective_uid()));
    let below_table = plan.output.screen.is_some() && plan.output.header && !rows.is_empty();
    // The footer of the table is on the same terminal.
    let unseen = if below_table && io::stderr().is_terminal() {
        view.notes.extend(unseen);
        None
    } else {
        unseen
    };
    write(&plan, &view, &rows, !args.no_pager).map_err(EarlyExit::Output)?;
    if let Some(line) = unseen {
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

fn write(plan: &Plan, view: &View<'_>, rows: &[&Socket], may_page: bool) -> io::Result<()> {
    if let Some(screen) = &plan.output.screen {
        let mut text = Vec::new();
        render::write(&plan.output, screen.color, view, rows, &mut text)?;
        return pager::write(&text, screen, may_page);
    }
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
