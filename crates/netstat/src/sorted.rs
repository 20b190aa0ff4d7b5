//! Numbers in order. The code of the standard library that sorts is long, and is there once more for each type that
//! is sorted: these have one in common.

/// Ascending, each once.
pub(crate) fn sort_numbers(numbers: &mut Vec<u64>) {
    numbers.sort_unstable();
    numbers.dedup();
}

/// The same of pids.
pub(crate) fn sorted_pids(pids: &[u32]) -> Vec<u32> {
    let mut numbers = Vec::with_capacity(pids.len());
    for pid in pids {
        numbers.push(u64::from(*pid));
    }
    sort_numbers(&mut numbers);
    let mut sorted = Vec::with_capacity(numbers.len());
    for number in numbers {
        sorted.extend(u32::try_from(number).ok());
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_pids_are_in_order_and_each_is_there_once() {
        let mut numbers = vec![3, u64::MAX, 3, 0, 1 << 32];
        sort_numbers(&mut numbers);
        assert_eq!(numbers, [0, 3, 1 << 32, u64::MAX]);
        assert_eq!(sorted_pids(&[7, u32::MAX, 0, 7, 1]), [0, 1, 7, u32::MAX]);
        assert_eq!(sorted_pids(&[]), [0; 0]);
    }
}
