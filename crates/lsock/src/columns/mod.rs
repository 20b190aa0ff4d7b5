//! The columns: what each is called, shows, needs and sorts by. One table, from which the options, the
//! header, the help, the manual page and the CSV's field names are made.

mod detail_table;
mod details;
mod table;
mod value;

use crate::plan::Usage;
use netstat::{DetailFields, ProcessFields};
use std::fmt;
use value::Value;

pub(crate) use table::{USUAL, USUAL_CSV};
pub(crate) use value::Key;

/// One column.
pub(crate) struct Column {
    /// As `--columns` and `--sort` take it and the CSV's header has it; also without `_` or with `-`.
    pub(crate) name: &'static str,
    /// Other names that hands may know.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) header: &'static str,
    pub(crate) help: &'static str,
    pub(crate) align: Align,
    pub(crate) needs: Needs,
    /// What the table has where a row has nothing.
    pub(crate) absent: Absent,
    pub(crate) value: Value,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// What must be asked of the library for a column.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The rows alone.
    Nothing,
    /// The service behind each row, which costs a question each.
    Services,
    /// The owners of each row.
    Owners,
    /// A detail of their processes.
    Details(ProcessFields),
    /// A detail of the sockets themselves, which makes the kernel write more of each.
    OfSocket(DetailFields),
}

/// What stands in the table where a row has nothing. In CSV nothing stands there.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// `-`
    Dash,
    /// `*:*`: any remote end, as in `ss` and `netstat`.
    AnyEnd,
    /// Why no owner is in sight, in brackets.
    Why,
}

impl Column {
    pub(crate) fn needs_owners(&self) -> bool {
        matches!(self.needs, Needs::Owners | Needs::Details(_))
    }

    pub(crate) fn needs_services(&self) -> bool {
        self.needs == Needs::Services
    }

    pub(crate) fn process_fields(&self) -> ProcessFields {
        match self.needs {
            Needs::Details(fields) => fields,
            Needs::Nothing | Needs::Services | Needs::Owners | Needs::OfSocket(_) => ProcessFields::empty(),
        }
    }

    pub(crate) fn detail_fields(&self) -> DetailFields {
        match self.needs {
            Needs::OfSocket(fields) => fields,
            Needs::Nothing | Needs::Services | Needs::Owners | Needs::Details(_) => DetailFields::empty(),
        }
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({})", self.name)
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

/// Every column, in the order in which help texts list them.
pub(crate) fn all() -> impl Iterator<Item = &'static Column> {
    table::COLUMNS.iter().chain(detail_table::COLUMNS)
}

/// The column with this name.
pub(crate) fn find(typed: &str) -> Result<&'static Column, Usage> {
    let wanted = plain(typed);
    let called = |column: &&Column| plain(column.name) == wanted || column.aliases.contains(&wanted.as_str());
    all().find(called).ok_or_else(|| {
        let names: Vec<_> = all().map(|column| column.name).collect();
        Usage::new(format!("unknown column {typed:?}; there are {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_aliases_are_plain_and_unique() {
        let mut seen = HashSet::new();
        for column in all() {
            assert!(seen.insert(plain(column.name)), "{}", column.name);
            for alias in column.aliases {
                assert_eq!(&plain(alias), alias);
                assert!(seen.insert((*alias).to_owned()), "{alias}");
            }
            assert!(!column.help.is_empty() && !column.header.is_empty());
        }
    }

    #[test]
    fn usual_columns_exist() {
        for name in USUAL.iter().chain(USUAL_CSV) {
            assert_eq!(find(name).unwrap().name, *name);
        }
    }

    #[test]
    fn columns_are_found_by_any_usual_spelling() {
        for (typed, name) in [
            ("proto", "protocol"),
            ("PID", "pid"),
            ("local-port", "local_port"),
            ("localport", "local_port"),
            ("Recv-Q", "rx_queue"),
            ("ppid", "parent"),
        ] {
            assert_eq!(find(typed).unwrap().name, name);
        }
        let error = find("colour").unwrap_err().to_string();
        assert!(error.contains("unknown column \"colour\"") && error.contains("local_port, "), "{error}");
    }
}
