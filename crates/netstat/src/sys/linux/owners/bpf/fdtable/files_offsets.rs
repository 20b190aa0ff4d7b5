//! Which files that are no sockets are found, and where the members are that only these need.

use super::super::refused::Refused;
use super::super::types::Types;
use netstat_wire::linux::btf::TypeId;

/// Which files are found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Files {
    /// Of namespaces of every kind.
    Namespaces,
    /// Of io_urings.
    Rings,
}

/// The offsets of the members by which such a file is recognised.
#[derive(Copy, Clone, Debug)]
pub(super) struct FileOffsets {
    pub(super) dentry: i32,
    pub(super) super_block: i32,
    pub(super) magic: i32,
    pub(super) name: i32,
}

impl FileOffsets {
    pub(super) fn of(types: &Types<'_>, file: TypeId) -> Result<Self, Refused> {
        let dentry = types.nested(file, "f_path", "dentry")?;
        let dentry_type = types.behind(dentry, "dentry")?;
        let (super_block, super_block_type) = types.pointer(dentry_type, "d_sb")?;
        // The name of a short name's file, called otherwise since Linux 6.14.
        let (name, _) =
            types.place(dentry_type, "d_iname").or_else(|_| types.place(dentry_type, "d_shortname"))?;
        Ok(Self {
            dentry: dentry.offset.into(),
            super_block: super_block.offset.into(),
            magic: types.offset(super_block_type, "s_magic")?,
            name: i32::try_from(name)
                .map_err(|_| Refused::types("too far within its structure:", "d_iname"))?,
        })
    }
}
