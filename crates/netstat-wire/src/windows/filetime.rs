//! `FILETIME`: units of 100 nanoseconds since the start of 1601, UTC, in a signed 64-bit number. 0 means "no time";
//! negative numbers are not used.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The start of 1970 as a `FILETIME`.
pub const UNIX_EPOCH_AS_FILETIME: i64 = 116_444_736_000_000_000;

/// The units of a second.
pub const PER_SECOND: i64 = 10_000_000;

/// The time; `None` for 0 and negative numbers.
pub fn system_time(filetime: i64) -> Option<SystemTime> {
    if filetime <= 0 {
        return None;
    }
    let since_1970 = filetime.saturating_sub(UNIX_EPOCH_AS_FILETIME);
    let ticks = since_1970.unsigned_abs();
    let seconds = ticks.checked_div(PER_SECOND.unsigned_abs())?;
    let rest = ticks.checked_rem(PER_SECOND.unsigned_abs())?;
    let distance = Duration::new(seconds, u32::try_from(rest.saturating_mul(100)).ok()?);
    if since_1970 < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_none_and_the_epochs_match() {
        assert_eq!(system_time(0), None);
        assert_eq!(system_time(-1), None);
        assert_eq!(system_time(i64::MIN), None);
        assert_eq!(system_time(UNIX_EPOCH_AS_FILETIME), Some(UNIX_EPOCH));
        let late = UNIX_EPOCH_AS_FILETIME + 15_000_001;
        assert_eq!(system_time(late), Some(UNIX_EPOCH + Duration::new(1, 500_000_100)));
        let early = UNIX_EPOCH_AS_FILETIME - 1;
        assert_eq!(system_time(early), Some(UNIX_EPOCH - Duration::from_nanos(100)));
        // The largest number is a time or `None`, depending on the range of `SystemTime`; it does not panic.
        let _ = system_time(i64::MAX);
        assert_eq!(system_time(1), UNIX_EPOCH.checked_sub(Duration::new(11_644_473_599, 999_999_900)));
    }
}
