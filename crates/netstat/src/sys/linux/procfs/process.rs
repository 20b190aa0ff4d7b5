//! Details of a process from `/proc/<pid>`.
//!
//! Sources: proc_pid(5), proc_pid_stat(5), proc_pid_cmdline(5), proc_pid_exe(5), fs/proc/{array,base}.c.

use crate::engine::owner_table::ProcessSeen;
use crate::engine::parallel::run_parallel;
use crate::model::gap::{Gap, GapKind};
use crate::model::process::{Process, ProcessFields};
use crate::model::workload::{Published, Workload};
use crate::sys::linux::clock::NANOSECONDS_PER_TICK;
use crate::sys::linux::procfs::process_cache::{Common, ProcessCache, Stamp};
use crate::sys::linux::procfs::program_name::{DELETED, full_name, needs_more};
use crate::sys::linux::procfs::{Proc, Procfs};
use crate::sys::linux::workload::names::{self, Places};
use crate::sys::linux::{user_namespace, users, workload};
use netstat_wire::linux::container_names::docker_proxy_forwards_to;
use netstat_wire::linux::proc_pid_cmdline::arguments;
use netstat_wire::linux::proc_pid_fd::socket_inode;
use netstat_wire::linux::proc_pid_stat::Stat;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// How often the details of a process are read that executes another program in the meantime.
const MAX_READS: u32 = 3;

pub(crate) fn processes(
    seen: &[ProcessSeen],
    fields: ProcessFields,
    threads: usize,
    known: &mut ProcessCache,
) -> (Vec<Process>, Vec<Gap>) {
    match Proc::open() {
        Ok(procfs) => {
            let (mut processes, mut gaps) = read_all(&procfs, seen, fields, threads, known);
            if fields.contains(ProcessFields::WORKLOAD) {
                gaps.extend(names::add(&Places::of_system(), &mut processes));
            }
            (processes, gaps)
        }
        Err(errno) => {
            let count = u64::try_from(seen.len()).unwrap_or(u64::MAX);
            let gap = (count > 0).then(|| no_details(count, errno));
            (seen.iter().map(|seen| Process::new(seen.pid)).collect(), gap.into_iter().collect())
        }
    }
}

fn no_details(count: u64, errno: Errno) -> Gap {
    Gap::new(GapKind::ProcessesSkipped, count, format!("/proc: {}", std::io::Error::from(errno)))
}

/// Reads details of these processes until `stop` is set, so that [`processes`] has them already.
pub(crate) fn prefetch_processes(
    seen: &[ProcessSeen],
    fields: ProcessFields,
    stop: &AtomicBool,
    known: &mut ProcessCache,
) {
    let Ok(procfs) = Proc::open() else { return };
    let context = Context::new(&procfs, fields, known);
    let mut buffer = Vec::new();
    let mut read = Vec::new();
    for process in seen {
        if stop.load(SeqCst) {
            break;
        }
        read.extend(context.process(&procfs, *process, &mut buffer));
    }
    known.store(fields, &read);
}

