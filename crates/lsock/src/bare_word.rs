//! One word by itself, which means what a person means by it: a port, an address, `HOST:PORT`, a process.
//!
//! What the filter language reads stays a filter: `tcp`, `listening`, `:80`. Two or more words are always a filter.

use crate::usage::{UsageError, quoted};
use netstat::Filter;
use std::ffi::OsString;

/// The meaning of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BareWord {
    /// A number that may be a port: a pid if no socket has such a port.
    Number(u16),
    /// A number too large for a port.
    Pid(u32),
    /// An address with a port, which selects by both.
    AddressAndPort {
        /// What selects by the address and the port.
        filter: Filter,
        /// The port as it was typed.
        port: String,
    },
    /// Anything else that selects without a name: an address, a network, a list of ports.
    Other(Filter),
    /// The name of a process, or a part of one.
    Name(String),
}

/// Words that stand before something else in a filter.
const INCOMPLETE: &[&str] = &[
    "state",
    "exclude",
    "dst",
    "src",
    "host",
    "dport",
    "sport",
    "port",
    "dev",
    "fwmark",
    "mark",
    "cgroup",
    "process",
    "container",
    "pod",
    "unit",
    "workload",
    "pid",
    "user",
    "uid",
    "inode",
    "netns",
    "proto",
    "protocol",
    "family",
    "type",
    "and",
    "or",
    "not",
];

/// Commands of other programs, or that a person may expect, with what to type instead.
const NO_COMMANDS: &[(&[&str], &str)] = &[
    #[cfg(not(feature = "top"))]
    (&["top"], "this lsock was built without it; lsock --watch repeats a listing"),
    (&["monitor", "follow", "events"], "lsock watch prints what changes"),
    (&["stats", "summary", "count"], "lsock -s counts the sockets"),
    (&["list", "ls", "show", "ps"], "a listing needs no command: lsock, or lsock FILTER"),
    (&["close"], "lsock destroy FILTER closes sockets"),
    (&["export"], "lsock --json, --jsonl or --csv is for other programs"),
    (&["info", "inspect"], "lsock why 8080 explains a port, lsock -i :8080 shows the details of its sockets"),
    (&["version"], "lsock --version"),
];

impl BareWord {
    /// The meaning of these words; `None` if they form a filter, or none that could be one word's.
    pub fn of(words: &[String]) -> Result<Option<Self>, UsageError> {
        let [word] = words else { return Ok(None) };
        // As the library splits a text into words.
        let is_one =
            |c: char| !c.is_whitespace() && !matches!(c, '(' | ')' | '!' | '=' | '<' | '>' | '&' | '|' | '"');
        let lower = word.to_ascii_lowercase();
        if word.is_empty()
            || !word.chars().all(is_one)
            || INCOMPLETE.contains(&lower.as_str())
            || word.parse::<Filter>().is_ok()
        {
            return Ok(None);
        }
        Self::of_word(word).map(Some)
    }

    fn of_word(word: &str) -> Result<Self, UsageError> {
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            return match (word.parse(), word.parse()) {
                (Ok(port), _) => Ok(Self::Number(port)),
                (_, Ok(pid)) => Ok(Self::Pid(pid)),
                _ => Err(UsageError::new(format!("{} is not a port (0 to 65535) nor a pid", quoted(word)))),
            };
        }
        if let Some(filter) = ports(word).or_else(|| of_protocol(word)) {
            return Ok(Self::Other(filter));
        }
        let place = url_authority(word).unwrap_or(word);
        if let Some(filter) = address(place) {
            return Ok(match port_of(place) {
                Some(port) => Self::AddressAndPort { filter, port: port.to_owned() },
                None => Self::Other(filter),
            });
        }
        if let Some((host, port)) = place.rsplit_once(':')
            && !host.is_empty()
            && !host.starts_with('[')
            && format!(":{port}").parse::<Filter>().is_ok()
        {
            return Err(UsageError::new(format!(
                "{}: names of hosts are not looked up; type the address, or :{port} for the port alone",
                quoted(place)
            )));
        }
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
        if word.starts_with([':', '*', '[']) || word.contains('/') || looks_like_ipv4(host) {
            let error = format!("host {place}").parse::<Filter>().err();
            let is_port =
                word.starts_with(':') || error.is_some_and(|error| error.expected().starts_with("a port"));
            let (what, example) = if is_port {
                ("a port (0 to 65535), a range, a list or a service", ":8080")
            } else {
                ("an address", "10.0.0.1:80")
            };
            return Err(UsageError::new(format!("{} is not {what}; example: lsock {example}", quoted(word))));
        }
        Ok(Self::Name(word.to_owned()))
    }

    /// What selects by this meaning, without the second meaning that a number or a part of a name has.
    pub fn filter(&self) -> Filter {
        match self {
            Self::Number(port) => Filter::port(*port),
            Self::Pid(pid) => Filter::pid(*pid),
            Self::AddressAndPort { filter, .. } | Self::Other(filter) => filter.clone(),
            Self::Name(name) => Filter::process(OsString::from(name)),
        }
    }
}

