//! Contenders that are whole programs; their rows are counted in a run that is not timed.

use crate::Result;
use netstat_contender::{Count, Unavailable, count, count_owners};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program with the arguments by which it lists all TCP and UDP sockets with their owners.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: &'static [&'static str],
    /// Whether its output goes to a file when it is timed, or to `/dev/null`.
    pub(super) to_file: bool,
    count: fn(&[u8]) -> Result<Count>,
}

/// The argument by which lsock finds owners by BPF, and falls back to procfs where it cannot.
pub(super) const BY_BPF: &str = "--owner-source=bpf";

/// The exit code of lsock for a usage error.
const USAGE: i32 = 2;

/// The default lsock: `$LSOCK`, or the release build of this repository.
pub(super) fn lsock() -> PathBuf {
    let target = || match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    };
    match std::env::var_os("LSOCK") {
        Some(path) => path.into(),
        None => target().join("release/lsock"),
    }
}

/// Why a listing by this lsock does not find owners by BPF, if it does not.
pub(super) fn why_no_bpf(lsock: &Path) -> Result<Option<String>> {
    match Program::lsock(lsock, &["--json", BY_BPF]).count(lsock) {
        Ok(_) => Ok(None),
        Err(error) if error.is::<Unavailable>() => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

impl Program {
    fn new(
        path: impl Into<PathBuf>,
        arguments: &'static [&'static str],
        count: fn(&[u8]) -> Result<Count>,
    ) -> Self {
        Self { path: path.into(), arguments, to_file: false, count }
    }

    /// The first argument is the form of its output.
    pub(super) fn lsock(path: &Path, arguments: &'static [&'static str]) -> Self {
        let count: fn(&[u8]) -> Result<Count> = match arguments {
            ["--json", BY_BPF] => count_json_by_bpf,
            ["--json", ..] => count_json,
            ["--jsonl", ..] => count_json_lines,
            ["--csv", ..] => |output| Ok(count_lines(output, is_tcp_or_udp, |line| line.contains(",known,"))),
            _ => |output| Ok(count_lines(output, is_tcp_or_udp, has_pid)),
        };
        Self::new(path, arguments, count)
    }

    pub(super) fn into_file(self) -> Self {
        Self { to_file: true, ..self }
    }

    /// Its path, also from the search path.
    ///
    /// # Errors
    /// It is not installed.
    pub(super) fn find(&self) -> std::result::Result<PathBuf, String> {
        if self.path.components().count() > 1 {
            let found = self.path.is_file().then(|| self.path.clone());
            return found.ok_or_else(|| format!("there is no {}", self.path.display()));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        // The last two: directories that the search path of an unprivileged user may lack.
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .map(|place| place.join(&self.path))
            .find(|file| file.is_file())
            .ok_or_else(|| format!("{} is not installed", self.path.display()))
    }

    /// Runs it once and counts its rows.
    ///
    /// # Errors
    /// It fails, or its output cannot be parsed.
    pub(super) fn count(&self, path: &Path) -> Result<Count> {
        (self.count)(&self.output(path)?)
    }

    /// Runs it once and returns its output.
    ///
    /// # Errors
    /// It fails. [`Unavailable`]: this version does not know one of its arguments.
    pub(super) fn output(&self, path: &Path) -> Result<Vec<u8>> {
        let output =
            Command::new(path).args(self.arguments).env("LC_ALL", "C").stdin(Stdio::null()).output()?;
        let message =
            || String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned();
        match output.status.code() {
            Some(0) => Ok(output.stdout),
            Some(USAGE) => Err(Unavailable(message()).into()),
            _ => {
                let command = format!("{} {}", path.display(), self.arguments.join(" "));
                Err(format!("{command} ended with {}: {}", output.status, message()).into())
            }
        }
    }
}

/// Of iproute2.
pub(super) fn ss() -> Program {
    Program::new("ss", &["-tunap"], |output| {
        Ok(count_lines(output, is_tcp_or_udp, |line| line.contains("users:((")))
    })
}

/// A line for each descriptor; it shows none without a process.
pub(super) fn lsof() -> Program {
    Program::new("lsof", &["-nPi"], |output| {
        Ok(count_lines(output, |line| !line.starts_with("COMMAND"), |_| true))
    })
}

/// The older `netstat`.
pub(super) fn net_tools() -> Program {
    Program::new("netstat", &["-tunap"], |output| {
        Ok(count_lines(output, is_tcp_or_udp, |line| line.split_whitespace().any(is_pid_and_name)))
    })
}

fn is_tcp_or_udp(line: &str) -> bool {
    line.starts_with("tcp") || line.starts_with("udp")
}

/// `123/name`
fn is_pid_and_name(word: &str) -> bool {
    word.split_once('/').is_some_and(|(pid, _)| pid.parse::<u32>().is_ok())
}

/// In the table of lsock, whose sixth column is the pid.
fn has_pid(line: &str) -> bool {
    let pid = line.split_whitespace().nth(5);
    pid.is_some_and(|pid| pid.parse::<u32>().is_ok())
}

fn count_lines(output: &[u8], is_row: fn(&str) -> bool, is_owned: fn(&str) -> bool) -> Count {
    let text = String::from_utf8_lossy(output);
    count(text.lines().filter(|line| is_row(line)).map(is_owned))
}

#[derive(Deserialize)]
struct Listing {
    sockets: Vec<Row>,
    #[serde(default)]
    owner_source: Option<OwnerSource>,
}

/// How owners were found.
#[derive(Deserialize)]
struct OwnerSource {
    used: String,
    reason: String,
}

#[derive(Deserialize)]
struct Row {
    owners: Vec<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    pid: u32,
}

fn count_json(output: &[u8]) -> Result<Count> {
    let listing: Listing = serde_json::from_slice(output)?;
    Ok(count_rows(&listing.sockets))
}

/// Of a listing that found owners by BPF alone.
fn count_json_by_bpf(output: &[u8]) -> Result<Count> {
    let listing: Listing = serde_json::from_slice(output)?;
    match listing.owner_source {
        Some(by) if by.used == "bpf" => Ok(count_rows(&listing.sockets)),
        Some(by) => Err(Unavailable(format!("{} ({})", by.used, by.reason)).into()),
        None => Err(Unavailable("it does not report how it found owners".to_owned()).into()),
    }
}

fn count_json_lines(output: &[u8]) -> Result<Count> {
    let rows = serde_json::Deserializer::from_slice(output).into_iter::<Row>();
    Ok(count_rows(&rows.collect::<std::result::Result<Vec<_>, _>>()?))
}

fn count_rows(rows: &[Row]) -> Count {
    count_owners(rows.iter().map(|row| row.owners.iter().map(|owner| owner.pid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(program: &Program, output: &str) -> (u64, u64) {
        let count = (program.count)(output.as_bytes()).expect("output as the program writes it");
        (count.rows, count.owned)
    }

    #[test]
    fn rows_and_owners_are_counted_in_the_output_of_each_program() {
        let ss_output = "\
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
udp   UNCONN 0      0          127.0.0.1:53        0.0.0.0:*
tcp   LISTEN 0      128        127.0.0.1:22        0.0.0.0:*    users:((\"sshd\",pid=7,fd=3))
";
        assert_eq!(counted(&ss(), ss_output), (2, 1));
        let net_tools_output = "\
Active Internet connections (servers and established)
Proto Recv-Q Send-Q Local Address Foreign Address State       PID/Program name
tcp        0      0 127.0.0.1:22  0.0.0.0:*       LISTEN      7/sshd: listener
tcp        0      0 127.0.0.1:22  127.0.0.1:9000  TIME_WAIT   -
udp6       0      0 :::53         :::*                        8/named
";
        assert_eq!(counted(&net_tools(), net_tools_output), (3, 2));
        let lsof_output = "\
COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME
sshd    7   root 3u IPv4 13     0t0      TCP  127.0.0.1:22 (LISTEN)
";
        assert_eq!(counted(&lsof(), lsof_output), (1, 1));
    }

    #[test]
    fn a_program_that_does_not_know_an_argument_is_unavailable_and_one_that_fails_is_an_error() {
        let sh = |script: &'static [&'static str]| Program::new("sh", script, count_json);
        let ended = |program: Program| program.output(Path::new("sh")).expect_err("it failed");
        let usage = ended(sh(&["-c", "echo no such option >&2; exit 2"]));
        assert!(usage.is::<Unavailable>() && usage.to_string() == "no such option", "{usage}");
        let failed = ended(sh(&["-c", "exit 1"]));
        assert!(!failed.is::<Unavailable>(), "{failed}");
    }

    #[test]
    fn rows_and_owners_are_counted_in_each_format_of_lsock() {
        let of = |arguments| Program::lsock(Path::new("lsock"), arguments);
        let row = r#"{"protocol":"tcp","owners":[{"pid":7,"fd":3}]}"#;
        let other = r#"{"protocol":"tcp","owners":[]}"#;
        let json = format!(r#"{{"schema":"lsock/1","sockets":[{row},{other}],"processes":[],"gaps":[]}}"#);
        assert_eq!(counted(&of(&["--json"]), &json), (2, 1));
        assert_eq!(count_json(json.as_bytes()).expect("JSON").pids, Some(7));
        let by =
            |source: &str| json.replace("\"gaps\":[]", &format!("\"gaps\":[],\"owner_source\":{source}"));
        let by_bpf = of(&["--json", BY_BPF]);
        assert_eq!(counted(&by_bpf, &by(r#"{"used":"bpf","reason":"asked for"}"#)), (2, 1));
        for other in [r#"{"used":"procfs","reason":"no rights"}"#, "null"] {
            let error = (by_bpf.count)(by(other).as_bytes()).expect_err("not by BPF");
            assert!(error.is::<Unavailable>(), "{error}");
        }
        assert_eq!(counted(&of(&["--jsonl"]), &format!("{row}\n{other}\n")), (2, 1));
        let table = "\
PROTO  STATE      LOCAL         REMOTE          USER  PID  PROCESS
tcp    LISTEN     127.0.0.1:22  *:*             root  7    sshd
tcp    TIME_WAIT  127.0.0.1:22  127.0.0.1:9000  -     -    (time_wait)
";
        assert_eq!(counted(&of(&["--color=never"]), table), (2, 1));
        let csv = "protocol,state,pid,owner_status,owner_reason\ntcp,LISTEN,7,known,\ntcp,TIME_WAIT,,none,time_wait\n";
        assert_eq!(counted(&of(&["--csv"]), csv), (2, 1));
    }
}
