//! `lsock help [TOPIC]`: one topic, or the first screen.

use crate::commands::man;
use crate::exit::EarlyExit;
use crate::help;
use lsock::usage::{UsageError, closest, quoted};

/// Prints the text of a topic, or the screen of a command.
pub(crate) fn run(topic: Option<&str>) -> Result<(), EarlyExit> {
    let text = match topic.map(str::to_ascii_lowercase).as_deref() {
        None | Some("help") => help::SCREEN.to_owned(),
        Some("all") => help::whole(),
        Some("destroy") => help::DESTROY_SCREEN.to_owned(),
        Some(name) => match help::topic(name).or_else(|| man::command_help(name)) {
            Some(text) => text,
            None => return Err(unknown(name).into()),
        },
    };
    exit_with(&text)
}

fn unknown(name: &str) -> UsageError {
    let topics = help::topics();
    match closest(name, topics.iter().copied()) {
        Some(topic) => UsageError::new(format!("there is no topic {}; did you mean {topic}?", quoted(name))),
        None => {
            let line = format!("there is no topic {}; there are {}", quoted(name), topics.join(", "));
            UsageError::new(line)
        }
    }
}

fn exit_with(text: &str) -> Result<(), EarlyExit> {
    crate::exit::print(&format!("{}\n", text.trim_end()))
}
