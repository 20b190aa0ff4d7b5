//! The descriptors of namespaces and of io_urings, found by programs of their own: that which walks tables looks at a descriptor
//! in a thirtieth of a microsecond, that of the iterator over descriptors in a fifth, and its link takes two or more.

use super::fdtable::{Fault, FileTables, Files};
use super::file_program::FileProgram;
use super::iterator::{attach, run};
use super::program::{self, Program as Assembled, RECORD_BYTES};
use super::record::{SocketFile, decode};
use super::refused::Refused;
use super::types::Types;
use super::{BpfSource, Program, TYPES, kernel_types};
use crate::engine::parallel::lock;
use crate::log::debug;
use crate::sys::linux::owners::without_descriptor::HeldFile;
use rustix::io::Errno;
use std::os::fd::OwnedFd;

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
                // It may succeed the next time.
                Err(Fault::Errno(errno)) => {
                    debug!("{files:?} by procfs: bpf_iter_task: {}", std::io::Error::from(errno));
                    return None;
                }
                Err(Fault::Check(refused)) => debug!("{files:?} by bpf_iter_task_file: {refused}"),
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
            // Not where that program cannot be loaded, or has failed its check.
            let needs = match &*lock(&self.program) {
                Program::Tables(tables) if walks_tables => Some(tables.needs_for_files(&types)),
                _ => None,
            };
            let tables = needs.map(|needs| FileTables::load(needs?, files, files.name()));
            match tables {
                Some(Err(refused)) if !refused.is_temporary() => {
                    debug!("{files:?} by bpf_iter_task_file: {refused}");
                }
                Some(tables) => return tables.map(FileProgram::Tables),
                None => {}
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
    fn of_task_files(self, types: &Types<'_>, level: u32) -> Result<Assembled, Refused> {
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
    use rustix::event::epoll;
    use rustix::fs::{Mode, OFlags};
    use socket_world::{holders, kernel, live_skip, tcp};
    use std::fs::File;
    use std::os::fd::{AsFd, AsRawFd, RawFd};

    /// What the program that walks tables finds, twice, and what that of the iterator over descriptors does.
    fn found(files: Files) -> [Vec<HeldFile>; 3] {
        let source = BpfSource::load(Families::Internet).unwrap_or_else(|refused| panic!("{refused}"));
        let mut program = FileProgram::NotLoaded;
        let read = |program: &mut FileProgram| source.held(program, files).unwrap();
        let by_tables = [read(&mut program), read(&mut program)];
        assert!(matches!(program, FileProgram::Tables(_)) || kernel::is_before(6, 4));
        program = source.load_files(files, false).unwrap();
        let [first, second] = by_tables;
        [first, second, read(&mut program)]
    }

    /// How often each of these descriptors of this process was found.
    fn counts<const N: usize>(found: &[HeldFile], of: [RawFd; N]) -> [usize; N] {
        let is_this = |held: &&HeldFile, fd| (held.pid, held.fd) == (std::process::id(), fd);
        of.map(|fd| found.iter().filter(|held| is_this(held, fd)).count())
    }

    #[test]
    fn live_descriptors_of_namespaces_are_found_once_each_and_no_others() {
        if let Err(why) = kernel::bpf_iterators() {
            live_skip!("{why}");
        }
        let open = |path: &str, flags| File::from(rustix::fs::open(path, flags, Mode::empty()).unwrap());
        let (net, mnt) = ("/proc/thread-self/ns/net", "/proc/thread-self/ns/mnt");
        // One opened with O_PATH keeps its namespace as well.
        let namespaces = [(net, OFlags::RDONLY), (mnt, OFlags::RDONLY), (net, OFlags::PATH)]
            .map(|(path, flags)| open(path, flags));
        let others = [("/dev/null", OFlags::RDONLY), ("/proc/thread-self/status", OFlags::PATH)]
            .map(|(path, flags)| open(path, flags));
        for found in found(Files::Namespaces) {
            assert_eq!(counts(&found, namespaces.each_ref().map(File::as_raw_fd)), [1, 1, 1], "{found:?}");
            assert_eq!(counts(&found, others.each_ref().map(File::as_raw_fd)), [0, 0], "{found:?}");
        }
    }

    #[test]
    fn live_descriptors_of_io_urings_are_found_once_each_and_no_others() {
        if let Err(why) = kernel::bpf_iterators() {
            live_skip!("{why}");
        }
        let socket = tcp::listener_v4().unwrap().sockets.remove(0);
        let ring = match holders::registered(socket.as_fd()) {
            Ok(ring) => ring,
            Err(error) => live_skip!("io_uring: {error}"),
        };
        // Another file of that file system, and one without operations of its own.
        let (epoll, null) =
            (epoll::create(epoll::CreateFlags::CLOEXEC).unwrap(), File::open("/dev/null").unwrap());
        for found in found(Files::Rings) {
            let others = [epoll.as_raw_fd(), null.as_raw_fd(), socket.as_raw_fd()];
            assert_eq!(counts(&found, [ring.as_raw_fd()]), [1], "{found:?}");
            assert_eq!(counts(&found, others), [0, 0, 0], "{found:?}");
        }
    }
}
