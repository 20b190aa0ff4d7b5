//! The kernel's types: where a member is in its structure on this kernel.

use super::assembler::{Assembler, Register, Width};
use super::refused::Refused;
use netstat_wire::linux::btf::{Btf, Kind, TypeId};
use std::cell::RefCell;

/// A structure that consists of numbers alone: `struct rusage`, of which there is one for each architecture. A program reads
/// memory through it to get numbers, with which it may calculate; a pointer that it loads through the structure it belongs
/// to can only be followed.
pub(super) const NUMBERS: &str = "rusage";

/// A type by its kind and name.
pub(crate) type Name = (Kind, &'static str);

/// The types of the kernel. What is looked for by name is found by skipping all types before it, in up to a millisecond: what
/// is loaded together is looked for at once, and remembered.
pub(crate) struct Types<'a> {
    btf: Btf<'a>,
    found: RefCell<Vec<(Name, TypeId)>>,
}

/// A member that one instruction can load.
#[derive(Copy, Clone)]
pub(crate) struct Field {
    pub(crate) offset: i16,
    pub(crate) width: Width,
    of: TypeId,
}

impl Field {
    /// `to = from->field`
    pub(crate) fn load(self, code: &mut Assembler, to: Register, from: Register) {
        code.load(self.width, to, from, self.offset);
    }
}

impl<'a> Types<'a> {
    /// From the bytes of `/sys/kernel/btf/vmlinux`.
    pub(crate) fn new(file: &'a [u8]) -> Result<Self, Refused> {
        Ok(Self { btf: Btf::new(file).map_err(Refused::decode)?, found: RefCell::default() })
    }

    /// Types by kind and name, all in one pass.
    pub(crate) fn find<const N: usize>(&self, wanted: [Name; N]) -> Result<[TypeId; N], Refused> {
        let known = wanted.map(|name| self.known(name));
        let found = if known.contains(&None) { self.look_for(wanted)? } else { known };
        let missing = wanted.iter().zip(&found).find(|(_, found)| found.is_none());
        if let Some(((kind, name), _)) = missing {
            let what = if *kind == Kind::Func { "no function" } else { "no structure" };
            return Err(Refused::types(what, name));
        }
        // All are there.
        Ok(found.map(|id| id.unwrap_or_default()))
    }

    /// Looks for what is going to be found, in one pass.
    pub(crate) fn look_for<const N: usize>(&self, wanted: [Name; N]) -> Result<[Option<TypeId>; N], Refused> {
        let found = self.btf.find(wanted).map_err(Refused::decode)?;
        let each = wanted.into_iter().zip(found);
        self.found.borrow_mut().extend(each.filter_map(|(name, id)| Some((name, id?))));
        Ok(found)
    }

    fn known(&self, wanted: Name) -> Option<TypeId> {
        self.found.borrow().iter().find(|(name, _)| *name == wanted).map(|(_, id)| *id)
    }

    /// The offset of a member in bytes, and its type.
    pub(crate) fn place(&self, structure: TypeId, name: &'static str) -> Result<(u32, TypeId), Refused> {
        let member = self.btf.member(structure, name).map_err(Refused::decode)?;
        let member = member.ok_or(Refused::types("no member", name))?;
        if member.bit_width != 0 || member.bit_offset % 8 != 0 {
            return Err(Refused::types("a bit field:", name));
        }
        Ok((member.bit_offset / 8, member.of))
    }

    pub(crate) fn field(&self, structure: TypeId, name: &'static str) -> Result<Field, Refused> {
        let (offset, of) = self.place(structure, name)?;
        self.field_at(offset, of, name)
    }

    fn field_at(&self, offset: u32, of: TypeId, name: &'static str) -> Result<Field, Refused> {
        let size = self.btf.size(of).map_err(Refused::decode)?;
        let width = size.and_then(Width::of).ok_or(Refused::types("no number or pointer:", name))?;
        let offset =
            i16::try_from(offset).map_err(|_| Refused::types("too far within its structure:", name))?;
        Ok(Field { offset, width, of })
    }

    /// A member of a structure that is itself a member.
    pub(crate) fn nested(
        &self,
        outer: TypeId,
        member: &'static str,
        name: &'static str,
    ) -> Result<Field, Refused> {
        let (offset, of) = self.place(outer, member)?;
        let (inner, of) = self.place(of, name)?;
        let offset =
            offset.checked_add(inner).ok_or(Refused::types("too far within its structure:", name))?;
        self.field_at(offset, of, name)
    }

