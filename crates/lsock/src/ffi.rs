//! The state of standard output at the start of the process, the effective user, the local time and the signals of the
//! keyboard: calls of the C library, and for the local time of Windows.
//!
//! Before `main`, Rust's runtime opens `/dev/null` in place of a closed standard stream, and later its `Stdout` reports success
//! for a write that fails with `EBADF`. So the state is recorded by an initializer, which the loader runs before the runtime.
#![allow(unsafe_code, reason = "calls of the system's libraries, and an initializer in a section of its own")]

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How far local time is ahead of UTC, in seconds, if that is the local day of the week (Sunday is 0) and time of day.
fn offset(utc: i64, day_of_week: i64, time_of_day: i64) -> Option<i32> {
    // No zone is a day or more ahead or behind: the day of the week says which day it is. 1970 began on a Thursday.
    let weekday = (utc / DAY + 4) % 7;
    let days = match (day_of_week - weekday).rem_euclid(7) {
        0 => 0,
        1 => 1,
        6 => -1,
        _ => return None,
    };
    i32::try_from(days * DAY + time_of_day - utc % DAY).ok()
}

#[cfg(unix)]
mod unix {
    use super::{HOUR, MINUTE, offset};
    use std::ffi::{c_int, c_long, c_short};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::SystemTime;

    const STDOUT: c_int = 1;
    const F_GETFL: c_int = 3;
    const O_ACCMODE: c_int = 3;
    const O_RDONLY: c_int = 0;

    const SIGINT: c_int = 2;
    const SIGQUIT: c_int = 3;
    const SIG_IGN: usize = 1;

    /// `struct tm`: nine numbers of its beginning, which every system has, and more room than any needs for the rest.
    #[repr(C)]
    #[derive(Default)]
    struct Tm {
        second: c_int,
        minute: c_int,
        hour: c_int,
        day_of_month: c_int,
        month: c_int,
        year: c_int,
        day_of_week: c_int,
        day_of_year: c_int,
        is_dst: c_int,
        rest: [c_long; 8],
    }

    // SAFETY: the declarations of unistd.h, fcntl.h, poll.h, signal.h and time.h; time_t is a long where these names are the
    // functions' symbols. geteuid(2) has no preconditions and always succeeds.
    unsafe extern "C" {
        fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
        fn poll(fds: *mut PollFd, count: Count, timeout: c_int) -> c_int;
        fn signal(signal: c_int, handler: usize) -> usize;
        fn localtime_r(time: *const c_long, result: *mut Tm) -> *mut Tm;
        safe fn geteuid() -> u32;
    }

    /// Ignores the interrupts of the keyboard from now on.
    pub(crate) fn ignore_interrupts() {
        for number in [SIGINT, SIGQUIT] {
            // SAFETY: SIG_IGN is a valid handler of these signals, and no other thread depends on theirs.
            unsafe { signal(number, SIG_IGN) };
        }
    }

    /// How far local time was ahead of UTC at that moment, in seconds.
    pub(crate) fn utc_offset(time: SystemTime) -> Option<i32> {
        let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        let utc = i64::try_from(seconds).ok()?;
        let mut local = Tm::default();
        // SAFETY: both pointers are valid for the call, `Tm` is at least as large as `struct tm`, and this program never
        // changes its environment, which the function reads.
        let result = unsafe { localtime_r(&c_long::try_from(seconds).ok()?, &mut local) };
        if result.is_null() {
            return None;
        }
        let of_day =
            i64::from(local.hour) * HOUR + i64::from(local.minute) * MINUTE + i64::from(local.second);
        offset(utc, local.day_of_week.into(), of_day)
    }

    static IS_WRITABLE: AtomicBool = AtomicBool::new(true);

    /// `struct pollfd`.
    #[repr(C)]
    struct PollFd {
        fd: c_int,
        events: c_short,
        returned: c_short,
    }

    /// `nfds_t`.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    type Count = std::ffi::c_ulong;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    type Count = std::ffi::c_uint;

    /// Whether the reader of standard output, a pipe, is gone.
    pub(crate) fn stdout_has_no_reader() -> bool {
        const POLLERR: c_short = 8;
        const POLLHUP: c_short = 16;
        let mut stdout = PollFd { fd: STDOUT, events: 0, returned: 0 };
        // SAFETY: one valid entry, as the count says, and no waiting.
        let ready = unsafe { poll(&raw mut stdout, 1, 0) };
        ready > 0 && stdout.returned & (POLLERR | POLLHUP) != 0
    }

