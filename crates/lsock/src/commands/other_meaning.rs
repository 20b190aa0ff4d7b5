//! The second meaning of a word by itself, where the first selects nothing: a number is a pid, a name a part of one. The
//! listing says on standard error which meaning it has.

use crate::exit::EarlyExit;
use lsock::bare_word::{self, BareWord};
use lsock::list_args::ListArgs;
use lsock::plan::Plan;
use lsock::usage::{LINE, quoted};
use netstat::{Filter, GapKind, Lister, ProcessFields, Snapshot};
use std::collections::BTreeSet;
use std::ffi::OsString;

/// What is listed instead, if anything, and the line that says so.
pub(crate) struct OtherMeaning {
    pub(crate) note: String,
    pub(crate) listing: Option<(Plan, Snapshot)>,
}

/// The second meaning of the word, after the first has selected nothing in `first`; `None` without such a word.
pub(crate) fn find(
    args: &ListArgs,
    first: &Snapshot,
    lister: &mut Lister,
) -> Result<Option<OtherMeaning>, EarlyExit> {
    if args.no_owners {
        return Ok(None);
    }
    match BareWord::of(&args.filters.filter)? {
        Some(BareWord::Number(number)) => pid(args, number, lister).map(Some),
        Some(BareWord::Name(name)) => part_of_name(args, &name, first, lister).map(Some),
        Some(BareWord::AddressAndPort { port, .. }) => other_address(args, &port, lister),
        _ => Ok(None),
    }
}

fn listing(args: &ListArgs, words: Filter, lister: &mut Lister) -> Result<(Plan, Snapshot), EarlyExit> {
    let plan = Plan::with_words(args, words)?;
    let snapshot = lister.snapshot(&plan.query).map_err(EarlyExit::Query)?;
    Ok((plan, snapshot))
}

fn pid(args: &ListArgs, number: u16, lister: &mut Lister) -> Result<OtherMeaning, EarlyExit> {
    let (plan, snapshot) = listing(args, Filter::pid(number.into()), lister)?;
    let note = if !snapshot.sockets.is_empty() {
        format!("no socket has port {number}; these are held by process {number}")
    } else if number == 0 || snapshot.gaps.iter().any(|gap| gap.kind == GapKind::ProcessNotFound) {
        return Ok(OtherMeaning {
            note: format!("no socket has port {number}, and no process this pid"),
            listing: None,
        });
    } else {
        format!("no socket has port {number}, and none is seen to be held by process {number}")
    };
    Ok(OtherMeaning { note, listing: Some((plan, snapshot)) })
}

fn part_of_name(
    args: &ListArgs,
    name: &str,
    first: &Snapshot,
    lister: &mut Lister,
) -> Result<OtherMeaning, EarlyExit> {
    let plan = Plan::with_words(args, Filter::all())?;
    let all = plan.query.owners(true).processes(ProcessFields::NAME);
    let all = lister.snapshot(&all).map_err(EarlyExit::Query)?;
    let wanted = name.to_lowercase();
    let names: BTreeSet<OsString> = all.processes.into_iter().filter_map(|process| process.name).collect();
    let names: Vec<OsString> =
        names.into_iter().filter(|name| name.to_string_lossy().to_lowercase().contains(&wanted)).collect();
    let exists = first.gaps.iter().all(|gap| gap.kind != GapKind::ProcessNotFound);
    let nothing = match exists {
        true => format!("no process called {} is seen to hold such a socket", quoted(name)),
        false => format!("no process is called {}", quoted(name)),
    };
    if let Some(filter) = names.iter().cloned().map(Filter::process).reduce(|any, name| any | name) {
        let other = listing(args, filter, lister)?;
        let shown = |name: &OsString| quoted(&name.to_string_lossy()).trim_matches('"').to_owned();
        let list: Vec<String> = names.iter().map(shown).collect();
        let full = format!("{nothing}; names that contain it: {}", list.join(", "));
        let short = format!("{nothing}; {} names contain it", list.len());
        let note = if full.chars().count() <= LINE { full } else { short };
        return Ok(OtherMeaning { note, listing: Some(other) });
    }
    let instead = if exists {
        String::new()
    } else if let Some(word) = bare_word::similar_word(name) {
        format!("; did you mean {word}?")
    } else if let Some(line) = bare_word::no_command(name) {
        return Ok(OtherMeaning { note: line.to_string(), listing: None });
    } else if let Ok(filter) = format!(":{name}").parse::<Filter>()
        && filter.is_selective()
    {
        format!("; as a port: lsock :{name}")
    } else if format!("user {name}").parse::<Filter>().is_ok() {
        format!("; as a user: lsock --user {name}")
    } else if name.contains('.') {
        "; names of hosts are not looked up: type an address".to_owned()
    } else {
        ", and no owner of such a socket has it in its name".to_owned()
    };
    Ok(OtherMeaning { note: format!("{nothing}{instead}"), listing: None })
}

fn other_address(
    args: &ListArgs,
    port: &str,
    lister: &mut Lister,
) -> Result<Option<OtherMeaning>, EarlyExit> {
    let Ok(filter) = format!(":{port}").parse::<Filter>() else { return Ok(None) };
    let count = listing(args, filter, lister)?.1.sockets.len();
    let uses = if count == 1 { "socket has" } else { "sockets have" };
    Ok((count > 0).then(|| OtherMeaning {
        note: format!("no socket has both; {count} {uses} the port on another address: lsock :{port}"),
        listing: None,
    }))
}
