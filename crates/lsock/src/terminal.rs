//! The terminal that standard output is.

use crate::ffi;
use lsock::list_args::ColorWhen;
use lsock::screen::Screen;
use std::io::{self, IsTerminal};

/// The terminal on standard output; `None` if that is something else.
pub(crate) fn screen(color: ColorWhen) -> Option<Screen> {
    io::stdout().is_terminal().then(|| any_screen(color))
}

/// The terminal on standard output, or one of the size that the environment says.
pub(crate) fn any_screen(color: ColorWhen) -> Screen {
    let size = if io::stdout().is_terminal() { terminal_size::terminal_size() } else { None };
    let size = size.map(|(width, height)| (width.0, height.0));
    let mut screen = Screen::new(|name| std::env::var_os(name), size);
    screen.color = color.is_wanted();
    screen.more_rights = match (std::env::consts::OS, ffi::effective_uid()) {
        ("windows", _) => Some("administrator"),
        (_, Some(0)) => None,
        _ => Some("sudo"),
    };
    screen.utc_offset = ffi::utc_offset;
    screen
}