    extern "C" fn record() {
        // SAFETY: F_GETFL takes no third argument, and any number is valid as a descriptor.
        let flags = unsafe { fcntl(STDOUT, F_GETFL) };
        IS_WRITABLE.store(flags != -1 && flags & O_ACCMODE != O_RDONLY, Ordering::Relaxed);
    }

    // SAFETY: this section is a list of functions of the C calling convention; `record` ignores the arguments that some
    // loaders pass, and uses nothing that the runtime must prepare.
    #[used]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
    #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
    static INITIALIZER: extern "C" fn() = record;

    pub(crate) fn stdout_is_writable() -> bool {
        IS_WRITABLE.load(Ordering::Relaxed)
    }

    pub(crate) fn effective_uid() -> Option<u32> {
        Some(geteuid())
    }
}

#[cfg(unix)]
pub(crate) use unix::{
    effective_uid, ignore_interrupts, stdout_has_no_reader, stdout_is_writable, utc_offset,
};

#[cfg(windows)]
mod windows {
    use super::{HOUR, MINUTE, offset};
    use std::ptr;
    use std::time::SystemTime;
    use windows_sys::Win32::Foundation::{FILETIME, SYSTEMTIME};
    use windows_sys::Win32::System::Time::{FileTimeToSystemTime, SystemTimeToTzSpecificLocalTime};

    /// 1970 in seconds since 1601.
    const UNIX_EPOCH: u64 = 11_644_473_600;

    /// How far local time was ahead of UTC at that moment, in seconds.
    pub(crate) fn utc_offset(time: SystemTime) -> Option<i32> {
        let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        // In units of 100 ns.
        let since = seconds.checked_add(UNIX_EPOCH)?.checked_mul(10_000_000)?;
        let [low, high] = [since & u64::from(u32::MAX), since >> 32].map(u32::try_from);
        let file_time = FILETIME { dwLowDateTime: low.ok()?, dwHighDateTime: high.ok()? };
        let (mut utc, mut local) = (SYSTEMTIME::default(), SYSTEMTIME::default());
        // SAFETY: both pointers are valid for the call.
        if unsafe { FileTimeToSystemTime(&raw const file_time, &raw mut utc) } == 0 {
            return None;
        }
        // SAFETY: without a time zone the call takes that of the system; the other pointers are valid for it.
        if unsafe { SystemTimeToTzSpecificLocalTime(ptr::null(), &raw const utc, &raw mut local) } == 0 {
            return None;
        }
        let of_day =
            i64::from(local.wHour) * HOUR + i64::from(local.wMinute) * MINUTE + i64::from(local.wSecond);
        offset(i64::try_from(seconds).ok()?, local.wDayOfWeek.into(), of_day)
    }
}

#[cfg(windows)]
pub(crate) use windows::utc_offset;

/// Whether standard output was open for writing when the process started.
#[cfg(not(unix))]
pub(crate) fn stdout_is_writable() -> bool {
    true
}

/// The effective user of this process, on systems with numbered users.
#[cfg(not(unix))]
pub(crate) fn effective_uid() -> Option<u32> {
    None
}

/// Whether the reader of standard output is gone, which shows with the next write.
#[cfg(not(unix))]
pub(crate) fn stdout_has_no_reader() -> bool {
    false
}

/// Ignores the interrupts of the keyboard from now on.
#[cfg(not(unix))]
pub(crate) fn ignore_interrupts() {}

/// How far local time was ahead of UTC at that moment; not known on this system.
#[cfg(not(any(unix, windows)))]
pub(crate) fn utc_offset(_: std::time::SystemTime) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn offset_is_that_of_the_clock_on_the_same_day_the_next_or_the_one_before() {
        // Thursday, 1 January 1970, noon.
        let noon = 12 * HOUR;
        assert_eq!(offset(noon, 4, 13 * HOUR), Some(3_600));
        assert_eq!(offset(noon, 4, 2 * HOUR), Some(-36_000));
        assert_eq!(offset(noon, 5, 2 * HOUR), Some(50_400));
        assert_eq!(offset(noon, 3, 23 * HOUR), Some(-46_800));
        assert_eq!(offset(noon, 1, noon), None);
    }

    #[cfg(any(unix, windows))]
    #[test]
    fn local_time_of_this_machine_is_known_and_less_than_a_day_from_utc() {
        for seconds in [0, 951_782_399, 1_782_000_000] {
            let offset = utc_offset(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
            assert!(i64::from(offset).abs() < DAY, "{offset}");
        }
    }
}
