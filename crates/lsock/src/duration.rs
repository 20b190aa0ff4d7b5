//! Durations as people type and read them: `1s`, `500ms`, `2m`.

use crate::screen::age;
use std::time::Duration;

const UNITS: &[(&str, f64)] = &[("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];

/// Parses a time: `1s`, `500ms`, `1.5m`; a number alone is seconds.
///
/// # Errors
/// Not a number with a unit that there is.
pub fn parse(typed: &str) -> Result<Duration, String> {
    let end = typed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(typed.len());
    let (number, unit) = typed.split_at(end);
    let unit = if unit.is_empty() { "s" } else { unit };
    let unit = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| *seconds);
    let seconds = number.parse::<f64>().ok().zip(unit).map(|(number, unit)| number * unit);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "a time is a number with ms, s, m, h or d: 1s, 500ms".to_owned())
}

/// The same of an interval, which is at least ten milliseconds.
///
/// # Errors
/// As [`parse`]; it is shorter.
pub fn parse_interval(typed: &str) -> Result<Duration, String> {
    let interval = parse(typed)?;
    if interval < Duration::from_millis(10) {
        return Err("an interval is at least 10ms".to_owned());
    }
    Ok(interval)
}

/// A time as short as it can be read: `120ms`, `3.5s`, `17m`.
pub(crate) fn short(time: Duration) -> String {
    match time.as_millis() {
        millis @ ..1_000 => format!("{millis}ms"),
        millis @ ..10_000 => format!("{}.{}s", millis / 1000, millis / 100 % 10),
        _ => age(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_typed_with_a_unit_or_in_seconds() {
        for (typed, millis) in
            [("1s", 1000), ("1", 1000), ("500ms", 500), ("1.5m", 90_000), (".5", 500), ("2h", 7_200_000)]
        {
            assert_eq!(parse(typed), Ok(Duration::from_millis(millis)), "{typed}");
        }
        for typed in ["", "s", "-1s", "1x", "1 s", "1.2.3", "1e3", "99999999999999999999d", "nan"] {
            assert!(parse(typed).is_err(), "{typed}");
        }
        assert!(parse_interval("9ms").is_err() && parse_interval("0").is_err());
        assert!(parse_interval("10ms").is_ok());
    }

    #[test]
    fn times_are_shown_with_two_digits_at_most() {
        for (millis, shown) in
            [(0, "0ms"), (999, "999ms"), (1_000, "1.0s"), (9_999, "9.9s"), (59_999, "59s"), (61_000, "1m")]
        {
            assert_eq!(short(Duration::from_millis(millis)), shown);
        }
    }
}
