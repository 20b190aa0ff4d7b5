//! Times as RFC 3339 has them, in UTC: `2026-08-03T09:30:00.120Z`.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Displays a time, from 1970 on.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Rfc3339(Duration);

impl Rfc3339 {
    pub(crate) fn new(time: SystemTime) -> Option<Self> {
        time.duration_since(SystemTime::UNIX_EPOCH).ok().map(Self)
    }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second } = Civil::since_epoch(self.0);
        let milli = self.0.subsec_millis();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// Date and time of day.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
}

impl Civil {
    /// Of a time in UTC, from 1970 on.
    pub(crate) fn new(time: SystemTime) -> Option<Self> {
        time.duration_since(SystemTime::UNIX_EPOCH).ok().map(Self::since_epoch)
    }

    fn since_epoch(time: Duration) -> Self {
        let seconds = time.as_secs();
        let (year, month, day) = date(seconds / 86_400);
        Self { year, month, day, hour: seconds / 3600 % 24, minute: seconds / 60 % 60, second: seconds % 60 }
    }

    /// `Jan` to `Dec`.
    pub(crate) fn month_name(&self) -> &'static str {
        const NAMES: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let index = usize::try_from(self.month).ok().and_then(|month| month.checked_sub(1));
        index.and_then(|index| NAMES.get(index)).copied().unwrap_or("?")
    }
}

/// The date so many days after the first of January 1970. Counts years from March, so that the leap day is
/// a year's last, within eras of 400 years (146,097 days).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_utc() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_200_120, "2024-03-01T00:00:00.120Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
            assert_eq!(Rfc3339::new(time).unwrap().to_string(), text);
        }
        assert!(Rfc3339::new(SystemTime::UNIX_EPOCH - Duration::from_secs(1)).is_none());
    }
}
