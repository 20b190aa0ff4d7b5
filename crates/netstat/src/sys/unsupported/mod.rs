//! A system without a back end: everything builds, and every question is answered with "not supported".

mod system;

pub(crate) use system::{Cache, Native};
