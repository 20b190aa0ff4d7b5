//! The file of settings: colours, columns, the time between two samples.
//!
//! ```text
//! # comment
//! interval = 2s
//! columns.connections = process,pid,peer,state,down,up
//! color.new = lightgreen
//! ```

use super::column::Column;
use super::tab::Tab;
use crate::duration;
use crate::usage::{UsageError, quoted};
use ratatui::style::{Color, Modifier, Style};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What has a colour.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Heading,
    Chosen,
    New,
    Gone,
    Warning,
    Faint,
    All,
    Network,
    Local,
}

impl Part {
    const NAMED: [(&'static str, Self, Color); 9] = [
        ("heading", Self::Heading, Color::Reset),
        ("chosen", Self::Chosen, Color::Reset),
        ("new", Self::New, Color::Green),
        ("gone", Self::Gone, Color::Red),
        ("warning", Self::Warning, Color::Yellow),
        ("faint", Self::Faint, Color::Reset),
        ("all", Self::All, Color::Red),
        ("network", Self::Network, Color::Yellow),
        ("local", Self::Local, Color::Green),
    ];

    /// What it has beside its colour, and what distinguishes it without one.
    fn modifier(self) -> Modifier {
        match self {
            Self::Heading => Modifier::BOLD,
            Self::Chosen => Modifier::REVERSED,
            Self::Faint => Modifier::DIM,
            _ => Modifier::empty(),
        }
    }
}

/// The settings.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The time between two samples, if the file has one.
    pub interval: Option<Duration>,
    pub(super) columns: HashMap<Tab, Vec<Column>>,
    pub(super) colors: HashMap<Part, Color>,
    /// No colours at all.
    pub is_plain: bool,
    /// Whether the terminal shows characters beyond ASCII.
    pub unicode: bool,
    /// How far local time was ahead of UTC at a moment, in seconds.
    pub utc_offset: Option<fn(SystemTime) -> Option<i32>>,
}

impl Settings {
    /// Where the file is, unless it is named: in `$XDG_CONFIG_HOME` or `~/.config`, on Windows in `%APPDATA%`.
    pub fn usual_path(variable: impl Fn(&str) -> Option<OsString>, is_windows: bool) -> Option<PathBuf> {
        let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let directory = if is_windows {
            set("APPDATA")
        } else {
            set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))
        };
        Some(directory?.join("lsock").join("top.conf"))
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// A line that is neither a setting nor a comment, with its number.
    pub fn parse(text: &str) -> Result<Self, UsageError> {
        let mut settings = Self::default();
        for (nth, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            settings
                .set(line)
                .map_err(|why| UsageError::new(format!("settings, line {}: {why}", nth + 1)))?;
        }
        Ok(settings)
    }

    fn set(&mut self, line: &str) -> Result<(), String> {
        let (name, value) = line.split_once('=').ok_or("there is no = in it")?;
        let (name, value) = (name.trim(), value.trim());
        match name.split_once('.') {
            None if name == "interval" => {
                self.interval = Some(duration::parse_interval(value)?);
            }
            Some(("columns", tab)) => {
                let is_called = |it: &&Tab| it.name().eq_ignore_ascii_case(tab) && **it != Tab::Events;
                let tab = Tab::ALL.iter().find(is_called).ok_or_else(|| {
                    format!("{} is not listening, connections, processes or peers", quoted(tab))
                })?;
                let columns = value.split(',').map(|name| column(name.trim())).collect::<Result<_, _>>()?;
                self.columns.insert(*tab, columns);
            }
            Some(("color" | "colour", part)) => {
                let found = Part::NAMED.iter().find(|(name, ..)| *name == part);
                let (_, part, _) = found.ok_or_else(|| {
                    let known: Vec<&str> = Part::NAMED.iter().map(|(name, ..)| *name).collect();
                    format!("{} has no colour; there are {}", quoted(part), known.join(", "))
                })?;
                let color = value.parse().map_err(|_| format!("{} is not a colour", quoted(value)))?;
                self.colors.insert(*part, color);
            }
            _ => return Err(format!("{} is not a setting", quoted(name))),
        }
        Ok(())
    }

    pub(super) fn style(&self, part: Part) -> Style {
        let style = Style::new().add_modifier(part.modifier());
        let usual = Part::NAMED.iter().find(|(_, it, _)| *it == part).map(|(_, _, color)| *color);
        match self.colors.get(&part).copied().or(usual) {
            Some(color) if !self.is_plain && color != Color::Reset => style.fg(color),
            _ => style,
        }
    }
}

fn column(name: &str) -> Result<Column, String> {
    Column::ALL.into_iter().find(|column| column.name() == name).ok_or_else(|| {
        let known: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
        format!("{} is not a column; there are {}", quoted(name), known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_comments_are_not() {
        let text =
            "# mine\n\n interval = 500ms\ncolumns.peers=peer, down\ncolor.new = #00ff00\ncolour.gone=1\n";
        let settings = Settings::parse(text).unwrap();
        assert_eq!(settings.interval, Some(Duration::from_millis(500)));
        assert_eq!(settings.columns[&Tab::Peers], [Column::Peer, Column::Down]);
        assert_eq!(settings.style(Part::New).fg, Some(Color::Rgb(0, 255, 0)));
        assert_eq!(settings.style(Part::Gone).fg, Some(Color::Indexed(1)));
        assert_eq!(settings.style(Part::Warning).fg, Some(Color::Yellow));
        let plain = Settings { is_plain: true, ..settings };
        assert_eq!(plain.style(Part::New), Style::new());
        assert_eq!(plain.style(Part::Chosen), Style::new().add_modifier(Modifier::REVERSED));
    }

    #[test]
    fn what_is_no_setting_is_named_with_its_line() {
        for (text, wanted) in [
            ("\nnonsense", "line 2: there is no = in it"),
            ("color.nothing = red", "\"nothing\" has no colour; there are heading, "),
            ("color.new = mauvish", "\"mauvish\" is not a colour"),
            ("columns.peers = nothing", "\"nothing\" is not a column; there are process, "),
            ("columns.events = up", "\"events\" is not listening"),
            ("interval = 0", "an interval is at least 10ms"),
            ("speed = 9", "\"speed\" is not a setting"),
        ] {
            let said = Settings::parse(text).unwrap_err().to_string();
            assert!(said.contains(wanted), "{said}");
        }
    }

    #[test]
    fn file_is_in_the_usual_directory() {
        let path = |set: &[(&str, &str)], is_windows| {
            let set: HashMap<String, String> =
                set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let path = Settings::usual_path(|name| set.get(name).map(OsString::from), is_windows);
            path.map(|path| path.to_string_lossy().replace('\\', "/"))
        };
        let home = [("HOME", "/h"), ("XDG_CONFIG_HOME", "")];
        assert_eq!(path(&home, false).as_deref(), Some("/h/.config/lsock/top.conf"));
        assert_eq!(path(&[("XDG_CONFIG_HOME", "/x")], false).as_deref(), Some("/x/lsock/top.conf"));
        assert_eq!(path(&[("APPDATA", "C:/a")], true).as_deref(), Some("C:/a/lsock/top.conf"));
        assert_eq!(path(&[], false), None);
    }
}
