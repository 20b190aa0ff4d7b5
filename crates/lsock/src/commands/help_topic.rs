//! `lsock help [TOPIC]`: one topic, or the first screen.

use crate::exit::{self, EarlyExit};
use crate::{help, reference};
use lsock::usage::{UsageError, closest, quoted};

/// Prints the text of a topic, or the screen of a command.
pub(crate) fn run(topic: Option<&str>) -> Result<(), EarlyExit> {
    let name = topic.unwrap_or("help").to_ascii_lowercase();
    match reference::topic(&name) {
        Some(text) => exit::print(&format!("{}\n", text.trim_end())),
        None => Err(unknown(&name).into()),
    }
}

fn unknown(name: &str) -> UsageError {
    let topics = help::topics();
    match closest(name, topics.iter().copied()) {
        Some(topic) => UsageError::new(format!("there is no topic {}; did you mean {topic}?", quoted(name))),
        None => {
            // A long word is not repeated in full, for the line to stay one.
            let name: String = name.chars().take(40).collect();
            UsageError::new(format!("there is no topic {}; lsock --help names the topics", quoted(&name)))
        }
    }
}
