//! Apart from the other processes of the machine, or not.
//!
//! A search for owners walks the descriptors of all processes: whatever else runs would be measured as well. So the
//! worlds and those that list them are in a pid namespace with a `/proc` of its own, unless they are to be among
//! the processes of the machine, as in production. The sockets are apart in any case, in the network namespace of
//! each world.

use crate::Result;
use crate::limits::{self, Limits};
use crate::world::Named;
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};
use socket_world::World;
use socket_world::namespace::in_network_namespace;
use socket_world::restrict::{drop_capabilities, in_pid_namespace, own_proc};
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

/// Builds a world and does the work in it. Each world has a network namespace of its own: the connections of the one
/// before stay for a minute in TIME_WAIT. Gives why the machine cannot have the world, if so.
///
/// # Errors
/// Not root; the world cannot be built; or what `work` returned.
pub(crate) fn in_world<T: Send>(
    named: &Named,
    work: impl FnOnce(&World) -> Result<T> + Send,
) -> Result<std::result::Result<T, String>> {
    if let Some(why) = Limits::now().hinder(&named.spec) {
        return Ok(Err(why));
    }
    in_namespace(|| {
        let built = match World::build(&named.spec) {
            Ok(built) => built,
            Err(error) if limits::is_want(&error) => return Ok(Err(format!("it cannot be built: {error}"))),
            Err(error) => return Err(format!("cannot build the world: {error}").into()),
        };
        if named.refused {
            give_up_rights()?;
        }
        work(&built).map(Ok)
    })
}

/// Does the work in a network namespace of its own.
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

/// From now on the calling thread, and what it starts, has no right to look into processes that have it, nor to use
/// BPF.
fn give_up_rights() -> io::Result<()> {
    const GIVEN_UP: [CapabilitySet; 4] =
        [CapabilitySet::SYS_PTRACE, CapabilitySet::SYS_ADMIN, CapabilitySet::BPF, CapabilitySet::PERFMON];
    for capability in GIVEN_UP {
        // Else a program of root's would have it back.
        remove_capability_from_bounding_set(capability)?;
    }
    drop_capabilities(GIVEN_UP.into_iter().collect())
}
