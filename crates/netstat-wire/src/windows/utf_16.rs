//! Text as Windows keeps it: 16-bit units, mostly UTF-16, in which unpaired surrogates may stand.
//!
//! Strings inside an answer stand at any byte, so they are handed around as bytes.

/// The units of a string in bytes; an odd byte at the end is none.
pub fn units(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone + '_ {
    bytes.chunks_exact(2).map(|pair| match pair {
        [a, b] => u16::from_ne_bytes([*a, *b]),
        // Chunks of two have two.
        _ => 0,
    })
}

/// What stands before the first NUL, or all.
pub fn until_nul(units: &[u16]) -> &[u16] {
    units.split(|unit| *unit == 0).next().unwrap_or_default()
}

/// The part of an answer that a pointer in it names: `length` bytes from `pointer` on, where the answer
/// itself was written to `address`. `None` when that does not lie inside.
pub(super) fn inside(answer: &[u8], address: u64, pointer: u64, length: usize) -> Option<&[u8]> {
    let start = usize::try_from(pointer.checked_sub(address)?).ok()?;
    answer.get(start..start.checked_add(length)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_pairs_of_bytes_in_the_machine_s_order() {
        let mut bytes = 0x1234_u16.to_ne_bytes().to_vec();
        bytes.extend(0xd800_u16.to_ne_bytes());
        bytes.push(7);
        assert_eq!(units(&bytes).collect::<Vec<_>>(), [0x1234, 0xd800]);
    }

    #[test]
    fn text_ends_at_the_first_nul() {
        assert_eq!(until_nul(&[1, 2, 0, 3, 0]), [1, 2]);
        assert_eq!(until_nul(&[1, 2]), [1, 2]);
        assert_eq!(until_nul(&[0, 1]), []);
        assert_eq!(until_nul(&[]), []);
    }

    #[test]
    fn what_a_pointer_names_lies_inside_or_is_nothing() {
        let answer = [0, 1, 2, 3];
        assert_eq!(inside(&answer, 1000, 1001, 2), Some(&[1, 2][..]));
        assert_eq!(inside(&answer, 1000, 1004, 0), Some(&[][..]));
        for (pointer, length) in [(999, 1), (1003, 2), (1005, 0), (u64::MAX, usize::MAX), (0, 0)] {
            assert_eq!(inside(&answer, 1000, pointer, length), None);
        }
    }
}
