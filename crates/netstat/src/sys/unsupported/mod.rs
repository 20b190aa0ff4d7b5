//! A system without a back end: the crate builds, and every call fails with "not supported".

mod system;

pub(crate) use system::{Cache, Native, Reports};
