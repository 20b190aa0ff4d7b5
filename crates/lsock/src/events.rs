//! Events, one line each: for people, and as JSON.

use crate::digits::push_display;
use crate::duration;
use crate::holders::Holders;
use crate::render::event_json;
use crate::screen::shifted;
use crate::time::Civil;
use crate::users::Users;
use crate::view::View;
use anstyle::{AnsiColor, Style};
use netstat::{Change, Event, Snapshot, Socket, State};
use std::time::SystemTime;

const OPENED: Style = AnsiColor::Green.on_default();
const CLOSED: Style = AnsiColor::Red.on_default();
const CHANGED: Style = AnsiColor::Yellow.on_default();
const PLAIN: Style = Style::new();

/// How events are written.
#[derive(Clone, Copy, Debug)]
pub struct EventLines {
    /// A JSON object for each.
    pub json: bool,
    /// Whether lines for people are coloured.
    pub color: bool,
    /// Whether people see also what remains of closed connections (TIME_WAIT).
    pub remainders: bool,
    /// How far local time was ahead of UTC at a moment, in seconds; `None` where that is not known.
    pub utc_offset: fn(SystemTime) -> Option<i32>,
}

impl EventLines {
    /// Appends the line of an event, unless it is none for people.
    pub fn push(&self, event: &Event, users: &Users, out: &mut String) {
        let mut of_event = Snapshot::default();
        of_event.processes.clone_from(&event.processes);
        let view = View::new(&of_event, users);
        if self.json {
            event_json::push(&view, event, out);
            out.push('\n');
            return;
        }
        let Some((style, text)) = self.text(&view, event) else { return };
        let time = local_time(event.at, self.utc_offset);
        let style = if self.color { style } else { PLAIN };
        push_display(out, format_args!("{time} {style}{text}{style:#}\n"));
    }

    /// What has happened, for people; `None` for what they need not know.
    fn text(&self, view: &View<'_>, event: &Event) -> Option<(Style, String)> {
        let is_shown = |socket: &Socket| self.remainders || socket.state != Some(State::TimeWait);
        Some(match &event.change {
            Change::Opened { socket } if is_shown(socket) => {
                (OPENED, line('+', socket, state(socket), &process(view, socket)))
            }
            Change::Closed { socket, open_for } if is_shown(socket) => {
                let mut text = line('-', socket, state(socket), &process(view, socket));
                if let Some(open_for) = open_for {
                    push_display(&mut text, format_args!("  {}", duration::short(*open_for)));
                }
                if let Some(tcp) = socket.details().and_then(|details| details.tcp.as_deref()) {
                    let received = tcp.bytes_received.map(|bytes| format!("{} in", size(bytes)));
                    let sent = tcp.bytes_acked.map(|bytes| format!("{} out", size(bytes)));
                    for bytes in received.into_iter().chain(sent) {
                        push_display(&mut text, format_args!("  {bytes}"));
                    }
                }
                (CLOSED, text)
            }
            Change::Changed { before, after } => {
                let (was, now) = (process(view, before), process(view, after));
                let states = match (state(before), state(after)) {
                    (was, now) if was == now => now,
                    (was, now) => format!("{was} > {now}"),
                };
                let is_same_for_people = before.state == after.state
                    && before.local == after.local
                    && before.remote == after.remote
                    && before.pids().eq(after.pids());
                if is_same_for_people {
                    return None;
                }
                let mut text = line('=', after, states, &now);
                if was != now {
                    push_display(&mut text, format_args!("  was {was}"));
                }
                (CHANGED, text)
            }
            Change::Lost { count } => (CHANGED, format!("! {count} events lost; the rows are listed anew")),
            _ => return None,
        })
    }
}

/// `+ tcp   127.0.0.1:8080         127.0.0.1:45906        ESTABLISHED  python3 28582`
fn line(sign: char, socket: &Socket, state: String, process: &str) -> String {
    let protocol = socket.protocol.as_str();
    let local = socket.local.to_string();
    let remote = socket.remote.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string);
    format!("{sign} {protocol:<5} {local:<22} {remote:<22} {state:<12} {process}")
}

fn state(socket: &Socket) -> String {
    socket.state.map_or_else(|| "-".to_owned(), |state| state.to_string())
}

/// `nginx 22904 +4`, or in brackets why there is none.
fn process(view: &View<'_>, socket: &Socket) -> String {
    let ownership = socket.ownership();
    match Holders::new(view, socket.owners()) {
        Some(holders) => {
            let pids = holders.pids(ownership.is_complete());
            let names = holders.names();
            if names.is_empty() { pids } else { format!("{names} {pids}") }
        }
        None => ownership.reason().map_or_else(|| "-".to_owned(), |reason| format!("({reason})")),
    }
}

/// `640`, `1.2K`, `38M`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    let (mut tenths, mut shown) = (None, bytes);
    let mut unit = "";
    for next in UNITS {
        if shown < 1000 {
            break;
        }
        tenths = Some(shown / 100 % 10);
        shown /= 1000;
        unit = next;
    }
    match tenths {
        Some(tenths) if shown < 10 => format!("{shown}.{tenths}{unit}"),
        _ => format!("{shown}{unit}"),
    }
}

