//! What is written to a file.

use super::list::Line;
use super::row::{Row, snapshot_of};
use super::state::Top;
use super::tab::Tab;
use crate::list_args::ListArgs;
use crate::plan::Plan;
use crate::render;
use crate::users::Users;
use crate::view::View;
use netstat::Socket;
use std::io;
use std::path::Path;

impl Top {
    /// The sockets of the tab in their order, in the format that the name of the file asks for, and how many there are: `.csv`,
    /// `.json`, `.jsonl`, or the table. Of the events, their lines.
    ///
    /// # Errors
    /// None that is known of: nothing is written yet.
    pub fn export(&self, path: &Path) -> io::Result<(Vec<u8>, usize)> {
        if self.tab == Tab::Events {
            let lines = self.world.events.iter().map(|event| format!("{}\n", event.text));
            let text: String = lines.collect();
            return Ok((text.into_bytes(), self.world.events.len()));
        }
        let of_group = |group: &usize| {
            self.list.groups.get(*group).map(|group| group.members.clone()).unwrap_or_default()
        };
        let indexes = self.list.lines.iter().flat_map(|line| match line {
            Line::Row { index, inside: false } => vec![*index],
            Line::Group(group) => of_group(group),
            // Those of an unfolded group are there already.
            Line::Row { inside: true, .. } | Line::Event(_) => Vec::new(),
        });
        let rows: Vec<&Row> =
            indexes.filter_map(|index| self.world.rows.get(index).map(|row| &**row)).collect();
        let snapshot = snapshot_of(rows.into_iter().filter(|row| row.gone.is_none()), &self.world.holders);
        let users = Users::of_system();
        let view = View::new(&snapshot, &users);
        let sockets: Vec<&Socket> = snapshot.sockets.iter().collect();
        let is = |extension: &str| path.extension().is_some_and(|it| it.eq_ignore_ascii_case(extension));
        let args = ListArgs { csv: is("csv"), json: is("json"), jsonl: is("jsonl"), ..ListArgs::default() };
        let plan = Plan::new(&args).map_err(io::Error::other)?;
        let mut text = Vec::new();
        render::write(&plan.output, false, &view, &sockets, &mut text)?;
        Ok((text, sockets.len()))
    }
}
