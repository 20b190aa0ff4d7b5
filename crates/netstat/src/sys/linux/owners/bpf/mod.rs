//! The holders of sockets, found by a program that runs in the kernel and reads the descriptor tables of all tasks.
//!
//! # The programs
//! They are assembled for the structures of the running kernel as `/sys/kernel/btf/vmlinux` describes them, loaded and
//! attached once, and run at each [`read`]. Nothing is pinned and no event is traced: programs, links and map are
//! descriptors of this process and end with it. There are two, and the second is loaded where the first cannot be or does
//! not report a socket of this process as it is, and where descriptors are few, since it is loaded sooner:
//!
//! - [`fdtable`] is attached to the iterator over tasks and walks their tables by itself, thirty times as fast as the links
//!   in `/proc` can be read;
//! - [`program`] has some fifty instructions that the iterator over descriptors calls for each of them, ten times as fast.
//!
//! # Rights
//! `CAP_BPF` and `CAP_PERFMON`, or `CAP_SYS_ADMIN`, in the initial user namespace. [`may_load`] checks the capabilities
//! of the thread first, so that a thread without them never tries. Neither makes a ptrace access check: they also
//! report the descriptors of processes whose links may not be read.
//!
//! # What it sees
//! The tasks of the pid namespace of the reading thread, by their numbers in it ([`level`]), and the tables of threads
//! that do not share their leader's. Like `/proc/<pid>/fd` it does not see sockets without a descriptor.
//! Descriptors opened with `O_PATH` are left out: they do not keep a socket open, and nothing can be done with them.
//!
//! # Since when
//! Linux 5.8, with `CONFIG_DEBUG_INFO_BTF`; in a nested pid namespace 6.5, since older kernels refuse accesses to
//! `struct pid` beyond its declared length. The program that walks tables: 6.4.
//!
//! [`read`]: HeldSource::read
//!
//! Sources: bpf(2), the kernel's Documentation/bpf/bpf_iterators.rst, kernel/bpf/{task_iter,bpf_iter}.c.

pub(crate) mod assembler;
mod fdtable;
mod ffi;
mod file_program;
mod held_files;
mod iterator;
mod level;
mod program;
mod record;
mod refused;
#[cfg(test)]
mod storm;
#[cfg(test)]
pub(crate) mod tests;
mod types;

pub(crate) use ffi::{create_array, create_ring};
pub(crate) use iterator::attach_to_tracepoint;
pub(crate) use record::{EachRow, Evidence, Families, SocketFile, SocketRow};
pub(crate) use refused::Refused;
pub(crate) use types::{Field, Types};

use super::without_descriptor::HeldFile;
use crate::engine::parallel::lock;
use crate::log::debug;
use crate::sys::linux::errno::errno_of;
use fdtable::{Fault, FdTables, Layout};
use file_program::FileProgram;
use iterator::{attach, run};
use level::Level;
use program::RECORD_BYTES;
use record::decode;
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::Mutex;

const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// What was reported may be wrong, and another program replaces the one that has reported it.
pub(crate) const DISCARD: Errno = Errno::STALE;

/// The seam to the kernel: one iteration over all descriptors. Tests replace it with a scripted one.
pub(crate) trait HeldSource {
    /// Calls `each` with each descriptor of a socket of the families asked for (where there is no evidence: of any socket),
    /// once for each process that has it, and a time before it was visited, in nanoseconds since boot.
    ///
    /// A descriptor may come more than once: from threads whose leader has exited, from threads with tables of
    /// their own, and before Linux 5.10 from every thread.
    ///
    /// On an error what was reported is to be discarded. After [`DISCARD`] the next call may succeed.
    fn read(&self, each: &mut (dyn FnMut(u64, SocketFile) + Send)) -> Result<(), Errno>;

