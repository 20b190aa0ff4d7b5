//! Lengths of time as people type them: `30s`, `500ms`, `1.5m`, `2h`, or a number of seconds.

use std::time::Duration;

/// Units with their length in seconds. Those that end like another one come first.
const UNITS: &[(&str, f64)] = &[("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];

/// Parses a length of time.
///
/// # Errors
/// The sentence that follows what was typed.
pub fn parse(typed: &str) -> Result<Duration, String> {
    let expected = || "a time is a number with s, ms, m, h or d, such as 30s".to_owned();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(unit, seconds)| Some((typed.strip_suffix(unit)?, *seconds)))
        .unwrap_or((typed, 1.0));
    // A float has more spellings, such as inf and 1e9.
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(expected());
    }
    let number: f64 = number.parse().map_err(|_| expected())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| "that is too long a time".to_owned())
}

/// As [`parse`], for the time between two actions, which cannot be nothing: they would use up a processor.
///
/// # Errors
/// As [`parse`]; the time is shorter than 10 milliseconds.
pub fn parse_interval(typed: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(10);
    parse(typed).and_then(|time| {
        if time < LEAST { Err("the shortest interval is 10ms".to_owned()) } else { Ok(time) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_seconds_unless_they_have_a_unit() {
        for (typed, millis) in [
            ("30", 30_000),
            ("0", 0),
            ("30s", 30_000),
            ("500ms", 500),
            ("1.5s", 1_500),
            (".5", 500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse(typed), Ok(Duration::from_millis(millis)), "{typed}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for typed in
            ["", "s", "-1", "+1", "1 s", "inf", "nan", "1e3", "1.2.3", "5x", "1s1", "99999999999999999999d"]
        {
            assert!(parse(typed).is_err(), "{typed}");
        }
        assert!(parse_interval("9ms").is_err() && parse_interval("0").is_err());
        assert_eq!(parse_interval("10ms"), Ok(Duration::from_millis(10)));
    }
}
