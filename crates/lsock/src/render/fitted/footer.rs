//! What stands below the table on a terminal: how many sockets there are of which kind, and what is not shown.

use super::super::table::FAINT;
use super::fit::Fit;
use crate::counts::{Counts, unseen};
use crate::screen::{Lines, Screen, wrapped};
use crate::view::View;
use netstat::{Ownership, Socket};

/// The lines, after an empty one.
pub(super) fn text(screen: &Screen, view: &View<'_>, rows: &[&Socket], fit: &Fit) -> String {
    let mut parts = Counts::of(rows).parts();
    if !fit.empty.is_empty() {
        parts.push(format!("{} left out: no row has any", fit.empty.join(", ")));
    }
    let unseen = unseen(rows);
    if unseen > 0 {
        let owners = if unseen == 1 { "owner" } else { "owners" };
        let remedy = screen.more_rights.map(|how| format!(" ({how})")).unwrap_or_default();
        parts.push(format!("{unseen} {owners} not visible{remedy}"));
    }
    let marked = |socket: &&&Socket| socket.ownership() == Ownership::Known { complete: false };
    if screen.marks_incomplete && rows.iter().any(|socket| marked(&socket)) && fit.shows_pids() {
        parts.push("? others may hold it too".to_owned());
    }
    let is_cut = fit.is_shortened
        || !fit.no_room.is_empty()
        || rows.iter().any(|socket| socket.pids().nth(1).is_some());
    if is_cut {
        parts.push("-W shows everything".to_owned());
    }
    let mut lines = Lines::new(screen);
    lines.end();
    for line in wrapped(&parts, screen.dot(), screen.width) {
        lines.push(FAINT, &line);
        lines.end();
    }
    for note in &view.notes {
        for line in wrapped(std::slice::from_ref(note), "", screen.width) {
            lines.push(FAINT, &line);
            lines.end();
        }
    }
    lines.into_text()
}
