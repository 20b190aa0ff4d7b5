//! Which numbers may come twice: a bit for each, by its hash.

/// Bits of numbers that have come, and of those that have come again.
pub(super) struct Slots {
    once: Vec<u64>,
    twice: Vec<u64>,
    /// What is left of a hash is the number of a bit.
    shift: u32,
}

impl Slots {
    /// For about so many numbers.
    pub(super) fn for_about(numbers: usize) -> Self {
        // One in sixteen is used, at the most.
        let words = (numbers / 4 + 1).next_power_of_two();
        Self {
            once: vec![0; words],
            twice: vec![0; words],
            shift: (u64::BITS - 6).saturating_sub(words.ilog2()),
        }
    }

    /// Returns whether the number, or another of the same slot, has come before.
    pub(super) fn take(&mut self, number: u64) -> bool {
        let (word, bit) = self.slot(number);
        let (Some(once), Some(twice)) = (self.once.get_mut(word), self.twice.get_mut(word)) else {
            return true;
        };
        let again = *once & bit;
        *once |= bit;
        *twice |= again;
        again != 0
    }

    /// Whether several numbers have come that were this, or are of its slot.
    pub(super) fn is_taken_twice(&self, number: u64) -> bool {
        let (word, bit) = self.slot(number);
        self.twice.get(word).is_none_or(|twice| twice & bit != 0)
    }

    fn slot(&self, number: u64) -> (usize, u64) {
        /// 2^64 by the golden ratio: numbers in sequence, as the kernel counts inodes, are spread evenly.
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let bit = number.wrapping_mul(GOLDEN) >> self.shift;
        (usize::try_from(bit >> 6).unwrap_or(usize::MAX), 1 << (bit & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_that_comes_twice_is_always_found_and_few_others_are() {
        let mut slots = Slots::for_about(1000);
        // In eight runs of the kernel's counter, one for each processor.
        let numbers: Vec<u64> = (0..1000).map(|n| 4_000_000_000 + (n % 8) * 1024 + n / 8).collect();
        let taken = numbers.iter().filter(|number| slots.take(**number)).count();
        assert!(taken < 50, "{taken}");
        assert!(slots.take(numbers[17]) && slots.take(numbers[900]));
        assert!(slots.is_taken_twice(numbers[17]) && slots.is_taken_twice(numbers[900]));
        let others = numbers.iter().filter(|number| slots.is_taken_twice(**number)).count();
        assert!(others < 100, "{others}");
    }
}
