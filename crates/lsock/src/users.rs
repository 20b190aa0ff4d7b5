//! Names of users, as `/etc/passwd` has them: nothing that could wait for a network is asked.

use crate::plan::Usage;
use crate::text;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The users of the system, read when the first one is asked for.
#[derive(Debug, Default)]
pub(crate) struct Users {
    known: OnceLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<String, u32>,
    /// Made harmless.
    by_uid: HashMap<u32, String>,
}

const PASSWD: &str = "/etc/passwd";

impl Users {
    /// The users of this system. None where it has no `/etc/passwd`: users then go by number.
    pub(crate) fn of_system() -> Self {
        Self::default()
    }

    /// The users of such a file.
    #[cfg(test)]
    pub(crate) fn from_passwd(text: &str) -> Self {
        Self { known: OnceLock::from(Known::parse(text)) }
    }

    fn known(&self) -> &Known {
        self.known.get_or_init(|| {
            let bytes = std::fs::read(PASSWD).unwrap_or_default();
            Known::parse(&String::from_utf8_lossy(&bytes))
        })
    }

    /// The user by number or by name.
    pub(crate) fn uid(&self, typed: &str) -> Result<u32, Usage> {
        if let Ok(uid) = typed.parse() {
            return Ok(uid);
        }
        let uid = self.known().by_name.get(typed).copied();
        uid.ok_or_else(|| Usage::new(format!("unknown user {typed:?}: not in {PASSWD}, nor a number")))
    }

    /// The name of a user, made harmless, if there is one.
    pub(crate) fn name(&self, uid: u32) -> Option<&str> {
        self.known().by_uid.get(&uid).map(String::as_str)
    }
}

impl Known {
    /// Lines of `name:password:uid:...`. The first line of a name or uid counts, as in getpwnam(3).
    fn parse(text: &str) -> Self {
        let mut known = Self::default();
        for line in text.lines() {
            let mut fields = line.split(':');
            let (Some(name), Some(_), Some(uid)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            let Ok(uid) = uid.parse() else { continue };
            known.by_name.entry(name.to_owned()).or_insert(uid);
            known.by_uid.entry(uid).or_insert_with(|| text::harmless(name.as_bytes()));
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_go_by_name_and_number() {
        let users =
            Users::from_passwd("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n# no user\nwww:x:33:33::/:\n");
        assert_eq!(users.uid("www"), Ok(33));
        assert_eq!(users.uid("4711"), Ok(4711));
        assert_eq!(users.uid("toor"), Ok(0));
        assert_eq!(users.name(0), Some("root"));
        assert_eq!(users.name(1), None);
        assert!(users.uid("nobody").unwrap_err().to_string().contains("unknown user \"nobody\""));
    }
}