    /// The member of a field that is a structure of one member.
    pub(crate) fn nested_in(&self, field: Field, name: &'static str) -> Result<Field, Refused> {
        let (inner, of) = self.place(field.of, name)?;
        let offset = u32::try_from(field.offset).ok().and_then(|offset| offset.checked_add(inner));
        self.field_at(offset.ok_or(Refused::types("too far within its structure:", name))?, of, name)
    }

    /// The structure that a field points to.
    pub(crate) fn behind(&self, field: Field, name: &'static str) -> Result<TypeId, Refused> {
        let pointee = self.btf.pointee(field.of).map_err(Refused::decode)?;
        pointee.ok_or(Refused::types("no pointer:", name))
    }

    /// A pointer, and the structure that it points to.
    pub(crate) fn pointer(&self, structure: TypeId, name: &'static str) -> Result<(Field, TypeId), Refused> {
        let field = self.field(structure, name)?;
        Ok((field, self.behind(field, name)?))
    }

    /// The offset of a member, as a constant.
    pub(super) fn offset(&self, structure: TypeId, name: &'static str) -> Result<i32, Refused> {
        let (offset, _) = self.place(structure, name)?;
        i32::try_from(offset).map_err(|_| Refused::types("too far within its structure:", name))
    }

    /// The offset of a member of a structure that is itself a member.
    pub(super) fn offset_in(
        &self,
        outer: TypeId,
        member: &'static str,
        name: &'static str,
    ) -> Result<i32, Refused> {
        let (outer, of) = self.place(outer, member)?;
        let (inner, _) = self.place(of, name)?;
        let offset = outer.checked_add(inner).and_then(|offset| i32::try_from(offset).ok());
        offset.ok_or(Refused::types("too far within its structure:", name))
    }

    /// The byte with a flag of one bit in a structure that is itself a member, and the bit.
    pub(super) fn bit_in(
        &self,
        outer: TypeId,
        member: &'static str,
        name: &'static str,
    ) -> Result<(i32, u8), Refused> {
        let (outer, of) = self.place(outer, member)?;
        let member = self.btf.member(of, name).map_err(Refused::decode)?;
        let member = member.ok_or(Refused::types("no member", name))?;
        if member.bit_width != 1 {
            return Err(Refused::types("no flag:", name));
        }
        let offset = outer.checked_add(member.bit_offset / 8).and_then(|offset| i32::try_from(offset).ok());
        let bit = match member.bit_offset % 8 {
            // The most significant bit is the first.
            first if cfg!(target_endian = "big") => 0x80 >> first,
            first => 1 << first,
        };
        Ok((offset.ok_or(Refused::types("too far within its structure:", name))?, bit))
    }

    /// The element of an array that is a member, its offset in the structure, and its size.
    pub(super) fn array(&self, structure: TypeId, name: &'static str) -> Result<(TypeId, i32, i32), Refused> {
        let (offset, array) = self.place(structure, name)?;
        let element = self.btf.element(array).map_err(Refused::decode)?;
        let element = element.ok_or(Refused::types("no array:", name))?;
        let size = self.btf.size(element).map_err(Refused::decode)?;
        let size = size.ok_or(Refused::types("elements without a size:", name))?;
        let number = |number: u32| i32::try_from(number).map_err(|_| Refused::types("too large:", name));
        Ok((element, number(offset)?, number(size)?))
    }

    /// The bytes of a structure.
    pub(super) fn size(&self, of: TypeId, name: &'static str) -> Result<i32, Refused> {
        let size = self.btf.size(of).map_err(Refused::decode)?;
        size.and_then(|size| i32::try_from(size).ok()).ok_or(Refused::types("no size:", name))
    }

    /// The structure behind a pointer to a pointer.
    pub(super) fn behind_both(&self, field: Field, name: &'static str) -> Result<TypeId, Refused> {
        let pointer = self.behind(field, name)?;
        let pointee = self.btf.pointee(pointer).map_err(Refused::decode)?;
        pointee.ok_or(Refused::types("no pointer to a pointer:", name))
    }

    /// `pid->numbers[level].nr`, the number of a task in the pid namespace at a level.
    pub(super) fn number_at(&self, pid: TypeId, level: u32) -> Result<Field, Refused> {
        let (numbers, array) = self.place(pid, "numbers")?;
        let upid = self.btf.element(array).map_err(Refused::decode)?;
        let upid = upid.ok_or(Refused::types("no array:", "numbers"))?;
        let stride = self.btf.size(upid).map_err(Refused::decode)?;
        let (nr, of) = self.place(upid, "nr")?;
        let offset = stride
            .and_then(|stride| stride.checked_mul(level))
            .and_then(|before| before.checked_add(numbers)?.checked_add(nr));
        self.field_at(offset.ok_or(Refused::types("too far within its structure:", "numbers"))?, of, "nr")
    }
}
