//! The whole back end, from a query to its answer, over a scripted machine.

mod faults;
mod model;
mod scripted;
mod speed;
mod worlds;
