//! What Windows says: one file an interface, named as its headers name it.
//!
//! Rows of the tables of sockets have no pointers in them and are the same for x86, x64 and arm64, in
//! 32-bit processes too. What has pointers in it follows the width of the asking process, not of the
//! machine: [`PointerWidth`].

pub mod filetime;
pub mod mib_tcp_state;
pub mod owner_module_basic_info;
pub mod system_process_information;
pub mod tcp_table;
pub mod udp_table;
pub mod utf_16;

mod mib_table;

pub use mib_table::Family;

use crate::reader::{DecodeError, Reader};

/// How wide a pointer (and a `HANDLE`, and a `ULONG_PTR`) is in what the kernel answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerWidth {
    /// 32 bits: also a 32-bit process on 64-bit Windows (WOW64).
    Four,
    /// 64 bits: x64 and arm64.
    Eight,
}

impl PointerWidth {
    /// That of the program this crate is part of, and so of every answer that it gets.
    pub const NATIVE: Self = if usize::BITS == 32 { Self::Four } else { Self::Eight };

    /// The width in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// Takes a pointer, or a number of that width.
    #[inline]
    fn take(self, reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
        match self {
            Self::Four => reader.u32_ne().map(u64::from),
            Self::Eight => reader.u64_ne(),
        }
    }
}
