//! Help that is generated from the definition of the command line, and all help together.

use crate::cli;
use crate::help;
use clap::Command;

/// The text of a topic or of a command; `None` if there is neither.
pub(crate) fn topic(name: &str) -> Option<String> {
    match name {
        "help" => Some(help::screen()),
        #[cfg(feature = "top")]
        "top" => Some(help::top_screen()),
        "overview" => Some(help::OVERVIEW_SCREEN.to_owned()),
        "why" => Some(help::WHY_SCREEN.to_owned()),
        "destroy" => Some(help::DESTROY_SCREEN.to_owned()),
        "watch" => Some(help::WATCH_SCREEN.to_owned()),
        "kill" => Some(help::KILL_SCREEN.to_owned()),
        "wait" => Some(help::WAIT_SCREEN.to_owned()),
        "options" | "option" => Some(options()),
        "all" => Some(whole()),
        name => help::topic(name).or_else(|| command_help(name)),
    }
}

/// All options with their help.
fn options() -> String {
    let text = cli::command().help_template("{options}").render_long_help().to_string();
    format!("Options:\n{}", text.trim_end())
}

/// Everything.
pub(crate) fn whole() -> String {
    let mut parts = vec![help::screen().trim_end().to_owned(), options()];
    parts.extend(help::sections().iter().map(help::text));
    parts.join("\n\n")
}

/// A command that is not the listing.
pub(crate) fn find_command(name: &str) -> Option<Command> {
    cli::command().get_subcommands().find(|it| it.get_name() == name).cloned()
}

/// The help of such a command.
pub(crate) fn command_help(name: &str) -> Option<String> {
    let command = find_command(name)?.bin_name(format!("lsock {name}"));
    Some(command.clone().render_long_help().to_string())
}
