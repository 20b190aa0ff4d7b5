//! An answer, with what showing it needs looked up once: names made harmless, names of interfaces.

use crate::text;
use crate::time::Rfc3339;
use crate::users::Users;
use netstat::{Owner, OwnerRole, Process, Snapshot};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) struct View<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) users: &'a Users,
    /// One for each process of the snapshot, in the same order.
    processes: Vec<Shown<'a>>,
    /// Their pids: to search these few bytes is quicker.
    pids: Vec<u32>,
    interfaces: Mutex<HashMap<u32, Option<Arc<str>>>>,
}

/// A process as it is shown. Everything but `raw` has been made harmless.
pub(crate) struct Shown<'a> {
    pub(crate) raw: &'a Process,
    /// As a JSON string, what is not UTF-8 replaced by U+FFFD.
    pub(crate) json_name: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) command: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) started: Option<String>,
}

impl<'a> View<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, users: &'a Users) -> Self {
        let processes = snapshot.processes.iter().map(Shown::new).collect();
        let pids = snapshot.processes.iter().map(|process| process.pid).collect();
        Self { snapshot, users, processes, pids, interfaces: Mutex::default() }
    }

    /// The process behind an owner, if details of it were read; as [`Snapshot::process_of`], none behind one that
    /// has ended, whose pid may be a stranger's by now.
    pub(crate) fn process_of(&self, owner: &Owner) -> Option<&Shown<'a>> {
        if owner.role == OwnerRole::EndedBinder {
            return None;
        }
        self.pids.binary_search(&owner.pid).ok().and_then(|index| self.processes.get(index))
    }

    pub(crate) fn processes(&self) -> &[Shown<'a>] {
        &self.processes
    }

    /// The name of a network interface as the system has it, asked for once.
    pub(crate) fn interface(&self, index: u32) -> Option<Arc<str>> {
        let mut known = self.interfaces.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(index).or_insert_with(|| netstat::interface_name(index).map(Arc::from)).clone()
    }
}

impl<'a> Shown<'a> {
    fn new(raw: &'a Process) -> Self {
        Self {
            raw,
            json_name: raw.name.as_ref().map(|name| {
                let mut shown = String::new();
                text::push_json(&name.to_string_lossy(), &mut shown);
                shown
            }),
            name: raw.name.as_ref().map(|name| text::harmless(name.as_encoded_bytes())),
            path: raw.path.as_ref().map(|path| {
                let mut shown = text::harmless(path.as_os_str().as_encoded_bytes());
                if raw.path_deleted {
                    shown.push_str(" (deleted)");
                }
                shown
            }),
            command: raw.command_line.as_ref().filter(|arguments| !arguments.is_empty()).map(|arguments| {
                let shown: Vec<_> = arguments.iter().map(|a| text::harmless(a.as_encoded_bytes())).collect();
                shown.join(" ")
            }),
            user: raw.user.as_ref().map(|user| text::harmless(user.as_bytes())),
            started: raw.start_time.and_then(Rfc3339::new).map(|time| time.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_found_as_the_library_finds_them() {
        let mut snapshot = Snapshot::default();
        snapshot.processes = vec![Process::new(7), Process::new(9)];
        let users = Users::from_passwd("");
        let view = View::new(&snapshot, &users);
        let roles = [
            OwnerRole::Holder,
            OwnerRole::Binder,
            OwnerRole::LastUser,
            OwnerRole::Effective,
            OwnerRole::EndedBinder,
        ];
        for role in roles {
            for pid in [7, 8, 9] {
                let owner = Owner::new(pid, None, role);
                let found = view.process_of(&owner).map(|shown| shown.raw);
                assert_eq!(found, snapshot.process_of(&owner), "{owner:?}");
            }
        }
    }
}
