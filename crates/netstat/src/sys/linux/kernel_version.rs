//! The version of the running kernel, by which interfaces are known that a kernel lacks without an error.

/// The first two numbers of this kernel's release.
pub(crate) fn kernel_version() -> (u32, u32) {
    of_release(rustix::system::uname().release().to_bytes())
}

/// The first two numbers of a release such as `6.18.1-generic`; 0: there is none.
pub(crate) fn of_release(release: &[u8]) -> (u32, u32) {
    let mut numbers = release.split(|byte| !byte.is_ascii_digit()).map(|digits| {
        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0)
    });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_the_first_two_numbers() {
        for (release, version) in [
            ("6.18.1-generic", (6, 18)),
            ("5.10.0\n", (5, 10)),
            ("7.0-rc1", (7, 0)),
            ("6", (6, 0)),
            ("", (0, 0)),
            ("x.y", (0, 0)),
            ("99999999999.1", (0, 1)),
        ] {
            assert_eq!(of_release(release.as_bytes()), version, "{release}");
        }
    }
}
