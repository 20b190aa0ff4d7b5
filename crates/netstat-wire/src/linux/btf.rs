//! BTF, the types of the running kernel, as `/sys/kernel/btf/vmlinux` holds them (`linux/btf.h`).
//!
//! A program that the kernel runs for us reads the kernel's own structures, and where a member stands in
//! them depends on version, configuration and compiler. This says where. The file is a header, types one
//! after the other, and strings that end with NUL; all numbers in the kernel's order, which is ours.
//!
//! | offset | `struct btf_header` |                                                    |
//! |-------:|---------------------|----------------------------------------------------|
//! |      0 | `magic`             | u16; 0xeB9F                                        |
//! |      2 | `version`, `flags`  | u8 each; version 1                                 |
//! |      4 | `hdr_len`           | u32; sections are counted from here                |
//! |      8 | `type_off`, `type_len` | u32 each                                        |
//! |     16 | `str_off`, `str_len`   | u32 each                                        |
//!
//! | offset | `struct btf_type`   |                                                    |
//! |-------:|---------------------|----------------------------------------------------|
//! |      0 | `name_off`          | u32; in the strings, 0 for none                    |
//! |      4 | `info`              | u32; bits 0-23 a count, 24-30 the kind, 31 a flag  |
//! |      8 | `size` or `type`    | u32; bytes, or the number of another type          |
//! |     12 | by kind             | nothing, a word, an array, or the counted entries  |
//!
//! Types are numbered by their place, from 1; 0 is `void`. So a type is found only by passing over all before
//! it, and a kind whose length is not known is the end of what can be read.
//!
//! Traps:
//! - Members of anonymous structures and unions count as members of what they stand in, as in C.
//! - With the flag of a structure, a member's `offset` is 24 bits of offset and 8 of bit field width. Without
//!   it (old compilers), a bit field shows by its integer type having fewer bits than its bytes.
//! - The width of a pointer is not told. It is taken to be that of this process.
//! - The count had 16 bits and the kind 5 for long, the bits between being 0; both grow into them.

use crate::reader::{DecodeError, Reader};

const HEADER: &str = "btf_header";
const TYPE: &str = "btf_type";

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
const HEADER_LENGTH: usize = 24;

/// Anonymous structures in one another, and typedefs of typedefs: C needs a handful. More is a circle.
const MOST_NESTED: u32 = 32;
/// Members that are looked at for a name. The kernel's largest structures have some hundred.
const MOST_MEMBERS: u32 = 1 << 16;

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

impl Kind {
    const fn of(info: u32) -> Option<Self> {
        Some(match (info >> 24) & 0x7f {
            1 => Self::Int,
            2 => Self::Ptr,
            3 => Self::Array,
            4 => Self::Struct,
            5 => Self::Union,
            6 => Self::Enum,
            7 => Self::Fwd,
            8 => Self::Typedef,
            9 => Self::Volatile,
            10 => Self::Const,
            11 => Self::Restrict,
            12 => Self::Func,
            13 => Self::FuncProto,
            14 => Self::Var,
            15 => Self::DataSec,
            16 => Self::Float,
            17 => Self::DeclTag,
            18 => Self::TypeTag,
            19 => Self::Enum64,
            _ => return None,
        })
    }

    /// The bytes that follow the fixed part: so many, and so many for each entry.
    const fn more(self) -> (usize, usize) {
        match self {
            // btf_var, btf_decl_tag; the word of an integer.
            Self::Int | Self::Var | Self::DeclTag => (4, 0),
            // btf_array
            Self::Array => (12, 0),
            // btf_member, btf_var_secinfo, btf_enum64
            Self::Struct | Self::Union | Self::DataSec | Self::Enum64 => (0, 12),
            // btf_enum, btf_param
            Self::Enum | Self::FuncProto => (0, 8),
            Self::Ptr
            | Self::Fwd
            | Self::Typedef
            | Self::Volatile
            | Self::Const
            | Self::Restrict
            | Self::Func
            | Self::Float
            | Self::TypeTag => (0, 0),
        }
    }
}

/// The number of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeId(u32);

impl TypeId {
    /// As the kernel counts, from 1; 0 is `void`.
    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// Where a member stands in a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// From the start of the structure, anonymous ones between included.
    pub bit_offset: u32,
    /// The width of a bit field; 0 when it is none.
    pub bit_width: u32,
    /// What it is.
    pub of: TypeId,
}

/// `struct btf_type`, and what follows it.
struct Type<'a> {
    info: u32,
    size_or_type: u32,
    kind: Kind,
    more: &'a [u8],
}