/// [`processes`] over any [`Procfs`].
pub(crate) fn read_all(
    procfs: &impl Procfs,
    seen: &[ProcessSeen],
    fields: ProcessFields,
    threads: usize,
    known: &mut ProcessCache,
) -> (Vec<Process>, Vec<Gap>) {
    let context = Context::new(procfs, fields, known);
    let next = AtomicUsize::new(0);
    // A place for each, so that the results come in the order of `seen` whichever thread reads them.
    let mut places: Vec<Option<Described>> = Vec::new();
    places.resize_with(seen.len(), || None);
    let places = Mutex::new(places);
    let work = || {
        let mut buffer = Vec::new();
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Relaxed);
            let Some(process) = seen.get(index) else { break };
            let read = match context.known.current(process.pid, fields) {
                Some(known) if !process.seen_twice => Some((known.clone(), None)),
                _ => context.process(procfs, *process, &mut buffer),
            };
            done.push((index, read));
        }
        let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, read) in done {
            if let Some(place) = places.get_mut(index) {
                *place = read;
            }
        }
    };
    let unread = seen
        .iter()
        .filter(|process| process.seen_twice || context.known.current(process.pid, fields).is_none());
    let threads = if unread.count() < 16 { 1 } else { threads };
    run_parallel(threads, &work, &mut || work());

    let (mut vanished, mut without_workload) = (0, 0);
    let mut details = Vec::with_capacity(seen.len());
    let places = places.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (seen, read) in seen.iter().zip(places) {
        vanished += u64::from(read.is_none());
        without_workload += u64::from(read.as_ref().is_some_and(|(process, _)| process.workload.is_none()));
        details.push(read.unwrap_or_else(|| (Process::new(seen.pid), None)));
    }
    known.store(fields, &details);
    // Only a start that would be in the future is known without its time.
    let without_time =
        details.iter().filter(|(process, _)| process.start.is_some() && process.start_time.is_none()).count();
    let no_time = u64::try_from(without_time).ok().filter(|count| *count > 0);
    let no_time = no_time.map(|count| Gap::new(GapKind::ProcessesSkipped, count, "time of boot not known"));
    let is_wanted = fields.contains(ProcessFields::WORKLOAD) && without_workload > 0;
    let source = "/proc/<pid>/cgroup";
    let no_workload = is_wanted.then(|| Gap::new(GapKind::ProcessesSkipped, without_workload, source));
    let gap = (vanished > 0).then(|| match procfs.link("self") {
        Ok(_) => Gap::new(GapKind::ProcessesVanished, vanished, "/proc/<pid>/stat"),
        // An empty directory, which does not show that they have ended.
        Err(errno) => no_details(vanished, errno),
    });
    let mut processes = Vec::with_capacity(details.len());
    for (process, _) in details {
        processes.push(process);
    }
    if fields.contains(ProcessFields::USER) {
        set_users(&mut processes);
    }
    (processes, gap.into_iter().chain(no_time).chain(no_workload).collect())
}

/// Sets the names of the users: last, so that all of them are looked up at once.
fn set_users(processes: &mut [Process]) {
    let mut uids: Vec<u32> = processes.iter().filter_map(|process| process.uid).collect();
    uids.sort_unstable();
    uids.dedup();
    let names = users::names(&uids);
    for process in processes {
        process.user = process.uid.and_then(|uid| names.get(&uid).cloned());
    }
}

/// A process, and the stamp by which the cache recognises it.
type Described = (Process, Option<Stamp>);

/// What reading a process needs.
struct Context<'a> {
    known: &'a ProcessCache,
    fields: ProcessFields,
    common: Arc<Common>,
    /// Whether control groups are seen from the root of the machine.
    sees_root: bool,
}

impl<'a> Context<'a> {
    fn new(procfs: &impl Procfs, fields: ProcessFields, known: &'a mut ProcessCache) -> Self {
        let common = known.common(fields, || {
            let boot = fields.contains(ProcessFields::START_TIME).then(|| boot_time(procfs)).flatten();
            let is_user_wanted = fields.intersects(ProcessFields::UID | ProcessFields::USER);
            let stand_in_uid = is_user_wanted.then(user_namespace::stand_in_uid).flatten();
            Common::new(fields, boot, stand_in_uid)
        });
        let sees_root = fields.contains(ProcessFields::WORKLOAD) && workload::sees_root(procfs);
        Self { known, fields, common, sees_root }
    }

    /// The details of one process; `None` when it has gone, or another one has its pid now.
    ///
    /// Its control groups are read before its start, which then shows that it was this process all the time since it was seen.
    fn process(&self, procfs: &impl Procfs, seen: ProcessSeen, buffer: &mut Vec<u8>) -> Option<Described> {
        if !self.fields.contains(ProcessFields::WORKLOAD) {
            return self.without_groups(procfs, seen, buffer);
        }
        let path = format!("{}/cgroup", seen.pid);
        let text = procfs.read(&path, buffer);
        let workload = text.ok().and_then(|()| workload::of_groups(buffer, self.sees_root));
        let (mut process, stamp) = self.without_groups(procfs, seen, buffer)?;
        let published = process.workload.take().and_then(|workload| workload.published);
        process.workload = workload.map(|workload| Box::new(Workload { published, ..workload }));
        Some((process, stamp))
    }

