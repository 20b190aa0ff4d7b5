//! `lsock overview`, and `lsock` alone on a terminal: what listens and who is connected.

use crate::cli::OverviewArgs;
use crate::exit::{self, EarlyExit};
use crate::{ffi, pager, terminal};
use lsock::gaps;
use lsock::overview::{self, Extent};
use lsock::plan::Plan;
use lsock::rights::Rights;
use lsock::users::Users;
use lsock::view::View;
use std::io::{self, IsTerminal};
use std::mem::ManuallyDrop;

/// Shows the overview of the selected sockets.
pub(crate) fn run(args: &OverviewArgs) -> Result<(), EarlyExit> {
    let terminal = terminal::screen(args.color);
    let is_terminal = terminal.is_some();
    let screen = terminal.unwrap_or_else(|| terminal::any_screen(args.color));
    let plan = Plan::of_filters(&args.filters)?;
    let query = overview::query(plan.query, &screen);
    // Not dropped: the end of the process frees all rows at once.
    let snapshot = ManuallyDrop::new(query.snapshot().map_err(EarlyExit::Query)?);
    let users = Users::of_system();
    let view = View::new(&snapshot, &users);
    let unseen = gaps::line(&snapshot, plan.owner_source, || Rights::of_process(ffi::effective_uid()));
    let in_footer = is_terminal && io::stderr().is_terminal();
    let extent = if is_terminal && !args.wide { Extent::Screen } else { Extent::All };
    let footer = unseen.as_deref().filter(|_| in_footer);
    let text = overview::text(&view, &screen, extent, footer);
    let may_page = is_terminal && !args.no_pager;
    pager::write(text.as_bytes(), &screen, may_page).map_err(EarlyExit::Output)?;
    if let Some(unseen) = unseen.filter(|_| !in_footer) {
        exit::eprint(&unseen);
    }
    Ok(())
}
