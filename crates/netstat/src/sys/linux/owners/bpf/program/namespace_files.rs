//! The program that finds descriptors of namespaces.

use super::super::assembler::Assembler;
use super::super::assembler::Register::{Frame, R1, R3, R6, R7, R8};
use super::super::assembler::Width;
use super::super::refused::Refused;
use super::super::types::Types;
use super::{Context, Program, TASK_FILE, at, path_to_process, write_frame};

/// `NSFS_MAGIC` of linux/magic.h: the file system of namespaces, of every kind.
const NSFS_MAGIC: i32 = 0x6e73_6673;

/// The program that writes a record for each descriptor of a namespace: process and descriptor.
pub(crate) fn namespace_files(types: &Types<'_>, level: u32) -> Result<Program, Refused> {
    let Context { function, meta, seq, task, task_type, fd, file, file_type } =
        Context::of(types, types.find(TASK_FILE)?)?;
    let (inode, inode_type) = types.pointer(file_type, "f_inode")?;
    let (super_block, super_block_type) = types.pointer(inode_type, "i_sb")?;
    let magic = types.field(super_block_type, "s_magic")?;

    let mut code = Assembler::default();
    code.copy(R6, R1);
    file.load(&mut code, R7, R6);
    task.load(&mut code, R8, R6);
    code.exit_if_equal(R7, 0);
    code.exit_if_equal(R8, 0);
    inode.load(&mut code, R7, R7);
    super_block.load(&mut code, R7, R7);
    magic.load(&mut code, R3, R7);
    code.exit_unless_equal(R3, NSFS_MAGIC);
    for field in path_to_process(types, task_type, level)? {
        field.load(&mut code, R8, R8);
    }
    code.store(Width::Bytes4, Frame, at::PROCESS, R8);
    fd.load(&mut code, R3, R6);
    code.store(Width::Bytes4, Frame, at::DESCRIPTOR, R3);
    code.set(R3, 0);
    code.store(Width::Bytes8, Frame, at::INODE, R3);
    code.store(Width::Bytes8, Frame, at::COOKIE, R3);
    code.store(Width::Bytes8, Frame, at::NAMESPACE, R3);
    meta.load(&mut code, R1, R6);
    write_frame(&mut code, seq, 32);
    Ok(Program { instructions: code.finish(), attach_to: function })
}
