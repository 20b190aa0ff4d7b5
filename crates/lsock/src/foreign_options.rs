//! Options of other programs that lsock does not have, and what to type instead.

use crate::exit::EarlyExit;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use lsock::usage::UsageError;

/// Each with the text that replaces clap's suggestion.
const INSTEAD: &[(&[&str], &str)] = &[
    (
        &["-e", "--extended", "-m", "--memory", "--info"],
        "what the kernel knows of a socket is shown by --details (-i)",
    ),
    (&["-o", "--options", "--timers"], "timers are shown by --details (-i) and by --columns +timer"),
    (&["-H"], "the option is --no-header"),
    (&["-K", "--kill"], "sockets are closed by: lsock destroy FILTER"),
    (&["-y", "--yes"], "it belongs to: lsock destroy FILTER"),
];

/// The error for a command line that clap rejects.
pub(crate) fn explain(mut error: clap::Error) -> EarlyExit {
    if error.kind() != ErrorKind::UnknownArgument {
        return EarlyExit::Clap(error);
    }
    if let Some(pid) = std::env::args().skip(1).find_map(|typed| glued_pid(&typed)) {
        return UsageError::new(format!("-p takes no value; did you mean --pid {pid}?")).into();
    }
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && let Some((_, instead)) = INSTEAD.iter().find(|(options, _)| options.contains(&option.as_str()))
    {
        return UsageError::new(format!("there is no {option} here: {instead}")).into();
    }
    // clap suggests to write the option as a word after `--`, but no word of a filter begins like an option.
    error.remove(ContextKind::Suggested);
    EarlyExit::Clap(error)
}

/// The process id in `-p123`, for which clap reports only that there is no option `-1`.
fn glued_pid(typed: &str) -> Option<String> {
    let pid = typed.strip_prefix("-p")?;
    (!pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())).then(|| pid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    #[test]
    fn suggested_replacements_exist() {
        let command = cli::command();
        for (options, instead) in INSTEAD {
            for option in *options {
                let taken = command.clone().try_get_matches_from(["lsock", option]);
                assert_eq!(taken.unwrap_err().kind(), ErrorKind::UnknownArgument, "{option}");
            }
            for word in instead.split_whitespace().filter(|word| word.starts_with("--")) {
                let is_there = |arg: &clap::Arg| arg.get_long() == word.strip_prefix("--");
                assert!(command.get_arguments().any(is_there), "{word}");
            }
        }
    }
}
