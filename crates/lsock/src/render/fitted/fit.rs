//! How wide each column of a table is on a terminal, and which are left out.

use crate::columns::{Column, OnScreen};

pub(super) const SPACING: usize = 2;
const NARROW_SPACING: usize = 1;

/// What a column needs.
#[derive(Clone, Debug)]
pub(super) struct Need {
    name: &'static str,
    header: &'static str,
    kind: Kind,
    /// Of the widest cell.
    pub(super) width: usize,
    /// Whether a row has a value.
    pub(super) says_something: bool,
}

/// In what order columns give way.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Kind {
    Protocol,
    State,
    End,
    User,
    Pids,
    Processes,
    /// Text that a user asked for.
    Text,
    /// Numbers and times: useless if cut.
    Rigid,
}

impl Need {
    pub(super) fn new(column: &'static Column, header: bool) -> Self {
        let kind = match column.on_screen {
            OnScreen::Local | OnScreen::Remote | OnScreen::Host => Kind::End,
            OnScreen::State => Kind::State,
            OnScreen::User => Kind::User,
            OnScreen::Pids => Kind::Pids,
            OnScreen::Processes => Kind::Processes,
            OnScreen::Started | OnScreen::Created => Kind::Rigid,
            OnScreen::Text if column.align == crate::columns::Align::Right => Kind::Rigid,
            OnScreen::Text if column.name == "protocol" => Kind::Protocol,
            OnScreen::Text | OnScreen::Below => Kind::Text,
        };
        let width = if header { column.header.len() } else { 0 };
        Self { name: column.name, header: column.header, kind, width, says_something: false }
    }

    /// Adds what other rows of the same column need.
    pub(super) fn add(&mut self, other: &Self) {
        self.width = self.width.max(other.width);
        self.says_something |= other.says_something;
    }
}

/// The columns of a table that fits, as far as that is possible.
#[derive(Debug)]
pub(super) struct Fit {
    /// `None`: left out.
    pub(super) widths: Vec<Option<usize>>,
    pub(super) spacing: usize,
    /// The headings of the columns that were left out because no row has a value.
    pub(super) empty: Vec<&'static str>,
    /// The headings of the columns for which there is no room.
    pub(super) no_room: Vec<&'static str>,
    /// Whether a column of pids is shown, in which incomplete owners are marked.
    shows_pids: bool,
    /// Whether a cell was shortened.
    pub(super) is_shortened: bool,
}

/// What is tried in turn until the table fits.
enum Step {
    /// These columns shrink to this width, the widest first.
    Shrink(Kind, usize),
    LeaveOut(Kind),
    Narrow,
}

/// An IPv4 address with its port.
const V4_END: usize = 21;

const STEPS: &[Step] = &[
    Step::Shrink(Kind::Text, 12),
    Step::Shrink(Kind::End, V4_END),
    Step::Shrink(Kind::Processes, 10),
    Step::LeaveOut(Kind::User),
    Step::Shrink(Kind::State, 6),
    Step::Narrow,
    Step::Shrink(Kind::End, 16),
    Step::LeaveOut(Kind::Pids),
    Step::Shrink(Kind::Protocol, 3),
    Step::Shrink(Kind::End, 12),
    Step::Shrink(Kind::Processes, 5),
    Step::Shrink(Kind::State, 5),
    Step::Shrink(Kind::End, 11),
    Step::Shrink(Kind::Text, 4),
    Step::Shrink(Kind::User, 4),
    Step::Shrink(Kind::Pids, 5),
    Step::Shrink(Kind::End, 7),
];

impl Fit {
    /// `may_leave_out`: whether a column may go.
    pub(super) fn new(needs: &[Need], width: usize, may_leave_out: bool) -> Self {
        let mut fit = Self {
            widths: needs.iter().map(|need| Some(need.width)).collect(),
            spacing: SPACING,
            empty: Vec::new(),
            no_room: Vec::new(),
            shows_pids: false,
            is_shortened: false,
        };
        if may_leave_out {
            for (need, width) in needs.iter().zip(&mut fit.widths) {
                if !need.says_something && LEFT_OUT_IF_EMPTY.contains(&need.name) {
                    *width = None;
                    fit.empty.push(need.header);
                }
            }
        }
        for step in STEPS {
            let excess = fit.total().saturating_sub(width);
            if excess == 0 {
                break;
            }
            match step {
                Step::Shrink(kind, floor) => fit.shrink(needs, *kind, *floor, excess),
                Step::LeaveOut(kind) if may_leave_out => fit.leave_out(needs, *kind),
                Step::LeaveOut(_) => {}
                Step::Narrow => fit.spacing = NARROW_SPACING,
            }
        }
        // The rest is cut at the edge.
        fit.is_shortened |= fit.total() > width;
        let mut columns = needs.iter().zip(&fit.widths);
        fit.shows_pids = columns.any(|(need, width)| need.kind == Kind::Pids && width.is_some());
        fit
    }

