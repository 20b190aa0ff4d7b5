//! Numbers of names in a filter, which this system does not give.

use crate::model::error::Error;
use std::path::Path;

pub(crate) fn interface_index(name: &str) -> Result<u32, Error> {
    Err(Error::unsupported("find", format!("network interface {name:?}")))
}

pub(crate) fn user_id(name: &str) -> Result<u32, Error> {
    Err(Error::unsupported("find", format!("user {name:?}")))
}

pub(crate) fn cgroup_id(path: &Path) -> Result<u64, Error> {
    Err(Error::unsupported("find", format!("control group {}", path.display())))
}
