//! Details of processes: from one list of all processes, and from calls for each.
//!
//! The calls name a process by its pid, which may have been reused since the list was read. So what they return counts
//! only if the process is still in a second list, read afterwards, with the same start time.
//!
//! Sources: OpenProcess, GetProcessTimes and TerminateProcess on learn.microsoft.com.

use super::kernel::Kernel;
use super::paths::Paths;
use super::process_list::{ProcessEntry, ProcessList};
use super::shared::Shared;
use super::users::Users;
use super::workloads::Workloads;
use crate::engine::owner_table::ProcessSeen;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::process::{Process, ProcessFields};
use crate::model::process_id::ProcessId;
use netstat_wire::windows::filetime::system_time;
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The idle process and the system process, which have no program.
const WITHOUT_PROGRAM: [u32; 2] = [0, 4];

/// The details of these processes, in that order.
pub(super) fn describe<K: Kernel>(
    shared: &Arc<Shared<K>>,
    list: &ProcessList,
    seen: &[ProcessSeen],
    fields: ProcessFields,
) -> (Vec<Process>, Vec<Gap>) {
    let kernel = &shared.kernel;
    let is_wanted = fields.contains(ProcessFields::WORKLOAD) && !seen.is_empty();
    let workloads = is_wanted.then(|| Workloads::new(shared));
    let mut describer =
        Describer { kernel, fields, list, paths: Paths::new(kernel), users: Users::new(shared), workloads };
    let mut vanished = 0;
    let described = seen.iter().map(|seen| {
        describer.process(*seen).unwrap_or_else(|| {
            vanished += 1;
            Process::new(seen.pid)
        })
    });
    let mut processes: Vec<Process> = described.collect();
    let mut gaps: Vec<Gap> = describer.users.gap().into_iter().collect();
    gaps.extend(describer.workloads.iter().flat_map(Workloads::gaps));
    if processes.iter().any(is_by_pid) {
        let after = ProcessList::read(kernel).unwrap_or_else(|error| {
            let failure = format!("NtQuerySystemInformation: {error}");
            gaps.push(Gap::new(GapKind::ProcessListUnavailable, 1, failure));
            ProcessList::default()
        });
        let created = |list: &ProcessList, pid| list.get(pid).map(|process| process.created);
        for process in processes.iter_mut().filter(|process| is_by_pid(process)) {
            if created(&after, process.pid) != created(list, process.pid) {
                (process.path, process.user, process.workload) = (None, None, None);
                vanished += 1;
            }
        }
    }
    if vanished > 0 {
        gaps.push(Gap::new(GapKind::ProcessesVanished, vanished, "NtQuerySystemInformation"));
    }
    (processes, gaps)
}

/// Whether a process has details from calls that name it by its pid.
fn is_by_pid(process: &Process) -> bool {
    process.path.is_some() || process.user.is_some() || process.workload.is_some()
}

/// Reads the details of the processes of one listing.
struct Describer<'a, K> {
    kernel: &'a K,
    fields: ProcessFields,
    list: &'a ProcessList,
    paths: Paths<'a, K>,
    users: Users<'a, K>,
    workloads: Option<Workloads<'a, K>>,
}

impl<K: Kernel> Describer<'_, K> {
    /// The details of one process; `None` if it has ended, or its pid has been reused.
    fn process(&mut self, seen: ProcessSeen) -> Option<Process> {
        use ProcessFields as Fields;
        let Self { kernel, fields, list, paths, users, workloads } = self;
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
        if let Some(workloads) = workloads {
            let has_program = !WITHOUT_PROGRAM.contains(&pid);
            let is_started_as_service = list.parent(listed).is_some_and(|pid| is_service_manager(list, pid));
            let workload = workloads.of_process(pid, has_program, is_started_as_service);
            process.workload = Some(Box::new(workload));
        }
        Some(process)
    }
}

/// Whether a process is the service control manager, by its name.
fn is_service_manager(list: &ProcessList, pid: u32) -> bool {
    let name = list.get(pid).map(|process| String::from_utf16_lossy(list.name(process)));
    name.is_some_and(|name| name.eq_ignore_ascii_case("services.exe"))
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
