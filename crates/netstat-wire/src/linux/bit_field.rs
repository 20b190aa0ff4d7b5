//! Reads bit fields of C structures, whose position in a byte depends on the byte order.
//!
//! The kernel's headers declare them in one order for every machine. GCC and Clang give the first one the lowest
//! bits on a little-endian machine and the highest on a big-endian one; so a field is identified by how many bits
//! are declared before it, and its position follows from the machine's byte order.

/// The bit field of `width` bits that has `before` bits of the same byte declared before it.
pub(super) const fn bit_field(byte: u8, before: u32, width: u32) -> u8 {
    bit_field_of(byte, before, width, cfg!(target_endian = "big"))
}

/// The same, of one that is a single bit.
pub(super) const fn bit(byte: u8, before: u32) -> bool {
    bit_field(byte, before, 1) != 0
}

const fn bit_field_of(byte: u8, before: u32, width: u32, big_endian: bool) -> u8 {
    let after = 8_u32.saturating_sub(before).saturating_sub(width);
    // Shifted to the top and then down: the neighbouring bits drop out at either end.
    let at_top = byte << if big_endian { before & 7 } else { after & 7 };
    at_top >> (8_u32.saturating_sub(width) & 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_field_is_lowest_on_little_endian_and_highest_on_big_endian_machines() {
        // tcpi_snd_wscale:4, tcpi_rcv_wscale:4
        assert_eq!(bit_field_of(0xa7, 0, 4, false), 0x7);
        assert_eq!(bit_field_of(0xa7, 4, 4, false), 0xa);
        assert_eq!(bit_field_of(0xa7, 0, 4, true), 0xa);
        assert_eq!(bit_field_of(0xa7, 4, 4, true), 0x7);
        // tcpi_delivery_rate_app_limited:1, tcpi_fastopen_client_fail:2
        assert_eq!(bit_field_of(0b0000_0101, 0, 1, false), 1);
        assert_eq!(bit_field_of(0b0000_0101, 1, 2, false), 2);
        assert_eq!(bit_field_of(0b1100_0000, 0, 1, true), 1);
        assert_eq!(bit_field_of(0b1100_0000, 1, 2, true), 2);
    }

    #[test]
    fn field_has_no_bits_of_its_neighbours() {
        for big_endian in [false, true] {
            for before in 0..8 {
                for width in 1..=8 - before {
                    let lowest = if big_endian { 8 - before - width } else { before };
                    let all = u8::MAX >> (8 - width);
                    assert_eq!(bit_field_of(all << lowest, before, width, big_endian), all);
                    assert_eq!(bit_field_of(!(all << lowest), before, width, big_endian), 0);
                }
            }
        }
    }

    #[test]
    fn field_order_is_that_of_this_machine() {
        assert_eq!(bit_field(1, 0, 1) == 1, cfg!(target_endian = "little"));
        assert_eq!(bit(0x80, 7), cfg!(target_endian = "little"));
    }
}
