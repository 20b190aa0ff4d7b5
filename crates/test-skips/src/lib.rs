//! Tests that do not run, or not all of them: each says so in a line of its own, and the program counts them.

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

/// In one write, so that no other thread's output comes between; an error message of several lines becomes one.
fn write_line(line: &str) {
    let line = format!("{}\n", line.trim_end().replace(['\r', '\n'], " "));
    // Nothing can be done about a standard error that takes no text.
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