    /// The same, with what a row of a listing has. With two of `each` two threads read, and each of `each` gets what one of them
    /// finds. `OPNOTSUPP`: the program does not write rows. After [`DISCARD`] it never will.
    fn read_rows(&self, _each: &mut [EachRow<'_>]) -> Result<(), Errno> {
        Err(Errno::OPNOTSUPP)
    }

    /// The descriptors of io_urings, once for each process that has them. `None`: this kernel cannot run the program.
    fn rings(&self) -> Option<Vec<HeldFile>>;
}

impl<T: HeldSource> HeldSource for std::sync::Arc<T> {
    fn read(&self, each: &mut (dyn FnMut(u64, SocketFile) + Send)) -> Result<(), Errno> {
        T::read(self, each)
    }

    fn read_rows(&self, each: &mut [EachRow<'_>]) -> Result<(), Errno> {
        T::read_rows(self, each)
    }

    fn rings(&self) -> Option<Vec<HeldFile>> {
        T::rings(self)
    }
}

/// The program in the kernel, and what else is loaded with it.
#[derive(Debug)]
pub(crate) struct BpfSource {
    level: Level,
    families: Families,
    /// Its runs are one at a time: they write to one map.
    program: Mutex<Program>,
    rings: Mutex<FileProgram>,
    namespace_files: Mutex<FileProgram>,
}

/// The program that walks descriptor tables where it can be loaded and passes its check, else that of the iterator over
/// descriptors.
#[derive(Debug)]
enum Program {
    Tables(FdTables),
    TaskFiles(TaskFiles),
    /// Neither yet: the first has failed its check.
    NotLoaded,
}

impl Program {
    /// A program that has failed its check is dropped.
    fn after(&mut self, read: Result<(), Fault>) -> Result<(), Errno> {
        match read {
            Ok(()) => Ok(()),
            Err(Fault::Errno(errno)) => Err(errno),
            Err(Fault::Check(refused)) => {
                debug!("descriptors by bpf_iter_task_file: {refused}");
                *self = Self::NotLoaded;
                Err(DISCARD)
            }
        }
    }
}

impl BpfSource {
    /// Loads a program that reports the sockets of these families, in two milliseconds. Call [`may_load`] first.
    pub(crate) fn load(families: Families) -> Result<Self, Refused> {
        let ahead = |types: &Types<'_>| FdTables::look_ahead(types, Layout::Record);
        Self::load_by(families, ahead, |types, level| match FdTables::load(types, families, Layout::Record) {
            Err(refused) if !refused.is_temporary() => {
                debug!("descriptors by bpf_iter_task_file: {refused}");
                TaskFiles::load(types, families, level).map(Program::TaskFiles)
            }
            tables => tables.map(Program::Tables),
        })
    }

    /// Loads the program that is loaded soonest, in half a millisecond, for a machine with few descriptors. Call
    /// [`may_load`] first.
    pub(crate) fn load_for_few(families: Families) -> Result<Self, Refused> {
        Self::load_by(families, TaskFiles::look_ahead, |types, level| {
            match TaskFiles::load(types, families, level) {
                Err(refused) if !refused.is_temporary() => {
                    debug!("descriptors by bpf_iter_task: {refused}");
                    FdTables::load(types, families, Layout::Record).map(Program::Tables)
                }
                files => files.map(Program::TaskFiles),
            }
        })
    }

    /// Loads a program that reports rows. Call [`may_load`] first. Linux 6.4.
    pub(crate) fn load_rows(families: Families) -> Result<Self, Refused> {
        let ahead = |types: &Types<'_>| FdTables::look_ahead(types, Layout::Row);
        Self::load_by(families, ahead, |types, _| {
            FdTables::load(types, families, Layout::Row).map(Program::Tables)
        })
    }

