//! Groups of sockets: `{"schema":"lsock/1","group_by":"process","groups":[..],"gaps":[..]}`.

use super::records::GapRecord;
use super::writer::{List, ToJson, Word, members};
use netstat::{Gap, Group, GroupKey};

struct GroupRecord<'a>(&'a Group);

impl ToJson for GroupRecord<'_> {
    fn push(&self, out: &mut String) {
        let group = self.0;
        members!(out,
            "name": group.name.as_deref(),
            "reason": group.reason.map(Word),
            "sockets": group.sockets,
            "listening": group.listening,
            "established": group.established,
            "receive_bytes": group.receive_bytes,
            "send_bytes": group.send_bytes,
            "memory_bytes": group.memory_bytes,
            "waiting": group.waiting,
        );
        out.push('}');
    }
}

struct Document<'a> {
    groups: &'a [Group],
    key: GroupKey,
    gaps: &'a [Gap],
}

impl ToJson for Document<'_> {
    fn push(&self, out: &mut String) {
        members!(out,
            "schema": Word("lsock/1"),
            "group_by": Word(self.key.as_str()),
            "groups": List(self.groups.iter().map(GroupRecord)),
            "gaps": List(self.gaps.iter().map(GapRecord)),
        );
        out.push_str("}\n");
    }
}

/// One document, with a line at its end.
pub(in crate::render) fn groups_document(groups: &[Group], key: GroupKey, gaps: &[Gap]) -> String {
    let mut out = String::new();
    Document { groups, key, gaps }.push(&mut out);
    out
}

/// A line for each.
pub(in crate::render) fn groups_lines(groups: &[Group]) -> String {
    let mut out = String::new();
    for group in groups {
        GroupRecord(group).push(&mut out);
        out.push('\n');
    }
    out
}
