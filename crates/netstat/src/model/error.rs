//! The one error type: why there is no listing at all.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a listing could not be made at all, or a socket not be closed: what was being done, on what, and what the system answered.
///
/// The type is opaque: predicates such as [`Error::is_permission_denied`] say what went wrong,
/// [`Error::operation`] and [`Error::subject`] say in what, and the system's own error is the
/// [`source`](std::error::Error::source), an [`io::Error`]. It converts into an [`io::Error`]. What makes a listing
/// incomplete but not impossible is no error but a [`Gap`](crate::Gap).
///
/// # Examples
/// ```
/// fn listeners() -> std::io::Result<usize> {
///     Ok(netstat::Query::new().listening().snapshot()?.sockets.len())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Error {
    /// `None` of an error that the caller made from an [`io::Error`].
    context: Option<Context>,
    cause: Cause,
}

/// What was being done, and on what.
#[derive(Clone, Debug)]
struct Context {
    operation: &'static str,
    subject: Cow<'static, str>,
}

/// The operation of which the system refuses a part to those without rights.
const FILTER: &str = "filter";

#[derive(Clone, Debug)]
enum Cause {
    /// Shared, so that the error can be cloned as the error of `netstat` 0.7 could.
    System(Arc<io::Error>),
    /// This build has no back end for what was asked.
    Unsupported,
}

impl Error {
    #[allow(dead_code, reason = "a system without a back end makes no system call that could fail")]
    pub(crate) fn system(
        operation: &'static str,
        subject: impl Into<Cow<'static, str>>,
        code: impl Into<io::Error>,
    ) -> Self {
        let context = Context { operation, subject: subject.into() };
        Self { context: Some(context), cause: Cause::System(Arc::new(code.into())) }
    }

    #[allow(dead_code, reason = "a system with a complete back end supports everything")]
    pub(crate) fn unsupported(operation: &'static str, subject: impl Into<Cow<'static, str>>) -> Self {
        let context = Context { operation, subject: subject.into() };
        Self { context: Some(context), cause: Cause::Unsupported }
    }

    /// An error that no operation of this library has met.
    pub(crate) fn without_context(cause: io::Error) -> Self {
        Self { context: None, cause: Cause::System(Arc::new(cause)) }
    }

    /// The same error about a query whose filter compares marks, which the kernel refuses without saying that it is
    /// the marks.
    pub(crate) fn because_of_mark(mut self) -> Self {
        let denied = self.is_permission_denied();
        match &mut self.context {
            Some(Context { operation: FILTER, subject }) if denied => {
                *subject = format!("{subject} by fwmark, which takes CAP_NET_ADMIN").into();
            }
            _ => {}
        }
        self
    }

    fn kind(&self) -> io::ErrorKind {
        match &self.cause {
            Cause::System(e) => e.kind(),
            Cause::Unsupported => io::ErrorKind::Unsupported,
        }
    }

    /// Whether the system refused for want of a right: another user, a capability, or a sandbox.
    pub fn is_permission_denied(&self) -> bool {
        self.kind() == io::ErrorKind::PermissionDenied
    }

