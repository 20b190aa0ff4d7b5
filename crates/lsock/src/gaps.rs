//! What the library could not see, in one line for people.

use crate::digits::push_display;
use crate::escape;
use crate::rights::Rights;
use crate::usage::quoted;
use netstat::{Gap, GapKind, OwnerSource, Snapshot};

/// The line for standard error; `None` if nothing is missing and the owners come from the source that was `requested`.
/// `rights` is called if advice depends on them. Processes and descriptors that vanished during the listing appear in the JSON alone.
pub fn line(snapshot: &Snapshot, requested: OwnerSource, rights: impl FnOnce() -> Rights) -> Option<String> {
    let mut line = String::new();
    if matches!(requested, OwnerSource::Bpf | OwnerSource::OnePass)
        && let Some(from) = snapshot.owner_source.as_ref().filter(|from| from.source != requested)
    {
        escape::escape_into(
            format!("owners by {}, not by {requested}: {}", from.source, from.reason).as_bytes(),
            &mut line,
        );
    }
    let mut unreadable = 0;
    let gaps = merged(snapshot.gaps.iter().filter(|gap| is_reported(gap)));
    for gap in &gaps {
        if !line.is_empty() {
            line.push_str("; ");
        }
        escape::escape_into(in_words(gap).as_bytes(), &mut line);
        if gap.kind == GapKind::ProcessesUnreadable {
            unreadable += gap.count;
        }
    }
    if unreadable > 0 {
        let objects = if unreadable == 1 { "what it holds" } else { "what they hold" };
        if let Some(advice) = rights().advice(objects) {
            push_display(&mut line, format_args!(": {advice}"));
        }
    } else if snapshot.gaps.iter().any(|gap| gap.kind == GapKind::ProcessesHidden && gap.source == "hidepid")
    {
        push_display(&mut line, format_args!(": {}", rights().advice_on_hidepid()));
    }
    (!line.is_empty()).then_some(line)
}

/// The gaps, with one in place of several that are of one kind and of a process each.
fn merged<'g>(gaps: impl Iterator<Item = &'g Gap>) -> Vec<Gap> {
    let mut merged: Vec<(Gap, u64)> = Vec::new();
    for gap in gaps {
        let is_of_process = matches!(gap.kind, GapKind::SocketsOfOtherKinds | GapKind::SocketsElsewhere);
        match merged.iter_mut().find(|(other, _)| is_of_process && other.kind == gap.kind) {
            Some((sum, processes)) => {
                sum.count += gap.count;
                *processes += 1;
                sum.source = format!("{processes} processes").into();
            }
            None => merged.push((gap.clone(), 1)),
        }
    }
    merged.into_iter().map(|(gap, _)| gap).collect()
}

/// The gap as a clause, where the library's words are for programmers.
fn in_words(gap: &Gap) -> String {
    match (gap.kind, gap.source.split_once(' ')) {
        (GapKind::ProcessNotFound, Some(("name", name))) => format!("no process is called {}", quoted(name)),
        (GapKind::ProcessNotFound, Some(("pid", pid))) => format!("there is no process {pid}"),
        (GapKind::ProcessNotFound, _) => gap.source.clone().into_owned(),
        (GapKind::SocketsUndecided, _) => {
            let sockets = if gap.count == 1 { "socket" } else { "sockets" };
            format!("{} {sockets} may be meant too: what decides it is not visible", gap.count)
        }
        _ => gap.to_string(),
    }
}

/// Whether it is shown to people: what ended during the listing is of no use to them.
pub(crate) fn is_reported(gap: &Gap) -> bool {
    !matches!(gap.kind, GapKind::ProcessesVanished | GapKind::DescriptorsVanished)
}

/// What could not be read and may hide rows that the filter selects.
pub fn unseen(snapshot: &Snapshot) -> Option<&'static str> {
    let hides_rows = |gap: &Gap| {
        matches!(
            gap.kind,
            GapKind::TableUnavailable
                | GapKind::TableInterrupted
                | GapKind::TableFiltered
                | GapKind::RecordsSkipped
                | GapKind::NamespacesUnreadable
                | GapKind::NamespacesSkipped
        )
    };
    snapshot.gaps.iter().any(hides_rows).then_some("some sockets")
}

#[cfg(test)]
mod tests {
    use super::{Gap, GapKind, OwnerSource, Rights, Snapshot};
    use netstat::OwnerSourceUsed;

    fn line(gaps: &[Gap]) -> Option<String> {
        let mut snapshot = Snapshot::default();
        snapshot.gaps = gaps.to_vec();
        super::line(&snapshot, OwnerSource::Auto, Rights::of_user)
    }

    #[test]
    fn no_gap_gives_no_line() {
        assert_eq!(line(&[]), None);
    }

    #[test]
    fn processes_that_ended_meanwhile_are_not_reported() {
        let vanished = [
            Gap::new(GapKind::ProcessesVanished, 3, "/proc/<pid>/stat"),
            Gap::new(GapKind::DescriptorsVanished, 1, "proc_pidfdinfo"),
        ];
        assert_eq!(line(&vanished), None);
    }

