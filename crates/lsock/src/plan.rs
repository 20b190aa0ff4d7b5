//! What the command line means: a query, and how to show its answer.

use crate::args::{Args, Color, Which};
use crate::columns::{self, Column};
use crate::order::Term;
use crate::users::Users;
use crate::{ports, states};
use netstat::{DetailFields, ProcessFields, Query, TcpState};
use std::fmt;

/// What to ask, and how to show the answer.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) query: Query,
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

/// Why a command line makes no sense: one line, and what would.
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
pub(crate) fn plan(args: &Args, users: &Users) -> Result<Plan, Usage> {
    let format = format(args);
    let columns = shown_columns(args, format)?;
    let sort = args.sort.iter().map(|term| Term::parse(term)).collect::<Result<Vec<_>, _>>()?;
    let query = with_details(filter(args, users)?, args, format, &columns, &sort)?;
    Ok(Plan { query, format, columns, sort, header: !args.no_header, color: args.color })
}

/// The table of these sockets, as it is usually shown.
pub(crate) fn of_sockets(which: &Which, users: &Users) -> Result<Plan, Usage> {
    plan(&Args { which: which.clone(), ..Args::default() }, users)
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

/// Which sockets are meant. Whatever a command does with them, this is where its filters become a query.
fn filter(args: &Args, users: &Users) -> Result<Query, Usage> {
    let which = &args.which;
    let mut query = Query::new();
    if which.tcp {
        query = query.tcp();
    }
    if which.udp {
        query = query.udp();
    }
    if which.listening {
        query = query.listening();
    }
    if which.bound {
        query = query.bound_inactive(true);
        if !args.all {
            query = query.tcp().state(TcpState::Closed);
        }
    }
    if which.ipv4 {
        query = query.ipv4();
    }
    if which.ipv6 {
        query = query.ipv6();
    }
    for name in &which.state {
        for state in states::parse(name)? {
            query = query.state(*state);
        }
    }
    for typed in &which.filters {
        for ports in positional(typed, args.processes)? {
            query = query.ports(ports);
        }
    }
    for typed in &which.port {
        query = query.ports(ports::parse(typed)?);
    }
    for typed in &which.local_port {
        query = query.local_ports(ports::parse(typed)?);
    }
    for typed in &which.remote_port {
        query = query.remote_ports(ports::parse(typed)?);
    }
    for typed in &which.pid {
        let pid =
            typed.parse().map_err(|_| Usage::new(format!("bad process id {typed:?}: it is a number")))?;
        query = query.pid(pid);
    }
    for name in &which.process {
        query = query.process_name(name);
    }
    for user in &which.user {
        query = query.uid(users.uid(user)?);
    }
    Ok(query)
}

/// What stands alone on the command line: ports, with their colon.
fn positional(typed: &str, after_p: bool) -> Result<Vec<ports::Ports>, Usage> {
    if let Some(list) = typed.strip_prefix(':') {
        return list.split(',').map(ports::parse).collect();
    }
    let hint = match ports::parse(typed) {
        // `-p 123` is how other programs take a process id.
        Ok(_) if after_p => format!("did you mean --pid {typed} (a process) or :{typed} (a port)?"),
        Ok(_) => format!("did you mean :{typed}?"),
        Err(_) => "a port is written :8080, a process --process NAME or --pid PID".to_owned(),
    };
    Err(Usage::new(format!("cannot filter by {typed:?}: {hint}")))
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
        if !(args.which.pid.is_empty() && args.which.process.is_empty()) {
            return Err(Usage::new("--pid and --process need owners, which --no-owners leaves out"));
        }
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
