//! Filters as they are typed: the values of options, and the expression. The library reads them all.

use crate::plan::Usage;
use netstat::{Filter, FilterError};

/// What one of an option's values lets through, each read as this term reads its own; nothing said, nothing asked.
pub(crate) fn any_of(option: &str, term: &str, values: &[String]) -> Result<Option<Filter>, Usage> {
    let mut any: Option<Filter> = None;
    for typed in values {
        // In quotation marks it is one value, whatever it holds.
        let quoted = typed.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = format!("{term} \"{quoted}\"").parse::<Filter>().map_err(|error| {
            Usage::new(format!("--{option}: {typed:?} is not {expected}", expected = error.expected()))
        })?;
        any = Some(match any {
            Some(any) => any | filter,
            None => filter,
        });
    }
    Ok(any)
}

/// What the words say that stand alone. `after_p`: whether `-p` does too.
pub(crate) fn expression(words: &[String], after_p: bool) -> Result<Filter, Usage> {
    let text = words.join(" ");
    let filter = text.parse().map_err(|error| misread(&text, &error, after_p))?;
    match two_ports(&text) {
        Some(usage) => Err(usage),
        None => Ok(filter),
    }
}

/// Why a text is no filter, with the place marked below it, and what was probably meant.
fn misread(text: &str, error: &FilterError, after_p: bool) -> Usage {
    let found = error.found();
    if found == "destroy" {
        return Usage::new(format!("destroy must come first: lsock destroy FILTER{}", marked(error)));
    }
    let mut as_port = text.to_owned();
    as_port.insert(error.range().start, ':');
    let is_number = !found.is_empty() && found.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || as_port.parse::<Filter>().is_err() {
        return Usage::new(format!("{error:#}"));
    }
    // `-p 123` is how other programs take a process id.
    let hint =
        if after_p { format!("--pid {found} (a process) or :{found} (a port)") } else { format!(":{found}") };
    Usage::new(format!("cannot filter by {found:?}: did you mean {hint}?{}", marked(error)))
}

/// The text of an error with its place marked below: two lines, after the one that says what is wrong.
fn marked(error: &FilterError) -> String {
    let (line, all) = (error.to_string(), format!("{error:#}"));
    all.strip_prefix(&line).unwrap_or_default().to_owned()
}

/// Ports alone, one after the other: `ss` would want a socket to have both, but who types that mostly wants either.
fn two_ports(text: &str) -> Option<Usage> {
    let (first, rest) = text.trim_start().split_once(char::is_whitespace)?;
    let second = rest.split_whitespace().next()?;
    if !text.split_whitespace().all(|word| word.starts_with(':')) {
        return None;
    }
    let before = text.chars().count() - rest.trim_start().chars().count();
    let (either, marks) = (second.trim_start_matches(':'), "^".repeat(second.len()));
    Some(Usage::new(format!(
        "filter, column {}: {second} after {first}: write {first},{either} for either of them, \
         '{first} and {second}' for both\n  {text}\n  {:before$}{marks}",
        before + 1,
        ""
    )))
}

#[cfg(test)]
#[path = "typed_tests.rs"]
mod tests;
