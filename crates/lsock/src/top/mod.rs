//! The live view of `lsock top`: what is known (`world`), how it is listed (`list`), what is chosen and open (`state`),
//! what keys do (`input`), and the screen (`view`). Nothing in it touches a terminal, and time comes from outside: the
//! program samples, reads keys, and does what an [`Effect`] asks for.

mod amount;
mod areas;
mod ask;
mod column;
mod details;
mod export;
mod filter_line;
mod graph;
mod group;
mod input;
mod list;
mod overlay;
mod pen;
mod row;
mod settings;
mod state;
mod tab;
mod view;
mod world;

#[cfg(test)]
mod made;

pub use input::KEYS;
pub use settings::Settings;
pub use state::{Effect, Top};
pub use world::World;

use crate::targets;
use netstat::{DetailFields, ProcessFields, Query};

/// The query for a sample.
pub fn query(query: Query) -> Query {
    query.processes(targets::FIELDS | ProcessFields::PARENT).details(DetailFields::TCP_INFO).peers(true)
}