    /// The same but for the control groups.
    fn without_groups(
        &self,
        procfs: &impl Procfs,
        seen: ProcessSeen,
        buffer: &mut Vec<u8>,
    ) -> Option<Described> {
        let pid = seen.pid;
        // Read first, whatever the query asks for: the start time shows whether this is still the process.
        let mut stat = read_stat(procfs, pid, buffer)?;
        if !self.is_same_process(procfs, seen, &stat) {
            return None;
        }
        if let Some(cached) = self.cached(procfs, pid, &stat, buffer) {
            return Some(cached);
        }
        for _ in 0..MAX_READS {
            let Read { process, is_of_stat_alone } = self.read(procfs, pid, &stat, buffer);
            if is_of_stat_alone {
                return Some((process, Stamp::of(&stat)));
            }
            // All of it is of one program if that is still the same.
            match read_stat(procfs, pid, buffer) {
                Some(after) if after.start_time_ticks != stat.start_time_ticks => return None,
                Some(after) if Stamp::differs(&after, &stat) => stat = after,
                Some(_) => return Some((process, Stamp::of(&stat))),
                None => break,
            }
        }
        // It has ended, or keeps executing programs: what one read shows.
        let process = Process { name: self.name(&stat, None), ..self.described_by(pid, &stat) };
        Some((process, None))
    }

    /// Whether this is the process that was seen, not a later one with its pid.
    fn is_same_process(&self, procfs: &impl Procfs, seen: ProcessSeen, stat: &Stat) -> bool {
        let started = self.started(stat);
        let at = i128::from(seen.at);
        if started > at {
            return false;
        }
        // Times are in ticks: a process that started within the tick may have started after it was seen. It is the same
        // process if it still has what was seen.
        at - started >= i128::from(NANOSECONDS_PER_TICK)
            || seen.sockets.into_iter().flatten().any(|socket| has(procfs, seen.pid, socket))
    }

    /// When a process started, in nanoseconds since boot. Negative in a time namespace whose clock began later: the kernel
    /// prints such a number unsigned, after dividing it or before.
    fn started(&self, stat: &Stat) -> i128 {
        let per_tick = i128::from(NANOSECONDS_PER_TICK);
        match i64::try_from(stat.start_time_ticks) {
            Err(_) => i128::from(i64::from_ne_bytes(stat.start_time_ticks.to_ne_bytes())) * per_tick,
            Ok(ticks) => match i128::from(ticks) * per_tick {
                started if started > i128::from(i64::MAX) => started - (1 << 64),
                started => started,
            },
        }
    }

    /// The time of day at which a process started; `None` if that would be in the future, and so is not known.
    fn start_time(&self, stat: &Stat) -> Option<SystemTime> {
        let (boot, started) = (self.common.boot?, self.started(stat));
        let distance = Duration::from_nanos(u64::try_from(started.unsigned_abs()).ok()?);
        let time = if started < 0 { boot.checked_sub(distance) } else { boot.checked_add(distance) };
        // The time of boot is rounded to a second.
        time.filter(|time| *time <= SystemTime::now() + Duration::from_secs(1))
    }

    /// The details that an earlier listing has read, if they are still true.
    fn cached(&self, procfs: &impl Procfs, pid: u32, stat: &Stat, buffer: &mut Vec<u8>) -> Option<Described> {
        use ProcessFields as Fields;
        let mut stamp = Stamp::of(stat)?;
        let cached = self.known.get(pid, &stamp, self.fields)?;
        // Without randomised addresses, the stack of the next program begins at the same place.
        stamp.is_random =
            Some(cached.stamp.is_random.unwrap_or_else(|| has_random_addresses(procfs, pid, buffer)));
        if stamp.is_random != Some(true) {
            return None;
        }
        let mut process = Process {
            parent: self.parent(stat),
            session_leader: self.session_leader(stat),
            ..cached.process.clone()
        };
        if self.fields.contains(Fields::WORKING_DIRECTORY) {
            process.working_directory = working_directory(procfs, pid);
        }
        if self.fields.contains(Fields::PATH) {
            // It may have been deleted or replaced.
            self.set_path(procfs, &mut process, executable_of(procfs, pid));
            if (&process.path, process.path_deleted) != (&cached.process.path, cached.process.path_deleted) {
                return None;
            }
        }
        if self.fields.intersects(Fields::UID | Fields::USER) {
            let uid = procfs.user(pid).ok();
            if uid != process.uid {
                self.set_user(&mut process, uid);
            }
        }
        Some((process, Some(stamp)))
    }

