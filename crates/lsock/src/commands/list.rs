//! The listing, which `lsock` prints without a command.

use crate::commands::hosts::resolve_hosts;
use crate::commands::{groups, other_meaning, pids, quiet, repeat, summary};
use crate::exit::{self, EarlyExit};
use crate::{ffi, pager, terminal};
use lsock::list_args::ListArgs;
use lsock::plan::Plan;
use lsock::render::Format;
use lsock::rights::Rights;
use lsock::users::Users;
use lsock::view::View;
use lsock::{gaps, render, sort};
use netstat::{Gap, GapKind, Lister, Snapshot, Socket};
use std::io::{self, IsTerminal, Write};
use std::mem::ManuallyDrop;

/// Lists the sockets that these arguments select.
pub(crate) fn run(args: &ListArgs) -> Result<(), EarlyExit> {
    match args {
        ListArgs { quiet: true, .. } => quiet::run(args),
        ListArgs { summary: true, .. } => summary::run(args),
        ListArgs { group_by: Some(key), .. } => groups::run(args, (*key).into()),
        ListArgs { pids: true, .. } => pids::run(args),
        ListArgs { watch: true, .. } | ListArgs { interval: Some(_), .. } => repeat::run(args),
        _ => rows(args),
    }
}

fn rows(args: &ListArgs) -> Result<(), EarlyExit> {
    let mut plan = shown_plan(args, Plan::new(args)?);
    let users = Users::of_system();
    // Not dropped: the end of the process frees all rows at once.
    let mut lister = ManuallyDrop::new(Lister::new());
    let mut snapshot = ManuallyDrop::new(lister.snapshot(&plan.query).map_err(EarlyExit::Query)?);
    let mut note = None;
    // What the note explains is not repeated.
    let mut line = None;
    if snapshot.sockets.is_empty() {
        note = note_on_bound(args, &plan, &mut lister)?;
        if note.is_none()
            && let Some(meaning) = other_meaning::find(args, &snapshot, &mut lister)?
        {
            note = Some(meaning.note);
            if let Some((other_plan, other_snapshot)) = meaning.listing {
                (plan, snapshot) = (shown_plan(args, other_plan), ManuallyDrop::new(other_snapshot));
            } else {
                line = Some(without_missing_processes(&snapshot));
            }
        }
    }
    plan.show_namespaces_of(&snapshot);
    let mut view = View::new(&snapshot, &users);
    if plan.host_names {
        resolve_hosts(&mut view);
    }
    let rows = sort::sorted(&view, &plan.sort);
    let unseen = gaps::line(line.as_ref().unwrap_or(&snapshot), plan.owner_source, || {
        Rights::of_process(ffi::effective_uid())
    });
    let unseen =
        if rows.is_empty() && note.is_none() && plan.output.format == Format::Table && !explains(&snapshot) {
            let nothing = "no socket matches";
            Some(unseen.map_or_else(|| nothing.to_owned(), |unseen| format!("{nothing}; {unseen}")))
        } else {
            unseen
        };
    let below_table = plan.output.screen.is_some() && plan.output.header && !rows.is_empty();
    // The footer of the table is on the same terminal.
    let unseen = if below_table && io::stderr().is_terminal() {
        view.notes.extend(unseen);
        view.notes.extend(note.take());
        None
    } else {
        unseen
    };
    write(&plan, &view, &rows, !args.no_pager).map_err(EarlyExit::Output)?;
    if let Some(line) = unseen {
        exit::eprint(&line);
    }
    if let Some(note) = note {
        exit::eprint(&note);
    }
    Ok(())
}

/// The plan for the terminal, if there is one.
fn shown_plan(args: &ListArgs, mut plan: Plan) -> Plan {
    if !args.wide
        && plan.output.format == Format::Table
        && let Some(screen) = terminal::screen(args.color())
    {
        plan.show_on(screen);
    }
    plan
}

/// Whether a gap is the reason why nothing is listed.
fn explains(snapshot: &Snapshot) -> bool {
    let is_reason = |gap: &Gap| {
        matches!(
            gap.kind,
            GapKind::ProcessNotFound
                | GapKind::SocketsElsewhere
                | GapKind::SocketsOfOtherKinds
                | GapKind::SocketsUndecided
                | GapKind::TableUnavailable
        )
    };
    snapshot.gaps.iter().any(is_reason)
}

/// The gaps of a snapshot but for processes that do not exist.
fn without_missing_processes(snapshot: &Snapshot) -> Snapshot {
    let mut gaps = Snapshot::default();
    gaps.owner_source.clone_from(&snapshot.owner_source);
    gaps.gaps = snapshot.gaps.iter().filter(|gap| gap.kind != GapKind::ProcessNotFound).cloned().collect();
    gaps
}

/// That there are sockets that are only bound, where nothing else is to be shown: such a socket is why another program
/// finds its port in use.
fn note_on_bound(args: &ListArgs, plan: &Plan, lister: &mut Lister) -> Result<Option<String>, EarlyExit> {
    if args.filters.bound || !args.filters.filter(false)?.is_selective() {
        return Ok(None);
    }
    // An error would be that of the listing, which there was not.
    let Ok(bound) = lister.snapshot(&plan.query.clone().bound_inactive(true)) else { return Ok(None) };
    let bound = bound.sockets.len();
    let (sockets, them) = if bound == 1 { ("socket that is", "it") } else { ("sockets that are", "them") };
    Ok((bound > 0).then(|| {
        format!(
            "{bound} {sockets} bound, but neither listening nor connected, left out: add -B to see {them}"
        )
    }))
}

fn write(plan: &Plan, view: &View<'_>, rows: &[&Socket], may_page: bool) -> io::Result<()> {
    if let Some(screen) = &plan.output.screen {
        let mut text = Vec::new();
        render::write(&plan.output, screen.color, view, rows, &mut text)?;
        return pager::write(&text, screen, may_page);
    }
    if plan.output.format == Format::Table
        && let Some(screen) = terminal::screen(plan.color)
    {
        let mut text = Vec::new();
        render::write(&plan.output, screen.color, view, rows, &mut text)?;
        return pager::write(&text, &screen, may_page);
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
