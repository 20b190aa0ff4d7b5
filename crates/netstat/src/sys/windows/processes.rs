//! Details of processes: from one list of all processes, and from calls for each.
//!
//! Sources: NtQuerySystemInformation, QueryFullProcessImageNameW and OpenProcessToken on
//! learn.microsoft.com; ntexapi.h of System Informer.

use super::kernel::Kernel;
use super::paths::Paths;
use super::sizing::{Buffer, Written, read_sized};
use super::users::Users;
use crate::engine::owner_table::ProcessSeen;
use crate::engine::parallel::lock;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::process::{Process, ProcessFields};
use crate::model::process_id::ProcessId;
use netstat_wire::windows::PointerWidth;
use netstat_wire::windows::filetime::system_time;
use netstat_wire::windows::system_process_information::Processes;
use netstat_wire::windows::utf_16::units;
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// The size of the first buffer. Most of the list are threads, 80 bytes each; a desktop has thousands.
const FIRST_BYTES: usize = 512 * 1024;

/// The idle process and the system process, which have no program.
const WITHOUT_PROGRAM: [u32; 2] = [0, 4];

/// One process of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProcessEntry {
    pub(super) pid: u32,
    parent: u32,
    pub(super) created: i64,
    session: u32,
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

    fn name(&self, process: &ProcessEntry) -> &[u16] {
        self.names.get(process.name.clone()).unwrap_or_default()
    }

    /// The parent, if it still runs: a process that started after its child has reused the parent's pid.
    fn parent(&self, process: &ProcessEntry) -> Option<u32> {
        let parent = self.get(process.parent).filter(|parent| parent.pid != 0)?;
        (parent.created <= process.created).then_some(parent.pid)
    }
}

/// The kernel and the list of processes, shared by the phases of one listing.
pub(super) struct Shared<K> {
    pub(super) kernel: K,
    processes: Mutex<Option<Arc<ProcessList>>>,
}

impl<K: Kernel> Shared<K> {
    pub(super) fn new(kernel: K) -> Self {
        Self { kernel, processes: Mutex::new(None) }
    }

    /// Reads the list of processes. The error is the source of a gap.
    pub(super) fn read_processes(&self) -> Result<Arc<ProcessList>, String> {
        let list =
            ProcessList::read(&self.kernel).map_err(|error| format!("NtQuerySystemInformation: {error}"))?;
        Ok(Arc::clone(lock(&self.processes).insert(Arc::new(list))))
    }

    /// The list as it was last read, if it has all of these processes; otherwise it is read once more.
    pub(super) fn processes(&self, seen: &[ProcessSeen]) -> Result<Arc<ProcessList>, String> {
        let list = lock(&self.processes).clone();
        let has = |list: &ProcessList| seen.iter().all(|seen| list.get(seen.pid).is_some());
        match list {
            Some(list) if has(&list) => Ok(list),
            _ => self.read_processes(),
        }
    }
}

/// The details of these processes, in that order.
pub(super) fn describe(
    kernel: &impl Kernel,
    list: &ProcessList,
    seen: &[ProcessSeen],
    fields: ProcessFields,
) -> (Vec<Process>, Vec<Gap>) {
    let mut describer =
        Describer { kernel, fields, list, paths: Paths::new(kernel), users: Users::new(kernel) };
    let mut vanished = 0;
    let processes = seen.iter().map(|seen| {
        describer.process(*seen).unwrap_or_else(|| {
            vanished += 1;
            Process::new(seen.pid)
        })
    });
    let processes = processes.collect();
    let gap =
        (vanished > 0).then(|| Gap::new(GapKind::ProcessesVanished, vanished, "NtQuerySystemInformation"));
    (processes, gap.into_iter().collect())
}

/// Reads the details of the processes of one listing.
struct Describer<'a, K> {
    kernel: &'a K,
    fields: ProcessFields,
    list: &'a ProcessList,
    paths: Paths<'a, K>,
    users: Users<'a, K>,
}

impl<K: Kernel> Describer<'_, K> {
    /// The details of one process; `None` if it has ended, or its pid has been reused.
    fn process(&mut self, seen: ProcessSeen) -> Option<Process> {
        use ProcessFields as Fields;
        let Self { kernel, fields, list, paths, users } = self;
        let ProcessSeen { pid, at, .. } = seen;
        let listed = list.get(pid)?;
        if u64::try_from(listed.created).unwrap_or(0) > at {
            return None;
        }
        let mut process = Process::new(pid);
        if fields.contains(Fields::NAME) {
            let name = list.name(listed);
            process.name = (!name.is_empty()).then(|| kernel.os_string(name));
        }
        if fields.contains(Fields::PARENT) {
            process.parent = list.parent(listed);
        }
        if fields.contains(Fields::START_TIME) {
            process.start = start(listed);
            process.start_time = system_time(listed.created);
        }
        if fields.contains(Fields::SESSION) {
            process.session = Some(listed.session);
        }
        if fields.contains(Fields::PATH) && !WITHOUT_PROGRAM.contains(&pid) {
            process.path = paths.of_process(pid).map(|path| PathBuf::from(kernel.os_string(&path)));
        }
        if fields.contains(Fields::USER) {
            process.user = users.of_process(pid);
        }
        Some(process)
    }
}

/// The creation time as the kernel has it; the idle process has none.
fn start(listed: &ProcessEntry) -> Option<u64> {
    u64::try_from(listed.created).ok().filter(|created| *created > 0)
}

/// `SIGKILL` and `SIGTERM`, by their numbers in C libraries and on other systems.
const TERMINATING_SIGNALS: [i32; 2] = [9, 15];

/// Terminates exactly this process; with 0 only checks that it runs.
pub(super) fn signal(kernel: &impl Kernel, process: ProcessId, signal: i32) -> Result<(), Error> {
    /// `OpenProcess` fails with this if no process has the pid.
    const ERROR_INVALID_PARAMETER: u32 = 87;
    if signal == 0 {
        let list = ProcessList::read(kernel).map_err(|error| process.not_signalled(error))?;
        let is_running = list.get(process.pid()).and_then(start) == Some(process.start());
        return if is_running { Ok(()) } else { Err(process.ended()) };
    }
    if !TERMINATING_SIGNALS.contains(&signal) {
        let why =
            format!("Windows has no signal {signal}: 9 and 15 terminate, 0 checks that the process runs");
        return Err(process.not_signalled(io::Error::new(io::ErrorKind::Unsupported, why)));
    }
    match kernel.terminate(process.pid(), i64::try_from(process.start()).unwrap_or(i64::MAX)) {
        Ok(true) => Ok(()),
        Ok(false) | Err(ERROR_INVALID_PARAMETER) => Err(process.ended()),
        Err(status) => Err(process.not_signalled(kernel.error(status))),
    }
}

/// Whether `name` means the program `full`: case is ignored on Windows, and `.exe` may be left out.
pub(super) fn is_short_name(name: &OsStr, full: &OsStr) -> bool {
    let full = full.as_encoded_bytes();
    let name = name.as_encoded_bytes();
    let extension = |bytes: &[u8]| bytes.eq_ignore_ascii_case(b".exe");
    match full.split_at_checked(name.len()) {
        Some((start, rest)) => start.eq_ignore_ascii_case(name) && (rest.is_empty() || extension(rest)),
        None => false,
    }
}
