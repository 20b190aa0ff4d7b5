//! Filters by names of this machine: network interfaces, users, control groups. Names become numbers when the filter is
//! made.

use crate::filter::{Filter, FilterError, Lookups, parse};
use crate::model::error::Error;
use crate::model::process::Process;
use crate::sys::system::System;
use crate::sys::{Cache, Native};
use std::ffi::OsString;
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

    /// Whether each socket that passes has an owner which the filter names, by [`Filter::pid`] or [`Filter::process`] and not
    /// below a `!`, and this process is one that it names. What is to be done to processes is better not done to all that
    /// hold one of the selected sockets.
    ///
    /// Names are compared as in a query, with those details that the process has: on Linux its name, path and command line.
    ///
    /// # Examples
    /// ```
    /// use netstat::{Filter, Process};
    ///
    /// let filter = Filter::port(80) & (Filter::pid(814) | Filter::process("nginx"));
    /// assert!(filter.names_process(&Process::new(814)));
    /// assert!(!filter.names_process(&Process::new(815)));
    /// assert!(!(Filter::port(80) | Filter::pid(814)).names_process(&Process::new(814)));
    /// ```
    pub fn names_process(&self, process: &Process) -> bool {
        let (pids, names) = self.named_processes();
        let has_name = |name: &OsString| Native::new(&Cache::default()).is_named(name, process) == Some(true);
        pids.contains(&process.pid) || names.iter().any(has_name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_names_a_process_by_pid_or_name_where_it_needs_one() {
        let mut nginx = Process::new(814);
        nginx.name = Some("nginx".into());
        for (text, expected) in [
            ("process nginx", true),
            ("pid 814", true),
            (":80 and ( pid 1 or process nginx )", true),
            ("not ( not pid 814 )", true),
            (":80 or pid 814", false),
            ("not pid 814", false),
            ("not ( pid 814 and :80 )", false),
            ("process ngin", false),
            ("pid 81", false),
            (":814", false),
            ("user 0", false),
        ] {
            assert_eq!(text.parse::<Filter>().unwrap().names_process(&nginx), expected, "{text}");
        }
        assert!(!Filter::process("nginx").names_process(&Process::new(814)), "its name is not known");
    }
}
