//! The rates of what is chosen, since it was chosen.

use super::list::LineId;
use super::row::Rates;
use std::collections::VecDeque;

/// As many samples as a wide screen shows.
const MOST: usize = 200;

/// The last rates.
#[derive(Debug, Default)]
pub(super) struct Graph {
    of: Option<LineId>,
    pub(super) rates: VecDeque<Rates>,
}

impl Graph {
    /// Begins anew if something else is chosen.
    pub(super) fn follow(&mut self, id: Option<LineId>) {
        if self.of != id {
            self.of = id;
            self.rates.clear();
        }
    }

    pub(super) fn push(&mut self, id: Option<LineId>, rates: Option<Rates>) {
        self.follow(id);
        let Some(rates) = rates else { return };
        if self.rates.len() == MOST {
            self.rates.pop_front();
        }
        self.rates.push_back(rates);
    }

    /// The last rates as bars, the highest of which is the largest of them all.
    pub(super) fn bars(&self, of: impl Fn(&Rates) -> u64, width: usize, unicode: bool) -> String {
        let bars: &[char] = if unicode {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            &['_', '.', '-', '=', '+', '*', '%', '#']
        };
        let shown: Vec<u64> =
            self.rates.iter().skip(self.rates.len().saturating_sub(width)).map(of).collect();
        let most = shown.iter().copied().max().unwrap_or(0).max(1);
        let last = bars.len() - 1;
        let bar = |rate: u64| {
            let height = u128::from(rate) * last as u128 / u128::from(most);
            bars[usize::try_from(height).unwrap_or(last).min(last)]
        };
        shown.into_iter().map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_relative_to_the_largest_and_end_with_the_newest() {
        let mut graph = Graph::default();
        let id = Some(LineId::Event(1));
        for down in [7, 0, 14, 70] {
            graph.push(id.clone(), Some(Rates { down, up: 0 }));
        }
        assert_eq!(graph.bars(|rates| rates.down, 10, true), "▁▁▂█");
        assert_eq!(graph.bars(|rates| rates.down, 2, false), ".#");
        assert_eq!(graph.bars(|rates| rates.up, 10, true), "▁▁▁▁");
        graph.push(Some(LineId::Event(2)), None);
        assert_eq!(graph.bars(|rates| rates.down, 10, true), "");
    }
}