    /// Whether it is not there, or not any more: the socket that was to be closed, the process that was to get a
    /// signal.
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }

    /// Whether this build, or this kernel, has no interface for what was asked.
    pub fn is_unsupported(&self) -> bool {
        self.kind() == io::ErrorKind::Unsupported
    }

    /// Whether the system did not answer in time. Every wait of this library has a bound.
    pub fn is_timed_out(&self) -> bool {
        self.kind() == io::ErrorKind::TimedOut
    }

    /// What was being done, as a verb: `list`, `filter`, `close`, `signal`. `None` for an error that a caller made from
    /// an [`io::Error`].
    ///
    /// The words may change between versions; they are for logs, not for decisions.
    pub fn operation(&self) -> Option<&str> {
        self.context.as_ref().map(|context| context.operation)
    }

    /// What it was being done to: `tcp sockets`, `process 814`. May hold names that other processes chose. `None` for
    /// an error that a caller made from an [`io::Error`].
    ///
    /// As with [`Error::operation`], the words may change between versions.
    pub fn subject(&self) -> Option<&str> {
        self.context.as_ref().map(|context| context.subject.as_ref())
    }

    /// The system's own code (`errno`, `GetLastError`), if a system call failed.
    #[doc(alias = "errno")]
    #[doc(alias = "GetLastError")]
    pub fn raw_os_error(&self) -> Option<i32> {
        match &self.cause {
            // The code itself, or what a back end has wrapped to say what it means.
            Cause::System(e) => e.raw_os_error().or_else(|| {
                e.get_ref()
                    .and_then(|inner| inner.downcast_ref::<io::Error>())
                    .and_then(io::Error::raw_os_error)
            }),
            Cause::Unsupported => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Context { operation, subject }) = &self.context {
            write!(f, "cannot {operation} {subject}: ")?;
        }
        match &self.cause {
            Cause::System(e) => e.fmt(f),
            Cause::Unsupported => f.write_str("not supported on this system"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::System(e) => Some(e.as_ref()),
            Cause::Unsupported => None,
        }
    }
}

/// Keeps the kind and the whole message. An error that was made from an [`io::Error`] is turned back into that one; any other
/// is the [inner error](io::Error::get_ref) of the new one, and has the system's code ([`Error::raw_os_error`]).
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error { context: None, cause: Cause::System(cause) } => {
                Arc::try_unwrap(cause).unwrap_or_else(|shared| match shared.raw_os_error() {
                    Some(code) => Self::from_raw_os_error(code),
                    None => Self::new(shared.kind(), shared),
                })
            }
            error => Self::new(error.kind(), error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn error_says_what_on_what_and_why() {
        let error = Error::system("read", "/proc", io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(error.to_string(), "cannot read /proc: permission denied");
        assert!(error.is_permission_denied());
        assert!(!error.is_unsupported());
        assert!(error.source().is_some());
    }

    #[test]
    fn unsupported_has_no_code_and_says_so() {
        let error = Error::unsupported("list", "sockets");
        assert_eq!(error.to_string(), "cannot list sockets: not supported on this system");
        assert!(error.is_unsupported());
        assert_eq!(error.clone().raw_os_error(), None);
    }

    #[test]
    fn operation_and_subject_are_those_of_the_message() {
        let error =
            Error::system("close", "tcp socket 127.0.0.1:7", io::Error::from(io::ErrorKind::TimedOut));
        assert_eq!((error.operation(), error.subject()), (Some("close"), Some("tcp socket 127.0.0.1:7")));
        assert!(error.is_timed_out() && !error.is_not_found());
        let own = Error::without_context(io::Error::other("own"));
        assert_eq!((own.operation(), own.subject()), (None, None));
    }

    #[test]
    fn as_an_io_error_it_keeps_kind_message_and_code() {
        let code = io::Error::from_raw_os_error(13);
        let error = Error::system("list", "tcp sockets", io::Error::from_raw_os_error(13));
        let message = error.to_string();
        let converted = io::Error::from(error);
        assert_eq!((converted.kind(), converted.to_string()), (code.kind(), message));
        let inner = converted.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        assert_eq!(inner.and_then(Error::raw_os_error), Some(13));
        assert_eq!(io::Error::from(Error::unsupported("list", "x")).kind(), io::ErrorKind::Unsupported);
    }

    #[test]
    fn io_error_comes_back_as_it_was() {
        let error = Error::without_context(io::Error::from_raw_os_error(2));
        let shared = error.clone();
        assert_eq!(io::Error::from(shared).raw_os_error(), Some(2));
        assert_eq!(io::Error::from(error).raw_os_error(), Some(2));
        let own = Error::without_context(io::Error::new(io::ErrorKind::TimedOut, "own"));
        let shared = own.clone();
        let shared = io::Error::from(shared);
        assert_eq!((shared.kind(), shared.to_string()), (io::ErrorKind::TimedOut, "own".to_owned()));
        assert_eq!(io::Error::from(own).to_string(), "own");
    }
}
