//! The commands, one file each; `main` chooses which one runs.

pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod overview;
