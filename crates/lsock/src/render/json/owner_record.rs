//! An owner of a socket in the JSON.

use super::writer::{JsonText, ToJson, Word, members};
use crate::view::View;
use netstat::Owner;

pub(super) struct OwnerRecord<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) owner: &'a Owner,
}

impl ToJson for OwnerRecord<'_> {
    fn push(&self, out: &mut String) {
        let Self { view, owner } = *self;
        let name = view.process_of(owner).and_then(|process| process.json_name.as_deref());
        members!(out,
            "pid": owner.pid,
            "fd": owner.fd,
            "name": name.map(JsonText),
            "role": Word(owner.role.as_str()),
        );
        out.push('}');
    }
}
