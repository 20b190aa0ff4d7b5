//! The code that all systems share: the phases of a listing, and the algorithms that phases and back ends use.

pub(crate) mod both_ends;
pub(crate) mod changes;
pub(crate) mod decisions;
pub(crate) mod events;
pub(crate) mod filter_names;
pub(crate) mod interfaces;
pub(crate) mod join;
pub(crate) mod listeners;
pub(crate) mod no_reports;
pub(crate) mod owner_table;
pub(crate) mod parallel;
pub(crate) mod peers;
pub(crate) mod pid_walk;
pub(crate) mod process_names;
pub(crate) mod process_start_times;
pub(crate) mod run;
pub(crate) mod snapshot;
pub(crate) mod tables;
