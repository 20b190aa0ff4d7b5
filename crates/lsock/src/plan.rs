//! What the command line means: a query, and how to show its answer.

use crate::args::{Args, Color, Which};
use crate::columns::{self, Column};
use crate::order::Term;
use crate::typed;
use netstat::{DetailFields, Filter, OwnerSource, ProcessFields, Query, TcpState};
use std::fmt;

/// What to ask, and how to show the answer.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) query: Query,
    pub(crate) owner_source: OwnerSource,
    pub(crate) format: Format,
    pub(crate) columns: Vec<&'static Column>,
    pub(crate) sort: Vec<Term>,
    pub(crate) header: bool,
    pub(crate) color: Color,
}

/// The form of the output.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
    JsonLines,
    Csv,
}

/// Why a command line makes no sense, and what would: one line; of a filter three, with the place marked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Usage(String);

impl Usage {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes sense of the command line.
pub(crate) fn plan(args: &Args) -> Result<Plan, Usage> {
    let format = format(args);
    let columns = shown_columns(args, format)?;
    let sort = args.sort.iter().map(|term| Term::parse(term)).collect::<Result<Vec<_>, _>>()?;
    let query = with_details(filter(args)?, args, format, &columns, &sort)?;
    let owner_source = args.owner_source.into();
    Ok(Plan { query, owner_source, format, columns, sort, header: !args.no_header, color: args.color })
}

/// The table of these sockets, as it is usually shown.
pub(crate) fn of_sockets(which: &Which) -> Result<Plan, Usage> {
    plan(&Args { which: which.clone(), ..Args::default() })
}

fn format(args: &Args) -> Format {
    match args {
        Args { json: true, .. } => Format::Json,
        Args { jsonl: true, .. } => Format::JsonLines,
        Args { csv: true, .. } => Format::Csv,
        _ => Format::Table,
    }
}

fn shown_columns(args: &Args, format: Format) -> Result<Vec<&'static Column>, Usage> {
    let add = args.columns.first().is_none_or(|name| name.starts_with('+'));
    let usual = match format {
        // Its fields are the same whatever the columns are.
        Format::Json | Format::JsonLines => &[][..],
        Format::Table => columns::USUAL,
        Format::Csv => columns::USUAL_CSV,
    };
    let mut shown = Vec::new();
    for name in usual.iter().filter(|_| add) {
        let column = columns::find(name)?;
        if !(args.no_owners && column.needs_owners()) {
            shown.push(column);
        }
    }
    for name in &args.columns {
        shown.push(columns::find(name.strip_prefix('+').unwrap_or(name))?);
    }
    let details = columns::find("details")?;
    let has_columns = matches!(format, Format::Table | Format::Csv);
    if args.details && has_columns && !shown.iter().any(|column| column.name == details.name) {
        shown.push(details);
    }
    Ok(shown)
}

/// Which sockets: options of one kind unite, those of different kinds and the expression narrow.
pub(crate) fn filter(args: &Args) -> Result<Query, Usage> {
    let mut query = Query::new().owner_source(args.owner_source.into());
    let which = &args.which;
    if which.tcp {
        query = query.tcp();
    }
    if which.udp {
        query = query.udp();
    }
    if which.ipv4 {
        query = query.ipv4();
    }
    if which.ipv6 {
        query = query.ipv6();
    }
    if which.bound {
        if which.udp && !which.tcp {
            return Err(Usage::new(
                "--bound is about TCP sockets, which -u alone leaves out; did you mean -tu?",
            ));
        }
        query = query.bound_inactive(true);
    }
    let filter = let_through(which, args.all, args.processes)?;
    if args.no_owners && filter.needs_owners() {
        return Err(Usage::new("filters by process need owners, which --no-owners leaves out"));
    }
    Ok(query.filter(filter))
}

/// Of the protocols and families that are asked for, the sockets that are let through.
pub(crate) fn let_through(which: &Which, all: bool, after_p: bool) -> Result<Filter, Usage> {
    let listening = which.listening.then(Filter::listening);
    // Alone it is a state like another; beside all of them it adds to them.
    let bound = (which.bound && !all).then(|| Filter::tcp() & Filter::state(TcpState::Closed));
    let states = typed::any_of("state", "state", &which.state)?;
    let kinds = [
        listening.into_iter().chain(bound).chain(states).reduce(|listening, states| listening | states),
        typed::any_of("local-port", "sport", &which.local_port)?,
        typed::any_of("remote-port", "dport", &which.remote_port)?,
        typed::any_of("port", "port", &which.port)?,
        typed::any_of("user", "user", &which.user)?,
        typed::any_of("pid", "pid", &which.pid)?,
        typed::any_of("process", "process", &which.process)?,
        Some(typed::expression(&which.filter, after_p)?),
    ];
    Ok(kinds.into_iter().flatten().fold(Filter::all(), |all, kind| all & kind))
}

/// Asks for services, details, owners and details of their processes as far as something shows or sorts by them.
fn with_details(
    query: Query,
    args: &Args,
    format: Format,
    columns: &[&Column],
    sort: &[Term],
) -> Result<Query, Usage> {
    let mut chosen = columns.iter().copied().chain(sort.iter().map(|term| term.column));
    let beyond = if args.details { DetailFields::all() } else { DetailFields::empty() };
    let beyond = chosen.clone().fold(beyond, |fields, column| fields | column.detail_fields());
    let query = query.services(chosen.clone().any(Column::needs_services)).details(beyond);
    if args.no_owners {
        if let Some(column) = chosen.find(|column| column.needs_owners()) {
            let name = column.name;
            return Err(Usage::new(format!("column {name:?} needs owners, which --no-owners leaves out")));
        }
        return Ok(query);
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
    Ok(query.owners(owners).processes(fields))
}

/// What the JSON tells of a process. Command lines may hold secrets and be long: only on demand.
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
