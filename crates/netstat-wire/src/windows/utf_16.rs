//! Text of Windows: 16-bit units, usually UTF-16, possibly with unpaired surrogates. A string in a buffer may be
//! unaligned, so it is passed as bytes.

/// The units of a string; an odd byte at the end is ignored.
pub fn units(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone + '_ {
    bytes.chunks_exact(2).map(|pair| match pair {
        [a, b] => u16::from_ne_bytes([*a, *b]),
        // Unreachable: chunks of two have two bytes.
        _ => 0,
    })
}

/// The text up to the first NUL, or all of it.
pub fn until_nul(units: &[u16]) -> &[u16] {
    units.split(|unit| *unit == 0).next().unwrap_or_default()
}

/// The `length` bytes at `pointer`, an absolute pointer into a buffer that was at `address`. `None` if they are not
/// inside the buffer.
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
    fn pointer_out_of_the_buffer_is_none() {
        let answer = [0, 1, 2, 3];
        assert_eq!(inside(&answer, 1000, 1001, 2), Some(&[1, 2][..]));
        assert_eq!(inside(&answer, 1000, 1004, 0), Some(&[][..]));
        for (pointer, length) in [(999, 1), (1003, 2), (1005, 0), (u64::MAX, usize::MAX), (0, 0)] {
            assert_eq!(inside(&answer, 1000, pointer, length), None);
        }
    }
}
