//! Windows: one file for each interface, named as in its headers.
//!
//! Rows of the tables of sockets have no pointers and are the same for x86, x64 and arm64, in 32-bit processes too.
//! Structures with pointers depend on the width of the calling process, not of the machine: [`PointerWidth`].

pub mod filetime;
pub mod mib_tcp_state;
pub mod system_process_information;
pub mod tcp_table;
pub mod udp_table;
pub mod utf_16;

mod mib_table;

pub use mib_table::Family;

use crate::reader::{DecodeError, Reader};

/// The width of a pointer (a `HANDLE`, a `ULONG_PTR`) in a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerWidth {
    /// 32 bits: also a 32-bit process on 64-bit Windows (WOW64).
    Four,
    /// 64 bits: x64 and arm64.
    Eight,
}

impl PointerWidth {
    /// The width of this build, and so of every structure that its calls return.
    pub const NATIVE: Self = if usize::BITS == 32 { Self::Four } else { Self::Eight };

    /// The width in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// Reads a pointer, or a number of that width.
    #[inline]
    fn read(self, reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
        match self {
            Self::Four => reader.u32_ne().map(u64::from),
            Self::Eight => reader.u64_ne(),
        }
    }
}
