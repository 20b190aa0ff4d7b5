//! The rights of this process to read other processes, and advice on how to get more.

use crate::digits::push_display;
use crate::escape::{escaped, must_escape};
use std::ffi::OsString;
use std::fs;

const CAP_DAC_OVERRIDE: u64 = 1 << 1;
const CAP_DAC_READ_SEARCH: u64 = 1 << 2;
const CAP_SYS_PTRACE: u64 = 1 << 19;

/// What decides whether this process may read others.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// The operating system, as in [`std::env::consts::OS`].
    system: &'static str,
    /// The effective user, on systems with numbered users.
    uid: Option<u32>,
    /// The effective capabilities (Linux).
    capabilities: u64,
    /// `no_new_privs`, under which neither sudo nor file capabilities have an effect (Linux).
    no_new_privs: bool,
    /// Whether some users have no number in the user namespace of this process (Linux).
    in_user_namespace: bool,
    /// The AppArmor profile that confines this process (Linux).
    apparmor_profile: Option<String>,
    /// The group whose members see all processes in spite of `hidepid` (Linux).
    proc_group: Option<u32>,
    /// The command line of this process for a shell.
    command: Vec<OsString>,
}

impl Rights {
    /// The rights of this process, whose effective user is `uid`.
    pub fn of_process(uid: Option<u32>) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let status = read("/proc/self/status");
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim();
        let uid_map = read("/proc/self/uid_map");
        let mut label = read("/proc/self/attr/apparmor/current");
        if label.is_empty() {
            label = read("/proc/self/attr/current");
        }
        let program = std::env::current_exe().map_or_else(|_| "lsock".into(), Into::into);
        Self {
            system: std::env::consts::OS,
            uid,
            capabilities: u64::from_str_radix(field("CapEff:"), 16).unwrap_or(0),
            no_new_privs: field("NoNewPrivs:") == "1",
            in_user_namespace: !uid_map.is_empty()
                && !uid_map.split_whitespace().eq(["0", "0", "4294967295"]),
            apparmor_profile: apparmor_profile(&label),
            proc_group: proc_group(&read("/proc/self/mountinfo")),
            command: std::iter::once(program).chain(std::env::args_os().skip(1)).collect(),
        }
    }

    /// How to see what `objects` ("what they hold") are, after processes could not be read.
    pub(crate) fn advice(&self, objects: &str) -> Option<String> {
        match self.system {
            "windows" => return Some(format!("run as an administrator to see {objects}")),
            "linux" | "android" => {}
            // macOS may refuse to show a process to root too.
            _ if self.uid == Some(0) => return None,
            _ => return Some(format!("to see {objects}, run: sudo {}", self.shell_command())),
        }
        let can_search = self.capabilities & (CAP_DAC_READ_SEARCH | CAP_DAC_OVERRIDE) != 0;
        let can_trace = self.capabilities & CAP_SYS_PTRACE != 0;
        Some(if self.in_user_namespace {
            format!("to see {objects}, run lsock outside of this user namespace")
        } else if can_search && can_trace {
            match &self.apparmor_profile {
                Some(profile) => format!(
                    "the AppArmor profile {} of this process must allow ptrace (read) to see {objects}",
                    escaped(profile.as_bytes())
                ),
                None => "a security module such as Landlock or SELinux denies it".to_owned(),
            }
        } else if self.uid == Some(0) {
            let missing = match (can_trace, can_search) {
                (false, false) => "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
                (false, true) => "CAP_SYS_PTRACE",
                _ => "CAP_DAC_READ_SEARCH",
            };
            format!("to see {objects}, root needs {missing}, which this container or service withholds")
        } else if self.no_new_privs {
            format!(
                "to see {objects}, run lsock outside of this sandbox: no_new_privs makes sudo ineffective"
            )
        } else {
            format!(
                "to see {objects}, run: sudo {}; or once: sudo setcap cap_sys_ptrace,cap_dac_read_search=ep {}",
                self.shell_command(),
                self.command.first().and_then(shell_word).unwrap_or_else(|| "lsock".to_owned())
            )
        })
    }

    /// How to see the processes that `hidepid` hides.
    pub(crate) fn advice_on_hidepid(&self) -> String {
        let mut advice = String::from("to see them, ");
        if let Some(group) = self.proc_group {
            push_display(
                &mut advice,
                format_args!("join the group {group}, to which the mount of /proc shows them, or "),
            );
        }
        if self.no_new_privs || self.uid == Some(0) {
            advice.push_str("get CAP_SYS_PTRACE");
        } else {
            push_display(&mut advice, format_args!("run: sudo {}", self.shell_command()));
        }
        advice
    }

    /// The command line for a shell, abbreviated if an argument cannot be printed.
    fn shell_command(&self) -> String {
        let words: Option<Vec<_>> = self.command.iter().map(shell_word).collect();
        words.map_or_else(|| "lsock ...".to_owned(), |words| words.join(" "))
    }
}

/// A word as a shell reads it; `None` if it has characters that act on a terminal.
fn shell_word(word: &OsString) -> Option<String> {
    let word = word.to_str().filter(|word| !word.chars().any(must_escape))?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,=+@%".contains(c);
    Some(match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    })
}

/// The profile in the label of a confined process: `docker-default (enforce)`. A label of SELinux has no mode.
fn apparmor_profile(label: &str) -> Option<String> {
    let label = label.trim_end_matches(['\n', '\0']);
    label.strip_suffix(" (enforce)").map(str::to_owned)
}

/// The option `gid=` of the mount of `/proc` in the text of `/proc/self/mountinfo`.
fn proc_group(mounts: &str) -> Option<u32> {
    let of_proc = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some("/proc"))?;
    of_proc.rsplit(' ').next()?.split(',').find_map(|option| option.strip_prefix("gid=")?.parse().ok())
}

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;
