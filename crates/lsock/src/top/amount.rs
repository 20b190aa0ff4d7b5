//! Numbers in few characters.

/// `0`, `999`, `1.2K`, `38K`, `1.2M`: bytes, in units of 1,024.
pub(super) fn amount(bytes: u64) -> String {
    const UNITS: &[&str] = &["", "K", "M", "G", "T", "P", "E"];
    let (mut rest, mut unit, mut tenths) = (bytes, 0, 0);
    while rest >= 1_000 && unit + 1 < UNITS.len() {
        tenths = rest % 1_024 * 10 / 1_024;
        rest /= 1_024;
        unit += 1;
    }
    match (unit, rest) {
        (0, _) | (_, 10..) => format!("{rest}{}", UNITS[unit]),
        _ => format!("{rest}.{tenths}{}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_take_five_characters_at_most() {
        for (bytes, shown) in [
            (0, "0"),
            (999, "999"),
            (1_000, "0.9K"),
            (1_024, "1.0K"),
            (1_300, "1.2K"),
            (38 << 10, "38K"),
            (999 << 10, "999K"),
            (1_000 << 10, "0.9M"),
            (3_984_588, "3.7M"),
            (u64::MAX, "15E"),
        ] {
            assert_eq!(amount(bytes), shown);
        }
    }
}