    pub(super) fn shows_pids(&self) -> bool {
        self.shows_pids
    }

    fn total(&self) -> usize {
        let shown = self.widths.iter().flatten();
        let count = shown.clone().count();
        shown.sum::<usize>() + self.spacing * count.saturating_sub(1)
    }

    fn shrink(&mut self, needs: &[Need], kind: Kind, floor: usize, mut excess: usize) {
        while excess > 0 {
            let of_kind = needs.iter().zip(&mut self.widths).filter(|(need, _)| need.kind == kind);
            let Some(widest) = of_kind.filter_map(|(_, width)| width.as_mut()).max() else { return };
            if *widest <= floor {
                return;
            }
            *widest -= 1;
            excess -= 1;
            self.is_shortened = true;
        }
    }

    fn leave_out(&mut self, needs: &[Need], kind: Kind) {
        for (need, width) in needs.iter().zip(&mut self.widths) {
            if need.kind == kind && width.is_some() {
                *width = None;
                self.no_room.push(need.header);
            }
        }
    }
}

/// The usual columns that can be without any value. Protocol and local end always have one; the processes are what a user
/// wants to see, even if the answer is no.
const LEFT_OUT_IF_EMPTY: &[&str] = &["state", "remote", "user", "pid"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{DEFAULT_COLUMNS, find};

    fn needs(widths: [usize; 7]) -> Vec<Need> {
        let columns = DEFAULT_COLUMNS.iter().map(|name| find(name).unwrap());
        let need = |(column, width)| Need { width, says_something: width > 0, ..Need::new(column, true) };
        columns.zip(widths).map(need).collect()
    }

    #[test]
    fn columns_without_a_value_go_and_then_nothing_else_must() {
        let fit = Fit::new(&needs([5, 6, 21, 0, 8, 9, 12]), 80, true);
        assert_eq!(fit.widths, [Some(5), Some(6), Some(21), None, Some(8), Some(9), Some(12)]);
        assert_eq!((fit.empty, fit.is_shortened), (vec!["REMOTE"], false));
    }

    #[test]
    fn addresses_shrink_then_processes_then_the_user_goes() {
        let wide = needs([5, 11, 47, 47, 8, 9, 20]);
        let fit = Fit::new(&wide, 140, true);
        assert_eq!(fit.widths, [Some(5), Some(11), Some(38), Some(37), Some(8), Some(9), Some(20)]);
        let fit = Fit::new(&wide, 100, true);
        assert_eq!(fit.widths, [Some(5), Some(11), Some(21), Some(21), Some(8), Some(9), Some(13)]);
        let fit = Fit::new(&wide, 90, true);
        assert_eq!(fit.widths, [Some(5), Some(11), Some(21), Some(21), None, Some(9), Some(10)]);
        assert_eq!((fit.no_room, fit.is_shortened), (vec!["USER"], true));
    }

    #[test]
    fn usual_columns_fit_into_forty_characters() {
        for widths in [[5, 11, 47, 47, 30, 30, 200], [4, 12, 22, 22, 5, 5, 15]] {
            let fit = Fit::new(&needs(widths), 40, true);
            assert!(fit.total() <= 40, "{fit:?}");
            assert!(fit.widths[2].is_some() && fit.widths[6].is_some(), "{fit:?}");
        }
    }

    #[test]
    fn columns_that_a_user_named_stay() {
        let fit = Fit::new(&needs([5, 0, 21, 0, 8, 9, 12]), 40, false);
        assert!(fit.widths.iter().all(Option::is_some) && fit.empty.is_empty() && fit.no_room.is_empty());
    }
}
