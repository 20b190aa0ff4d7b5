//! The commands, one file each; `main` chooses which one runs.

pub(crate) mod complete;
pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod groups;
pub(crate) mod help_topic;
mod hosts;
pub(crate) mod list;
pub(crate) mod man;
mod other_meaning;
pub(crate) mod overview;
mod pids;
mod quiet;
mod repeat;
mod summary;
pub(crate) mod watch;
pub(crate) mod why;
