//! The list of all processes of the machine.
//!
//! Source: NtQuerySystemInformation on learn.microsoft.com; ntexapi.h of System Informer.

use super::kernel::Kernel;
use super::sizing::{Buffer, Written, read_sized};
use netstat_wire::windows::PointerWidth;
use netstat_wire::windows::system_process_information::Processes;
use netstat_wire::windows::utf_16::units;
use std::io;

/// The size of the first buffer. Most of the list are threads, 80 bytes each; a desktop has thousands.
const FIRST_BYTES: usize = 512 * 1024;

/// One process of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProcessEntry {
    pub(super) pid: u32,
    parent: u32,
    pub(super) created: i64,
    pub(super) session: u32,
    /// The place of its name in [`ProcessList::names`].
    name: std::ops::Range<usize>,
}

/// All processes of the machine at one moment.
#[derive(Debug, Default)]
pub(super) struct ProcessList {
    /// Ascending by pid, each once.
    processes: Vec<ProcessEntry>,
    names: Vec<u16>,
    complete: bool,
}

impl ProcessList {
    pub(super) fn read(kernel: &impl Kernel) -> Result<Self, io::Error> {
        let mut buffer = Buffer::default();
        let mut call = |buffer: &mut [u8]| kernel.process_information(buffer);
        let Written { bytes, address } =
            read_sized(&mut buffer, FIRST_BYTES, &mut call).map_err(|unread| unread.into_error(kernel))?;
        let mut list = Self { complete: true, ..Self::default() };
        for record in Processes::new(bytes, address, PointerWidth::NATIVE) {
            let Ok(record) = record else {
                list.complete = false;
                break;
            };
            let start = list.names.len();
            list.names.extend(units(record.name));
            list.processes.push(ProcessEntry {
                pid: record.pid,
                parent: record.parent,
                created: record.created,
                session: record.session,
                name: start..list.names.len(),
            });
        }
        if list.processes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no process in the answer"));
        }
        list.processes.sort_by_key(|process| process.pid);
        list.processes.dedup_by_key(|process| process.pid);
        Ok(list)
    }

    pub(super) fn processes(&self) -> impl Iterator<Item = &ProcessEntry> {
        self.processes.iter()
    }

    /// Whether every record was decoded.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn get(&self, pid: u32) -> Option<&ProcessEntry> {
        let found = self.processes.binary_search_by_key(&pid, |process| process.pid);
        found.ok().and_then(|index| self.processes.get(index))
    }

    pub(super) fn name(&self, process: &ProcessEntry) -> &[u16] {
        self.names.get(process.name.clone()).unwrap_or_default()
    }

    /// The parent, if it still runs: a process that started after its child has reused the parent's pid.
    pub(super) fn parent(&self, process: &ProcessEntry) -> Option<u32> {
        let parent = self.get(process.parent).filter(|parent| parent.pid != 0)?;
        (parent.created <= process.created).then_some(parent.pid)
    }
}
