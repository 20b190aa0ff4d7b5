//! The processes that hold a socket, folded into one: forked workers are shown by their master and their number.

use crate::escape::escape_into;
use crate::view::{ProcessView, View};
use netstat::{Owner, Process};
use std::path::Path;

/// The owners of a row, or of several rows, as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holders<'v> {
    /// The different names, escaped; the master's first.
    pub(crate) names: Vec<&'v str>,
    /// The pid of the process from which the others were forked, as far as that is known; else the lowest.
    pub(crate) master: u32,
    /// How many other processes there are.
    pub(crate) others: usize,
    /// What an interpreter runs, escaped: of the master.
    pub(crate) script: Option<String>,
}

impl<'v> Holders<'v> {
    /// `None` without owners.
    pub(crate) fn new(view: &'v View<'_>, owners: &[Owner]) -> Option<Self> {
        let mut distinct: Vec<&Owner> = owners.iter().collect();
        // Owners of one row are in this order already.
        distinct.sort_by_key(|owner| owner.pid);
        distinct.dedup_by_key(|owner| owner.pid);
        let master = master(view, &distinct)?;
        let process = view.process_of(master);
        let mut names: Vec<&str> = Vec::new();
        let all = std::iter::once(master).chain(distinct.iter().copied());
        for name in all.filter_map(|owner| view.process_of(owner)?.name.as_deref()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let script = process.and_then(script);
        Some(Self { names, master: master.pid, others: distinct.len() - 1, script })
    }

    /// `nginx`, `systemd,sshd`; empty where no name is known.
    pub(crate) fn names(&self) -> String {
        self.names.join(",")
    }

    /// `28582`, `28582 +24`; with a question mark if there may be more that cannot be seen: `28582?`, `28582 +24?`.
    pub(crate) fn pids(&self, is_complete: bool) -> String {
        format!("{}{}", self.master, self.more(is_complete))
    }

    /// ` +24`, `?`, ` +24?`, or nothing.
    pub(crate) fn more(&self, is_complete: bool) -> String {
        match (self.others, is_complete) {
            (0, true) => String::new(),
            (0, false) => "?".to_owned(),
            (others, true) => format!(" +{others}"),
            (others, false) => format!(" +{others}?"),
        }
    }
}

/// The process that is the parent of most others, and whose own parent is not among them. A pid says nothing about that,
/// since they are used again.
fn master<'o>(view: &View<'_>, owners: &[&'o Owner]) -> Option<&'o Owner> {
    let first = *owners.first()?;
    if owners.len() == 1 {
        return Some(first);
    }
    let parent_of = |owner: &Owner| view.process_of(owner).and_then(|process| process.raw.parent);
    let mut children = vec![0_usize; owners.len()];
    let mut is_child = vec![false; owners.len()];
    for (nth, owner) in owners.iter().enumerate() {
        let Some(parent) = parent_of(owner) else { continue };
        let Ok(of) = owners.binary_search_by_key(&parent, |owner| owner.pid) else { continue };
        if let (Some(count), Some(flag)) = (children.get_mut(of), is_child.get_mut(nth)) {
            *count += 1;
            *flag = true;
        }
    }
    let ranks = owners.iter().zip(children).zip(is_child);
    // The first of those with the most children.
    let best = ranks.rev().max_by_key(|((_, children), is_child)| (!is_child, *children));
    best.map(|((owner, _), _)| *owner)
}

/// Programs that run another one, which is what a person wants to see.
const INTERPRETERS: &[&str] = &[
    "python", "pypy", "node", "nodejs", "ruby", "perl", "php", "java", "sh", "bash", "dash", "zsh", "deno",
    "bun", "lua", "Rscript", "dotnet",
];

/// What an interpreter runs: `app.py`, `http.server`, `x.jar`. Only the last part of a path, and no arguments, which may
/// hold secrets.
fn script(process: &ProcessView<'_>) -> Option<String> {
    let Process { name, command_line, .. } = process.raw;
    let name = name.as_ref()?.to_str()?;
    let interpreter = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !INTERPRETERS.contains(&interpreter) {
        return None;
    }
    let mut arguments = command_line.as_ref()?.iter().skip(1).map(|argument| argument.to_str());
    let script = loop {
        match arguments.next()?? {
            // A program or module that is named by the next argument.
            "-m" if interpreter == "python" || interpreter == "pypy" => break arguments.next()??,
            "-jar" | "run" | "exec" => break arguments.next()??,
            // Options whose value is the next argument.
            "-cp" | "-classpath" | "--class-path" | "-p" | "--module-path" if interpreter == "java" => {
                arguments.next()??;
            }
            "-W" | "-X" if interpreter == "python" => {
                arguments.next()??;
            }
            "-r" | "--require" | "--import" | "--loader" if interpreter.starts_with("node") => {
                arguments.next()??;
            }
            // The program is an argument itself.
            "-c" | "-e" | "-E" | "--eval" | "-" => return None,
            option if option.starts_with('-') => {}
            script => break script,
        }
    };
    let file = Path::new(script).file_name()?.to_str()?;
    let mut shown = String::new();
    escape_into(file.as_bytes(), &mut shown);
    (process.name.as_deref() != Some(&shown)).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::Users;
    use netstat::{OwnerRole, Snapshot};

    fn process(pid: u32, parent: Option<u32>, command: &[&str]) -> Process {
        let mut process = Process::new(pid);
        process.name = command.first().map(Into::into);
        process.parent = parent;
        process.command_line = Some(command.iter().map(Into::into).collect());
        process
    }

    fn shown(processes: Vec<Process>) -> (String, String, Option<String>) {
        let owners: Vec<Owner> =
            processes.iter().map(|process| Owner::new(process.pid, Some(3), OwnerRole::Holder)).collect();
        let mut snapshot = Snapshot::default();
        snapshot.processes = processes;
        let users = Users::known(&[]);
        let view = View::new(&snapshot, &users);
        let holders = Holders::new(&view, &owners).unwrap();
        (holders.names(), holders.pids(true), holders.script)
    }

    #[test]
    fn master_is_the_parent_even_with_a_higher_pid() {
        let web = |pid, parent| process(pid, Some(parent), &["nginx"]);
        assert_eq!(shown(vec![web(10, 1), web(11, 10), web(12, 10)]).1, "10 +2");
        assert_eq!(shown(vec![web(10, 12), web(11, 12), web(12, 1)]).1, "12 +2");
        // A worker with a child of its own, and processes of which no parent is known.
        assert_eq!(shown(vec![web(9, 11), web(11, 12), web(12, 1)]).1, "12 +2");
        assert_eq!(shown(vec![process(4, None, &["a"]), process(5, None, &["a"])]).1, "4 +1");
    }

    #[test]
    fn names_begin_with_that_of_the_master() {
        let processes = vec![
            process(7, Some(9), &["sshd"]),
            process(8, Some(9), &["sshd"]),
            process(9, Some(1), &["init"]),
        ];
        let (names, pids, _) = shown(processes);
        assert_eq!((names.as_str(), pids.as_str()), ("init,sshd", "9 +2"));
    }

    #[test]
    fn mark_says_that_there_may_be_more_holders() {
        let mut holders = Holders { names: vec!["a"], master: 7, others: 0, script: None };
        assert_eq!((holders.pids(true), holders.pids(false)), ("7".into(), "7?".into()));
        holders.others = 24;
        assert_eq!((holders.pids(true), holders.pids(false)), ("7 +24".into(), "7 +24?".into()));
    }

    #[test]
    fn script_of_an_interpreter_is_found_without_its_arguments() {
        for (command, expected) in [
            (&["python3", "/srv/app.py", "--token", "secret"][..], Some("app.py")),
            (&["python3.12", "-u", "-m", "http.server", "8000"], Some("http.server")),
            (&["python3", "-X", "dev", "app.py"], Some("app.py")),
            (&["python3", "-c", "secret"], None),
            (&["python3"], None),
            (&["node", "--require", "x", "server.js"], Some("server.js")),
            (&["java", "-Xmx1g", "-jar", "/opt/x.jar"], Some("x.jar")),
            (&["java", "-cp", "a:b", "org.example.Main"], Some("org.example.Main")),
            (&["bash", "./run\x1b.sh"], Some("run\\x1b.sh")),
            (&["nginx", "-g", "daemon off;"], None),
        ] {
            assert_eq!(shown(vec![process(5, None, command)]).2.as_deref(), expected, "{command:?}");
        }
    }
}