    fn load_by(
        families: Families,
        look_ahead: impl FnOnce(&Types<'_>),
        load: impl FnOnce(&Types<'_>, &Level) -> Result<Program, Refused>,
    ) -> Result<Self, Refused> {
        if usize::BITS < 64 {
            // The kernel may have wider pointers than this process, which its types do not say.
            return Err(Refused::other("BTF", "not read by a process of 32 bits"));
        }
        let file = kernel_types().map_err(|errno| Refused::errno(TYPES, errno))?;
        let types = Types::new(&file)?;
        look_ahead(&types);
        let level = Level::of_this_thread(&types)?;
        let program = Mutex::new(load(&types, &level)?);
        Ok(Self { level, families, program, rings: Mutex::default(), namespace_files: Mutex::default() })
    }

    /// The level of the pid namespace whose pids the program returns, that of the thread that loaded it.
    pub(crate) const fn level(&self) -> &Level {
        &self.level
    }

    fn load_task_files(&self) -> Result<TaskFiles, Refused> {
        let file = kernel_types().map_err(|errno| Refused::errno(TYPES, errno))?;
        TaskFiles::load(&Types::new(&file)?, self.families, &self.level)
    }
}

impl HeldSource for BpfSource {
    fn read(&self, each: &mut (dyn FnMut(u64, SocketFile) + Send)) -> Result<(), Errno> {
        let mut program = lock(&self.program);
        if let Program::NotLoaded = *program {
            *program = Program::TaskFiles(self.load_task_files().map_err(|_| Errno::OPNOTSUPP)?);
        }
        match &mut *program {
            Program::Tables(tables) => {
                let read = tables.read(each);
                program.after(read)
            }
            Program::TaskFiles(files) => files.read(each),
            Program::NotLoaded => Err(Errno::OPNOTSUPP),
        }
    }

    fn read_rows(&self, each: &mut [EachRow<'_>]) -> Result<(), Errno> {
        let mut program = lock(&self.program);
        let Program::Tables(tables) = &mut *program else { return Err(Errno::OPNOTSUPP) };
        let read = tables.read_rows(each);
        program.after(read)
    }

    fn rings(&self) -> Option<Vec<HeldFile>> {
        self.ring_files()
    }
}

/// The program of the iterator over descriptors, loaded and attached until this is dropped.
#[derive(Debug)]
struct TaskFiles {
    link: OwnedFd,
}

impl TaskFiles {
    /// Looks for the names that [`load`](Self::load) finds, in one pass with those of the level of a pid namespace.
    fn look_ahead(types: &Types<'_>) {
        // What is missing is said where it is needed.
        let _ = types.look_for(program::NAMES);
    }

    fn load(types: &Types<'_>, families: Families, level: &Level) -> Result<Self, Refused> {
        let level = level.number(types)?;
        let attach = |program| attach(b"netstat_owners\0\0", &program);
        let of_all = || program::socket_files(types, level).and_then(attach);
        let link = match families {
            Families::All => of_all()?,
            Families::Internet => match program::inet_files(types, level).and_then(attach) {
                Err(refused) if !refused.is_temporary() => of_all()?,
                link => link?,
            },
        };
        Ok(Self { link })
    }

    fn read(&self, each: &mut (dyn FnMut(u64, SocketFile) + Send)) -> Result<(), Errno> {
        run::<RECORD_BYTES>(&self.link, &mut |at, record| {
            let file = decode(&record);
            // A task that ended while it was visited has no number any more.
            if let Some(file) = file.filter(|file| file.pid != 0) {
                each(at, file);
            }
        })
    }
}

/// Whether this thread has the capabilities to load, without trying.
pub(crate) fn may_load() -> Result<(), Refused> {
    const SYS_ADMIN: u32 = 21;
    const PERFMON: u32 = 38;
    const BPF: u32 = 39;
    let what = "capabilities";
    let effective = ffi::effective_capabilities().map_err(|errno| Refused::errno(what, errno))?;
    let has = |capability: u32| effective >> capability & 1 == 1;
    match (has(BPF) || has(SYS_ADMIN), has(PERFMON) || has(SYS_ADMIN)) {
        (true, true) => Ok(()),
        (true, false) => Err(Refused::other(what, "no CAP_PERFMON")),
        (false, true) => Err(Refused::other(what, "no CAP_BPF")),
        (false, false) => Err(Refused::other(what, "no CAP_BPF and no CAP_PERFMON")),
    }
}

/// The bytes of the kernel's types: mapped where possible, which saves copying five megabytes.
pub(crate) fn kernel_types() -> Result<Box<dyn Deref<Target = [u8]>>, Errno> {
    let mut file = File::open(TYPES).map_err(errno_of)?;
    if let Ok(mapping) = ffi::Mapping::of_sysfs(&file) {
        return Ok(Box::new(mapping));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(errno_of)?;
    Ok(Box::new(bytes))
}
