//! What could not be seen, in one line for people.

use crate::text;
use netstat::{Gap, GapKind};

/// The line for standard error; `None` when nothing is missing. Processes that ended while they were being
/// read are missing in no way that matters to people; the JSON tells them.
pub(crate) fn line(gaps: &[Gap]) -> Option<String> {
    let mut line = String::new();
    let mut unreadable = 0;
    for gap in gaps.iter().filter(|gap| gap.kind != GapKind::ProcessesVanished) {
        if !line.is_empty() {
            line.push_str("; ");
        }
        text::push_harmless(gap.to_string().as_bytes(), &mut line);
        if gap.kind == GapKind::ProcessesUnreadable {
            unreadable += gap.count;
        }
    }
    if unreadable > 0 {
        // Not only root has such rights, and not every root has them.
        let what = if unreadable == 1 { "it holds" } else { "they hold" };
        text::push(&mut line, format_args!(": run with more rights, such as root's, to see what {what}"));
    }
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat::Snapshot;

    #[test]
    fn nothing_missing_says_nothing() {
        assert_eq!(line(&Snapshot::default().gaps), None);
    }
}