    fn parent(&self, stat: &Stat) -> Option<u32> {
        (self.fields.contains(ProcessFields::PARENT) && stat.ppid != 0).then_some(stat.ppid)
    }

    fn session_leader(&self, stat: &Stat) -> Option<u32> {
        (self.fields.contains(ProcessFields::PARENT) && stat.session != 0).then_some(stat.session)
    }

    /// What one read of `stat` shows, but for the name.
    fn described_by(&self, pid: u32, stat: &Stat) -> Process {
        let mut process = Process::new(pid);
        process.parent = self.parent(stat);
        process.session_leader = self.session_leader(stat);
        if self.fields.contains(ProcessFields::START_TIME) {
            process.start = Some(stat.start_time_ticks);
            process.start_time = self.start_time(stat);
        }
        process
    }

    /// The name; `full`: the whole one, where that is known to be longer.
    fn name(&self, stat: &Stat, full: Option<Vec<u8>>) -> Option<OsString> {
        let name = || OsString::from_vec(full.unwrap_or_else(|| stat.comm.clone()));
        self.fields.contains(ProcessFields::NAME).then(name)
    }

    /// Reads the details that are not cached.
    fn read(&self, procfs: &impl Procfs, pid: u32, stat: &Stat, buffer: &mut Vec<u8>) -> Read {
        use ProcessFields as Fields;
        let mut process = self.described_by(pid, stat);
        let needs_more = self.fields.contains(Fields::NAME) && needs_more(&stat.comm);
        let mut executable = None;
        if self.fields.contains(Fields::PATH) {
            executable = executable_of(procfs, pid);
        }
        let mut command_line = None;
        let is_proxy = self.is_docker_proxy(procfs, pid, stat);
        if self.fields.contains(Fields::COMMAND_LINE) || needs_more || is_proxy {
            command_line = procfs.read(&format!("{pid}/cmdline"), buffer).is_ok().then(|| arguments(buffer));
        }
        let full = needs_more.then(|| {
            let executable = executable.clone().or_else(|| executable_of(procfs, pid));
            full_name(&stat.comm, command_line.as_deref().unwrap_or_default(), executable.as_deref())
        });
        process.name = self.name(stat, full.flatten());
        if is_proxy {
            let to = command_line.as_deref().and_then(docker_proxy_forwards_to);
            let published = to.map(Published::new);
            process.workload = published
                .map(|published| Box::new(Workload { published: Some(published), ..Workload::none() }));
        }
        if self.fields.contains(Fields::COMMAND_LINE) {
            let arguments = command_line.map(|arguments| {
                arguments.into_iter().map(|argument| OsStr::from_bytes(argument).to_owned()).collect()
            });
            process.command_line = arguments;
        }
        if self.fields.contains(Fields::PATH) {
            self.set_path(procfs, &mut process, executable);
        }
        if self.fields.contains(Fields::WORKING_DIRECTORY) {
            process.working_directory = working_directory(procfs, pid);
        }
        if self.fields.intersects(Fields::UID | Fields::USER) {
            self.set_user(&mut process, procfs.user(pid).ok());
        }
        let of_more = Fields::PATH | Fields::COMMAND_LINE | Fields::WORKING_DIRECTORY;
        let is_of_stat_alone = !needs_more && !is_proxy && !self.fields.intersects(of_more);
        Read { process, is_of_stat_alone }
    }

    /// Whether it is a `docker-proxy` of root: anybody may run a program of this name, with any arguments.
    fn is_docker_proxy(&self, procfs: &impl Procfs, pid: u32, stat: &Stat) -> bool {
        let is_asked = self.fields.contains(ProcessFields::WORKLOAD);
        is_asked && stat.comm == b"docker-proxy" && procfs.user(pid) == Ok(0)
    }

