//! The descriptors of namespaces and of io_urings, found by programs of their own: that which walks tables looks at a descriptor
//! in a fiftieth of a microsecond, that of the iterator over descriptors in a fifth, and its link takes two or more.

use super::fdtable::{Fault, FileTables, Files};
use super::iterator::{attach, run};
use super::program::{self, Program, RECORD_BYTES};
use super::record::{SocketFile, decode};
use super::refused::Refused;
use super::types::Types;
use super::{BpfSource, TYPES, kernel_types};
use crate::engine::parallel::lock;
use crate::log::debug;
use crate::sys::linux::owners::without_descriptor::HeldFile;
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// A program that finds io_urings, or namespaces. It is loaded when the first are looked for, and kept as long as that which
/// finds sockets.
#[derive(Debug, Default)]
pub(super) enum FileProgram {
    #[default]
    NotLoaded,
    Tables(FileTables),
    TaskFiles(OwnedFd),
    Refused,
}

impl BpfSource {
    /// The descriptors of namespaces of any kind. `None`: they cannot be found by a program.
    pub(crate) fn namespace_files(&self) -> Option<Vec<HeldFile>> {
        self.held(&mut lock(&self.namespace_files), Files::Namespaces)
    }

    /// The same, of io_urings.
    pub(super) fn ring_files(&self) -> Option<Vec<HeldFile>> {
        self.held(&mut lock(&self.rings), Files::Rings)
    }

    fn held(&self, program: &mut FileProgram, files: Files) -> Option<Vec<HeldFile>> {
        if let FileProgram::NotLoaded = program {
            *program = self.load_files(files, true)?;
        }
        if let FileProgram::Tables(tables) = program {
            match tables.read() {
                Ok(held) => return Some(held),
                Err(Fault::Errno(errno)) => {
                    debug!("{files:?} by bpf_iter_task: {}", std::io::Error::from(errno))
                }
                Err(Fault::Check(refused)) => debug!("{files:?} by bpf_iter_task: {refused}"),
            }
            *program = self.load_files(files, false)?;
        }
        let FileProgram::TaskFiles(link) = program else { return None };
        held_by(link).ok()
    }

    /// `None`: not now.
    fn load_files(&self, files: Files, walks_tables: bool) -> Option<FileProgram> {
        let loaded = kernel_types().map_err(|errno| Refused::errno(TYPES, errno)).and_then(|file| {
            let types = Types::new(&file)?;
            if walks_tables {
                match FileTables::load(&types, files, files.name()) {
                    Err(refused) if !refused.is_temporary() => {
                        debug!("{files:?} by bpf_iter_task_file: {refused}");
                    }
                    tables => return tables.map(FileProgram::Tables),
                }
            }
            let program = files.of_task_files(&types, self.level.number(&types)?)?;
            attach(files.name(), &program).map(FileProgram::TaskFiles)
        });
        match loaded {
            Err(refused) if refused.is_temporary() => None,
            Err(refused) => {
                debug!("{files:?} by procfs: {refused}");
                Some(FileProgram::Refused)
            }
            Ok(program) => Some(program),
        }
    }
}

impl HeldFile {
    /// A record that has the thread in place of the network namespace, or nothing there.
    pub(super) fn of(file: &SocketFile) -> Self {
        let SocketFile { pid, fd, evidence, .. } = *file;
        let thread = evidence.map(|evidence| evidence.netns).filter(|thread| *thread != pid);
        Self { pid, thread, fd }
    }
}

impl Files {
    const fn name(self) -> &'static [u8; 16] {
        match self {
            Self::Namespaces => b"netstat_netns\0\0\0",
            Self::Rings => b"netstat_rings\0\0\0",
        }
    }

    /// The program of the iterator over descriptors.
    fn of_task_files(self, types: &Types<'_>, level: u32) -> Result<Program, Refused> {
        match self {
            Self::Namespaces => program::namespace_files(types, level),
            Self::Rings => program::rings(types, level),
        }
    }
}

fn held_by(link: &OwnedFd) -> Result<Vec<HeldFile>, Errno> {
    let mut held = Vec::new();
    run::<RECORD_BYTES>(link, &mut |_, record| {
        // A task that ended while it was visited has no number any more.
        if let Some(file) = decode(&record).filter(|file: &SocketFile| file.pid != 0) {
            held.push(HeldFile::of(&file));
        }
    })?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::super::Families;
    use super::*;
    use socket_world::{kernel, live_skip};
    use std::fs::File;
    use std::os::fd::AsRawFd;

    #[test]
    fn live_descriptors_of_namespaces_are_found_and_no_others() {
        if let Err(why) = kernel::bpf_iterators() {
            live_skip!("{why}");
        }
        let source = BpfSource::load(Families::Internet).unwrap_or_else(|refused| panic!("{refused}"));
        let namespaces =
            ["net", "mnt"].map(|kind| File::open(format!("/proc/thread-self/ns/{kind}")).unwrap());
        let others = ["/dev/null", "/proc/thread-self/status"].map(|path| File::open(path).unwrap());
        let by_tables = || source.namespace_files().unwrap();
        let by_task_files = || {
            *lock(&source.namespace_files) = source.load_files(Files::Namespaces, false).unwrap();
            source.namespace_files().unwrap()
        };
        let found = [by_tables(), by_tables(), by_task_files()];
        let is_walked = matches!(*lock(&source.namespace_files), FileProgram::TaskFiles(_));
        assert!(is_walked);
        for found in found {
            let is_found = |file: &File| {
                let is_this =
                    |held: &&HeldFile| (held.pid, held.fd) == (std::process::id(), file.as_raw_fd());
                found.iter().filter(is_this).count()
            };
            assert_eq!(namespaces.each_ref().map(is_found), [1, 1], "{found:?}");
            assert_eq!(others.each_ref().map(is_found), [0, 0], "{found:?}");
        }
    }
}
