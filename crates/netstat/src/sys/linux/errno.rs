//! Error numbers of system calls.

use std::fmt;
use std::io;

/// An error number, by the names of errno(3) without their E.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) struct Errno(i32);

impl Errno {
    pub(crate) const PERM: Self = Self(libc::EPERM);
    pub(crate) const NOENT: Self = Self(libc::ENOENT);
    pub(crate) const SRCH: Self = Self(libc::ESRCH);
    pub(crate) const INTR: Self = Self(libc::EINTR);
    pub(crate) const IO: Self = Self(libc::EIO);
    #[cfg(feature = "bpf")]
    pub(crate) const TOOBIG: Self = Self(libc::E2BIG);
    pub(crate) const BADF: Self = Self(libc::EBADF);
    pub(crate) const AGAIN: Self = Self(libc::EAGAIN);
    pub(crate) const ACCESS: Self = Self(libc::EACCES);
    pub(crate) const BUSY: Self = Self(libc::EBUSY);
    pub(crate) const NODEV: Self = Self(libc::ENODEV);
    pub(crate) const INVAL: Self = Self(libc::EINVAL);
    pub(crate) const BADMSG: Self = Self(libc::EBADMSG);
    pub(crate) const PROTONOSUPPORT: Self = Self(libc::EPROTONOSUPPORT);
    pub(crate) const OPNOTSUPP: Self = Self(libc::EOPNOTSUPP);
    pub(crate) const AFNOSUPPORT: Self = Self(libc::EAFNOSUPPORT);
    pub(crate) const NOBUFS: Self = Self(libc::ENOBUFS);
    pub(crate) const STALE: Self = Self(libc::ESTALE);

    pub(crate) const fn from_raw_os_error(number: i32) -> Self {
        Self(number)
    }

    pub(crate) const fn raw_os_error(self) -> i32 {
        self.0
    }

    /// The value of `errno` after the last call of this thread.
    pub(super) fn last() -> Self {
        io::Error::last_os_error().into()
    }
}

/// Scripted kernels fail with these; no code distinguishes them.
#[cfg(test)]
impl Errno {
    #[cfg(feature = "bpf")]
    pub(crate) const NOMEM: Self = Self(libc::ENOMEM);
    pub(crate) const MFILE: Self = Self(libc::EMFILE);
    pub(crate) const NOSYS: Self = Self(libc::ENOSYS);
}

/// `EIO` for an error that is not from a system call.
impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        error.raw_os_error().map_or(Self::IO, Self)
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(*self).fmt(f)
    }
}