/// Whether all that was typed is one word that selects by a port: `8080`, `:http`, `tcp:80`, `localhost:8080`.
pub fn is_port(words: &[String]) -> bool {
    let [word] = words else { return false };
    match BareWord::of(words) {
        Ok(Some(BareWord::Number(_) | BareWord::AddressAndPort { .. })) => true,
        Ok(Some(BareWord::Other(_))) => {
            ports(word).is_some() || of_protocol(word).is_some() || word.starts_with("*:")
        }
        Ok(None) => word.starts_with(':'),
        _ => false,
    }
}

/// What to type in place of a command that does not exist; `None` for a word that is none.
pub fn no_command(word: &str) -> Option<UsageError> {
    let (_, instead) = NO_COMMANDS.iter().find(|(words, _)| words.contains(&word))?;
    Some(UsageError::new(format!("there is no command {word:?}: {instead}")))
}

/// A word that a filter may have for this one, if that is a slip of the fingers.
pub fn similar_word(word: &str) -> Option<&'static str> {
    const WORDS: &[&str] = &[
        "tcp",
        "udp",
        "ipv4",
        "ipv6",
        "listening",
        "exposed",
        "listen",
        "established",
        "connected",
        "time-wait",
        "close-wait",
        "syn-sent",
        "unconnected",
        "autobound",
        "destroy",
        "watch",
        "completions",
        "help",
    ];
    crate::usage::closest(word, WORDS.iter().copied())
}

