//! What all systems share: the phases of a listing, and the algorithms that its phases and the back ends use.

pub(crate) mod owner_table;
pub(crate) mod parallel;
pub(crate) mod process_start_times;
pub(crate) mod run;
pub(crate) mod snapshot;
