//! The name of a unix socket (`struct sockaddr_un`, `linux/un.h`), in the two forms that there are.
//!
//! - A **path**: the argument of `bind`, byte for byte, up to 108 bytes without a NUL. It may be
//!   relative, and then belongs to a working directory that the kernel has not kept; and the file may
//!   since have been renamed or deleted, or be in another mount namespace.
//! - An **abstract** name: any bytes, NUL and newline among them, up to 107 after the NUL that marks it. It is
//!   not a file, and belongs to the network namespace. A socket that is bound without a name (autobind) gets
//!   one of five hexadecimal digits.

/// `sizeof(sun_path)`: no name is longer, the NUL before an abstract one included.
pub const UNIX_PATH_MAX: usize = 108;

/// A name, without the NUL that marks an abstract one and the NUL that ends a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnixName<'a> {
    /// A path, absolute or relative.
    Path(&'a [u8]),
    /// A name in the abstract namespace.
    Abstract(&'a [u8]),
}

impl<'a> UnixName<'a> {
    /// Reads `sun_path` as the kernel keeps it, `addr->len` long: an abstract name starts with a NUL, and a
    /// path ends with one that counts. `None` if there are no bytes.
    pub fn decode(sun_path: &'a [u8]) -> Option<Self> {
        match sun_path.split_first()? {
            (0, name) => Some(Self::Abstract(name)),
            _ => Some(Self::Path(sun_path.strip_suffix(&[0]).unwrap_or(sun_path))),
        }
    }

    /// Its bytes, in either form.
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Path(name) | Self::Abstract(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_byte_shows_the_form_of_a_name() {
        assert_eq!(UnixName::decode(b"/run/x\0"), Some(UnixName::Path(b"/run/x")));
        assert_eq!(UnixName::decode(b"x"), Some(UnixName::Path(b"x")));
        assert_eq!(UnixName::decode(b"\0a\0\n\0"), Some(UnixName::Abstract(b"a\0\n\0")));
        assert_eq!(UnixName::decode(b"\0"), Some(UnixName::Abstract(b"")));
        assert_eq!(UnixName::decode(b""), None);
        assert_eq!(UnixName::Path(b"x").as_bytes(), UnixName::Abstract(b"x").as_bytes());
    }
}