/// `80,443`, `8000-8999`, `:80,:443`.
fn ports(word: &str) -> Option<Filter> {
    let list: Vec<&str> = word.split(',').map(|part| part.strip_prefix(':').unwrap_or(part)).collect();
    let has_digits = list.iter().all(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    let list = list.join(",");
    (has_digits || word.starts_with(':')).then(|| format!(":{list}").parse().ok())?
}

/// `tcp:80`, `udp/53`, `80/tcp`, as in `lsof` and in firewalls.
fn of_protocol(word: &str) -> Option<Filter> {
    let (first, second) = word.split_once([':', '/'])?;
    let lower = |text: &str| text.to_ascii_lowercase();
    let (protocol, ports) = match (lower(first).as_str(), lower(second).as_str()) {
        ("tcp", _) => (Filter::tcp(), second),
        ("udp", _) => (Filter::udp(), second),
        (_, "tcp") => (Filter::tcp(), first),
        (_, "udp") => (Filter::udp(), first),
        _ => return None,
    };
    Some(protocol & format!(":{ports}").parse::<Filter>().ok()?)
}

/// `localhost:3000` of `http://localhost:3000/index.html`.
fn url_authority(word: &str) -> Option<&str> {
    let (scheme, rest) = word.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    (scheme.chars().all(|c| c.is_ascii_alphanumeric()) && !authority.is_empty()).then_some(authority)
}

/// An address or network with or without a port. `localhost` is 127.0.0.1 and ::1.
fn address(text: &str) -> Option<Filter> {
    let lower = text.to_ascii_lowercase();
    if let Some(port) = lower.strip_prefix("localhost")
        && (port.is_empty() || port.starts_with(':'))
    {
        return Some(address(&format!("127.0.0.1{port}"))? | address(&format!("[::1]{port}"))?);
    }
    format!("host {text}").parse().ok()
}

/// The port behind an address that [`address`] reads.
fn port_of(text: &str) -> Option<&str> {
    let (host, port) = text.rsplit_once(':')?;
    let is_inside = text.parse::<std::net::Ipv6Addr>().is_ok() || port.contains([']', '/']);
    (!is_inside && !matches!(host, "" | "*") && port != "*").then_some(port)
}

/// `10.0.0`, `1.2.3.4.5`: numbers and dots, which no program is called.
fn looks_like_ipv4(word: &str) -> bool {
    word.contains('.') && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(word: &str) -> Option<BareWord> {
        BareWord::of(&[word.to_owned()]).unwrap_or_else(|usage| panic!("{word}: {usage}"))
    }

    fn filter(text: &str) -> Filter {
        text.parse().unwrap()
    }

    #[test]
    fn words_of_the_filter_language_and_several_words_stay_a_filter() {
        for word in
            [":80", "tcp", "listening", "ESTAB", "autobound", ":80,443", "process", "dst", "!", "(", ""]
        {
            assert_eq!(meaning(word), None, "{word}");
        }
        for word in ["netns", "proto", "protocol", "FAMILY", "type"] {
            assert_eq!(meaning(word), None, "{word}");
        }
        assert_eq!(BareWord::of(&["tcp".to_owned(), "nginx".to_owned()]), Ok(None));
        assert_eq!(BareWord::of(&[]), Ok(None));
    }

    #[test]
    fn numbers_are_ports_and_larger_ones_pids() {
        assert_eq!(meaning("8080"), Some(BareWord::Number(8080)));
        assert_eq!(meaning("65536"), Some(BareWord::Pid(65536)));
        assert!(BareWord::of(&["4294967296".to_owned()]).is_err());
    }

    #[test]
    fn addresses_ports_and_protocols_select_what_their_filter_selects() {
        for (word, text) in [
            ("127.0.0.1", "host 127.0.0.1"),
            ("10.0.0.0/8", "host 10.0.0.0/8"),
            ("::1", "host ::1"),
            ("[::1]", "host ::1"),
            ("localhost", "host 127.0.0.1 or host ::1"),
            ("*:8080", "host *:8080"),
            ("80,443", ":80,443"),
            ("8000-8999", ":8000-8999"),
            (":7777,:6379", ":7777,6379"),
            ("tcp:80", "tcp and :80"),
            ("UDP:53", "udp and :53"),
            ("53/udp", "udp and :53"),
        ] {
            assert_eq!(meaning(word), Some(BareWord::Other(filter(text))), "{word}");
        }
        for (word, text, port) in [
            ("127.0.0.1:8080", "host 127.0.0.1:8080", "8080"),
            ("[::1]:http", "host [::1]:http", "http"),
            ("localhost:8080", "host 127.0.0.1:8080 or host [::1]:8080", "8080"),
            ("http://localhost:3000/x?y", "host 127.0.0.1:3000 or host [::1]:3000", "3000"),
        ] {
            let expected = BareWord::AddressAndPort { filter: filter(text), port: port.to_owned() };
            assert_eq!(meaning(word), Some(expected), "{word}");
        }
    }

    #[test]
    fn everything_else_is_the_name_of_a_process() {
        for word in ["nginx", "python3.11", "my-app_2", "~", "世"] {
            assert_eq!(meaning(word), Some(BareWord::Name(word.to_owned())));
        }
    }

    #[test]
    fn malformed_addresses_and_ports_are_one_line() {
        for (word, wanted) in [
            ("google.com:443", "names of hosts are not looked up; type the address, or :443"),
            (":99999", "is not a port (0 to 65535)"),
            ("127.0.0.1:99999", "is not a port (0 to 65535)"),
            ("10.0.0.0/33", "is not an address"),
            ("1.2.3.4.5", "is not an address"),
            ("[::1", "is not an address"),
        ] {
            let said = BareWord::of(&[word.to_owned()]).unwrap_err().to_string();
            assert!(said.contains(wanted) && !said.contains('\n'), "{word}: {said}");
        }
    }

    #[test]
    fn one_word_with_a_port_is_a_port() {
        for word in ["8080", ":80", ":http", "tcp:80", "53/udp", "80,443", "localhost:80", "[::1]:80", "*:80"]
        {
            assert!(is_port(&[word.to_owned()]), "{word}");
        }
        for word in ["nginx", "tcp", "established", "10.0.0.1", "70000", "sport=:80", "::1", ":99999"] {
            assert!(!is_port(&[word.to_owned()]), "{word}");
        }
        assert!(!is_port(&[]) && !is_port(&["tcp".to_owned(), ":80".to_owned()]));
    }

    #[test]
    fn commands_that_do_not_exist_have_a_replacement() {
        assert!(no_command("stats").unwrap().to_string().contains("lsock -s"));
        assert_eq!(no_command("nginx"), None);
    }
}
