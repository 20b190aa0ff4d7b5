//! BTF, the types of the running kernel, in the format of `/sys/kernel/btf/vmlinux` (`linux/btf.h`).
//!
//! A BPF program reads the kernel's own structures, and the offset of a member in them depends on version,
//! configuration and compiler. This file has the offsets. It consists of a header, types one after the other, and
//! strings that end with NUL; all numbers in the kernel's byte order, which is that of this process.
//!
//! | offset | `struct btf_header` |                                                    |
//! |-------:|---------------------|----------------------------------------------------|
//! |      0 | `magic`             | u16; 0xeB9F                                        |
//! |      2 | `version`, `flags`  | u8 each; version 1                                 |
//! |      4 | `hdr_len`           | u32; sections are counted from here                |
//! |      8 | `type_off`, `type_len` | u32 each                                        |
//! |     16 | `str_off`, `str_len`   | u32 each                                        |
//!
//! Types are numbered by their position, from 1; 0 is `void`. So a type is found only by skipping all before it,
//! and nothing can be read after a kind of unknown length. A kernel has more than a hundred thousand types:
//! skipping them takes most of the time.
//!
//! Traps:
//! - Members of anonymous structures and unions count as members of the enclosing one, as in C.
//! - With the flag of a structure, a member's `offset` is 24 bits of offset and 8 of bit field width. Without
//!   it (old compilers), a bit field shows by its integer type having fewer bits than its bytes.
//! - The width of a pointer is not in the file. It is assumed to be that of this process.

use super::btf_type::{TYPE, Type, size};
use crate::reader::{DecodeError, Reader};
use std::cell::RefCell;

pub use super::btf_type::Kind;

const HEADER: &str = "btf_header";

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
const HEADER_LENGTH: usize = 24;

/// The nesting of anonymous structures and of typedefs: C needs a handful. More is a cycle.
const MOST_NESTED: u32 = 32;
/// The members that are searched for a name. The kernel's largest structures have some hundred.
const MOST_MEMBERS: u32 = 1 << 16;

/// The distance between types whose offset is remembered. A type is found by skipping fewer than these.
const MARKED: usize = 64;

/// The number of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeId(u32);

impl TypeId {
    /// As the kernel counts, from 1; 0 is `void`.
    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// The position of a member in a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// From the start of the structure, anonymous ones between included.
    pub bit_offset: u32,
    /// The width of a bit field; 0 when it is none.
    pub bit_width: u32,
    /// Its type.
    pub of: TypeId,
}

/// The types of a kernel.
#[derive(Clone, Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// The offset of every [`MARKED`]th type, from the first on, up to the last that was searched.
    marks: RefCell<Vec<usize>>,
}

