//! Command lines of `lsof`, recognized by `-i` with a value (`-i:80`, `-iTCP`) or `-sTCP:STATE`, and translated as a
//! whole: their letters have other meanings than in `ss`.

use lsock::usage::UsageError;
use std::ffi::OsString;

/// The value of `-i`: `[46][PROTOCOL][@HOST][:PORTS]`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Internet<'a> {
    family: Option<&'static str>,
    protocol: Option<&'static str>,
    host: Option<&'a str>,
    ports: Option<&'a str>,
}

impl<'a> Internet<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut spec = Self::default();
        let mut rest = text;
        for (digit, option) in [("4", "--ipv4"), ("6", "--ipv6")] {
            if let Some(after) = rest.strip_prefix(digit) {
                (spec.family, rest) = (Some(option), after);
                break;
            }
        }
        for (name, option) in [("tcp", "--tcp"), ("udp", "--udp")] {
            if rest.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
                (spec.protocol, rest) = (Some(option), &rest[3..]);
                break;
            }
        }
        if let Some(after) = rest.strip_prefix('@') {
            // The port is behind the brackets of an IPv6 address.
            let address = after.rfind(']').map_or(0, |end| end + 1);
            let end = after[address..].find(':').map_or(after.len(), |colon| address + colon);
            (spec.host, rest) = (Some(&after[..end]), &after[end..]);
        }
        if let Some(ports) = rest.strip_prefix(':') {
            (spec.ports, rest) = (Some(ports), "");
        }
        (rest.is_empty() && spec != Self { family: spec.family, ..Self::default() }).then_some(spec)
    }

    fn push(&self, out: &mut Vec<OsString>) {
        out.extend(self.family.map(OsString::from));
        out.extend(self.protocol.map(OsString::from));
        match (self.host, self.ports) {
            (Some(host), Some(ports)) => out.push(format!("{host}:{ports}").into()),
            (Some(host), None) => out.push(host.into()),
            (None, Some(ports)) => out.push(format!("--port={ports}").into()),
            (None, None) => {}
        }
    }
}

/// The letters before `-i` in one argument.
fn before_i(arg: &str) -> Option<(&str, &str)> {
    let (letters, value) = arg.strip_prefix('-')?.split_once('i')?;
    letters.chars().all(|c| "nPtalOb".contains(c)).then_some((letters, value))
}

/// Whether `next` is a value of `-i` that could not be a filter: `tcp:80`.
fn is_separate_value(next: &str) -> bool {
    Internet::parse(next)
        .is_some_and(|spec| spec.host.is_some() || (spec.protocol.is_some() && spec.ports.is_some()))
}

fn is_of_lsof(args: &[OsString]) -> bool {
    let text = |nth: usize| args.get(nth).and_then(|arg| arg.to_str()).unwrap_or_default();
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    (0..end).filter(|nth| *nth == 0 || text(nth - 1) != "--sort").any(|nth| {
        let arg = text(nth);
        states(arg.strip_prefix("-s").unwrap_or_default()).is_some()
            || before_i(arg).is_some_and(|(_, value)| match value {
                "" => is_separate_value(text(nth + 1)),
                value => Internet::parse(value).is_some(),
            })
    })
}

/// The protocol and the states in the value of `-s`: `TCP:LISTEN,^CLOSED`.
fn states(value: &str) -> Option<(&'static str, &str)> {
    let (protocol, states) = value.split_once(':')?;
    let option = match protocol.to_ascii_lowercase().as_str() {
        "tcp" => "--tcp",
        "udp" => "--udp",
        _ => return None,
    };
    (!states.is_empty()).then_some((option, states))
}

/// A command line of `lsof` in the spelling of `lsock`; `None` if it is not one.
pub(crate) fn translated(args: &[OsString]) -> Option<Result<Vec<OsString>, UsageError>> {
    is_of_lsof(args).then(|| translate(args))
}

