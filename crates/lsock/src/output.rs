//! Where the listing is written.

use std::io::{self, Write};

/// Standard output, without a buffer: what is written is large. The standard library's own looks through all
/// that passes for the end of its last line, and there may be megabytes without one.
pub(crate) fn standard_output() -> Box<dyn Write> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        // One that is closed cannot be had so; the other drops what is written to it.
        if let Ok(output) = io::stdout().as_fd().try_clone_to_owned() {
            return Box::new(std::fs::File::from(output));
        }
    }
    Box::new(io::stdout().lock())
}
