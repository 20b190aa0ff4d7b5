//! What started a process, from the names of those above it and from its session.

use netstat::Process;

/// How a process came to run.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is the first process, of this machine or of its pid namespace.
    First,
    /// Its parent cannot be seen.
    NotVisible,
    /// The process that started it has ended, and its parent took it over.
    Orphaned,
    /// Its parent started it.
    Started(Starter),
}

/// What kind of program a parent is, by its name.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Starter {
    /// bash, zsh ...
    Shell,
    /// tmux, screen.
    Multiplexer,
    /// sshd.
    Login,
    /// systemd, launchd, init ...
    ServiceManager,
    /// cron, at.
    Scheduler,
    /// supervisord, runsv ...
    Supervisor,
    /// A shim of containerd, conmon, an init for containers.
    ContainerRuntime,
    /// Any other program.
    Program,
}

/// Names of programs, with what they are.
const STARTERS: &[(Starter, &[&str])] = &[
    (
        Starter::Shell,
        &[
            "sh",
            "bash",
            "dash",
            "ash",
            "zsh",
            "fish",
            "ksh",
            "mksh",
            "csh",
            "tcsh",
            "nu",
            "elvish",
            "xonsh",
            "pwsh",
            "powershell",
            "powershell.exe",
            "pwsh.exe",
            "cmd.exe",
        ],
    ),
    (Starter::Multiplexer, &["tmux", "tmux: server", "screen", "SCREEN", "zellij"]),
    (Starter::Login, &["sshd", "sshd-session", "login", "dropbear", "mosh-server"]),
    (
        Starter::ServiceManager,
        &["systemd", "init", "launchd", "services.exe", "openrc-init", "runit", "s6-svscan", "upstart"],
    ),
    (Starter::Scheduler, &["cron", "crond", "anacron", "atd", "fcron"]),
    (
        Starter::Supervisor,
        &[
            "supervisord",
            "runsv",
            "s6-supervise",
            "supervise",
            "monit",
            "circusd",
            "god",
            "pm2",
            "PM2",
            "openrc-run",
            "supervise-daemon",
            "foreman",
            "honcho",
            "nodemon",
        ],
    ),
    (
        Starter::ContainerRuntime,
        &[
            "containerd-shim",
            "containerd-shim-runc-v1",
            "containerd-shim-runc-v2",
            "conmon",
            "crun",
            "runc",
            "docker-init",
            "tini",
            "dumb-init",
            "catatonit",
            "lxc-start",
            "systemd-nspawn",
            "podman",
        ],
    ),
];

impl Starter {
    fn of(process: &Process) -> Self {
        let name = process.name.as_ref().and_then(|name| name.to_str()).unwrap_or_default();
        // A login shell is called `-bash`, and PM2 `PM2 v5.3.0: God Daemon`.
        let name = name.strip_prefix('-').unwrap_or(name);
        let first = name.split(' ').next().unwrap_or_default();
        let found = STARTERS.iter().find(|(_, names)| names.contains(&name) || names.contains(&first));
        found.map_or(Self::Program, |(starter, _)| *starter)
    }

    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Shell => "a shell",
            Self::Multiplexer => "a terminal multiplexer",
            Self::Login => "a login",
            Self::ServiceManager => "a service manager",
            Self::Scheduler => "a scheduler",
            Self::Supervisor => "a supervisor, which may start it again",
            Self::ContainerRuntime => "a container runtime",
            Self::Program => "a program",
        }
    }
}

impl Cause {
    /// The cause of a process with this parent, if that can be seen.
    pub fn of(process: &Process, parent: Option<&Process>) -> Self {
        let Some(parent) = parent else {
            return if process.parent.is_none() { Self::First } else { Self::NotVisible };
        };
        match process.session_leader {
            // A child is in the session of the process that made it until it makes one of its own. A parent without one
            // is in one that cannot be seen from here, and its children with it.
            Some(own) if own != process.pid && parent.session_leader != Some(own) => Self::Orphaned,
            _ => Self::Started(Starter::of(parent)),
        }
    }

    /// The name in the JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first_process",
            Self::NotVisible => "not_visible",
            Self::Orphaned => "starter_ended",
            Self::Started(starter) => match starter {
                Starter::Shell => "shell",
                Starter::Multiplexer => "terminal_multiplexer",
                Starter::Login => "login",
                Starter::ServiceManager => "service_manager",
                Starter::Scheduler => "scheduler",
                Starter::Supervisor => "supervisor",
                Starter::ContainerRuntime => "container_runtime",
                Starter::Program => "program",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, name: &str, parent: u32, session: u32) -> Process {
        let mut process = Process::new(pid);
        process.name = Some(name.into());
        process.parent = Some(parent).filter(|parent| *parent != 0);
        process.session_leader = Some(session);
        process
    }

    #[test]
    fn cause_is_the_parent_unless_the_session_shows_another_starter() {
        let nginx = process(814, "nginx", 700, 700);
        for (parent, expected) in [
            (process(700, "-bash", 1, 700), Cause::Started(Starter::Shell)),
            (process(700, "tmux: server", 1, 700), Cause::Started(Starter::Multiplexer)),
            (process(700, "sshd", 1, 700), Cause::Started(Starter::Login)),
            (process(700, "PM2 v5.3.0: God Daemon", 1, 700), Cause::Started(Starter::Supervisor)),
            (process(700, "containerd-shim-runc-v2", 1, 700), Cause::Started(Starter::ContainerRuntime)),
            (process(700, "make", 1, 650), Cause::Orphaned),
            (process(700, "python3", 1, 700), Cause::Started(Starter::Program)),
            (process(700, "bashful", 1, 700), Cause::Started(Starter::Program)),
        ] {
            assert_eq!(Cause::of(&nginx, Some(&parent)), expected, "{parent}");
        }
    }

    #[test]
    fn nohup_job_whose_shell_has_ended_is_orphaned_and_a_service_is_not() {
        let init = process(1, "systemd", 0, 1);
        let job = process(900, "python3", 1, 850);
        assert_eq!(Cause::of(&job, Some(&init)), Cause::Orphaned);
        let service = process(900, "nginx", 1, 900);
        assert_eq!(Cause::of(&service, Some(&init)), Cause::Started(Starter::ServiceManager));
        let mut first_of_container = process(1, "init", 0, 0);
        first_of_container.session_leader = None;
        assert_eq!(Cause::of(&job, Some(&first_of_container)), Cause::Orphaned);
        assert_eq!(Cause::of(&init, None), Cause::First);
        assert_eq!(Cause::of(&service, None), Cause::NotVisible);
    }

    #[test]
    fn without_sessions_the_parent_is_the_cause() {
        let mut job = process(900, "python3", 1, 850);
        job.session_leader = None;
        let init = process(1, "launchd", 0, 1);
        assert_eq!(Cause::of(&job, Some(&init)), Cause::Started(Starter::ServiceManager));
    }
}
