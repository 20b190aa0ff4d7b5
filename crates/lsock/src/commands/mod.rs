//! The commands, one file each.

pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod list;
pub(crate) mod man;
