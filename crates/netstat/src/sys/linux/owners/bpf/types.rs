//! The kernel's types: where a member is in its structure on this kernel.

use super::assembler::{Assembler, Register, Width};
use super::refused::Refused;
use netstat_wire::linux::btf::{Btf, Kind, TypeId};

/// A structure that consists of numbers alone: `struct rusage`, of which there is one for each architecture. A program reads
/// memory through it to get numbers, with which it may calculate; a pointer that it loads through the structure it belongs
/// to can only be followed.
const NUMBERS: &str = "rusage";

/// The types of the kernel that the programs start from.
pub(crate) struct Types<'a> {
    btf: Btf<'a>,
    pub(super) task: Target,
    pub(super) socket: Option<TypeId>,
    pub(super) socket_alloc: Option<TypeId>,
    pub(super) numbers: Option<TypeId>,
    pub(super) functions: Functions,
}

/// An iterator of the kernel: the function to attach to, and the structure that its programs get as context.
#[derive(Copy, Clone)]
pub(super) struct Target {
    pub(super) function: Option<TypeId>,
    pub(super) context: Option<TypeId>,
}

/// Functions of the kernel that programs may call.
#[derive(Copy, Clone)]
pub(super) struct Functions {
    /// `bpf_rdonly_cast`, Linux 6.2.
    pub(super) read_only_cast: Option<TypeId>,
    /// `bpf_iter_num_new`, `bpf_iter_num_next` and `bpf_iter_num_destroy`, Linux 6.4.
    pub(super) numbers: [Option<TypeId>; 3],
}

/// A member that one instruction can load.
#[derive(Copy, Clone)]
pub(super) struct Field {
    pub(super) offset: i16,
    pub(super) width: Width,
    of: TypeId,
}

impl Field {
    /// `to = from->field`
    pub(super) fn load(self, code: &mut Assembler, to: Register, from: Register) {
        code.load(self.width, to, from, self.offset);
    }
}

impl<'a> Types<'a> {
    /// From the bytes of `/sys/kernel/btf/vmlinux`.
    pub(crate) fn new(file: &'a [u8]) -> Result<Self, Refused> {
        let btf = Btf::new(file).map_err(Refused::decode)?;
        let found = btf.find([
            (Kind::Func, "bpf_iter_task"),
            (Kind::Struct, "bpf_iter__task"),
            (Kind::Struct, "socket"),
            (Kind::Struct, "socket_alloc"),
            (Kind::Struct, NUMBERS),
            (Kind::Func, "bpf_rdonly_cast"),
            (Kind::Func, "bpf_iter_num_new"),
            (Kind::Func, "bpf_iter_num_next"),
            (Kind::Func, "bpf_iter_num_destroy"),
        ]);
        let [function, context, socket, socket_alloc, numbers, read_only_cast, new, next, destroy] =
            found.map_err(Refused::decode)?;
        Ok(Self {
            btf,
            task: Target { function, context },
            socket,
            socket_alloc,
            numbers,
            functions: Functions { read_only_cast, numbers: [new, next, destroy] },
        })
    }

    /// The iterator over all descriptors of all tasks.
    pub(super) fn task_file(&self) -> Result<Target, Refused> {
        let wanted = [(Kind::Func, "bpf_iter_task_file"), (Kind::Struct, "bpf_iter__task_file")];
        let [function, context] = self.btf.find(wanted).map_err(Refused::decode)?;
        Ok(Target { function, context })
    }

    /// The offset of a member in bytes, and its type.
    pub(super) fn place(&self, structure: TypeId, name: &'static str) -> Result<(u32, TypeId), Refused> {
        let member = self.btf.member(structure, name).map_err(Refused::decode)?;
        let member = member.ok_or(Refused::types("no member", name))?;
        if member.bit_width != 0 || member.bit_offset % 8 != 0 {
            return Err(Refused::types("a bit field:", name));
        }
        Ok((member.bit_offset / 8, member.of))
    }

    pub(super) fn field(&self, structure: TypeId, name: &'static str) -> Result<Field, Refused> {
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
    pub(super) fn nested(
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
    pub(super) fn nested_in(&self, field: Field, name: &'static str) -> Result<Field, Refused> {
        let (inner, of) = self.place(field.of, name)?;
        let offset = u32::try_from(field.offset).ok().and_then(|offset| offset.checked_add(inner));
        self.field_at(offset.ok_or(Refused::types("too far within its structure:", name))?, of, name)
    }

    /// The structure that a field points to.
    pub(super) fn behind(&self, field: Field, name: &'static str) -> Result<TypeId, Refused> {
        let pointee = self.btf.pointee(field.of).map_err(Refused::decode)?;
        pointee.ok_or(Refused::types("no pointer:", name))
    }

    /// A pointer, and the structure that it points to.
    pub(super) fn pointer(&self, structure: TypeId, name: &'static str) -> Result<(Field, TypeId), Refused> {
        let field = self.field(structure, name)?;
        Ok((field, self.behind(field, name)?))
    }

    /// The offset of a member, as a constant.
    pub(super) fn offset(&self, structure: TypeId, name: &'static str) -> Result<i32, Refused> {
        let (offset, _) = self.place(structure, name)?;
        i32::try_from(offset).map_err(|_| Refused::types("too far within its structure:", name))
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
