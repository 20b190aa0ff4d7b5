//! Names of users in the text of `/etc/passwd`: those of the system. People are in a directory service.

/// The names by number, in the order of the file. Users of this kind are few, so a list is searched quickly.
#[derive(Debug, Default)]
pub(super) struct Users(Vec<(u32, String)>);

impl Users {
    pub(super) fn of(passwd: &[u8]) -> Self {
        let text = String::from_utf8_lossy(passwd);
        let users = text.lines().filter_map(crate::sys::users::user);
        Self(users.map(|(name, uid)| (uid, name.to_owned())).collect())
    }

    /// The name of the first line with this number.
    pub(super) fn name(&self, uid: u32) -> Option<String> {
        self.0.iter().find(|(known, _)| *known == uid).map(|(_, name)| name.clone())
    }
}
