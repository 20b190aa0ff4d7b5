//! The overview: what listens, the widest reach first, and who is connected with whom, folded so that it fits on a screen.

mod connections;
mod grid;
mod label;
mod listeners;
mod mark;
mod namespaces;
mod style;

use crate::counts;
use crate::gaps;
use crate::screen::{Lines, Screen, width_of, wrapped};
use crate::view::View;
use connections::Connection;
use listeners::Listener;
use mark::Mark;
use namespaces::Namespaces;
use netstat::{DetailFields, GapKind, Ownership, ProcessFields, Query, Socket};
use style::{BOLD, FAINT};

/// How much the overview shows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What fits on the screen, but all listeners and some connections in any case.
    Screen,
    /// Everything.
    All,
}

/// The query for what an overview shows.
pub fn query(query: Query, screen: &Screen) -> Query {
    let script = if screen.is_wide() { ProcessFields::COMMAND_LINE } else { ProcessFields::empty() };
    let fields = ProcessFields::NAME | ProcessFields::PARENT | ProcessFields::START_TIME;
    query.processes(fields | script).details(DetailFields::TCP_INFO).peers(true)
}

/// The overview of a snapshot. `unseen` is the line about what could not be seen.
pub fn text(view: &View<'_>, screen: &Screen, extent: Extent, unseen: Option<&str>) -> String {
    let listeners = listeners::folded(view, screen);
    let connections = connections::folded(view, screen);
    let footer = footer(view, screen, &listeners, unseen);
    let namespaces = Namespaces::of(view, screen);
    let mut lines = Lines::new(screen);

    if listeners.is_empty() {
        lines.push(BOLD, listeners::TITLE);
        lines.push(FAINT, "  none");
        lines.end();
    } else {
        let mut grid = listeners::grid(&listeners, screen);
        if let Some(namespaces) = &namespaces {
            namespaces.add_to(&mut grid, listeners.iter().map(|line| line.netns), screen);
        }
        grid.write(&mut lines, screen);
    }
    let is_empty = connections.is_empty();
    // One line for the heading of each part, and one for the prompt of the shell.
    let taken = listeners.len() + footer.len() + 3;
    let room = match extent {
        Extent::All => usize::MAX,
        Extent::Screen => screen.height.saturating_sub(taken).max(MIN_CONNECTIONS),
    };
    if !is_empty {
        // The line between both parts is the first to go.
        if connections.len() < room {
            lines.end();
        }
        let (shown, left_out) = connections::most_notable(connections, room);
        heading(&mut lines, view, screen);
        let mut grid = connections::grid(&shown, screen);
        if let Some(namespaces) = &namespaces {
            namespaces.add_to(&mut grid, shown.iter().map(|line| line.netns), screen);
        }
        grid.write(&mut lines, screen);
        push_left_out(&mut lines, screen, &left_out);
    }
    for line in footer {
        lines.push(FAINT, &line);
        lines.end();
    }
    lines.into_text()
}

/// Fewer lines of connections say too little, even if the screen is full.
const MIN_CONNECTIONS: usize = 5;

fn heading(lines: &mut Lines<'_>, view: &View<'_>, screen: &Screen) {
    let counts = connections::counts(&view.snapshot.sockets).join(screen.dot());
    let title = "CONNECTIONS";
    lines.push(BOLD, title);
    let room = screen.width.saturating_sub(width_of(title) + 2);
    if width_of(&counts) <= room {
        // Above the widest lines of this part, not at the edge of a wide terminal.
        lines.move_to(screen.width.min(79).saturating_sub(width_of(&counts)).max(title.len() + 2));
        lines.push(FAINT, &counts);
    }
    lines.end();
}

fn push_left_out(lines: &mut Lines<'_>, screen: &Screen, left_out: &[Connection]) {
    if left_out.is_empty() {
        return;
    }
    let sum: usize = left_out.iter().map(|connection| connection.count).sum();
    let of = if sum == left_out.len() { String::new() } else { format!(", of {} kinds", left_out.len()) };
    lines.push(FAINT, &format!("{sum:4} more{of}{}lsock overview -W", screen.dot()));
    lines.end();
}

fn footer(view: &View<'_>, screen: &Screen, listeners: &[Listener<'_>], unseen: Option<&str>) -> Vec<String> {
    let sockets = &view.snapshot.sockets;
    let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let mut parts = vec![plural(sockets.len(), "socket")];
    let open = listeners.iter().filter(|listener| listener.mark == Some(Mark::All)).count();
    if open > 0 {
        parts.push(format!("{open} open to all"));
    }
    let rows: Vec<&Socket> = sockets.iter().collect();
    let hidden = counts::unseen(&rows);
    if hidden > 0 {
        let remedy = screen.more_rights.map(|how| format!(" ({how})")).unwrap_or_default();
        parts.push(format!("{} not seen{remedy}", plural(hidden, "owner")));
    }
    let is_marked = |socket: &Socket| socket.ownership() == Ownership::Known { complete: false };
    if screen.marks_incomplete && sockets.iter().any(is_marked) {
        parts.push("? others may hold it too".to_owned());
    }
    parts.push("lsock -W: every socket".to_owned());
    let mut lines = wrapped(&parts, screen.dot(), screen.width);
    // The remedy for hidden owners stands above.
    let is_said = screen.more_rights.is_some() && hidden > 0 && {
        let mut gaps = view.snapshot.gaps.iter().filter(|gap| gaps::is_reported(gap));
        gaps.all(|gap| gap.kind == GapKind::ProcessesUnreadable)
    };
    if let Some(unseen) = unseen.filter(|_| !is_said) {
        lines.extend(wrapped(&[unseen.to_owned()], "", screen.width));
    }
    lines
}
