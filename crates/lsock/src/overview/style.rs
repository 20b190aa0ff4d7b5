//! The styles of the overview: sixteen colours, which every terminal has. None is the only sign of what it means.

use anstyle::{AnsiColor, Style};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const FAINT: Style = Style::new().dimmed();
pub(super) const ATTENTION: Style = AnsiColor::Yellow.on_default();
pub(super) const ALARM: Style = AnsiColor::Red.on_default();
pub(super) const HIDDEN: Style = AnsiColor::Magenta.on_default();
