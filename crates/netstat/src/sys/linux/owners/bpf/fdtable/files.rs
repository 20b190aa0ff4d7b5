//! The source that walks descriptor tables for files which are no sockets.

use super::super::record::{SocketFile, decode};
use super::super::refused::Refused;
use super::files_offsets::Files;
use super::memory::Layout;
use super::part::PartOfMap;
use super::program::{Needs, fdtable_files};
use super::{Fault, FdTables, SelfCheck, attach};
use crate::sys::linux::owners::without_descriptor::HeldFile;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::os::fd::{AsRawFd, OwnedFd};

/// A namespace that every process has.
const OWN_NAMESPACE: &str = "/proc/thread-self/ns/net";

/// A program that finds such files, loaded and attached until this is dropped.
#[derive(Debug)]
pub(in super::super) struct FileTables {
    tables: FdTables,
    files: Files,
    /// What the program learns the operations from, until it has run.
    references: Vec<OwnedFd>,
}

impl FileTables {
    pub(in super::super) fn load(needs: Needs, files: Files, name: &[u8; 16]) -> Result<Self, Refused> {
        let namespace = |flags| open(OWN_NAMESPACE, flags | OFlags::CLOEXEC, Mode::empty());
        let references = match files {
            Files::Namespaces => [OFlags::RDONLY, OFlags::PATH].into_iter().map(namespace).collect(),
            Files::Rings => SelfCheck::new().map(|check| vec![check.socket]),
        };
        let references: Vec<OwnedFd> =
            references.map_err(|errno| Refused::errno("file to compare with", errno))?;
        let (map, parts) = PartOfMap::of_new(Layout::Record)?;
        let descriptors: Vec<_> = references.iter().map(AsRawFd::as_raw_fd).collect();
        let program = fdtable_files(needs.clone(), files, map.as_raw_fd(), &descriptors);
        let (link, checks) = (attach(name, &program)?, Vec::new());
        let tables = FdTables { link, parts, needs: Box::new(needs), checks };
        Ok(Self { tables, files, references })
    }

    /// The descriptors of such files, once for each table that has them. `Err(Fault::Check)`: the program does not find what
    /// it should.
    pub(in super::super) fn read(&mut self) -> Result<Vec<HeldFile>, Fault> {
        let mut held = Vec::new();
        // Those of this process that are to be found.
        let mut own: Vec<_> = match self.files {
            Files::Namespaces => {
                self.references.iter().map(|own| (std::process::id(), own.as_raw_fd())).collect()
            }
            Files::Rings => Vec::new(),
        };
        let mut each = |_, file: SocketFile| match own.iter().position(|own| *own == (file.pid, file.fd)) {
            Some(place) => _ = own.swap_remove(place),
            None => held.push(HeldFile::of(&file)),
        };
        let read = self.tables.run(decode, &mut [&mut each]);
        match read {
            // Not one task had what the program looks for first.
            Ok(()) | Err(Errno::NXIO) if !own.is_empty() => {
                let why = "a namespace that this process has open is not reported";
                return Err(Fault::Check(Refused::other("self-check of the BPF program", why)));
            }
            read => read.map_err(Fault::Errno)?,
        }
        self.references.clear();
        Ok(held)
    }
}