impl<'a> Type<'a> {
    #[inline]
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = reader.offset();
        // One check for the twelve bytes: this is done for every type of the kernel.
        let [_, _, _, _, i0, i1, i2, i3, s0, s1, s2, s3] = reader.bytes()?;
        let (info, size_or_type) =
            (u32::from_ne_bytes([i0, i1, i2, i3]), u32::from_ne_bytes([s0, s1, s2, s3]));
        let Some(kind) = Kind::of(info) else {
            return Err(DecodeError::malformed(TYPE, start, "of an unknown kind"));
        };
        let (fixed, entry) = kind.more();
        let count = usize::try_from(info & 0x00ff_ffff).unwrap_or(usize::MAX);
        let more = reader.take(count.saturating_mul(entry).saturating_add(fixed))?;
        Ok(Self { info, size_or_type, kind, more })
    }

    const fn has_flag(&self) -> bool {
        self.info >> 31 == 1
    }
}

/// The types of a kernel.
#[derive(Clone, Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type starts; number 1 is the first.
    starts: Vec<u32>,
}

impl<'a> Btf<'a> {
    /// Over the bytes of the file. Passes over all types once: a millisecond for those of a kernel.
    ///
    /// # Errors
    /// It is no BTF, of the other byte order, or of another version; it is cut; a type is of a kind that is
    /// not known.
    pub fn new(file: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HEADER, file);
        match reader.u16_ne()? {
            MAGIC => {}
            magic if magic.swap_bytes() == MAGIC => {
                return Err(DecodeError::malformed(HEADER, 0, "of the other byte order"));
            }
            _ => return Err(DecodeError::malformed(HEADER, 0, "not BTF")),
        }
        if reader.u8()? != VERSION {
            return Err(DecodeError::malformed(HEADER, 2, "of another version than 1"));
        }
        let _flags = reader.u8()?;
        let length = size(reader.u32_ne()?);
        if length < HEADER_LENGTH {
            return Err(DecodeError::malformed(HEADER, 4, "hdr_len below 24"));
        }
        let mut section = || -> Result<&'a [u8], DecodeError> {
            let (offset, section_length) = (size(reader.u32_ne()?), size(reader.u32_ne()?));
            let mut sections = Reader::new(HEADER, file);
            sections.skip(length)?;
            sections.skip(offset)?;
            sections.take(section_length)
        };
        let (types, strings) = (section()?, section()?);

        // More than there are, so that they are not moved while they grow: one takes 25 bytes in a kernel.
        let mut starts = Vec::with_capacity(types.len() >> 4);
        let mut reader = Reader::new(TYPE, types);
        while reader.remaining() > 0 {
            // The section's length has 32 bits.
            starts.push(u32::try_from(reader.offset()).unwrap_or(u32::MAX));
            Type::take(&mut reader)?;
        }
        Ok(Self { types, strings, starts })
    }

    /// How many types there are.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// Finds types by kind and name, all in one pass; of several with the same name the first.
    pub fn find<const N: usize>(&self, wanted: [(Kind, &str); N]) -> [Option<TypeId>; N] {
        let mut found = [None; N];
        for (number, start) in (1..).zip(&self.starts) {
            let fixed = self.types.get(size(*start)..).and_then(|rest| rest.split_first_chunk::<4>());
            let Some((name, rest)) = fixed else { break };
            let kind = rest.first_chunk::<4>().and_then(|info| Kind::of(u32::from_ne_bytes(*info)));
            for (found, (wanted_kind, wanted_name)) in found.iter_mut().zip(&wanted) {
                if kind == Some(*wanted_kind)
                    && found.is_none()
                    && self.is_named(u32::from_ne_bytes(*name), wanted_name)
                {
                    *found = Some(TypeId(number));
                }
            }
        }
        found
    }

    /// Finds a member by its name; `None` if there is none, or if the type is no structure or union.
    ///
    /// # Errors
    /// The types contradict themselves: a number that no type has, structures that stand in themselves.
    pub fn member(&self, structure: TypeId, name: &str) -> Result<Option<Member>, DecodeError> {
        let mut left = MOST_MEMBERS;
        self.member_in(structure, name, 0, MOST_NESTED, &mut left)
    }

    fn member_in(
        &self,
        structure: TypeId,
        name: &str,
        base: u32,
        deeper: u32,
        left: &mut u32,
    ) -> Result<Option<Member>, DecodeError> {
        let structure = self.unmodified(structure)?.1;
        if !matches!(structure.kind, Kind::Struct | Kind::Union) {
            return Ok(None);
        }
        let mut members = Reader::new("btf_member", structure.more);
        while members.remaining() > 0 {
            let start = members.offset();
            let endless = DecodeError::malformed("btf_member", start, "too many, or within themselves");
            *left = left.checked_sub(1).ok_or(endless)?;
            let (name_offset, of, place) = (members.u32_ne()?, TypeId(members.u32_ne()?), members.u32_ne()?);
            let (place, bit_width) =
                if structure.has_flag() { (place & 0x00ff_ffff, place >> 24) } else { (place, 0) };
            let bit_offset = base.checked_add(place);
            let bit_offset =
                bit_offset.ok_or(DecodeError::malformed("btf_member", start, "offset too large"))?;
            if self.is_named(name_offset, "") {
                let deeper = deeper.checked_sub(1).ok_or(endless)?;
                if let Some(found) = self.member_in(of, name, bit_offset, deeper, left)? {
                    return Ok(Some(found));
                }
            } else if self.is_named(name_offset, name) {
                return Ok(Some(Member { bit_offset, bit_width, of }));
            }
        }
        Ok(None)
    }

    /// The bytes that a value of a type takes: integers, enumerations, pointers, structures. `None` for what
    /// has no size (`void`, functions, structures known by name only), for arrays, and for an integer that
    /// fills its bytes in part only.
    ///
    /// # Errors
    /// A number that no type has; a type of itself.
    pub fn size(&self, of: TypeId) -> Result<Option<u32>, DecodeError> {
        let (number, this) = self.unmodified(of)?;
        if number.0 == 0 {
            return Ok(None);
        }
        Ok(match this.kind {
            Kind::Int => {
                // Bits 0-7 how many bits, 16-23 from which on.
                let word = Reader::new(TYPE, this.more).u32_ne()?;
                let is_whole = this.size_or_type.checked_mul(8) == Some(word & 0x00ff_00ff);
                is_whole.then_some(this.size_or_type)
            }
            Kind::Enum | Kind::Enum64 | Kind::Float | Kind::Struct | Kind::Union => Some(this.size_or_type),
            Kind::Ptr => Some(usize::BITS >> 3),
            _ => None,
        })
    }

    /// What a pointer points to, through typedefs and qualifiers on both sides; `None` if the type is none.
    ///
    /// # Errors
    /// As [`Btf::size`].
    pub fn pointee(&self, pointer: TypeId) -> Result<Option<TypeId>, DecodeError> {
        match self.unmodified(pointer)?.1 {
            Type { kind: Kind::Ptr, size_or_type, .. } => Ok(Some(self.unmodified(TypeId(size_or_type))?.0)),
            _ => Ok(None),
        }
    }

    /// What the elements of an array are; `None` if the type is none.
    ///
    /// # Errors
    /// As [`Btf::size`].
    pub fn element(&self, array: TypeId) -> Result<Option<TypeId>, DecodeError> {
        match self.unmodified(array)?.1 {
            Type { kind: Kind::Array, more, .. } => {
                Ok(Some(TypeId(Reader::new("btf_array", more).u32_ne()?)))
            }
            _ => Ok(None),
        }
    }

    /// A type behind its typedefs and qualifiers.
    fn unmodified(&self, id: TypeId) -> Result<(TypeId, Type<'a>), DecodeError> {
        let mut id = id;
        for _ in 0..MOST_NESTED {
            let this = self.of_number(id)?;
            match this.kind {
                Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag => {
                    id = TypeId(this.size_or_type);
                }
                _ => return Ok((id, this)),
            }
        }
        Err(DecodeError::malformed(TYPE, self.start(id).unwrap_or(0), "a type of itself"))
    }

    fn of_number(&self, id: TypeId) -> Result<Type<'a>, DecodeError> {
        if id.0 == 0 {
            return Ok(Type { info: 0, size_or_type: 0, kind: Kind::Fwd, more: &[] });
        }
        let rest = self.start(id).and_then(|start| self.types.get(start..));
        let rest = rest.ok_or(DecodeError::malformed(TYPE, self.types.len(), "a number that no type has"))?;
        Type::take(&mut Reader::new(TYPE, rest))
    }

    fn start(&self, id: TypeId) -> Option<usize> {
        let place = size(id.0).checked_sub(1)?;
        self.starts.get(place).map(|start| size(*start))
    }

    #[inline]
    fn is_named(&self, offset: u32, name: &str) -> bool {
        let text = self.strings.get(size(offset)..).unwrap_or_default();
        text.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }
}

/// A number that this machine cannot address is more than is there, whatever it is.
#[inline]
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