impl<'a> Btf<'a> {
    /// Over the bytes of the file, of which only the header is read at first: each search skips as many types as it
    /// has to.
    ///
    /// # Errors
    /// It is not BTF, of the other byte order, or of another version; it is truncated.
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
        Ok(Self { types, strings, marks: RefCell::new(vec![0]) })
    }

    /// Finds types by kind and name, all in one pass that ends with the last of them; of several with the same
    /// name the first. This takes a millisecond for the types of a kernel.
    ///
    /// # Errors
    /// A type is truncated, or of an unknown kind, before all are found.
    pub fn find<const N: usize>(
        &self,
        wanted: [(Kind, &str); N],
    ) -> Result<[Option<TypeId>; N], DecodeError> {
        let mut found = [None; N];
        self.find_each(&wanted, &mut found)?;
        Ok(found)
    }

    // One copy for all numbers of names.
    #[inline(never)]
    fn find_each(&self, wanted: &[(Kind, &str)], found: &mut [Option<TypeId>]) -> Result<(), DecodeError> {
        let mut types = Reader::new(TYPE, self.types);
        let (mut number, mut left) = (0_u32, found.len());
        // Nearly all types are of other kinds, or their names begin otherwise. So each name is compared with few.
        let (mut kinds, mut by_initial) = (0, [0; 256]);
        for (kind, name) in wanted {
            kinds |= kind.bit();
            let initial = name.bytes().next().unwrap_or_default();
            if let Some(kinds) = by_initial.get_mut(usize::from(initial)) {
                *kinds |= kind.bit();
            }
        }
        while types.remaining() > 0 && left > 0 {
            let this = Type::take(&mut types)?;
            number = number.saturating_add(1);
            if kinds & this.kind_bit() == 0 {
                continue;
            }
            let initial = self.strings.get(size(this.name)).copied().unwrap_or_default();
            if by_initial.get(usize::from(initial)).is_none_or(|kinds| kinds & this.kind_bit() == 0) {
                continue;
            }
            for (found, (kind, name)) in found.iter_mut().zip(wanted) {
                if this.kind == *kind && found.is_none() && self.is_named(this.name, name) {
                    *found = Some(TypeId(number));
                    left = left.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    /// Finds a member by its name; `None` if there is none, or if the type is not a structure or union.
    ///
    /// # Errors
    /// The types contradict themselves: a number that no type has, structures that contain themselves.
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

    /// The type that a pointer points to, through typedefs and qualifiers on both sides; `None` if it is not a
    /// pointer.
    ///
    /// # Errors
    /// As [`Btf::size`].
    pub fn pointee(&self, pointer: TypeId) -> Result<Option<TypeId>, DecodeError> {
        match self.unmodified(pointer)?.1 {
            Type { kind: Kind::Ptr, size_or_type, .. } => Ok(Some(self.unmodified(TypeId(size_or_type))?.0)),
            _ => Ok(None),
        }
    }

    /// The type of an array's elements; `None` if it is not an array.
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

    /// A type without its typedefs and qualifiers.
    fn unmodified(&self, id: TypeId) -> Result<(TypeId, Type<'a>), DecodeError> {
        let (mut id, mut start) = (id, 0);
        for _ in 0..MOST_NESTED {
            let this = self.of_number(id)?;
            start = this.start;
            match this.kind {
                Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag => {
                    id = TypeId(this.size_or_type);
                }
                _ => return Ok((id, this)),
            }
        }
        Err(DecodeError::malformed(TYPE, start, "a type of itself"))
    }

    fn of_number(&self, id: TypeId) -> Result<Type<'a>, DecodeError> {
        let Some(before) = size(id.0).checked_sub(1) else {
            return Ok(Type { start: 0, name: 0, info: 0, size_or_type: 0, kind: Kind::Fwd, more: &[] });
        };
        let mut types = self.at_mark(before / MARKED)?;
        for _ in 0..before % MARKED {
            take_numbered(&mut types)?;
        }
        take_numbered(&mut types)
    }

    /// The types from a mark on, which is added if it does not exist.
    fn at_mark(&self, mark: usize) -> Result<Reader<'a>, DecodeError> {
        let mut marks = self.marks.borrow_mut();
        let from = |start: usize| {
            let mut types = Reader::new(TYPE, self.types);
            types.skip(start).map(|()| types)
        };
        let mut types = from(marks.last().copied().unwrap_or_default())?;
        while marks.len() <= mark {
            for _ in 0..MARKED {
                take_numbered(&mut types)?;
            }
            marks.push(types.offset());
        }
        from(marks.get(mark).copied().unwrap_or_default())
    }

    #[inline]
    fn is_named(&self, offset: u32, name: &str) -> bool {
        let text = self.strings.get(size(offset)..).unwrap_or_default();
        // The end first: for most names that is enough to see that they differ.
        text.get(name.len()) == Some(&0) && text.starts_with(name.as_bytes())
    }
}

/// The next type of those that have numbers.
fn take_numbered<'a>(types: &mut Reader<'a>) -> Result<Type<'a>, DecodeError> {
    if types.remaining() == 0 {
        return Err(DecodeError::malformed(TYPE, types.offset(), "a number that no type has"));
    }
    Type::take(types)
}
