//! A terminal: its size, its characters, and text that must fit on one of its lines.

mod address;
mod age;
mod lines;
mod reason;
mod text;

pub(crate) use address::ShownEndpoint;
pub(crate) use age::age;
pub(crate) use lines::Lines;
pub(crate) use reason::{long_reason, short_reason};
pub(crate) use text::{cut_end, cut_middle, cut_start, width_of, wrapped};

use std::ffi::OsString;
use std::time::{Duration, SystemTime};

/// The terminal that output is fitted to.
#[derive(Clone, Debug)]
pub struct Screen {
    /// Characters on a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Whether its locale is UTF-8: otherwise marks and arrows are ASCII.
    pub unicode: bool,
    /// Whether output is coloured.
    pub color: bool,
    /// What makes hidden owners visible: `sudo`, `administrator`. `None` for a user with all rights.
    pub more_rights: Option<&'static str>,
    /// Whether holders that cannot be seen are exceptions, which get a mark: on systems that report all holders.
    pub marks_incomplete: bool,
    /// How far local time was ahead of UTC at a moment, in seconds; `None` where that is not known.
    pub utc_offset: fn(SystemTime) -> Option<i32>,
}

/// From this width on, a table has room for the script that an interpreter runs.
pub(crate) const WIDE: usize = 120;

/// The size of a terminal that does not report one.
const USUAL_SIZE: (usize, usize) = (80, 24);

/// Narrower output would show nothing: it wraps instead.
const MIN_WIDTH: usize = 20;

impl Screen {
    /// The size and locale as environment and terminal have them: `COLUMNS` and `LINES`, which a user sets on purpose,
    /// before the terminal's own. `size` is columns and lines of the terminal.
    pub fn new(variable: impl Fn(&str) -> Option<OsString>, size: Option<(u16, u16)>) -> Self {
        let number = |name| {
            let text = variable(name)?.into_string().ok()?;
            text.trim().parse::<u16>().ok().map(usize::from).filter(|number| *number > 0)
        };
        let reported = |of: fn((u16, u16)) -> u16| size.map(of).map(usize::from).filter(|number| *number > 0);
        let width = number("COLUMNS").or_else(|| reported(|size| size.0)).unwrap_or(USUAL_SIZE.0);
        let height = number("LINES").or_else(|| reported(|size| size.1)).unwrap_or(USUAL_SIZE.1);
        let utc_offset = |_| None;
        let unicode = std::env::consts::OS == "windows" || is_utf8(&variable);
        let width = width.max(MIN_WIDTH);
        let marks_incomplete = netstat::Support::current().all_owners;
        Self { width, height, unicode, color: false, more_rights: None, marks_incomplete, utc_offset }
    }

    /// What stands for the part of a text that was cut out.
    pub(crate) fn ellipsis(&self) -> &'static str {
        if self.unicode { "…" } else { "~" }
    }

    /// What stands between two parts of a line.
    pub(crate) fn dot(&self) -> &'static str {
        if self.unicode { " · " } else { "; " }
    }

    /// Whether there is room for more than the usual columns.
    pub(crate) fn is_wide(&self) -> bool {
        self.width >= WIDE
    }

    /// A time, short and local: `12:31:49` of the day on which it is shown, `27 Nov 12:31` of the same year, `27 Nov 2024`.
    /// In UTC, with a `Z`, where local time is not known.
    pub(crate) fn time(&self, time: SystemTime, now: SystemTime) -> Option<String> {
        let offset = (self.utc_offset)(time).zip((self.utc_offset)(now));
        let (then, today) = match offset {
            Some((then, today)) => (shifted(time, then)?, shifted(now, today)?),
            None => (time, now),
        };
        let zone = if offset.is_none() { "Z" } else { "" };
        let (then, today) = (crate::time::Civil::new(then)?, crate::time::Civil::new(today)?);
        let crate::time::Civil { year, day, hour, minute, second, .. } = then;
        let month = then.month_name();
        Some(if (year, then.month, day) == (today.year, today.month, today.day) {
            format!("{hour:02}:{minute:02}:{second:02}{zone}")
        } else if year == today.year {
            format!("{day:2} {month} {hour:02}:{minute:02}{zone}")
        } else {
            format!("{day:2} {month} {year}")
        })
    }
}

/// A time so many seconds later.
pub(crate) fn shifted(time: SystemTime, seconds: i32) -> Option<SystemTime> {
    let by = Duration::from_secs(seconds.unsigned_abs().into());
    if seconds < 0 { time.checked_sub(by) } else { time.checked_add(by) }
}

/// The first of these variables that is set decides, as in every C library.
fn is_utf8(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|it| !it.is_empty()));
    let locale = locale.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(variables: &[(&str, &str)], size: Option<(u16, u16)>) -> Screen {
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).into())
        };
        Screen::new(find, size)
    }

    fn size(variables: &[(&str, &str)], size: Option<(u16, u16)>) -> (usize, usize) {
        let screen = screen(variables, size);
        (screen.width, screen.height)
    }

    #[test]
    fn size_is_that_of_the_environment_then_of_the_terminal_then_the_usual_one() {
        assert_eq!(size(&[], None), (80, 24));
        assert_eq!(size(&[], Some((0, 0))), (80, 24));
        assert_eq!(size(&[], Some((132, 50))), (132, 50));
        assert_eq!(size(&[("COLUMNS", "100")], Some((132, 50))), (100, 50));
        assert_eq!(size(&[("COLUMNS", "100"), ("LINES", "7")], None), (100, 7));
        for wrong in ["", "0", "-3", "wide", "99999999"] {
            assert_eq!(size(&[("COLUMNS", wrong)], Some((132, 50))), (132, 50), "{wrong:?}");
        }
        assert_eq!(size(&[("COLUMNS", "1")], None).0, MIN_WIDTH);
    }

    #[test]
    fn locale_decides_whether_marks_are_ascii() {
        if std::env::consts::OS == "windows" {
            return assert!(screen(&[], None).unicode);
        }
        for (variables, expected) in [
            (&[][..], false),
            (&[("LANG", "C")], false),
            (&[("LANG", "en_GB.UTF-8")], true),
            (&[("LANG", "C.utf8")], true),
            (&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], false),
            (&[("LANG", "C"), ("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8")], true),
        ] {
            assert_eq!(screen(variables, None).unicode, expected, "{variables:?}");
        }
    }

    #[test]
    fn times_are_short_and_local() {
        let mut screen = screen(&[], None);
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        // 2024-03-01T00:30:00Z
        let now = at(1_709_253_000);
        assert_eq!(screen.time(at(1_709_251_205), now).unwrap(), "00:00:05Z");
        screen.utc_offset = |_| Some(3600);
        assert_eq!(screen.time(at(1_709_251_205), now).unwrap(), "01:00:05");
        assert_eq!(screen.time(at(1_709_247_599), now).unwrap(), "29 Feb 23:59");
        screen.utc_offset = |_| Some(-3600);
        assert_eq!(screen.time(at(1_709_251_205), now).unwrap(), "23:00:05");
        assert_eq!(screen.time(at(1_700_000_000), now).unwrap(), "14 Nov 2023");
    }
}
