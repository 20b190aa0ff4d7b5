//! Users in `/etc/passwd`. Other sources of names (LDAP, the directory of macOS) are asked only by a back end that bounds the
//! wait.

use crate::etc;
use crate::model::error::Error;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::ops::ControlFlow;

pub(super) const PASSWD: &str = "/etc/passwd";

/// The names of these users, ascending and without repeats; those that the file lacks are absent. The file may have millions of lines, so it is read as a
/// stream, and no further than to the last of them.
pub(super) fn names(wanted: &[u32]) -> HashMap<u32, String> {
    names_in(PASSWD, wanted)
}

fn names_in(path: &str, wanted: &[u32]) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    if wanted.is_empty() {
        return names;
    }
    // An unreadable file has no names.
    let _ = etc::lines(path, |line| {
        if let Some((name, uid)) = user(line).filter(|(_, uid)| wanted.binary_search(uid).is_ok()) {
            // The first line of a number counts, as in getpwuid(3).
            names.entry(uid).or_insert_with(|| name.to_owned());
        }
        if names.len() < wanted.len() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    names
}

/// The number of a user of this machine.
pub(crate) fn user_id(name: &str) -> Result<u32, Error> {
    let mut found = None;
    let _ = etc::lines(PASSWD, |line| match user(line) {
        Some((known, uid)) if known == name => {
            found = Some(uid);
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found.ok_or_else(|| Error::system("find", format!("user {name:?} in {PASSWD}"), ErrorKind::NotFound))
}

/// A line `name:password:uid:...`; files of macOS begin with comments.
pub(super) fn user(line: &str) -> Option<(&str, u32)> {
    let mut parts = line.split(':');
    let name = parts.next().filter(|name| !name.starts_with('#'))?;
    Some((name, parts.nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names_of(passwd: &[u8], wanted: &[u32]) -> HashMap<u32, String> {
        let path = std::env::temp_dir().join(format!("netstat-passwd-{:?}", std::thread::current().id()));
        std::fs::File::create(&path).unwrap().write_all(passwd).unwrap();
        let names = names_in(path.to_str().unwrap(), wanted);
        std::fs::remove_file(path).unwrap();
        names
    }

    #[test]
    fn user_without_a_number_is_an_error_that_names_it() {
        assert_eq!(user_id("root").unwrap(), 0);
        let error = user_id("no such user").unwrap_err().to_string();
        assert!(error.starts_with("cannot find user \"no such user\" in /etc/passwd: "), "{error}");
    }

    #[test]
    fn first_name_of_a_number_counts_and_comments_do_not() {
        let passwd =
            b"# 3:x:3\nroot:*:0:0:System:/var/root:/bin/sh\n_www:*:70:70::/:/f\ntoor:*:0:0:::\nbad:x\nworse:x:y\n";
        let names = names_of(passwd, &[0, 3, 70, 71]);
        assert_eq!(names, HashMap::from([(0, "root".to_owned()), (70, "_www".to_owned())]));
        assert!(names_of(b"\xff\xfe\n\n:::\n", &[0]).is_empty());
        assert!(names_of(passwd, &[]).is_empty());
    }

    #[test]
    fn only_names_of_wanted_users_are_kept() {
        let mut passwd = String::new();
        for uid in 0..100_000 {
            passwd.push_str(&format!("user{uid}:x:{uid}:{uid}::/:/bin/sh\n"));
        }
        let names = names_of(passwd.as_bytes(), &[5, 99_999, 100_000]);
        assert_eq!(names, HashMap::from([(5, "user5".to_owned()), (99_999, "user99999".to_owned())]));
    }
}
