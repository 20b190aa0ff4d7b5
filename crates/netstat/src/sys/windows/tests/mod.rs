//! The whole back end, from a query to its answer, over a scripted machine.

mod contract;
mod faults;
mod large;
mod model;
mod scripted;
mod unlisted;
mod worlds;