fn translate(args: &[OsString]) -> Result<Vec<OsString>, UsageError> {
    let mut out = Vec::new();
    let mut words = Vec::new();
    let mut args = args.iter().peekable();
    while let Some(arg) = args.next() {
        let letters = arg.to_str().and_then(|arg| arg.strip_prefix('-')).filter(|it| !it.starts_with('-'));
        let Some(letters) = letters.filter(|letters| !letters.is_empty()) else {
            // A long option of lsock, or a word.
            out.push(arg.clone());
            continue;
        };
        for (at, letter) in letters.char_indices() {
            let glued = &letters[at + letter.len_utf8()..];
            let mut value = || match glued {
                "" => args.next().and_then(|next| next.to_str()).unwrap_or_default(),
                glued => glued,
            };
            match letter {
                // Numbers; nothing that blocks or warns; all conditions together. As lsock does anyway.
                'n' | 'P' | 'a' | 'b' | 'l' | 'w' | 'O' => continue,
                't' => {
                    out.push("--pids".into());
                    continue;
                }
                'H' => {
                    out.push("--no-header".into());
                    continue;
                }
                'i' if glued.is_empty() => {
                    let next = args.peek().and_then(|next| next.to_str()).unwrap_or_default();
                    if let Some(spec) = Internet::parse(next) {
                        args.next();
                        spec.push(&mut out);
                    }
                }
                'i' if matches!(glued, "4" | "6") => out.push(format!("-{glued}").into()),
                'i' => match Internet::parse(glued) {
                    Some(spec) => spec.push(&mut out),
                    None => {
                        return Err(UsageError::new(
                            "-i takes [46][tcp|udp][@HOST][:PORTS]; example: -iTCP:80",
                        ));
                    }
                },
                's' => {
                    let Some((protocol, states)) = states(value()) else {
                        return Err(UsageError::new(
                            "-s takes PROTOCOL:STATE; example: -sTCP:LISTEN, or --state listen",
                        ));
                    };
                    out.push(protocol.into());
                    for state in states.split(',') {
                        match state.strip_prefix('^') {
                            Some(state) => words.extend(["not".into(), "state".into(), state.into()]),
                            None => out.push(format!("--state={state}").into()),
                        }
                    }
                }
                'p' => out.push(format!("--pid={}", value()).into()),
                'u' => out.push(format!("--user={}", value()).into()),
                'c' => out.push(format!("--process={}", value()).into()),
                other => {
                    return Err(UsageError::new(format!(
                        "there is no -{} of lsof here; the options of lsock: lsock help options",
                        other.escape_debug()
                    )));
                }
            }
            break;
        }
    }
    out.extend(words);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(typed: &str) -> Option<Result<String, String>> {
        let args: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
        Some(match translated(&args)? {
            Ok(args) => Ok(args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")),
            Err(usage) => Err(usage.to_string()),
        })
    }

    #[test]
    fn command_lines_of_lsof_are_translated_as_a_whole() {
        for (typed, expected) in [
            ("-i:3000", "--port=3000"),
            ("-i:80,443", "--port=80,443"),
            ("-iTCP:80", "--tcp --port=80"),
            ("-iTCP:80 -sTCP:LISTEN -P -n", "--tcp --port=80 --tcp --state=LISTEN"),
            ("-iTCP -sTCP:LISTEN -P -n", "--tcp --tcp --state=LISTEN"),
            ("-nP -iTCP:80 -sTCP:LISTEN", "--tcp --port=80 --tcp --state=LISTEN"),
            ("-nPi:80", "--port=80"),
            ("-i tcp:80", "--tcp --port=80"),
            ("-i tcp@127.0.0.1:80", "--tcp 127.0.0.1:80"),
            ("-i6udp", "--ipv6 --udp"),
            ("-i@[::1]:80", "[::1]:80"),
            ("-i@localhost", "localhost"),
            ("-ti:3000", "--pids --port=3000"),
            ("-t -i:3000", "--pids --port=3000"),
            ("-ti tcp:3000", "--pids --tcp --port=3000"),
            ("-a -p 815 -iTCP", "--pid=815 --tcp"),
            ("-iTCP -u root -c nginx", "--tcp --user=root --process=nginx"),
            ("-iTCP -sTCP:^LISTEN", "--tcp --tcp not state LISTEN"),
            ("-iTCP -i4", "--tcp -4"),
        ] {
            assert_eq!(line(typed), Some(Ok(expected.to_owned())), "{typed}");
        }
    }

    #[test]
    fn command_lines_of_ss_and_netstat_are_not_of_lsof() {
        for typed in [
            "-ti",
            "-tulpni",
            "-i :443",
            "-i tcp",
            "-i4",
            "-i6",
            "-ti4",
            "-s",
            "-i state established",
            "-itn",
            "-ano",
            "--sort -i:80",
            "-- -i:80",
        ] {
            assert_eq!(line(typed), None, "{typed}");
        }
    }

    #[test]
    fn unknown_letters_of_lsof_are_named() {
        let said = line("-i:80 -R").unwrap().unwrap_err();
        assert!(said.starts_with("there is no -R of lsof here"), "{said}");
        assert!(line("-iTCP -s LISTEN").unwrap().unwrap_err().contains("-sTCP:LISTEN"));
    }
}
