//! What is known of the chosen line, below the list.

use super::amount::amount;
use super::list::Line;
use super::pen::Pen;
use super::row::{Holder, Row};
use super::settings::Part;
use super::state::Top;
use crate::overview::round_trip;
use crate::processes::{name_of, parent_of};
use crate::screen::age;
use netstat::Socket;
use ratatui::style::Style;

impl Top {
    /// Draws the details from this line on.
    pub(super) fn details(&self, pen: &mut Pen<'_>, y: u16) {
        let rule = if pen.unicode() { "─" } else { "-" };
        pen.text(0, y, &rule.repeat(usize::from(pen.width())), self.settings.style(Part::Faint));
        let mut lines = match self.list.lines.get(self.place().at) {
            Some(Line::Row { .. }) => {
                self.chosen_rows().first().map(|row| self.of_row(row)).unwrap_or_default()
            }
            Some(Line::Group(group)) => match self.list.groups.get(*group) {
                Some(group) if group.is_of_several => {
                    vec![format!("{} sockets of {} processes", group.members.len(), group.processes)]
                }
                Some(group) => {
                    let holder = group.first.holder.as_deref();
                    let count = format!("{} sockets, {} listening", group.members.len(), group.listening);
                    std::iter::once(count).chain(holder.map(of_holder).unwrap_or_default()).collect()
                }
                None => Vec::new(),
            },
            Some(Line::Event(event)) => {
                self.world.events.get(*event).map(|event| vec![event.text.clone()]).unwrap_or_default()
            }
            None => vec!["nothing is chosen".to_owned()],
        };
        lines.extend(self.rates(pen));
        for (nth, line) in (1..).zip(&lines) {
            pen.text(1, y + nth, line, Style::new());
        }
    }

    fn of_row(&self, row: &Row) -> Vec<String> {
        let mut lines = vec![row.socket.to_string()];
        lines.extend(row.holder.as_deref().map(of_holder).unwrap_or_default());
        if row.holder.is_none()
            && let Some(why) = row.socket.ownership().reason()
        {
            lines.push(format!("process    {why}"));
        }
        lines.extend(tcp(&row.socket));
        lines
    }

    /// The rates since the line was chosen.
    fn rates(&self, pen: &Pen<'_>) -> Option<String> {
        let last = self.graph.rates.back()?;
        let width = usize::from(pen.width()).saturating_sub(40) / 2;
        let bars = |of: fn(&super::row::Rates) -> u64| self.graph.bars(of, width, pen.unicode());
        Some(format!(
            "in {} {}/s   out {} {}/s",
            bars(|rates| rates.down),
            amount(last.down),
            bars(|rates| rates.up),
            amount(last.up)
        ))
    }
}

/// The command and the parents of a process.
fn of_holder(holder: &Holder) -> Vec<String> {
    /// A chain is cut, not a screen.
    const MOST: usize = 8;
    let command = holder.command.clone().unwrap_or_else(|| holder.name.clone());
    let mut first = format!("command    {command}");
    if let Some(user) = &holder.user {
        first = format!("{first}   user {user}");
    }
    let parent = holder.process.parent;
    let chain: Vec<String> =
        std::iter::successors(parent, |pid| parent_of(*pid).filter(|parent| *parent != 0))
            .take(MOST)
            .map(|pid| name_of(pid).map_or_else(|| pid.to_string(), |name| format!("{name} {pid}")))
            .collect();
    let mut lines = vec![first];
    if !chain.is_empty() {
        lines.push(format!("parents    {}", chain.join(" < ")));
    }
    lines
}

/// The measurements of a connection.
fn tcp(socket: &Socket) -> Option<String> {
    let tcp = socket.details()?.tcp.as_ref()?;
    let mut text = String::from("tcp       ");
    if let Some((rtt, deviation)) = tcp.rtt.zip(tcp.rttvar) {
        text.push_str(&format!(" rtt {}/{}", round_trip(rtt), round_trip(deviation)));
    }
    text.push_str(&format!(
        "  cwnd {}  mss {}  retrans {}/{}",
        tcp.snd_cwnd, tcp.snd_mss, tcp.retrans, tcp.total_retrans
    ));
    if let Some((sent, received)) = tcp.bytes_acked.zip(tcp.bytes_received) {
        text.push_str(&format!("  sent {}  received {}", amount(sent), amount(received)));
    }
    text.push_str(&format!("  heard of {} ago", age(tcp.last_ack_recv)));
    Some(text)
}