/// `12:31:49.120`; in UTC, with a `Z`, where local time is not known.
fn local_time(time: SystemTime, utc_offset: fn(SystemTime) -> Option<i32>) -> String {
    let local = utc_offset(time).and_then(|offset| shifted(time, offset));
    let zone = if local.is_none() { "Z" } else { "" };
    let Some(Civil { hour, minute, second, .. }) = Civil::new(local.unwrap_or(time)) else {
        return "-".to_owned();
    };
    let millis = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_millis());
    format!("{hour:02}:{minute:02}:{second:02}.{millis:03}{zone}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat::{
        Details, EventSource, Family, Owner, OwnerRole, Ownership, Process, Protocol, UnownedReason, details,
    };
    use std::net::SocketAddr;
    use std::time::Duration;

    fn socket(state: State) -> Socket {
        let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], 8080)));
        socket.remote = Some(SocketAddr::from(([127, 0, 0, 1], 45906)).into());
        socket.state = Some(state);
        socket
    }

    fn held_by(pids: &[u32]) -> Socket {
        let mut socket = socket(State::Established);
        let owners = pids.iter().map(|pid| Owner::new(*pid, Some(3), OwnerRole::Holder));
        socket.set_owners(owners.collect::<Vec<_>>(), Ownership::Known { complete: true });
        socket
    }

    fn shown(change: Change, lines: EventLines) -> String {
        let mut process = Process::new(814);
        process.name = Some("nginx\u{1b}".into());
        let mut event = Event::new(EventSource::Difference, change);
        event.at = SystemTime::UNIX_EPOCH + Duration::from_millis(45_109_120);
        event.processes = vec![process];
        let mut text = String::new();
        lines.push(&event, &Users::known(&[]), &mut text);
        text
    }

    const LINES: EventLines =
        EventLines { json: false, color: false, remainders: false, utc_offset: |_| Some(3600) };

    fn without(change: Change) -> String {
        shown(change, LINES)
    }

    #[test]
    fn each_change_is_a_line_with_local_time() {
        let opened = without(Change::Opened { socket: held_by(&[814]) });
        assert_eq!(
            opened,
            "13:31:49.120 + tcp   127.0.0.1:8080         127.0.0.1:45906        ESTABLISHED  nginx\\x1b 814\n"
        );
        let utc = EventLines { utc_offset: |_| None, ..LINES };
        assert!(shown(Change::Lost { count: 7 }, utc).starts_with("12:31:49.120Z ! 7 events lost"));
    }

    #[test]
    fn what_closed_has_its_duration_and_bytes() {
        let mut socket = held_by(&[814]);
        let mut tcp = details::TcpMetrics::default();
        (tcp.bytes_received, tcp.bytes_acked) = (Some(640), Some(38_912_000));
        let mut details = Details::default();
        details.tcp = Some(Box::new(tcp));
        socket.set_details(Some(Box::new(details)));
        let line = without(Change::Closed { socket, open_for: Some(Duration::from_millis(1234)) });
        assert!(
            line.contains(" - tcp") && line.ends_with(" nginx\\x1b 814  1.2s  640 in  38M out\n"),
            "{line}"
        );
        assert_eq!([size(999), size(1000), size(9_999)], ["999", "1.0K", "9.9K"]);
        assert_eq!([size(10_000), size(999_999), size(u64::MAX)], ["10K", "999K", "18E"]);
    }

    #[test]
    fn change_shows_both_states_or_both_holders() {
        let (before, after) = (socket(State::Established), socket(State::CloseWait));
        let line = without(Change::Changed { before, after });
        assert!(line.contains(" = tcp") && line.contains("ESTABLISHED > CLOSE_WAIT"), "{line}");
        let line = without(Change::Changed { before: held_by(&[814]), after: held_by(&[814, 815]) });
        assert!(line.ends_with(" ESTABLISHED  nginx\\x1b 814 +1  was nginx\\x1b 814\n"), "{line}");
    }

    #[test]
    fn what_remains_of_a_connection_is_left_out_unless_it_is_asked_for() {
        let mut rest = socket(State::TimeWait);
        rest.set_owners([], Ownership::None { reason: UnownedReason::TimeWait });
        let opened = Change::Opened { socket: rest };
        assert_eq!(without(opened.clone()), "");
        let line = shown(opened, EventLines { remainders: true, ..LINES });
        assert!(line.ends_with(" TIME_WAIT    (time_wait)\n"), "{line}");
    }

    #[test]
    fn json_has_the_event_and_its_rows() {
        let json = EventLines { json: true, ..LINES };
        let parse = |change| -> serde_json::Value { serde_json::from_str(&shown(change, json)).unwrap() };
        let closed = parse(Change::Closed { socket: held_by(&[814]), open_for: None });
        assert_eq!((&closed["event"], &closed["source"]), (&"closed".into(), &"difference".into()));
        assert_eq!(closed["at"], "1970-01-01T12:31:49.120Z");
        assert!(closed["open_for_ms"].is_null() && closed["socket"]["owners"][0]["name"] == "nginx\u{1b}");
        let changed =
            parse(Change::Changed { before: socket(State::Established), after: socket(State::CloseWait) });
        assert_eq!(changed["before"]["state"], "ESTABLISHED");
        assert_eq!(changed["after"]["state"], "CLOSE_WAIT");
        assert_eq!(parse(Change::Lost { count: 3 })["count"], 3);
    }
}
