//! `lsock why PORT|PID|NAME`: what it is used by, since when, and what started that.

use crate::cli::WhyArgs;
use crate::exit::{self, EarlyExit};
use crate::{ffi, pager, terminal};
use lsock::bare_word::BareWord;
use lsock::rights::Rights;
use lsock::usage::{UsageError, quoted};
use lsock::users::Users;
use lsock::view::View;
use lsock::{gaps, render, why};
use netstat::{Filter, OwnerSource};

/// Prints the answer.
pub(crate) fn run(args: &WhyArgs) -> Result<(), EarlyExit> {
    let asked = &args.what;
    let answer = why::find(&word(asked)?).map_err(EarlyExit::Query)?;
    if args.json {
        let users = Users::of_system();
        return exit::print(&render::why_document(&answer, &View::new(&answer.snapshot, &users), asked));
    }
    let text = why::text(&answer, asked);
    match terminal::screen(args.color) {
        Some(screen) => pager::write(text.as_bytes(), &screen, !args.no_pager).map_err(EarlyExit::Output)?,
        None => exit::print(&text)?,
    }
    let rights = || Rights::of_process(ffi::effective_uid());
    if let Some(unseen) = gaps::line(&answer.snapshot, OwnerSource::Auto, rights) {
        exit::eprint(&unseen);
    }
    Ok(())
}

/// What one word means here: as in a listing, and the filter `:80` too.
fn word(asked: &str) -> Result<BareWord, EarlyExit> {
    if let Some(word) = BareWord::of(&[asked.to_owned()])? {
        return Ok(word);
    }
    match asked.strip_prefix(':').map(str::parse) {
        Some(Ok(port)) => Ok(BareWord::Number(port)),
        _ => match asked.parse::<Filter>() {
            Ok(filter) if filter.is_selective() => Ok(BareWord::Other(filter)),
            _ => {
                let line =
                    format!("{} is not a port, a pid or a name; example: lsock why 8080", quoted(asked));
                Err(UsageError::new(line).into())
            }
        },
    }
}
