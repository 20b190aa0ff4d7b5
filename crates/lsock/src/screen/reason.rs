//! Why a row has no owner, in words for people. JSON and CSV have the exact codes.

use netstat::{HiddenReason, Ownership, UnownedReason};

/// Long and short form.
fn words(ownership: Ownership) -> Option<(&'static str, &'static str)> {
    Some(match ownership {
        Ownership::None { reason } => match reason {
            UnownedReason::TimeWait => ("(closed)", "(closed)"),
            UnownedReason::SynReceived => ("(connecting)", "(connecting)"),
            UnownedReason::AcceptQueue => ("(waiting to be accepted)", "(not accepted)"),
            UnownedReason::Orphan => ("(closing)", "(closing)"),
            UnownedReason::KernelOrInFlight => ("(kernel)", "(kernel)"),
            _ => return None,
        },
        Ownership::Hidden { reason } => match reason {
            HiddenReason::UnreadableProcess => ("(not visible)", "(not visible)"),
            HiddenReason::Vanished => ("(closed meanwhile)", "(closed)"),
            HiddenReason::OtherPidNamespace => ("(outside this container)", "(outside)"),
            HiddenReason::NotSearched => ("(not searched)", "(not searched)"),
            _ => return None,
        },
        _ => return None,
    })
}

/// As it stands where there is room. `more_rights` is what would make the owner visible: `(not visible: sudo)`.
pub(crate) fn long_reason(ownership: Ownership, more_rights: Option<&str>) -> Option<String> {
    match (ownership, more_rights) {
        (Ownership::Hidden { reason: HiddenReason::UnreadableProcess }, Some(how)) => {
            Some(format!("(not visible: {how})"))
        }
        _ => words(ownership).map_or_else(|| code(ownership), |(long, _)| Some(long.to_owned())),
    }
}

/// As it stands where there is little room.
pub(crate) fn short_reason(ownership: Ownership) -> Option<String> {
    words(ownership).map_or_else(|| code(ownership), |(_, short)| Some(short.to_owned()))
}

/// A reason that this version has no words for.
fn code(ownership: Ownership) -> Option<String> {
    ownership.reason().map(|code| format!("({code})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_words_and_name_the_remedy() {
        let hidden = |reason| Ownership::Hidden { reason };
        let unreadable = hidden(HiddenReason::UnreadableProcess);
        assert_eq!(long_reason(unreadable, Some("sudo")).unwrap(), "(not visible: sudo)");
        assert_eq!(long_reason(unreadable, None).unwrap(), "(not visible)");
        assert_eq!(short_reason(unreadable).unwrap(), "(not visible)");
        let waiting = Ownership::None { reason: UnownedReason::AcceptQueue };
        assert_eq!(long_reason(waiting, Some("sudo")).unwrap(), "(waiting to be accepted)");
        assert_eq!(short_reason(waiting).unwrap(), "(not accepted)");
        for known in [Ownership::NotAsked, Ownership::Known { complete: true }] {
            assert_eq!((long_reason(known, None), short_reason(known)), (None, None));
        }
    }

    #[test]
    fn no_reason_is_shown_as_a_code() {
        let none = [
            UnownedReason::TimeWait,
            UnownedReason::SynReceived,
            UnownedReason::AcceptQueue,
            UnownedReason::Orphan,
            UnownedReason::KernelOrInFlight,
        ];
        let hidden = [
            HiddenReason::UnreadableProcess,
            HiddenReason::Vanished,
            HiddenReason::OtherPidNamespace,
            HiddenReason::NotSearched,
        ];
        let all = none.map(|reason| Ownership::None { reason });
        for ownership in all.into_iter().chain(hidden.map(|reason| Ownership::Hidden { reason })) {
            assert!(!long_reason(ownership, None).unwrap().contains('_'), "{ownership:?}");
        }
    }
}
