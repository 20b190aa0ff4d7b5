//! Names of users, as `/etc/passwd` has them. Other sources of names (LDAP, the directory of macOS) could keep a
//! listing waiting.

use crate::model::error::Error;
use std::io::ErrorKind;

const PASSWD: &str = "/etc/passwd";

/// What stands in it: nothing where it cannot be read.
pub(super) fn passwd() -> Vec<u8> {
    std::fs::read(PASSWD).unwrap_or_default()
}

/// The number of a user of this machine.
pub(crate) fn user_id(name: &str) -> Result<u32, Error> {
    let file = passwd();
    let text = String::from_utf8_lossy(&file);
    let found = users(&text).find(|(user, _)| *user == name);
    found
        .map(|(_, uid)| uid)
        .ok_or_else(|| Error::system("find", format!("user {name:?} in {PASSWD}"), ErrorKind::NotFound))
}

/// The names by number, in the order of the file. They are looked through from the first: users of this kind are
/// few, and to find one takes less than to read of one process.
#[derive(Debug, Default)]
pub(super) struct Users(Vec<(u32, String)>);

impl Users {
    pub(super) fn of(passwd: &[u8]) -> Self {
        let mut names = Vec::new();
        for (name, uid) in users(&String::from_utf8_lossy(passwd)) {
            names.push((uid, name.to_owned()));
        }
        Self(names)
    }

    /// The name with this number; the first line with it is the one that counts.
    pub(super) fn name(&self, uid: u32) -> Option<String> {
        self.0.iter().find(|(known, _)| *known == uid).map(|(_, name)| name.clone())
    }
}

/// Lines of `name:password:uid:...`; those of macOS have comments before them.
fn users(text: &str) -> impl Iterator<Item = (&str, u32)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut parts = line.split(':');
        Some((parts.next()?, parts.nth(1)?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_numbers_and_one_that_is_none_is_an_error_that_tells_it() {
        assert_eq!(user_id("root").unwrap(), 0);
        let error = user_id("no such user").unwrap_err().to_string();
        assert!(error.starts_with("cannot find user \"no such user\" in /etc/passwd: "), "{error}");
    }

    #[test]
    fn first_name_of_a_number_counts_and_comments_do_not() {
        let names = Users::of(
            b"# 3:x:3\nroot:*:0:0:System:/var/root:/bin/sh\n_www:*:70:70::/:/f\ntoor:*:0:0:::\nbad:x\nworse:x:y\n",
        );
        assert_eq!(names.name(0).as_deref(), Some("root"));
        assert_eq!(names.name(70).as_deref(), Some("_www"));
        assert_eq!(names.name(3), None);
        assert!(Users::of(b"\xff\xfe\n\n:::\n").0.is_empty());
    }
}
