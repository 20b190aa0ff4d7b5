//! The processes of a line, in so many columns.

use super::style::{BOLD, FAINT, HIDDEN};
use crate::holders::Holders;
use crate::screen::{Screen, cut_end, long_reason, short_reason, width_of};
use crate::view::View;
use anstyle::Style;
use netstat::{Owner, Ownership, UnownedReason};

/// What follows a peer on this machine. That it is named instead of its address says the same.
pub(super) const LOCAL: &str = " (local)";

/// `python3 28582 +24 app.py :8080`, or why there is no process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Label {
    /// The names of the processes, or the reason for none.
    name: String,
    /// A shorter form of the reason.
    short: Option<String>,
    style: Style,
    /// ` 28582`
    pid: String,
    /// ` +24`
    more: String,
    /// ` app.py`
    script: String,
    /// ` :8080`, ` (local)`
    pub(super) suffix: String,
}

impl Label {
    pub(super) fn new(view: &View<'_>, screen: &Screen, owners: &[Owner], ownership: Ownership) -> Self {
        let Some(holders) = Holders::new(view, owners) else { return Self::of_reason(screen, ownership) };
        let is_complete = !screen.marks_incomplete || ownership != Ownership::Known { complete: false };
        let more = holders.more(is_complete);
        let names = holders.names();
        let pid = holders.master.to_string();
        let (name, pid) = if names.is_empty() { (pid, String::new()) } else { (names, format!(" {pid}")) };
        let script = holders.script.filter(|_| screen.is_wide());
        let script = script.map(|script| format!(" {script}")).unwrap_or_default();
        Self { name, short: None, style: BOLD, pid, more, script, suffix: String::new() }
    }

    fn of_reason(screen: &Screen, ownership: Ownership) -> Self {
        let (name, style) = match ownership {
            Ownership::Hidden { .. } => (long_reason(ownership, screen.more_rights), HIDDEN),
            // There is no process to look for, so that few words do.
            Ownership::None { reason: UnownedReason::AcceptQueue } => (short_reason(ownership), FAINT),
            _ => (long_reason(ownership, None), FAINT),
        };
        let mark = if matches!(ownership, Ownership::Hidden { .. }) { "? " } else { "" };
        let marked = |reason: String| format!("{mark}{reason}");
        Self {
            name: name.map_or_else(|| "-".to_owned(), marked),
            short: short_reason(ownership).map(marked),
            style,
            pid: String::new(),
            more: String::new(),
            script: String::new(),
            suffix: String::new(),
        }
    }

    pub(super) fn width(&self) -> usize {
        let parts = [&self.name, &self.pid, &self.more, &self.script, &self.suffix];
        parts.into_iter().map(|part| width_of(part)).sum()
    }

    /// In so many columns. The script goes first, then the end of the name; pid and port are what a person types next.
    pub(super) fn fitted(&self, screen: &Screen, width: usize) -> Vec<(Style, String)> {
        let mut label = self.clone();
        if label.width() > width {
            label.script.clear();
        }
        if label.width() > width
            && let Some(short) = label.short.take()
        {
            label.name = short;
        }
        if label.width() > width && label.suffix == LOCAL {
            label.suffix.clear();
        }
        const MIN_NAME: usize = 4;
        let least =
            |label: &Self| label.width() - width_of(&label.name) + MIN_NAME.min(width_of(&label.name));
        for part in [Label::more_mut, Label::pid_mut] {
            if least(&label) > width {
                part(&mut label).clear();
            }
        }
        let around = label.width() - width_of(&label.name);
        label.name = cut_end(screen, &label.name, width.saturating_sub(around));
        label.suffix = cut_end(screen, &label.suffix, width.saturating_sub(width_of(&label.name)));
        vec![
            (label.style, label.name),
            (FAINT, label.pid),
            (FAINT, label.more),
            (FAINT, label.script),
            (Style::new(), label.suffix),
        ]
    }

    fn more_mut(&mut self) -> &mut String {
        &mut self.more
    }

    fn pid_mut(&mut self) -> &mut String {
        &mut self.pid
    }

    /// The text that stands for it where lines are folded.
    pub(super) fn full(&self) -> String {
        format!("{}{}{}{}{}", self.name, self.pid, self.more, self.script, self.suffix)
    }
}
