//! Reports tests that do not run, or only in part: one line each, and their number at the end of the program.

mod ffi;

use std::fmt;
use std::io::{self, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Writes `TEST: skipped: WHY` to standard error, past the capture of the test harness. When the test program ends
/// it writes how many such lines there were. `ci/skips.sh` compares the lines with `ci/allowed-skips`.
///
/// [`live_skip!`] also returns from the test.
pub fn skipped(why: fmt::Arguments<'_>) {
    static AT_EXIT: Once = Once::new();
    AT_EXIT.call_once(|| ffi::at_exit(write_count));
    COUNT.fetch_add(1, Ordering::Relaxed);
    write_line(&format!("{}: skipped: {why}", std::thread::current().name().unwrap_or("test")));
}

extern "C" fn write_count() {
    write_line(&format!("not everything was tested: {} skipped, see above", COUNT.load(Ordering::Relaxed)));
}

/// In one write, so that it is not interleaved with the output of another thread; an error message of several lines
/// becomes one.
fn write_line(line: &str) {
    let line = format!("{}\n", line.trim_end().replace(['\r', '\n'], " "));
    // Nothing can be done about a standard error that fails.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Writes why a test is skipped and returns from it: `live_skip!("needs root")`.
#[macro_export]
macro_rules! live_skip {
    ($($why:tt)+) => {{
        $crate::skipped(::std::format_args!($($why)+));
        return;
    }};
}
