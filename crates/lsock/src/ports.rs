//! Ports and ranges of ports, as typed.

use crate::plan::Usage;
use std::ops::RangeInclusive;

pub(crate) type Ports = RangeInclusive<u16>;

/// `80` or `8000-8999`.
pub(crate) fn parse(typed: &str) -> Result<Ports, Usage> {
    let bad = || {
        Usage::new(format!(
            "bad port {typed:?}: a port is a number from 0 to 65535, or a range such as 8000-8999"
        ))
    };
    let number = |digits: &str| {
        // `u16::from_str` would take a sign.
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|_| plain).ok_or_else(bad)
    };
    match typed.split_once('-') {
        None => number(typed).map(|port| port..=port),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(Usage::new(format!("bad ports {typed:?}: the range begins after its end")));
            }
            Ok(first..=last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_ranges_are_read() {
        assert_eq!(parse("80"), Ok(80..=80));
        assert_eq!(parse("0"), Ok(0..=0));
        assert_eq!(parse("8000-8999"), Ok(8000..=8999));
        assert_eq!(parse("65535-65535"), Ok(65535..=65535));
    }

    #[test]
    fn what_is_no_port_is_refused_with_what_would_be_one() {
        for bad in ["", "65536", "http", "-1", "1-", "+5", "1-2-3", " 80", "8o"] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("bad port {bad:?}")) && error.contains("65535"), "{error}");
        }
        assert!(parse("9-8").unwrap_err().to_string().contains("begins after its end"));
    }
}
