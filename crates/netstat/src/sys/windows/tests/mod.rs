//! The whole back end, from a query to its answer, over a scripted machine.

mod binders;
mod contract;
mod fixture;
mod large;
mod model;
mod peers;
mod process_details;
mod scripted;
mod table_faults;
mod unlisted;
mod worlds;
