//! Numbers of names in a filter.

pub(crate) use crate::sys::unsupported::resolve::{cgroup_id, interface_index};
pub(crate) use crate::sys::users::user_id;