    #[test]
    fn unreadable_tables_hide_rows_and_unreadable_processes_do_not() {
        let unseen = |kind| {
            let mut snapshot = Snapshot::default();
            snapshot.gaps =
                vec![Gap::new(GapKind::ProcessesVanished, 1, "/proc"), Gap::new(kind, 1, "/proc")];
            super::unseen(&snapshot)
        };
        assert_eq!(unseen(GapKind::TableUnavailable), Some("some sockets"));
        for kind in [GapKind::ProcessesUnreadable, GapKind::Fallback, GapKind::DescriptorsVanished] {
            assert_eq!(unseen(kind), None);
        }
    }

    #[test]
    fn rights_are_advised_only_for_unreadable_processes() {
        let unreadable = |count| Gap::new(GapKind::ProcessesUnreadable, count, "/proc/<pid>/fd");
        assert_eq!(
            line(&[unreadable(1)]).unwrap(),
            format!("1 process could not be read: {}", Rights::of_user().advice("what it holds").unwrap())
        );
        assert_eq!(
            line(&[unreadable(2), unreadable(10)]).unwrap(),
            format!(
                "2 processes could not be read; 10 processes could not be read: {}",
                Rights::of_user().advice("what they hold").unwrap()
            )
        );
        let hidden = |source| Gap::new(GapKind::ProcessesHidden, 1, source);
        assert_eq!(
            line(&[hidden("hidepid")]).unwrap(),
            format!(
                "other processes are hidden from this one (hidepid): {}",
                Rights::of_user().advice_on_hidepid()
            )
        );
        assert_eq!(
            line(&[hidden("pid namespace")]).unwrap(),
            "other processes are hidden from this one (pid namespace)"
        );
        let table = Gap::new(GapKind::TableUnavailable, 1, "sock_diag udp: Permission denied");
        assert_eq!(line(&[table]).unwrap(), "1 table could not be read (sock_diag udp: Permission denied)");
    }

    #[test]
    fn sockets_of_other_kinds_are_summed_over_processes() {
        let other = |count, source: &'static str| Gap::new(GapKind::SocketsOfOtherKinds, count, source);
        let one = line(&[other(2, "process 7: UNIX-STREAM")]).unwrap();
        assert_eq!(one, "2 sockets are of other kinds (process 7: UNIX-STREAM)");
        let gaps = [
            other(2, "process 7: UNIX"),
            Gap::new(GapKind::ProcessNotFound, 1, "pid 9"),
            other(3, "process 8: UNIX"),
        ];
        assert_eq!(line(&gaps).unwrap(), "5 sockets are of other kinds (2 processes); there is no process 9");
    }

    #[test]
    fn processes_that_do_not_exist_are_named() {
        let missing = |source: &'static str| line(&[Gap::new(GapKind::ProcessNotFound, 1, source)]).unwrap();
        assert_eq!(missing("name a b\x1b"), "no process is called \"a b\\\\u{1b}\"");
        assert_eq!(missing("pid 7"), "there is no process 7");
        assert_eq!(missing("8 is a thread of process 7"), "8 is a thread of process 7");
    }

    #[test]
    fn fallback_owner_source_is_reported_with_its_reason() {
        let mut snapshot = Snapshot::default();
        let text = |snapshot: &Snapshot, asked| super::line(snapshot, asked, Rights::default);
        assert_eq!(text(&snapshot, OwnerSource::Bpf), None);
        snapshot.owner_source = Some(OwnerSourceUsed::new(OwnerSource::Procfs, "capabilities: no CAP_BPF"));
        assert_eq!(text(&snapshot, OwnerSource::Auto), None);
        assert_eq!(text(&snapshot, OwnerSource::Procfs), None);
        let said = "owners by procfs, not by bpf: capabilities: no CAP_BPF";
        assert_eq!(text(&snapshot, OwnerSource::Bpf).as_deref(), Some(said));
        snapshot.gaps = vec![Gap::new(GapKind::TableUnavailable, 1, "sock_diag udp: Permission denied")];
        let both = format!("{said}; 1 table could not be read (sock_diag udp: Permission denied)");
        assert_eq!(text(&snapshot, OwnerSource::Bpf), Some(both));
        snapshot.gaps.clear();
        snapshot.owner_source = Some(OwnerSourceUsed::new(OwnerSource::Bpf, "asked for"));
        assert_eq!(text(&snapshot, OwnerSource::Bpf), None);
    }

    #[test]
    fn all_gaps_form_one_escaped_line() {
        let gaps = [
            Gap::new(GapKind::ProcessesVanished, 1, "NtQuerySystemInformation"),
            Gap::new(
                GapKind::ProcessListUnavailable,
                1,
                "NtQuerySystemInformation: Access\r\nis denied.\x1b[2J",
            ),
            Gap::new(GapKind::TableFiltered, 1, "net.inet.tcp.pcblist_n: 3 of 9 sockets shown"),
        ];
        assert_eq!(
            line(&gaps).unwrap(),
            "the list of processes could not be read (NtQuerySystemInformation: \
             Access\\r\\nis denied.\\x1b[2J); \
             1 table is shown only in part (net.inet.tcp.pcblist_n: 3 of 9 sockets shown)"
        );
    }
}
