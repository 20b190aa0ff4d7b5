//! Names of users, from `/etc/passwd` alone: a directory service could make the program wait for a network.

use crate::escape;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The users of the system, read when the first name is needed.
#[derive(Debug, Default)]
pub struct Users {
    /// Escaped.
    by_uid: OnceLock<HashMap<u32, String>>,
}

impl Users {
    /// The users of this system; none without an `/etc/passwd`.
    pub fn of_system() -> Self {
        Self::default()
    }

    /// The users in the text of such a file.
    #[cfg(test)]
    pub(crate) fn from_passwd(text: &str) -> Self {
        Self { by_uid: OnceLock::from(by_uid(text)) }
    }

    /// The escaped name of a user, if it has one.
    pub fn name(&self, uid: u32) -> Option<&str> {
        let known = self.by_uid.get_or_init(|| {
            let bytes = std::fs::read("/etc/passwd").unwrap_or_default();
            by_uid(&String::from_utf8_lossy(&bytes))
        });
        known.get(&uid).map(String::as_str)
    }
}

/// Lines of `name:password:uid:...`. The first line of a uid counts, as in getpwuid(3).
fn by_uid(text: &str) -> HashMap<u32, String> {
    let mut known = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        let (Some(name), Some(_), Some(uid)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let Ok(uid) = uid.parse() else { continue };
        known.entry(uid).or_insert_with(|| escape::escaped(name.as_bytes()));
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_name_of_a_number_counts() {
        let users = Users::from_passwd(
            "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n# no user\nw\x1b:x:33:33::/:\n",
        );
        assert_eq!(users.name(0), Some("root"));
        assert_eq!(users.name(33), Some("w\\x1b"));
        assert_eq!(users.name(1), None);
    }
}
