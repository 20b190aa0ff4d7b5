//! Names of the users in a listing.

use crate::escape;
use netstat::Snapshot;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The names of the users of one snapshot, looked up together when the first is needed.
#[derive(Debug, Default)]
pub struct Users {
    /// Escaped.
    by_uid: OnceLock<HashMap<u32, String>>,
}

impl Users {
    /// The users of this system.
    pub fn of_system() -> Self {
        Self::default()
    }

    /// Users with these numbers and names alone.
    #[cfg(test)]
    pub(crate) fn known(users: &[(u32, &str)]) -> Self {
        let escaped = |(uid, name): &(u32, &str)| (*uid, escape::escaped(name.as_bytes()));
        Self { by_uid: OnceLock::from(users.iter().map(escaped).collect::<HashMap<_, _>>()) }
    }

    /// The escaped name of a user of the snapshot, if it has one.
    pub fn name(&self, snapshot: &Snapshot, uid: u32) -> Option<&str> {
        self.by_uid.get_or_init(|| names(snapshot, netstat::user_names)).get(&uid).map(String::as_str)
    }
}

/// The escaped names of those who created the sockets. A name that the snapshot has for the user of a process is taken from
/// there, so that two columns never disagree about one user.
fn names(
    snapshot: &Snapshot,
    look_up: impl FnOnce(Vec<u32>) -> HashMap<u32, String>,
) -> HashMap<u32, String> {
    let processes = snapshot.processes.iter();
    let mut names: HashMap<u32, String> =
        processes.filter_map(|process| Some((process.uid?, process.user.clone()?))).collect();
    let uids = snapshot.sockets.iter().filter_map(|socket| socket.uid);
    let missing: Vec<u32> = uids.filter(|uid| !names.contains_key(uid)).collect();
    if !missing.is_empty() {
        names.extend(look_up(missing));
    }
    names.into_iter().map(|(uid, name)| (uid, escape::escaped(name.as_bytes()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat::{Family, Process, Protocol, Socket};
    use std::net::SocketAddr;

    #[test]
    fn names_of_processes_are_taken_and_only_the_others_looked_up() {
        let mut snapshot = Snapshot::default();
        for uid in [Some(0), Some(33), Some(0), None, Some(7)] {
            let mut socket = Socket::new(Family::Ipv4, Protocol::Udp, SocketAddr::from(([127, 0, 0, 1], 53)));
            socket.uid = uid;
            snapshot.sockets.push(socket);
        }
        let mut process = Process::new(1);
        (process.uid, process.user) = (Some(33), Some("w\x1b".to_owned()));
        snapshot.processes.push(process);
        let names = names(&snapshot, |uids| {
            assert_eq!(uids, [0, 0, 7]);
            HashMap::from([(0, "root".to_owned())])
        });
        assert_eq!(names, HashMap::from([(0, "root".to_owned()), (33, "w\\x1b".to_owned())]));
    }
}
