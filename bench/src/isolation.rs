//! Isolates a measurement from the other processes of the machine, by namespaces.
//!
//! A search for owners walks the descriptors of all processes: other programs would be measured as well. So the
//! worlds and the contenders are in a pid namespace with a `/proc` of its own, unless `--host-pids` leaves them
//! among the processes of the machine, as in production. The sockets are always isolated, in the network namespace
//! of each world.

use crate::Result;
use crate::limits::{self, Limits};
use crate::world::Named;
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};
use socket_world::World;
use socket_world::namespace::{enter_network_namespace, in_network_namespace};
use socket_world::restrict::{drop_capabilities, in_pid_namespace, own_proc};
use std::io;

/// Does the work as the first process of a pid namespace, or with `host_pids` in this process.
///
/// # Errors
/// Not root; or what `work` returned.
pub(crate) fn isolated(host_pids: bool, work: impl FnOnce() -> Result<()>) -> Result<()> {
    if host_pids {
        return work();
    }
    in_pid_namespace(|| {
        // The first process of a namespace ignores Ctrl-C, which ends only the process that started it.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        own_proc(c"")?;
        // That of the machine has sockets, the holders of which are not in this pid namespace.
        enter_network_namespace()?;
        work().map_err(|error| io::Error::other(error.to_string()))
    })
    .map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => "namespaces of its own need root".into(),
        _ => error.into(),
    })
}

/// Builds a world and does the work in it. Each world has a network namespace of its own: the connections of the
/// previous one stay in TIME_WAIT for a minute. Returns the reason if the machine cannot have the world.
///
/// # Errors
/// Not root; the world cannot be built; or what `work` returned.
pub(crate) fn in_world<T: Send>(
    named: &Named,
    work: impl FnOnce(&World) -> Result<T> + Send,
) -> Result<std::result::Result<T, String>> {
    if let Some(why) = Limits::now().shortage(&named.spec) {
        return Ok(Err(why));
    }
    in_namespace(|| {
        let built = match World::build(&named.spec) {
            Ok(built) => built,
            Err(error) if limits::is_shortage(&error) => {
                return Ok(Err(format!("it cannot be built: {error}")));
            }
            Err(error) => return Err(format!("cannot build the world: {error}").into()),
        };
        if named.refused {
            drop_rights()?;
        }
        work(&built).map(Ok)
    })
}

/// Does the work in a new network namespace.
///
/// # Errors
/// Not root; or what `work` returned.
pub(crate) fn in_namespace<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let done = in_network_namespace(|| work().map_err(|error| error.to_string()));
    let done = done.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => "namespaces of its own need root".to_owned(),
        _ => format!("cannot enter a network namespace: {error}"),
    })?;
    Ok(done?)
}

/// Drops, for the calling thread and what it starts, the capabilities to inspect privileged processes and to use
/// BPF.
fn drop_rights() -> io::Result<()> {
    const DROPPED: [CapabilitySet; 4] =
        [CapabilitySet::SYS_PTRACE, CapabilitySet::SYS_ADMIN, CapabilitySet::BPF, CapabilitySet::PERFMON];
    for capability in DROPPED {
        // Otherwise a program run by root would have it in its permitted set.
        remove_capability_from_bounding_set(capability)?;
    }
    drop_capabilities(DROPPED.into_iter().collect())
}
