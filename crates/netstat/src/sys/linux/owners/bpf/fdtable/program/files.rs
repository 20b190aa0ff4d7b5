//! The variant of the program that finds files which are no sockets. Namespaces are among those with the operations of one that
//! the reader has open, or of any file that was opened with `O_PATH`: such a descriptor keeps a namespace too. An io_uring is
//! found by its name, since a reader may not be allowed to open one.
//!
//! Check B is that the slot holds the file, and that the file is still what it was found by.

use super::super::super::assembler::Register::{R1, R2, R3, R4, R7, R8, R9};
use super::super::super::assembler::{If, Label, Width};
use super::super::files_offsets::{FileOffsets, Files};
use super::super::memory::{entry, row, state};
use super::Generator;
use super::Operation::{Add, And, Or, ShiftLeft, Xor};

/// `NSFS_MAGIC` of linux/magic.h: the file system of namespaces, of every kind.
const NSFS_MAGIC: i32 = 0x6e73_6673;
/// `ANON_INODE_FS_MAGIC` of linux/magic.h: no other file system's file can have the name of an io_uring.
const ANON_INODE_FS_MAGIC: i32 = 0x0904_1934;

impl Generator {
    /// Lists those of the eight files that may be wanted, and counts them in `R8`.
    pub(super) fn list_files(&mut self, files: Files, advances: Label) {
        self.match_operations(&|generator| match files {
            Files::Namespaces => {
                generator.get(R2, state::OPERATIONS_OF_PATHS);
                generator.code.compute(Xor, R3, R2);
                generator.is_not_zero(R3, R4);
                generator.code.compute(Xor, R3, 1);
                generator.code.compute(Or, R1, R3);
            }
            Files::Rings => {
                // What has operations, and not those of a socket.
                generator.code.compute(Xor, R1, 1);
                generator.is_not_zero(R3, R4);
                generator.code.compute(And, R1, R3);
            }
        });
        self.only_wanted(advances);
        self.code.set(R9, 0);
        for slot in 0..8 {
            self.code.copy(R2, R9);
            self.entry_address(R2);
            self.get(R1, state::EIGHT_FILES + 8 * slot);
            self.code.store(Width::Bytes8, R2, entry::FILE, R1);
            self.code.store_constant(Width::Bytes8, R2, entry::SLOT, slot.into());
            self.is_wanted(R1, slot);
            self.code.compute(Add, R9, R1);
        }
        self.code.copy(R8, R9);
    }

    /// Writes a record of the file at `R8` to `R9`: what a record has of a holder, and in place of the network namespace the
    /// thread.
    pub(super) fn write_file(&mut self, files: Files) {
        for (place, number) in [(row::PROCESS, state::PROCESS), (row::NAMESPACE, state::THREAD)] {
            self.get(R1, number);
            self.code.store(Width::Bytes4, R9, place, R1);
        }
        self.code.load(Width::Bytes8, R1, R8, entry::SLOT);
        self.code.compute(Add, R1, R7);
        self.code.store(Width::Bytes4, R9, row::DESCRIPTOR, R1);
        for place in [row::INODE, row::COOKIE] {
            self.code.store_constant(Width::Bytes8, R9, place, 0);
        }
        self.code.store_constant(Width::Bytes4, R9, row::PORT, 0);
        if let Some(of) = self.needs.of_file {
            self.compare_with(files, &of);
        }
    }

    /// Notes that the file is not wanted unless it is of these.
    fn compare_with(&mut self, files: Files, of: &FileOffsets) {
        self.read_of_entry(Width::Bytes8, entry::FILE, of.dentry);
        self.put(state::DENTRY, R1);
        self.read_pointer(R1, R1, of.super_block);
        self.read_pointer(R1, R1, of.magic);
        let (magic, name): (_, &[(i32, [u8; 4])]) = match files {
            Files::Namespaces => (NSFS_MAGIC, &[]),
            Files::Rings => (ANON_INODE_FS_MAGIC, &[(0, *b"[io_"), (4, *b"urin")]),
        };
        self.code.compute(Xor, R1, magic);
        self.put(state::NOT_WANTED, R1);
        for (offset, part) in name {
            self.get(R1, state::DENTRY);
            self.read(Width::Bytes4, R1, R1, of.name + offset);
            self.code.compute(Xor, R1, i32::from_ne_bytes(*part));
            self.get(R2, state::NOT_WANTED);
            self.code.compute(Or, R1, R2);
            self.put(state::NOT_WANTED, R1);
        }
    }

    /// `R1` is not 0 if the file at `R8` is not what it was found by.
    pub(super) fn file_has_changed(&mut self) {
        let dentry = self.needs.of_file.map_or(0, |of| of.dentry);
        self.read_of_entry(Width::Bytes8, entry::FILE, dentry);
        self.get(R2, state::DENTRY);
        self.code.compute(Xor, R1, R2);
        self.put(state::CHANGED, R1);
    }

    /// Sets a bit of `R8` for each of the eight files that has the operations looked for. `also` may change the bit, which is in
    /// `R1`; in `R3` are the operations.
    pub(super) fn match_operations(&mut self, also: &dyn Fn(&mut Self)) {
        self.code.set(R8, 0);
        for slot in 0..8 {
            self.get(R1, state::EIGHT_FILES + 8 * slot);
            self.read_pointer(R1, R1, self.needs.of.file_operations);
            self.code.copy(R3, R1);
            self.get(R2, state::OPERATIONS);
            self.code.compute(Xor, R1, R2);
            self.is_not_zero(R1, R2);
            self.code.compute(Xor, R1, 1);
            also(self);
            self.code.compute(ShiftLeft, R1, i32::from(slot));
            self.code.compute(Or, R8, R1);
        }
    }

    /// Advances if none of the slots in the mask in `R8` is to be read.
    pub(super) fn only_wanted(&mut self, advances: Label) {
        self.get(R1, state::WANTED);
        self.code.compute(And, R8, R1);
        self.code.jump_if(If::Equal, R8, 0, advances);
    }
}
