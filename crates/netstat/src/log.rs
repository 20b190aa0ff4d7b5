//! One line for each fallback, at debug level, through the crate `log`: nothing without the feature of that name.
//!
//! What a fallback means for the answer is in the answer, as a gap or as the source of owners. The log is for those who
//! ask why a program that embeds the library does what it does.

/// Logs a line. Without the feature `log` the arguments are type-checked and never evaluated.
macro_rules! debug {
    ($($argument:tt)*) => {{
        #[cfg(feature = "log")]
        ::log::debug!(target: "netstat", $($argument)*);
        #[cfg(not(feature = "log"))]
        if false {
            let _ = format_args!($($argument)*);
        }
    }};
}

pub(crate) use debug;

/// Lines that were logged on the calling thread, for tests.
#[cfg(all(test, feature = "log"))]
pub(crate) mod recorder {
    use std::cell::RefCell;
    use std::sync::Once;

    thread_local! {
        static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    struct Recorder;

    impl ::log::Log for Recorder {
        fn enabled(&self, metadata: &::log::Metadata<'_>) -> bool {
            metadata.target() == "netstat" && metadata.level() == ::log::Level::Debug
        }

        fn log(&self, record: &::log::Record<'_>) {
            if self.enabled(record.metadata()) {
                LINES.with_borrow_mut(|lines| lines.push(record.args().to_string()));
            }
        }

        fn flush(&self) {}
    }

    /// What `work` returns, and the lines that it logs at debug level.
    pub(crate) fn lines_of<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
        static SET: Once = Once::new();
        SET.call_once(|| {
            ::log::set_logger(&Recorder).expect("no other logger");
            ::log::set_max_level(::log::LevelFilter::Trace);
        });
        LINES.take();
        let made = work();
        (made, LINES.take())
    }
}
