//! The source that walks descriptor tables for files which are no sockets.

use super::super::record::decode;
use super::super::refused::Refused;
use super::files_offsets::Files;
use super::memory::Layout;
use super::program::{Needs, fdtable_files};
use super::{Fault, FdTables, SelfCheck, attach, ffi};
use crate::sys::linux::errno::errno_of;
use crate::sys::linux::owners::without_descriptor::HeldFile;
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

/// A program that finds such files, loaded and attached until this is dropped.
#[derive(Debug)]
pub(in super::super) struct FileTables {
    tables: FdTables,
    files: Files,
    /// What the program learns the operations from, until it has run.
    reference: Option<OwnedFd>,
}

impl FileTables {
    pub(in super::super) fn load(needs: Needs, files: Files, name: &[u8; 16]) -> Result<Self, Refused> {
        let reference = match files {
            Files::Namespaces => File::open("/proc/thread-self/ns/net").map(OwnedFd::from).map_err(errno_of),
            Files::Rings => SelfCheck::new().map(|check| check.socket),
        };
        let reference = reference.map_err(|errno| Refused::errno("file to compare with", errno))?;
        let layout = Layout::Record;
        let (map, mapping) = ffi::Mapping::of_new_array(b"netstat_records\0", layout.map_bytes())
            .map_err(|errno| Refused::errno("bpf(BPF_MAP_CREATE)", errno))?;
        let program = fdtable_files(needs.clone(), files, map.as_raw_fd(), reference.as_raw_fd());
        let (link, checks) = (attach(name, &program)?, Vec::new());
        let tables = FdTables { link, map: mapping, layout, needs: Box::new(needs), checks };
        Ok(Self { tables, files, reference: Some(reference) })
    }

    /// The descriptors of such files, once for each table that has them. `Err(Fault::Check)`: the program does not find what
    /// it should.
    pub(in super::super) fn read(&mut self) -> Result<Vec<HeldFile>, Fault> {
        let (mut held, mut is_found) = (Vec::new(), false);
        let own = self.reference.as_ref().filter(|_| self.files == Files::Namespaces);
        let own = own.map(|own| (std::process::id(), own.as_raw_fd()));
        let read = self.tables.run(false, decode, &mut |_, file| match own == Some((file.pid, file.fd)) {
            true => is_found = true,
            false => held.push(HeldFile::of(&file)),
        });
        match read {
            // Not one task had what the program looks for first.
            Ok(()) | Err(Errno::NXIO) if own.is_some() && !is_found => {
                let why = "a namespace that this process has open is not reported";
                return Err(Fault::Check(Refused::other("self-check of the BPF program", why)));
            }
            read => read.map_err(Fault::Errno)?,
        }
        self.reference = None;
        Ok(held)
    }
}
