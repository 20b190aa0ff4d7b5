//! libproc: which process and which descriptor a call reaches, and what it returns.

use super::{
    EBADF, EINVAL, ENOMEM, ENOTSOCK, EOPNOTSUPP, EPERM, ESRCH, Xnu, copy_list, copy_structure, fails, libproc,
};
use crate::engine::parallel::lock;
use crate::scripted::world::{Attachment, DescriptorFate, Fate, Lifetime, Process, Protocol, Socket, Target};
use crate::sys::macos::Returned;
use std::collections::HashSet;

/// A descriptor or a file port.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
enum Reference {
    Fd(i32),
    FilePort(u32),
}

/// The answers about a process.
#[derive(Clone, Debug, Default)]
pub(super) struct Answered {
    sockets: HashSet<Reference>,
    unique_ids: usize,
}

impl Xnu {
    /// Whether the caller can read a process.
    fn check_rights(&self, process: &Process) -> Result<(), i32> {
        let uid = self.0.machine.uid;
        if process.fate != Fate::Refuses && (uid == 0 || process.uid == uid) { Ok(()) } else { Err(EPERM) }
    }

    /// The process with this pid, unless it has ended. `zombies`: or if it is a zombie.
    pub(super) fn find(&self, pid: i32, zombies: bool) -> Result<&Process, i32> {
        let place = u32::try_from(pid).ok().and_then(|pid| self.0.places.get(&pid));
        let process = place.and_then(|place| self.0.world.processes.get(*place)).ok_or(ESRCH)?;
        let has_ended = match process.fate {
            Fate::Lives | Fate::Refuses | Fate::PidIsReused => false,
            Fate::Zombie => !zombies,
            Fate::EndsBeforeItIsRead => true,
            Fate::EndsAfter(count) => self.answered(process.pid, |answered| answered.sockets.len()) >= count,
        };
        if has_ended { Err(ESRCH) } else { Ok(process) }
    }

    fn answered<T>(&self, pid: u32, of: impl FnOnce(&mut Answered) -> T) -> T {
        of(lock(&self.0.answered).entry(pid).or_default())
    }

    /// Copies a structure of libproc, which may be larger than in the kernels that we know.
    fn copy(&self, mut structure: Vec<u8>, buffer: Option<&mut [u8]>) -> Returned {
        structure.resize(structure.len() + self.0.machine.larger, 0);
        copy_structure(&structure, buffer)
    }

    fn all_tables_are_read(&self) -> bool {
        self.tables_are_read(Protocol::Tcp) && self.tables_are_read(Protocol::Udp)
    }

    fn is_closed(&self, socket: &Socket) -> bool {
        socket.lifetime == Lifetime::ClosedBeforeTables && self.tables_are_read(socket.protocol)
    }

    fn socket_info(
        &self,
        process: &Process,
        reference: Reference,
        place: usize,
        buffer: &mut [u8],
    ) -> Returned {
        if process.fate != Fate::Lives {
            self.answered(process.pid, |answered| answered.sockets.insert(reference));
        }
        let Some(socket) = self.0.world.sockets.get(place).filter(|socket| !self.is_closed(socket)) else {
            return fails(EBADF);
        };
        let is_shared = self.0.world.references(place) > 1;
        let info = |socket| libproc::socket_fdinfo(socket, is_shared, self.0.machine.major);
        if socket.lifetime == Lifetime::DetachedBeforeTables && self.tables_are_read(socket.protocol) {
            let detached = Socket { attachment: Attachment::Detached, ..socket.clone() };
            return self.copy(info(&detached), Some(buffer));
        }
        self.copy(info(socket), Some(buffer))
    }

    /// The failure of a call that reads a descriptor which is not a socket.
    fn not_a_socket(&self) -> Returned {
        fails(if self.0.machine.major >= 11 { ENOTSOCK } else { EOPNOTSUPP })
    }

    fn descriptors(&self, process: &Process) -> Vec<u8> {
        let mut entries = Vec::new();
        for descriptor in &process.descriptors {
            let kind: u32 = match descriptor.target {
                Target::File => 1,
                Target::Socket(place) if self.is_closed(&self.0.world.sockets[place]) => continue,
                Target::Unix(place) if self.existing_unix(place).is_none() => continue,
                Target::Socket(_) | Target::Unix(_) | Target::OtherSocket => 2,
            };
            entries.extend(descriptor.fd.to_ne_bytes());
            entries.extend(kind.to_ne_bytes());
        }
        entries
    }

