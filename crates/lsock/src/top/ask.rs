//! The questions before sockets are closed or processes ended.

use super::group::GroupKey;
use super::list::LineId;
use super::overlay::{Action, Confirm, Overlay};
use super::row::{Row, snapshot_of};
use super::state::Top;
use crate::targets::{self, Targets, ends};
use netstat::{Filter, Socket};

impl Top {
    /// Asks whether to close the chosen sockets.
    pub(super) fn ask_to_destroy(&mut self) {
        let sockets: Vec<Socket> = self
            .chosen_rows()
            .iter()
            .filter(|row| row.gone.is_none())
            .map(|row| row.socket.clone())
            .collect();
        let count = match sockets.len() {
            0 => return self.report("no socket is chosen"),
            1 => "this socket".to_owned(),
            count => format!("these {count} sockets"),
        };
        let lines = sockets.iter().map(ends).collect();
        let question = format!("Close {count}? y: close  n: leave");
        self.overlay = Some(Overlay::Confirm(Confirm { lines, question, action: Action::Destroy(sockets) }));
    }

    /// Asks whether to end the process of a group, or those that hold the chosen socket.
    pub(super) fn ask_to_kill(&mut self) {
        let chosen = self.list.id(&self.world, self.place().at);
        let rows: Vec<&Row> = self.chosen_rows().into_iter().filter(|row| row.gone.is_none()).collect();
        let pids: Vec<u32> = match chosen {
            Some(LineId::Group(GroupKey::Process(pid))) => vec![pid],
            _ => {
                let mut pids: Vec<u32> =
                    rows.iter().flat_map(|row| row.socket.owners()).map(|owner| owner.pid).collect();
                pids.sort_unstable();
                pids.dedup();
                pids
            }
        };
        let snapshot = snapshot_of(rows.into_iter(), &self.world.holders);
        // Processes that were chosen are named by their pids: they end even if they have only connections.
        let filter = pids.iter().map(|pid| Filter::pid(*pid)).reduce(|any, one| any | one);
        let Some(filter) = filter else { return self.report("no process is visible that holds this") };
        let mut found = Targets::find(&snapshot, &filter, &self.protected);
        found.meant.retain(|target| pids.contains(&target.id.pid()));
        let mut lines: Vec<String> =
            targets::table(&found.meant, self.wall).lines().map(str::to_owned).collect();
        lines.extend(found.left.iter().map(|left| format!("left alone {left}")));
        if found.meant.is_empty() {
            let why = found.left.first().map_or("no process holds this", String::as_str).to_owned();
            return self.report(format!("left alone {why}"));
        }
        let question = "End them? y: TERM  9: KILL  n: leave".to_owned();
        self.overlay = Some(Overlay::Confirm(Confirm { lines, question, action: Action::End(found.meant) }));
    }
}
