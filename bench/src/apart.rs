//! Apart from the other processes of the machine, or not.
//!
//! A search for owners walks the descriptors of all processes: whatever else runs would be measured as well. So the
//! worlds and those that list them are in a pid namespace with a `/proc` of its own, unless they are to be among
//! the processes of the machine, as in production. The sockets are apart in any case, in the network namespace of
//! each world.

use crate::Result;
use rustix::process::{Signal, set_parent_process_death_signal};
use socket_world::restrict::{in_pid_namespace, own_proc};
use std::io;

/// Does the work as the first process of a pid namespace, or here if it is to be among the host's processes.
///
/// # Errors
/// Not root; or what `work` returned.
pub(crate) fn apart(among_the_hosts: bool, work: impl FnOnce() -> Result<()>) -> Result<()> {
    if among_the_hosts {
        return work();
    }
    in_pid_namespace(|| {
        // The first process of a namespace is deaf to a Ctrl-C, which ends only the one that started it.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        own_proc(c"")?;
        work().map_err(|error| io::Error::other(error.to_string()))
    })
    .map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => "namespaces of its own need root".into(),
        _ => error.into(),
    })
}
