//! Apart from the other processes of the machine.
//!
//! A search for owners walks the descriptors of all processes: whatever else runs would be measured as well. So the
//! worlds and those that list them are in a pid namespace with a `/proc` of its own. The sockets are apart too, in
//! the network namespace of each world.

use crate::Result;
use rustix::process::{Signal, set_parent_process_death_signal};
use socket_world::restrict::{in_pid_namespace, own_proc};
use std::io;

/// Does the work as the first process of a pid namespace.
///
/// # Errors
/// Not root; or what `work` returned.
pub(crate) fn apart(work: impl FnOnce() -> Result<()>) -> Result<()> {
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
