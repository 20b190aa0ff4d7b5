//! User records of systemd: files `/run/userdb/<uid>.user`, and answers of the varlink service `io.systemd.UserDatabase`.
//!
//! Both are JSON. Of a record only `userName` and `uid` are decoded; everything else is skipped, of any shape.
//!
//! Sources: <https://systemd.io/USER_RECORD/>, <https://systemd.io/USER_GROUP_API/>, varlink.org (messages end with a NUL).

use super::json::{member, string};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// `userName`.
    pub name: String,
    /// `uid`.
    pub uid: u32,
}

/// The longest name that is decoded, as `LOGIN_NAME_MAX`.
const MAX_NAME: usize = 255;

impl UserRecord {
    /// A record, as a file `*.user` contains it.
    ///
    /// `None`: no such object, no uid, or a name that is empty, too long, or written with an escape, which no valid name
    /// needs.
    pub fn decode(json: &[u8]) -> Option<Self> {
        let name = string(member(json, b"userName")?).filter(|name| (1..=MAX_NAME).contains(&name.len()))?;
        let uid = std::str::from_utf8(member(json, b"uid")?).ok()?.parse().ok()?;
        Some(Self { name: name.to_owned(), uid })
    }

    /// The record in an answer to `GetUserRecord`, with or without the NUL at its end; `None` if there is none, as in an error.
    pub fn decode_reply(message: &[u8]) -> Option<Self> {
        Self::decode(member(member(message, b"parameters")?, b"record")?)
    }
}
