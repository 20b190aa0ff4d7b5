//! The columns: what each is called, shows, needs and sorts by. The options, the header, the help, the manual page and
//! the CSV's field names are generated from this one list.

mod column;
mod connection;
mod counter_columns;
mod detail_columns;
mod end;
mod endpoint;
mod name_columns;
mod other_end;
mod socket_columns;
mod ss_details;
mod value;
mod workload_columns;

pub use column::Column;
pub(crate) use column::{Absent, Align, OnScreen};
pub(crate) use endpoint::{shown_local, shown_remote};
pub use socket_columns::{DEFAULT_COLUMNS, DEFAULT_CSV_COLUMNS};
pub(crate) use value::{Key, netns as netns_name};

use crate::usage::{self, UsageError, quoted};
use counter_columns::COUNTER_COLUMNS;
use detail_columns::DETAIL_COLUMNS;
use name_columns::NAME_COLUMNS;
use socket_columns::SOCKET_COLUMNS;
use workload_columns::WORKLOAD_COLUMNS;

/// A name as it is compared: `Local-Port` is `localport`.
fn normalized(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

/// Every column, in the order of the help.
pub fn all() -> impl Iterator<Item = &'static Column> {
    SOCKET_COLUMNS
        .iter()
        .chain(WORKLOAD_COLUMNS)
        .chain(NAME_COLUMNS)
        .chain(DETAIL_COLUMNS)
        .chain(COUNTER_COLUMNS)
}

/// The column with this name or alias.
pub fn find(typed: &str) -> Result<&'static Column, UsageError> {
    let wanted = normalized(typed);
    let called =
        |column: &&Column| normalized(column.name) == wanted || column.aliases.contains(&wanted.as_str());
    all().find(called).ok_or_else(|| unknown(typed, &wanted))
}

/// The error for a name that no column has: the name that was probably meant, where there is one.
fn unknown(typed: &str, wanted: &str) -> UsageError {
    let instead = match wanted {
        "port" | "ports" => "; there are local_port and remote_port".to_owned(),
        "addr" | "address" | "ip" => "; there are local_addr and remote_addr".to_owned(),
        _ => match usage::closest(typed, all().map(|column| column.name)) {
            Some(name) => format!("; did you mean {name}?"),
            None => String::new(),
        },
    };
    UsageError::new(format!(
        "there is no column {}{instead} (all columns: lsock help columns)",
        quoted(typed)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_aliases_are_plain_and_unique() {
        let mut seen = HashSet::new();
        for column in all() {
            assert!(seen.insert(normalized(column.name)), "{}", column.name);
            for alias in column.aliases {
                assert_eq!(&normalized(alias), alias);
                assert!(seen.insert((*alias).to_owned()), "{alias}");
            }
            assert!(!column.help.is_empty() && !column.header.is_empty());
        }
    }

    #[test]
    fn default_columns_exist() {
        for name in DEFAULT_COLUMNS.iter().chain(DEFAULT_CSV_COLUMNS) {
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
        assert_eq!(error, "there is no column \"colour\" (all columns: lsock help columns)");
        for (typed, meant) in [("port", "local_port and remote_port"), ("proces", "did you mean process?")] {
            let error = find(typed).unwrap_err().to_string();
            assert!(error.contains(meant), "{error}");
        }
    }
}
