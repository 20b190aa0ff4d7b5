//! What ends a listing: one opaque error.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a listing could not be made at all, or a socket not be closed: what was being done, on what, and what the system answered.
///
/// The type is opaque on purpose: what went wrong is asked by predicates ([`Error::is_permission_denied`],
/// [`Error::is_unsupported`]), the system's own code is the [`source`](std::error::Error::source), an
/// [`io::Error`]. What makes a listing incomplete but not impossible is no error but a
/// [`Gap`](crate::Gap).
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

    /// Whether the system refused for want of a right: another user, a capability, or a sandbox.
    pub fn is_permission_denied(&self) -> bool {
        matches!(&self.cause, Cause::System(e) if e.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Whether it is not there, or not any more: the socket that was to be closed.
    pub fn is_not_found(&self) -> bool {
        matches!(&self.cause, Cause::System(e) if e.kind() == io::ErrorKind::NotFound)
    }

    /// Whether this build, or this kernel, has no interface for what was asked.
    pub fn is_unsupported(&self) -> bool {
        match &self.cause {
            Cause::System(e) => e.kind() == io::ErrorKind::Unsupported,
            Cause::Unsupported => true,
        }
    }

    /// The system's own code (`errno`, `GetLastError`), if a system call failed.
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
}