    /// Sets the number of the user; its name follows when all numbers are known.
    fn set_user(&self, process: &mut Process, uid: Option<u32>) {
        process.uid = uid.filter(|uid| Some(*uid) != self.common.stand_in_uid);
    }

    /// Sets the path to what the link says. A file may really be called as if it were deleted.
    #[allow(clippy::unused_self, reason = "beside set_user")]
    fn set_path(&self, procfs: &impl Procfs, process: &mut Process, link: Option<Vec<u8>>) {
        let path = |bytes: &[u8]| Some(PathBuf::from(OsString::from_vec(bytes.to_vec())));
        let Some(link) = link else { return (process.path, process.path_deleted) = (None, None) };
        (process.path, process.path_deleted) = match link.strip_suffix(DELETED) {
            None => (path(&link), Some(false)),
            Some(name) => match procfs.is_executable_at(process.pid, &link) {
                Ok(true) => (path(&link), Some(false)),
                Ok(false) => (path(name), Some(true)),
                Err(_) => (path(&link), None),
            },
        };
    }
}

/// The details of a process as one attempt has read them.
struct Read {
    process: Process,
    /// Nothing else was read that could be of another program; the user is read in one step.
    is_of_stat_alone: bool,
}

fn read_stat(procfs: &impl Procfs, pid: u32, buffer: &mut Vec<u8>) -> Option<Stat> {
    procfs.read(&format!("{pid}/stat"), buffer).ok()?;
    Stat::decode(buffer).ok()
}

/// Whether each program of a process gets its own addresses; false where that cannot be read.
fn has_random_addresses(procfs: &impl Procfs, pid: u32, buffer: &mut Vec<u8>) -> bool {
    /// `ADDR_NO_RANDOMIZE` of linux/personality.h.
    const NO_RANDOMIZE: u32 = 0x0004_0000;
    let mut number = |path: &str, radix| {
        procfs.read(path, buffer).ok()?;
        u32::from_str_radix(std::str::from_utf8(buffer).ok()?.trim_ascii_end(), radix).ok()
    };
    let personality = number(&format!("{pid}/personality"), 16);
    personality.is_some_and(|personality| personality & NO_RANDOMIZE == 0)
        && number("sys/kernel/randomize_va_space", 10) != Some(0)
}

/// Whether a process has this socket at this descriptor.
fn has(procfs: &impl Procfs, pid: u32, (fd, inode): (i32, u64)) -> bool {
    procfs.link(&format!("{pid}/fd/{fd}")).is_ok_and(|link| socket_inode(&link) == Some(inode))
}

fn working_directory(procfs: &impl Procfs, pid: u32) -> Option<PathBuf> {
    procfs.link(&format!("{pid}/cwd")).ok().map(|link| PathBuf::from(OsString::from_vec(link)))
}

/// The link to a process's executable. That of a leader that has exited is gone; its threads have it still.
fn executable_of(procfs: &impl Procfs, pid: u32) -> Option<Vec<u8>> {
    match procfs.link(&format!("{pid}/exe")) {
        Ok(link) => Some(link),
        Err(Errno::NOENT) => {
            let mut others = procfs.threads(pid).ok()?.into_iter().filter(|thread| *thread != pid);
            others.find_map(|thread| procfs.link(&format!("{pid}/task/{thread}/exe")).ok())
        }
        Err(_) => None,
    }
}

/// When the machine was started, to the second: from the line `btime` of `/proc/stat`, which is the same each time. Where that
/// is missing (`subset=pid`) or of another machine than the clock of start times (a container that is shown a time of boot of
/// its own), counted back from the clocks.
fn boot_time(procfs: &impl Procfs) -> Option<SystemTime> {
    const TOLERANCE: u64 = 3;
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let counted = since_epoch.checked_sub(Duration::from_nanos(procfs.now()))?;
    let counted = counted.as_secs() + u64::from(counted.subsec_millis() >= 500);
    let seconds = btime(procfs).filter(|btime| btime.abs_diff(counted) <= TOLERANCE).unwrap_or(counted);
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn btime(procfs: &impl Procfs) -> Option<u64> {
    let mut content = Vec::new();
    procfs.read("stat", &mut content).ok()?;
    let text = String::from_utf8_lossy(&content);
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}
