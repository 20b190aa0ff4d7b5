//! What stands above the list: help, a question, a prompt.

use crate::targets::Target;
use netstat::Socket;

/// A window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Overlay {
    /// The keys, from this line on.
    Help(usize),
    Confirm(Confirm),
    /// The name of a file to export to.
    Export(String),
}

/// What is asked before something is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Confirm {
    /// What it is about, a line each.
    pub(super) lines: Vec<String>,
    /// The question, with the keys that answer it.
    pub(super) question: String,
    pub(super) action: Action,
}

/// What is done after a confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Destroy(Vec<Socket>),
    End(Vec<Target>),
}
