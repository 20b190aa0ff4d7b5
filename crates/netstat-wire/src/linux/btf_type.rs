//! One type of [`btf`](super::btf), `struct btf_type`, and how long it is.
//!
//! | offset | `struct btf_type`   |                                                    |
//! |-------:|---------------------|----------------------------------------------------|
//! |      0 | `name_off`          | u32; in the strings, 0 for none                    |
//! |      4 | `info`              | u32; bits 0-23 a count, 24-30 the kind, 31 a flag  |
//! |      8 | `size` or `type`    | u32; bytes, or the number of another type          |
//! |     12 | by kind             | nothing, a word, an array, or the counted entries  |
//!
//! The count had 16 bits and the kind 5 for long, the bits between being 0; both grow into them.

use crate::reader::{DecodeError, Reader};

pub(super) const TYPE: &str = "btf_type";

/// The kinds of types, `BTF_KIND_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in C")]
pub enum Kind {
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    /// A structure or union of which no more than the name is known.
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Var,
    DataSec,
    Float,
    DeclTag,
    TypeTag,
    Enum64,
}

/// Each kind by its number, and the bytes that follow the fixed part: so many, and so many for each entry.
const KINDS: [Option<(Kind, u8, u8)>; 20] = [
    None,
    Some((Kind::Int, 4, 0)),
    Some((Kind::Ptr, 0, 0)),
    // btf_array
    Some((Kind::Array, 12, 0)),
    // btf_member
    Some((Kind::Struct, 0, 12)),
    Some((Kind::Union, 0, 12)),
    // btf_enum
    Some((Kind::Enum, 0, 8)),
    Some((Kind::Fwd, 0, 0)),
    Some((Kind::Typedef, 0, 0)),
    Some((Kind::Volatile, 0, 0)),
    Some((Kind::Const, 0, 0)),
    Some((Kind::Restrict, 0, 0)),
    Some((Kind::Func, 0, 0)),
    // btf_param
    Some((Kind::FuncProto, 0, 8)),
    // btf_var
    Some((Kind::Var, 4, 0)),
    // btf_var_secinfo
    Some((Kind::DataSec, 0, 12)),
    Some((Kind::Float, 0, 0)),
    // btf_decl_tag
    Some((Kind::DeclTag, 4, 0)),
    Some((Kind::TypeTag, 0, 0)),
    // btf_enum64
    Some((Kind::Enum64, 0, 12)),
];

impl Kind {
    /// One bit for each kind: that of its number.
    pub(super) fn bit(self) -> u32 {
        let mut numbered = KINDS.iter().zip(0_u32..);
        let number = numbered.find(|(kind, _)| kind.is_some_and(|(kind, ..)| kind == self));
        number.map_or(0, |(_, number)| 1 << number)
    }
}

/// `struct btf_type`, and what follows it.
pub(super) struct Type<'a> {
    /// Its offset among the types.
    pub(super) start: usize,
    pub(super) name: u32,
    pub(super) info: u32,
    pub(super) size_or_type: u32,
    pub(super) kind: Kind,
    pub(super) more: &'a [u8],
}

impl<'a> Type<'a> {
    #[inline]
    pub(super) fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = reader.offset();
        // One check for the twelve bytes: this is done for most types of the kernel.
        let [n0, n1, n2, n3, i0, i1, i2, i3, s0, s1, s2, s3] = reader.bytes()?;
        let name = u32::from_ne_bytes([n0, n1, n2, n3]);
        let info = u32::from_ne_bytes([i0, i1, i2, i3]);
        let size_or_type = u32::from_ne_bytes([s0, s1, s2, s3]);
        let Some((kind, fixed, entry)) = KINDS.get(size(info >> 24 & 0x7f)).copied().flatten() else {
            return Err(DecodeError::malformed(TYPE, start, "of an unknown kind"));
        };
        // No more than 28 bits: nothing wraps.
        let length = (info & 0x00ff_ffff).wrapping_mul(entry.into()).wrapping_add(fixed.into());
        let more = reader.take(size(length))?;
        Ok(Self { start, name, info, size_or_type, kind, more })
    }

    /// [`Kind::bit`] of its kind.
    #[inline]
    pub(super) const fn kind_bit(&self) -> u32 {
        // The number of a kind that is known is less than 32.
        1_u32.wrapping_shl(self.info >> 24 & 0x7f)
    }

    pub(super) const fn has_flag(&self) -> bool {
        self.info >> 31 == 1
    }
}

/// A number that this machine cannot address is larger than any length.
#[inline]
pub(super) fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
