//! What the arguments of a listing mean: a query, and how to show its answer.

use crate::columns::{self, Column};
use crate::filter_args::FilterArgs;
use crate::list_args::{ColorWhen, ListArgs};
use crate::render::{Format, Output};
use crate::screen::Screen;
use crate::sort::SortColumn;
use crate::usage::UsageError;
use netstat::{DetailFields, Filter, OwnerSource, ProcessFields, Query, Scope, Snapshot};

/// What to query, and how to show the answer.
#[derive(Debug)]
pub struct Plan {
    /// The query.
    pub query: Query,
    /// What the query reads of processes.
    process_fields: ProcessFields,
    /// The requested source of owners.
    pub owner_source: OwnerSource,
    /// The columns to sort by; none: the default order.
    pub sort: Vec<SortColumn>,
    /// What to write, and in which format.
    pub output: Output,
    /// When the table is coloured.
    pub color: ColorWhen,
    /// Whether a column shows names of hosts.
    pub host_names: bool,
}

impl Plan {
    /// The plan for these arguments.
    pub fn new(args: &ListArgs) -> Result<Self, UsageError> {
        Self::with_query(args, selection(args)?)
    }

    /// The same with another filter in place of that of the words.
    pub fn with_words(args: &ListArgs, words: Filter) -> Result<Self, UsageError> {
        Self::with_query(args, selected(args, args.filters.filter_with(args.all, words)?)?)
    }

    fn with_query(args: &ListArgs, query: Query) -> Result<Self, UsageError> {
        let format = args.format();
        let columns = shown_columns(args, format)?;
        let sort = args.sort.iter().map(|typed| SortColumn::parse(typed)).collect::<Result<Vec<_>, _>>()?;
        let (query, process_fields) = collecting(query, args, format, &columns, &sort)?;
        let host_names =
            columns.iter().chain(sort.iter().map(|by| &by.column)).any(|column| column.needs_host_names());
        if host_names && matches!(format, Format::Json | Format::JsonLines) {
            return Err(UsageError::new(
                "names of hosts are for the table and --csv: the JSON has addresses, whose names can be looked up later",
            ));
        }
        let may_leave_out = adds_columns(args);
        let output = Output { format, columns, header: !args.no_header, may_leave_out, screen: None };
        let owner_source = args.owner_source.into();
        Ok(Self { query, process_fields, owner_source, sort, output, color: args.color(), host_names })
    }

    /// Fits the table to a terminal, which shows the masters of forked processes, and what interpreters run where there is
    /// room. Other formats stay as they are.
    pub fn show_on(&mut self, screen: Screen) {
        if self.output.format != Format::Table {
            return;
        }
        let fields = self.process_fields;
        if !fields.is_empty() {
            let script = if screen.is_wide() { ProcessFields::COMMAND_LINE } else { ProcessFields::empty() };
            self.query = self.query.clone().processes(fields | ProcessFields::PARENT | script);
        }
        self.output.screen = Some(screen);
    }

    /// Shows the namespace of each row on a terminal, if rows are of several and the user has not chosen the columns: a
    /// process that the query names may live elsewhere.
    pub fn show_namespaces_of(&mut self, snapshot: &Snapshot) {
        let Output { columns, may_leave_out, screen, .. } = &mut self.output;
        let first = snapshot.sockets.first().map(|socket| socket.netns);
        let are_several = snapshot.sockets.iter().any(|socket| Some(socket.netns) != first);
        let has_column = columns.iter().any(|column| column.name == "netns");
        if screen.is_some()
            && *may_leave_out
            && are_several
            && !has_column
            && let Ok(column) = columns::find("netns")
        {
            columns.push(column);
        }
    }

    /// The plan for the default table of the selected sockets.
    pub fn of_filters(filters: &FilterArgs) -> Result<Self, UsageError> {
        Self::new(&ListArgs { filters: filters.clone(), ..ListArgs::default() })
    }
}

/// The query for the rows alone: no owners, unless the filter needs them, and no details.
pub fn selection(args: &ListArgs) -> Result<Query, UsageError> {
    selected(args, args.filters.filter(args.all)?)
}

