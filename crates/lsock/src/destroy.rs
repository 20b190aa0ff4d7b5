//! Closing sockets: what would be closed is shown, and asked about, before it is.

use crate::args::Destroy;
use crate::exit::{self, Stop};
use crate::plan::{self, Usage};
use crate::users::Users;
use crate::view::View;
use crate::{gaps, order, render, text};
use netstat::{Error, Socket};
use std::io::{self, BufRead, IsTerminal, Write};

/// Closes the sockets that are meant; stops with what was not closed.
pub(crate) fn run(args: &Destroy) -> Result<(), Stop> {
    // A kind alone would mean all there is of it.
    let filter = plan::let_through(&args.which, false, false)?;
    if !filter.names_something() {
        return Err(Stop::Usage(Usage::new(
            "destroy closes nothing but what is named: add a port (:8080), process, user or address",
        )));
    }
    let plan = plan::of_sockets(&args.which)?;
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !args.yes && !can_ask {
        return Err(Stop::Usage(Usage::new(
            "destroy asks before it closes anything, and there is no terminal to ask on: add --yes",
        )));
    }
    let snapshot = plan.query.snapshot().map_err(Stop::Listing)?;
    let users = Users::of_system();
    let view = View::new(&snapshot, &users);
    let rows = order::sorted(&view, &plan.sort);
    if let Some(line) = gaps::line(&snapshot, plan.owner_source) {
        exit::complain(&line);
    }
    if rows.is_empty() {
        if let Some(what) = gaps::unseen(&snapshot, filter.needs_owners()) {
            exit::complain(&format!(
                "{what} could not be read: which sockets are meant is not known, none is closed"
            ));
            return Err(Stop::Said);
        }
        exit::complain("no socket is meant by that: nothing to close");
        return Ok(());
    }
    if !args.yes {
        // What is asked belongs together, whatever becomes of standard output.
        let mut terminal = io::stderr().lock();
        render::write(&plan, false, &view, &rows, &mut terminal).map_err(Stop::Output)?;
        if !agreed(rows.len(), &mut terminal, &mut io::stdin().lock()).map_err(Stop::Output)? {
            exit::complain("nothing was closed");
            return Err(Stop::Said);
        }
    }
    close(&rows, &mut io::stdout().lock()).map_err(Stop::Output)?
}

/// Asks, and takes nothing but a yes for one.
fn agreed(count: usize, terminal: &mut impl Write, answers: &mut impl BufRead) -> io::Result<bool> {
    let what = if count == 1 { "this socket".to_owned() } else { format!("these {count} sockets") };
    write!(terminal, "Close {what}? [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

/// Closes each, one line each; in the end whether all are closed.
fn close(rows: &[&Socket], out: &mut impl Write) -> io::Result<Result<(), Stop>> {
    let mut outcome = Ok(());
    for socket in rows {
        match socket.destroy() {
            Ok(()) => writeln!(out, "closed {}", named(socket))?,
            // As it was to be: the other end of one that was closed before, say.
            Err(error) if error.is_not_found() => writeln!(out, "gone already {}", named(socket))?,
            Err(error) => {
                exit::complain(&refusal(&error));
                outcome = Err(Stop::Said);
            }
        }
    }
    out.flush()?;
    Ok(outcome)
}

fn refusal(error: &Error) -> String {
    let mut line = text::harmless(error.to_string().as_bytes());
    if error.is_permission_denied() {
        line.push_str(": CAP_NET_ADMIN is needed");
    }
    line
}

fn named(socket: &Socket) -> String {
    let Socket { protocol, local, .. } = socket;
    match socket.remote {
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