    fn file_ports(&self, process: &Process) -> Vec<u8> {
        let mut entries = Vec::new();
        for (port, place) in &process.parked {
            if !self.is_closed(&self.0.world.sockets[*place]) {
                entries.extend(port.to_ne_bytes());
                entries.extend(2_u32.to_ne_bytes());
            }
        }
        entries
    }

    pub(super) fn pid_info(
        &self,
        pid: i32,
        flavor: i32,
        arg: u64,
        buffer: Option<&mut [u8]>,
    ) -> Result<Returned, i32> {
        let larger = self.0.machine.larger;
        let size = match flavor {
            1 | 14 => 8,
            3 => 136 + larger,
            13 => 64 + larger,
            17 => 56 + larger,
            _ => return Err(EINVAL),
        };
        if flavor == 14 && self.0.machine.fileports_errno != 0 {
            return Err(self.0.machine.fileports_errno);
        }
        // The kernel checks the size of the buffer before the process.
        if buffer.as_ref().is_some_and(|buffer| buffer.len() < size) {
            return Err(ENOMEM);
        }
        let is_list = flavor == 1 || flavor == 14;
        let process = self.find(pid, arg == 1 && !is_list)?;
        if is_list || flavor == 3 {
            self.check_rights(process)?;
        }
        Ok(match flavor {
            1 => copy_list(&self.descriptors(process), 8, 20, buffer),
            14 => {
                let entries = self.file_ports(process);
                copy_list(&entries, 8, if entries.is_empty() { 0 } else { 20 }, buffer)
            }
            3 => self.copy(libproc::bsdinfo(process), buffer),
            13 => self.copy(libproc::shortinfo(process, process.fate == Fate::Zombie), buffer),
            _ => {
                let mut unique_id = process.unique_id;
                if process.fate == Fate::PidIsReused {
                    let count = self.answered(process.pid, |answered| {
                        answered.unique_ids += 1;
                        answered.unique_ids
                    });
                    unique_id += if count > 1 { 1_000_000 } else { 0 };
                }
                self.copy(libproc::uniqidentifierinfo(unique_id), buffer)
            }
        })
    }

    pub(super) fn fd_info(&self, pid: i32, fd: i32, buffer: &mut [u8]) -> Result<Returned, i32> {
        if buffer.len() < 792 + self.0.machine.larger {
            return Err(ENOMEM);
        }
        let process = self.find(pid, false)?;
        self.check_rights(process)?;
        let descriptor = process.descriptors.iter().find(|descriptor| descriptor.fd == fd).ok_or(EBADF)?;
        Ok(match (descriptor.fate, descriptor.target) {
            (DescriptorFate::Fails(errno), _) => return Err(errno),
            (DescriptorFate::Closes, _) => return Err(EBADF),
            (DescriptorFate::BecomesSocket(place), _) if self.all_tables_are_read() => {
                self.socket_info(process, Reference::Fd(fd), place, buffer)
            }
            (DescriptorFate::BecomesFile, _) | (_, Target::File) => self.not_a_socket(),
            (_, Target::Unix(place)) => match self.existing_unix(place) {
                Some(socket) => self.copy(self.unix_fdinfo(place, socket), Some(buffer)),
                None => return Err(EBADF),
            },
            (_, Target::OtherSocket) => self.copy(libproc::local_socket(), Some(buffer)),
            (_, Target::Socket(socket)) => self.socket_info(process, Reference::Fd(fd), socket, buffer),
        })
    }

    pub(super) fn port_info(&self, pid: i32, port: u32, buffer: &mut [u8]) -> Result<Returned, i32> {
        if buffer.len() < 792 + self.0.machine.larger {
            return Err(ENOMEM);
        }
        let process = self.find(pid, false)?;
        self.check_rights(process)?;
        let (_, socket) = process.parked.iter().find(|parked| parked.0 == port).ok_or(EINVAL)?;
        Ok(self.socket_info(process, Reference::FilePort(port), *socket, buffer))
    }
}
