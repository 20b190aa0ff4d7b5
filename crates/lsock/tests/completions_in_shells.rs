//! Completions in real shells, which run on a terminal of tmux and get real keys.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than a busy machine takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A file in the working directory of the shells, which no completion may offer.
const FILE: &str = "zz-file-of-this-directory";

fn is_there(program: &str) -> bool {
    let args = if program == "tmux" { "-V" } else { "--version" };
    let mut command = Command::new(program);
    command.arg(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A shell on a terminal of its own server of tmux, which ends with it.
struct Terminal {
    server: String,
    directory: PathBuf,
}

impl Terminal {
    fn start(shell: &str, args: &[&str]) -> Self {
        let server = format!("lsock-test-{}-{shell}", std::process::id());
        let directory = std::env::temp_dir().join(&server);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(FILE), "").unwrap();
        let terminal = Self { server, directory };
        let program = Path::new(env!("CARGO_BIN_EXE_lsock")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        let mut command =
            terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "180", "-y", "50", "-c"]);
        // tmux has a PATH of its own for what it starts.
        command.arg(&terminal.directory).args(["env", &format!("PATH={path}")]);
        command.arg(format!("HOME={}", terminal.directory.display())).arg(shell).args(args);
        assert!(command.status().unwrap().success(), "{command:?}");
        terminal
    }

    fn tmux(&self, args: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.server]).args(args).env_remove("TMUX").stdin(Stdio::null());
        command
    }

    /// Types a text, and keys by their names in tmux.
    fn press(&self, text: &str, keys: &[&str]) {
        assert!(self.tmux(&["send-keys", "-l", "--", text]).status().unwrap().success());
        for key in keys {
            assert!(self.tmux(&["send-keys", key]).status().unwrap().success());
        }
    }

    fn screen(&self) -> String {
        let output = self.tmux(&["capture-pane", "-p"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The screen as soon as it has this text; a failure if that takes too long.
    fn wait_for(&self, wanted: &str) -> String {
        let begin = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(wanted) {
                return screen;
            }
            assert!(begin.elapsed() < TIMEOUT, "{}: no {wanted:?} in:\n{screen}", self.server);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Discards the line that is being typed, and everything on the screen. The shell takes the keys in their order, so
    /// the completion before them is over.
    fn next_line(&self, sum: &str, count: &mut u32) {
        *count += 1;
        self.press("", &["C-u"]);
        self.press(&format!("clear; echo ready-{}", sum.replace('N', &count.to_string())), &["Enter"]);
        // What is typed has the sum, what is printed its result.
        self.wait_for(&format!("ready-{}", 40 + *count));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).stderr(Stdio::null()).status();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn check(shell: &str, args: &[&str], setup: &str) {
    for program in ["tmux", shell] {
        if !is_there(program) {
            test_skips::skipped(format_args!("there is no {program} on this machine"));
            return;
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let prefix = &port[..port.len() - 1];
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    let comm = comm.trim();
    let terminal = Terminal::start(shell, args);
    let mut count = 2;
    // fish adds in other words.
    let sum = if shell == "fish" { "(math 40 + N)" } else { "$((40 + N))" };
    terminal.press(&format!("{setup}; echo ready-{}", sum.replace('N', "2")), &["Enter"]);
    terminal.wait_for("ready-42");
    for (typed, wanted) in [
        ("lsock --columns bytes_s", "bytes_sent".to_owned()),
        ("lsock --columns pid,bytes_s", "pid,bytes_sent".to_owned()),
        ("lsock --columns=pid,bytes_s", "--columns=pid,bytes_sent".to_owned()),
        ("lsock --own", "--owner-source".to_owned()),
        ("lsock -t state time-", "state time-wait".to_owned()),
        ("lsock compl", "lsock completions".to_owned()),
        ("lsock help colu", "lsock help columns".to_owned()),
        (&format!("lsock --local-port {prefix}"), port.clone()),
        (&format!("lsock :{prefix}"), port.clone()),
        (&format!("lsock sport = :{prefix}"), port.clone()),
        (&format!("lsock process {}", &comm[..comm.len() - 2]), format!("process {comm}")),
        (&format!("lsock --process {}", &comm[..comm.len() - 2]), format!("--process {comm}")),
    ] {
        terminal.next_line(sum, &mut count);
        terminal.press(typed, &["Tab", "Tab"]);
        terminal.wait_for(&wanted);
    }
    // What the shell does with a word that has no completion is over when it has echoed what is typed after it.
    terminal.next_line(sum, &mut count);
    terminal.press("lsock zz-f", &["Tab", "Tab"]);
    terminal.press("-end", &[]);
    let screen = terminal.wait_for("-end");
    assert!(screen.contains("lsock zz-f-end") && !screen.contains(FILE), "{screen}");
}

#[test]
fn bash_completes_what_there_is_and_no_file_names() {
    check("bash", &["--norc", "--noprofile"], "source <(lsock completions bash)");
}

#[test]
fn zsh_completes_what_there_is_and_no_file_names() {
    check("zsh", &["-f"], "autoload -Uz compinit; compinit -u -D; source <(lsock completions zsh)");
}

#[test]
fn fish_completes_what_there_is_and_no_file_names() {
    check("fish", &["--private"], "lsock completions fish | source");
}
