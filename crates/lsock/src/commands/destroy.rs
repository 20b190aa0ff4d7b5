//! `lsock destroy`: closes sockets, after showing them and asking.

use crate::cli::DestroyArgs;
use crate::commands::confirm;
use crate::exit::{self, EarlyExit};
use crate::ffi;
use lsock::plan::Plan;
use lsock::rights::Rights;
use lsock::targets::ends;
use lsock::usage::UsageError;
use lsock::users::Users;
use lsock::view::View;
use lsock::{escape, gaps, render, sort};
use netstat::{Error, Filter, Protocol, Query, Socket};
use std::io::{self, Write};

/// Closes the selected sockets. The exit is early if one of them is not closed.
pub(crate) fn run(args: &DestroyArgs) -> Result<(), EarlyExit> {
    // A protocol or a state alone would close all sockets of that kind.
    let filter = args.filters.filter(false)?;
    if !filter.is_selective() {
        return Err(EarlyExit::Usage(UsageError::new(
            "destroy needs more than a protocol or state: a port, address, process or user; example: lsock destroy :8080",
        )));
    }
    let plan = Plan::of_filters(&args.filters)?;
    if !args.yes && !confirm::is_possible() {
        return Err(EarlyExit::Usage(UsageError::new(
            "destroy asks before it closes sockets, and there is no terminal to ask on: add --yes",
        )));
    }
    let snapshot = plan.query.only_decided(true).snapshot().map_err(EarlyExit::Query)?;
    let users = Users::of_system();
    let view = View::new(&snapshot, &users);
    let rows = sort::sorted(&view, &plan.sort);
    if let Some(line) = gaps::line(&snapshot, plan.owner_source, || Rights::of_process(ffi::effective_uid()))
    {
        exit::eprint(&line);
    }
    let undecided = leave_alone(&snapshot.undecided);
    if rows.is_empty() {
        undecided?;
        if let Some(what) = gaps::unseen(&snapshot) {
            exit::eprint(&format!(
                "{what} could not be inspected, so the selection may be wrong; nothing was closed"
            ));
            return Err(EarlyExit::Reported);
        }
        exit::eprint("no matching sockets");
        return Ok(());
    }
    if !args.yes {
        // Standard error, like the question: standard output may be a file.
        let mut terminal = io::stderr().lock();
        render::write(&plan.output, false, &view, &rows, &mut terminal).map_err(EarlyExit::Output)?;
        let what =
            if rows.len() == 1 { "this socket".to_owned() } else { format!("these {} sockets", rows.len()) };
        let question = format!("Close {what}?");
        if !confirm::is_given(&question, &mut terminal, &mut io::stdin().lock()).map_err(EarlyExit::Output)? {
            exit::eprint("nothing was closed");
            return Err(EarlyExit::Reported);
        }
    }
    close(&rows, &mut io::stdout().lock()).map_err(EarlyExit::Output)??;
    undecided
}

/// Names the sockets that the filter may or may not select. The exit is early if there are any.
fn leave_alone(sockets: &[Socket]) -> Result<(), EarlyExit> {
    for socket in sockets {
        let why = "it depends on owners or names that are not visible whether the filter selects it";
        exit::eprint(&format!("left open {}: {why}", ends(socket)));
    }
    if sockets.is_empty() { Ok(()) } else { Err(EarlyExit::Reported) }
}

/// Closes each socket and prints a line for it. The outer error is that of writing, the inner one that of closing.
fn close(rows: &[&Socket], out: &mut impl Write) -> io::Result<Result<(), EarlyExit>> {
    let mut outcome = Ok(());
    for socket in rows {
        match socket.destroy() {
            Ok(()) => writeln!(out, "closed {}{}", ends(socket), still_bound_note(socket))?,
            // Not an error: closing the other end may have closed this one.
            Err(error) if error.is_not_found() => writeln!(out, "gone already {}", ends(socket))?,
            Err(error) => {
                exit::eprint(&error_line(&error));
                outcome = Err(EarlyExit::Reported);
            }
        }
    }
    out.flush()?;
    Ok(outcome)
}

/// A note for a UDP socket that is still bound: the kernel disconnects a socket that bound its port, and keeps the port.
fn still_bound_note(socket: &Socket) -> &'static str {
    let Some(inode) = socket.inode().filter(|_| socket.protocol == Protocol::Udp) else { return "" };
    let Some(local) = socket.local_addr() else { return "" };
    let same_port = Query::new().udp().filter(Filter::local_port(local.port())).owners(false);
    match same_port.snapshot() {
        Ok(left) if left.sockets.iter().any(|it| it.inode() == Some(inode)) => " (stays bound)",
        _ => "",
    }
}

fn error_line(error: &Error) -> String {
    let mut line = escape::escaped(error.to_string().as_bytes());
    if error.is_permission_denied() {
        line.push_str(": CAP_NET_ADMIN is needed");
    }
    line
}
