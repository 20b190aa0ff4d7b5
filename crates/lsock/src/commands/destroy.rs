//! `lsock destroy`: closes sockets, after showing them and asking.

use crate::cli::DestroyArgs;
use crate::exit::{self, EarlyExit};
use lsock::plan::Plan;
use lsock::usage::UsageError;
use lsock::users::Users;
use lsock::view::View;
use lsock::{escape, gaps, render, sort};
use netstat::{Error, Filter, Protocol, Query, Socket};
use std::io::{self, BufRead, IsTerminal, Write};

/// Closes the selected sockets. The exit is early if one of them is not closed.
pub(crate) fn run(args: &DestroyArgs) -> Result<(), EarlyExit> {
    // A protocol or a state alone would close all sockets of that kind.
    let filter = args.filters.filter(false, false)?;
    if !filter.is_selective() {
        return Err(EarlyExit::Usage(UsageError::new(
            "destroy closes nothing but what is named: add a port (:8080), process, user or address",
        )));
    }
    let plan = Plan::of_filters(&args.filters)?;
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !args.yes && !can_ask {
        return Err(EarlyExit::Usage(UsageError::new(
            "destroy asks before it closes anything, and there is no terminal to ask on: add --yes",
        )));
    }
    let snapshot = plan.query.snapshot().map_err(EarlyExit::Query)?;
    let users = Users::of_system();
    let view = View::new(&snapshot, &users);
    let rows = sort::sorted(&view, &plan.sort);
    if let Some(line) = gaps::line(&snapshot, plan.owner_source) {
        exit::eprint(&line);
    }
    if rows.is_empty() {
        if let Some(what) = gaps::unseen(&snapshot, filter.needs_owners()) {
            exit::eprint(&format!(
                "{what} could not be read: which sockets are meant is not known, none is closed"
            ));
            return Err(EarlyExit::Reported);
        }
        exit::eprint("no socket is meant by that: nothing to close");
        return Ok(());
    }
    if !args.yes {
        // The rows stand beside the question on standard error, even if standard output goes elsewhere.
        let mut terminal = io::stderr().lock();
        render::write(&plan.output, false, &view, &rows, &mut terminal).map_err(EarlyExit::Output)?;
        if !agreed(rows.len(), &mut terminal, &mut io::stdin().lock()).map_err(EarlyExit::Output)? {
            exit::eprint("nothing was closed");
            return Err(EarlyExit::Reported);
        }
    }
    close(&rows, &mut io::stdout().lock()).map_err(EarlyExit::Output)?
}

/// Asks; only `y` and `yes` mean yes.
fn agreed(count: usize, terminal: &mut impl Write, answers: &mut impl BufRead) -> io::Result<bool> {
    let what = if count == 1 { "this socket".to_owned() } else { format!("these {count} sockets") };
    write!(terminal, "Close {what}? [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

/// Closes each and prints a line for it. The inner result is whether all are closed.
fn close(rows: &[&Socket], out: &mut impl Write) -> io::Result<Result<(), EarlyExit>> {
    let mut outcome = Ok(());
    for socket in rows {
        match socket.destroy() {
            Ok(()) => writeln!(out, "closed {}{}", named(socket), remainder(socket))?,
            // No failure: closing the other end may have closed this one.
            Err(error) if error.is_not_found() => writeln!(out, "gone already {}", named(socket))?,
            Err(error) => {
                exit::eprint(&refusal(&error));
                outcome = Err(EarlyExit::Reported);
            }
        }
    }
    out.flush()?;
    Ok(outcome)
}

/// A note on what is left of a closed socket: a UDP socket that is bound to a port is disconnected and stays bound.
fn remainder(socket: &Socket) -> &'static str {
    let Some(cookie) = socket.cookie.filter(|_| socket.protocol == Protocol::Udp) else { return "" };
    let Some(local) = socket.local_addr() else { return "" };
    let same_port = Query::new().udp().filter(Filter::local_port(local.port())).owners(false);
    match same_port.snapshot() {
        Ok(left) if left.sockets.iter().any(|it| it.cookie == Some(cookie)) => " (stays bound)",
        _ => "",
    }
}

fn refusal(error: &Error) -> String {
    let mut line = escape::escaped(error.to_string().as_bytes());
    if error.is_permission_denied() {
        line.push_str(": CAP_NET_ADMIN is needed");
    }
    line
}

fn named(socket: &Socket) -> String {
    let Socket { protocol, local, .. } = socket;
    match &socket.remote {
        Some(remote) => format!("{protocol} {local} {remote}"),
        None => format!("{protocol} {local}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        let answer = |typed: &str| {
            let mut shown = Vec::new();
            let agreed = agreed(2, &mut shown, &mut typed.as_bytes()).unwrap();
            assert_eq!(shown, b"Close these 2 sockets? [y/N] ");
            agreed
        };
        for typed in ["y\n", "Y\n", "yes\n", " Yes \r\n", "y"] {
            assert!(answer(typed), "{typed:?}");
        }
        for typed in ["", "\n", "n\n", "yeah\n", "no\ny\n"] {
            assert!(!answer(typed), "{typed:?}");
        }
    }
}
