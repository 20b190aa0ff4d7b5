//! Filters by names of this machine: network interfaces, users, control groups. Names become numbers when the filter is
//! made.

use crate::filter::{Filter, FilterError, Lookups, parse};
use crate::model::error::Error;
use crate::sys::Native;
use crate::sys::system::System;
use std::path::Path;
use std::str::FromStr;

impl Filter {
    /// Sockets that are bound to the network interface of this name, which is looked up at once.
    ///
    /// # Errors
    /// When there is none of that name, and on systems other than Linux.
    ///
    /// # Sources
    /// `SIOCGIFINDEX`, netdevice(7).
    pub fn interface_name(name: &str) -> Result<Self, Error> {
        Native::interface_index(name).map(Self::interface)
    }

    /// Sockets made by the user of this name, which is looked up at once: in `/etc/passwd`, and on Linux in
    /// systemd's userdb, for at most a fifth of a second.
    ///
    /// # Errors
    /// When it has no such user, and on Windows.
    pub fn user(name: &str) -> Result<Self, Error> {
        Native::user_id(name).map(Self::uid)
    }

    /// Sockets that were made in this control group (version 2): its directory, or its path from the root of
    /// the control groups (`/system.slice/ssh.service`). It is looked up at once.
    ///
    /// # Errors
    /// When there is no such control group, and on systems other than Linux.
    pub fn cgroup(path: impl AsRef<Path>) -> Result<Self, Error> {
        Native::cgroup_id(path.as_ref()).map(Self::cgroup_id)
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    /// Reads a filter in the language of `ss`, with terms of our own: see [`Filter`]. Names of users, network
    /// interfaces, control groups, network namespaces and services are looked up at once, on this machine alone; hosts are
    /// numeric. Interfaces are those of the caller's network namespace: [`Query::parse_filter`](crate::Query::parse_filter)
    /// takes those of the namespaces that a query lists.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse(text, Lookups::OF_THIS_MACHINE)
    }
}

impl Lookups<'static> {
    /// Names of this machine, and of the network namespace of this thread.
    pub(crate) const OF_THIS_MACHINE: Self = Self {
        interface: &|name| Filter::interface_name(name),
        user: &|name| Filter::user(name),
        cgroup: &|path| Filter::cgroup(path),
        netns: &|name| Native::netns_id(name).map(Filter::netns),
    };
}
