//! An event: `{"event":"opened","at":..,"source":..,"socket":ROW}`.

use super::records::rfc3339;
use super::row::push_row;
use super::writer::{ToJson, Word, member, members};
use crate::view::View;
use netstat::{Change, Event, Socket};

/// Appends an event. The view has the processes of its rows.
pub(crate) fn push(view: &View<'_>, event: &Event, out: &mut String) {
    members!(out,
        "event": Word(event.change.as_str()),
        "at": rfc3339(Some(event.at)),
        "source": Word(event.source.as_str()),
    );
    match &event.change {
        Change::Opened { socket } => {
            member!(out, "socket": Row { view, socket });
        }
        Change::Closed { socket, open_for } => {
            let millis = open_for.map(|open_for| u64::try_from(open_for.as_millis()).unwrap_or(u64::MAX));
            member!(out, "socket": Row { view, socket });
            member!(out, "open_for_ms": millis);
        }
        Change::Changed { before, after } => {
            member!(out, "before": Row { view, socket: before });
            member!(out, "after": Row { view, socket: after });
        }
        Change::Lost { count } => {
            member!(out, "count": *count);
        }
        _ => {}
    }
    out.push('}');
}

/// A socket in the form of its family.
struct Row<'a> {
    view: &'a View<'a>,
    socket: &'a Socket,
}

impl ToJson for Row<'_> {
    fn push(&self, out: &mut String) {
        push_row(self.view, self.socket, out);
    }
}
