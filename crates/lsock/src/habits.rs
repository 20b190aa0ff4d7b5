//! Spellings of `lsof`, `netstat` and `ss` that the definition of the command line cannot have, translated before it sees
//! them: values that are glued to a letter (`-iTCP:80`), and letters that take a value elsewhere (`-o json`).

use crate::lsof;
use lsock::usage::{UsageError, quoted};
use std::ffi::{OsStr, OsString};

/// The arguments without the program's name, as `lsock` spells them.
pub(crate) fn translated(args: Vec<OsString>) -> Result<Vec<OsString>, UsageError> {
    let args = with_signal(args);
    if let Some(translated) = lsof::translated(&args) {
        return translated;
    }
    let mut out = Vec::with_capacity(args.len());
    let mut rest = args.into_iter().peekable();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            out.push(arg);
            break;
        }
        let typed = arg.to_str().unwrap_or_default();
        let next = rest.peek().and_then(|next| next.to_str()).unwrap_or_default();
        match typed {
            // Its values may begin like an option.
            "--sort" => {
                out.push(arg);
                out.extend(rest.next());
            }
            "-p" if is_number(next) => {
                return Err(UsageError::new(format!(
                    "-p takes no value: --pid {next} selects a process, :{next} a port"
                )));
            }
            "-o" | "--output" | "--format" if next == "wide" => {
                rest.next();
                out.push("--wide".into());
            }
            "--output=wide" | "--format=wide" => out.push("--wide".into()),
            "-o" if ["json", "jsonl", "csv", "table", "text", "yaml", "xml"].contains(&next) => {
                out.push("--format".into());
                out.extend(rest.next());
            }
            "-ti" | "-it" if next.strip_prefix(':').is_some_and(is_number) => {
                return Err(UsageError::new(format!(
                    "-ti {next} of lsof is lsock --pids {next}; as in ss, TCP with details: lsock -t -i {next}"
                )));
            }
            "-A" | "--query" | "--socket" => {
                let tables = rest.next().unwrap_or_default();
                out.extend(of_tables(&tables)?);
            }
            _ => match typed.strip_prefix("--query=").or_else(|| typed.strip_prefix("--socket=")) {
                Some(tables) => out.extend(of_tables(OsStr::new(tables))?),
                None => match glued_pids(typed) {
                    Some(pids) => out.push(format!("--pid={pids}").into()),
                    None => out.push(arg),
                },
            },
        }
    }
    out.extend(rest);
    Ok(out)
}

/// `lsock kill -9` and `-HUP`, as of kill(1). `-4` and `-6` are the families, as in every command.
fn with_signal(mut args: Vec<OsString>) -> Vec<OsString> {
    if args.first().is_none_or(|first| first != "kill") {
        return args;
    }
    for arg in args.iter_mut().skip(1).take_while(|arg| *arg != "--") {
        let Some(name) = arg.to_str().and_then(|typed| typed.strip_prefix('-')) else { continue };
        let is_name =
            name.len() > 2 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if is_name || (is_number(name) && !matches!(name, "4" | "6" | "46" | "64")) {
            *arg = format!("--signal={name}").into();
        }
    }
    args
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The processes in `-p123` and `-p1,2`, which `lsof` understands. `-p4` and `-p46` are options of `ss`.
fn glued_pids(typed: &str) -> Option<&str> {
    let pids = typed.strip_prefix("-p")?;
    let is_ss = pids.bytes().all(|byte| matches!(byte, b'4' | b'6'));
    (!is_ss && pids.split(',').all(is_number)).then_some(pids)
}

/// The options for the tables that `ss -A` lists.
fn of_tables(tables: &OsStr) -> Result<Vec<OsString>, UsageError> {
    let mut options: Vec<OsString> = Vec::new();
    let tables = tables.to_str().unwrap_or_default();
    // The other tables are among them.
    if tables.split(',').any(|table| table == "all") {
        return Ok(vec!["--family=all".into()]);
    }
    for table in tables.split(',') {
        match table {
            "inet" => options.extend(["--tcp".into(), "--udp".into()]),
            "tcp" => options.push("--tcp".into()),
            "udp" => options.push("--udp".into()),
            "" => return Err(UsageError::new("-A needs a value; example: lsock -A tcp,udp, or lsock -tu")),
            name if name.bytes().all(|byte| byte.is_ascii_lowercase()) => {
                options.push(format!("--protocol={name}").into())
            }
            name => {
                return Err(UsageError::new(format!(
                    "-A: {} is not a kind of sockets; example: -A tcp,udp",
                    quoted(name)
                )));
            }
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(typed: &str) -> Result<String, String> {
        let args = typed.split_whitespace().map(OsString::from).collect();
        let args = translated(args).map_err(|usage| usage.to_string())?;
        Ok(args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn own_spellings_are_untouched() {
        for typed in [
            "",
            "-tulpn",
            "-Htna",
            "-p4",
            "-p46",
            "-i :443",
            "-i4",
            "-o",
            "-o state established",
            "--sort -pid,-inode",
            "--sort -i:80",
            "-- -i:80 -p1",
            "destroy -y :80",
            "-p nginx",
            "--columns +pid",
        ] {
            assert_eq!(line(typed).as_deref(), Ok(typed));
        }
    }

    #[test]
    fn foreign_spellings_are_translated() {
        for (typed, expected) in [
            ("-o json", "--format json"),
            ("-l -o csv", "-l --format csv"),
            ("--output wide", "--wide"),
            ("-p123", "--pid=123"),
            ("-p1,2", "--pid=1,2"),
            ("-A tcp,udp -n", "--tcp --udp -n"),
            ("--query=inet", "--tcp --udp"),
            ("-A all", "--family=all"),
            ("-A unix,raw", "--protocol=unix --protocol=raw"),
            ("kill -9 :80", "kill --signal=9 :80"),
            ("kill -HUP -4 -y nginx", "kill --signal=HUP -4 -y nginx"),
            ("kill -SIGKILL 80", "kill --signal=SIGKILL 80"),
            ("kill -tl4 -s 9 80 -- -9", "kill -tl4 -s 9 80 -- -9"),
        ] {
            assert_eq!(line(typed).as_deref(), Ok(expected), "{typed}");
        }
        for (typed, wanted) in [
            ("-p 123", "--pid 123 selects a process, :123 a port"),
            ("-ti :3000", "lsock --pids :3000"),
            ("-A", "-A needs a value"),
        ] {
            let said = line(typed).unwrap_err();
            assert!(said.contains(wanted), "{typed}: {said}");
        }
    }
}
