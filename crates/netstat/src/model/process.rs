//! A process that owns a socket.

use crate::model::escape::escaped;
use crate::model::process_id::ProcessId;
use crate::model::workload::Workload;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

crate::model::flags::flags! {
    /// Which details of a process a query reads. Each costs some microseconds a process.
    pub struct ProcessFields: u16 {
        /// [`Process::name`].
        const NAME = 1;
        /// [`Process::path`] and [`Process::path_deleted`].
        const PATH = 1 << 1;
        /// [`Process::command_line`].
        const COMMAND_LINE = 1 << 2;
        /// [`Process::parent`] and [`Process::session_leader`].
        const PARENT = 1 << 3;
        /// [`Process::uid`].
        const UID = 1 << 4;
        /// [`Process::user`]; reads the uid too.
        const USER = 1 << 5;
        /// [`Process::start_time`].
        const START_TIME = 1 << 6;
        /// [`Process::session`].
        const SESSION = 1 << 7;
        /// [`Process::workload`].
        const WORKLOAD = 1 << 8;
        /// [`Process::working_directory`].
        const WORKING_DIRECTORY = 1 << 9;
    }
}

/// A process that owns a listed socket, with the details that the query asked for.
///
/// A detail is `None` when it was not asked for, when the caller may not see it, or when the system has no
/// such thing. Names and paths come from other processes: any bytes but NUL may stand in them.
///
/// # Races
/// Details belong to the process that held the socket: one that ended, and whose pid was given to another
/// process before its details were read, is recognized by its start time and left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "proc_pidinfo")]
#[doc(alias = "/proc/PID/stat")]
#[doc(alias = "proc_bsdinfo")]
#[doc(alias = "SYSTEM_PROCESS_INFORMATION")]
pub struct Process {
    /// The process (thread group) id.
    pub pid: u32,
    /// The program's name: on Linux the `comm` of the thread-group leader, completed from the command line
    /// or the executable where the kernel cut it at 15 bytes and one of them agrees; on Windows the file's
    /// name, or that of the process where it has no file (`System`, `Registry`).
    pub name: Option<OsString>,
    /// The executable. Linux: `/proc/<pid>/exe`, which needs the right to trace the process. macOS: `None` if
    /// it has been deleted.
    pub path: Option<PathBuf>,
    /// Whether the executable was deleted or replaced since the process started; `None` where that is not known. Linux.
    pub path_deleted: Option<bool>,
    /// The arguments, the program's own name first. A process may have overwritten them. Empty for a
    /// kernel thread.
    pub command_line: Option<Vec<OsString>>,
    /// The parent's pid; `None` where the process has none that can be seen.
    pub parent: Option<u32>,
    /// The process that leads its session, setsid(2), as a child inherits it from the process that made it: it may have
    /// ended long since. A process whose session is neither its own nor its parent's was given to that parent when the
    /// process that started it ended. Linux.
    pub session_leader: Option<u32>,
    /// The directory that it works in. Linux: `/proc/<pid>/cwd`, which needs the right to trace the process; ` (deleted)` is
    /// at its end if the directory was removed.
    pub working_directory: Option<PathBuf>,
    /// The effective user id.
    pub uid: Option<u32>,
    /// The name of its user, as [`user_names`](crate::user_names) finds it. Windows:
    /// `DOMAIN\user`, or the number (`S-1-5-21-...`) of one whose name only a server knows; other users'
    /// processes report it to administrators only.
    pub user: Option<String>,
    /// When it started. Together with the pid it names one process for good. Linux: 10 milliseconds fine.
    pub start_time: Option<SystemTime>,
    /// The logon session that it runs in, of those that the system numbers: services are in 0, people in
    /// others. Windows.
    pub session: Option<u32>,
    /// The container, pod, unit, bundle or services that it belongs to. Boxed, since most queries do not ask for it.
    pub workload: Option<Box<Workload>>,
    /// The kernel's own value of the start, which no clock changes: see [`ProcessId`].
    pub(crate) start: Option<u64>,
}

impl Process {
    /// A process of which nothing but its pid is known.
    pub fn new(pid: u32) -> Self {
        Self {
            pid,
            name: None,
            path: None,
            path_deleted: None,
            command_line: None,
            parent: None,
            session_leader: None,
            working_directory: None,
            uid: None,
            user: None,
            start_time: None,
            session: None,
            workload: None,
            start: None,
        }
    }

    /// The process itself, which is not confused with a later process of the same pid; `None` where its start could not
    /// be read. Known when [`ProcessFields::START_TIME`] was asked for.
    pub fn id(&self) -> Option<ProcessId> {
        Some(ProcessId::new(self.pid, self.start?))
    }
}

/// `nginx (814)`, or `814` where the name is not known. Names come from other processes: what is not printable is
/// escaped. Obeys width and precision.
impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.pad(&format!("{} ({})", escaped(&name.to_string_lossy()), self.pid)),
            None => f.pad(&self.pid.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_name_and_pid_with_the_name_escaped() {
        let mut process = Process::new(814);
        assert_eq!(process.to_string(), "814");
        process.name = Some("nginx".into());
        assert_eq!(format!("{process:<12}|"), "nginx (814) |");
        process.name = Some("x\n\u{1b}[2J".into());
        assert_eq!(process.to_string(), "x\\n\\u{1b}[2J (814)");
    }
}