fn selected(args: &ListArgs, filter: Filter) -> Result<Query, UsageError> {
    if args.no_owners && filter.needs_owners() {
        return Err(UsageError::new("filters by process need owners, which --no-owners leaves out"));
    }
    Ok(args.filters.query()?.owner_source(args.owner_source.into()).filter(filter))
}

/// Whether the columns that were named are added to the usual ones.
fn adds_columns(args: &ListArgs) -> bool {
    args.columns.first().is_none_or(|name| name.starts_with('+'))
}

fn shown_columns(args: &ListArgs, format: Format) -> Result<Vec<&'static Column>, UsageError> {
    let add = adds_columns(args);
    let default = match format {
        // The fields of the JSON do not depend on the columns.
        Format::Json | Format::JsonLines => &[][..],
        Format::Table => columns::DEFAULT_COLUMNS,
        Format::Csv => columns::DEFAULT_CSV_COLUMNS,
    };
    let mut shown = Vec::new();
    for name in default.iter().filter(|_| add) {
        let column = columns::find(name)?;
        if !(args.no_owners && column.needs_owners()) {
            shown.push(column);
        }
    }
    for name in &args.columns {
        shown.push(columns::find(name.strip_prefix('+').unwrap_or(name))?);
    }
    if add && args.filters.scope() != Scope::Current && !default.is_empty() {
        shown.push(columns::find("netns")?);
    }
    let has_columns = matches!(format, Format::Table | Format::Csv);
    for name in args.added_columns() {
        let column = columns::find(name)?;
        // The JSON has them as members.
        let is_of_peers = column.needs_peers();
        if is_of_peers && (!has_columns || args.no_owners && column.needs_owners()) {
            continue;
        }
        if !shown.iter().any(|shown| shown.name == column.name) {
            shown.push(column);
        }
    }
    if args.resolve {
        if shown.is_empty() {
            shown.push(columns::find("remote_host")?);
        }
        for column in &mut shown {
            match column.name {
                "local" => *column = columns::find("local_host")?,
                "remote" => *column = columns::find("remote_host")?,
                _ => {}
            }
        }
    }
    let details = columns::find("details")?;
    if args.details && has_columns && !shown.iter().any(|column| column.name == details.name) {
        shown.push(details);
    }
    Ok(shown)
}

/// Makes the query collect what a column shows or sorts by, and no more: services, details, owners, details of their
/// processes.
fn collecting(
    query: Query,
    args: &ListArgs,
    format: Format,
    columns: &[&Column],
    sort: &[SortColumn],
) -> Result<(Query, ProcessFields), UsageError> {
    let mut chosen = columns.iter().copied().chain(sort.iter().map(|by| by.column));
    let details = if args.details { DetailFields::all() } else { DetailFields::empty() };
    let details = chosen.clone().fold(details, |fields, column| fields | column.detail_fields());
    let peers = args.peers || chosen.clone().any(Column::needs_peers);
    let query = query.services(chosen.clone().any(Column::needs_services)).details(details).peers(peers);
    let query = query.cookies(chosen.clone().any(|column| column.name == "cookie"));
    if args.no_owners {
        if let Some(column) = chosen.find(|column| column.needs_owners()) {
            let name = column.name;
            return Err(UsageError::new(format!(
                "column {name:?} needs owners, which --no-owners leaves out"
            )));
        }
        return Ok((query, ProcessFields::empty()));
    }
    let (mut owners, mut fields) = match format {
        Format::Json => (true, JSON_FIELDS),
        Format::JsonLines => (true, ProcessFields::NAME),
        Format::Table | Format::Csv => (false, ProcessFields::empty()),
    };
    for column in chosen {
        owners |= column.needs_owners();
        fields |= column.process_fields();
    }
    Ok((query.owners(owners).processes(fields), fields))
}

/// The fields of a process in the JSON. Command lines can be long and hold secrets: only if a column asks for them.
const JSON_FIELDS: ProcessFields = ProcessFields::NAME
    .union(ProcessFields::PATH)
    .union(ProcessFields::PARENT)
    .union(ProcessFields::UID)
    .union(ProcessFields::USER)
    .union(ProcessFields::START_TIME)
    .union(ProcessFields::SESSION);

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
