//! Counts of sockets: `{"schema":"lsock/1","counts":[..],"total":N,"gaps":[..]}`.

use super::records::GapRecord;
use super::writer::{List, ToJson, Word, members};
use netstat::Gap;

/// Sockets of one protocol in one state, by their names.
pub(in crate::render) struct Count {
    pub(in crate::render) protocol: &'static str,
    /// `None` of a protocol without states.
    pub(in crate::render) state: Option<&'static str>,
    pub(in crate::render) sockets: u64,
    /// Of these, those of each family; `None` where there are none but others.
    pub(in crate::render) ipv4: Option<u64>,
    pub(in crate::render) ipv6: Option<u64>,
}

struct CountRecord<'a>(&'a Count);

impl ToJson for CountRecord<'_> {
    fn push(&self, out: &mut String) {
        members!(out,
            "protocol": Word(self.0.protocol),
            "state": self.0.state.map(Word),
            "sockets": self.0.sockets,
            "ipv4": self.0.ipv4,
            "ipv6": self.0.ipv6,
        );
        out.push('}');
    }
}

/// One document, with a line at its end.
pub(in crate::render) fn counts_document(counts: &[Count], total: u64, gaps: &[Gap]) -> String {
    let mut out = String::new();
    members!(&mut out,
        "schema": Word("lsock/1"),
        "counts": List(counts.iter().map(CountRecord)),
        "total": total,
        "gaps": List(gaps.iter().map(GapRecord)),
    );
    out.push_str("}\n");
    out
}

/// A line for each.
pub(in crate::render) fn counts_lines(counts: &[Count]) -> String {
    let mut out = String::new();
    for count in counts {
        CountRecord(count).push(&mut out);
        out.push('\n');
    }
    out
}
