//! Parses a filter's text: the language of `ss`, with additions.
//!
//! ```text
//! filter  := "" | group
//! group   := states group | any            the states, first and without an operator, narrow all that follows
//! any     := all ( ("or" | "|" | "||") all )*
//! all     := one ( [ "and" | "&" | "&&" ] one )*
//! one     := ( "not" | "!" )* ( "(" group ")" | states | term )
//! states  := ( ("state" | "exclude") STATE )+
//! ```

use super::base::Filter;
use super::error::FilterError;
use super::host::{self, number};
use super::lex::{self, Compare, Token};
use super::states::States;
use super::term::End;
use super::value::{
    because, by_number, compared, family, mark, of_host, protocol, small, socket_type, unix_name,
};
use super::words;
use crate::model::error::Error;
use crate::model::identity::NetnsId;
use std::borrow::Cow;
use std::num::NonZeroU64;
use std::ops::Range;

/// How deep parentheses may be nested.
const DEPTH: usize = 64;

const TERM: &str = "a term (dst, src, host, dport, sport, port, state, exclude, dev, fwmark, cgroup, autobound, process, \
                    container, pod, unit, workload, pid, peer, user, uid, inode, netns, proto, family, type, tcp, udp, \
                    raw, ipv4, ipv6, listening, exposed, local, a state, :PORT)";
const ANY: &str = "state established and ( dport = :443 or dst 10.0.0.0/8 )";

/// How names of this machine become filters. The layers above supply it: this one makes no system calls.
#[derive(Copy, Clone)]
pub(crate) struct Lookups<'l> {
    pub(crate) interface: Lookup<'l>,
    pub(crate) user: Lookup<'l>,
    pub(crate) cgroup: Lookup<'l>,
    pub(crate) netns: Lookup<'l>,
}

pub(crate) type Lookup<'l> = &'l dyn Fn(&str) -> Result<Filter, Error>;

/// Reads a filter.
pub(crate) fn parse(text: &str, lookups: Lookups<'_>) -> Result<Filter, FilterError> {
    let mut parser = Parser::new(text, lookups);
    if parser.token == Token::End {
        return Ok(Filter::all());
    }
    let filter = parser.group()?;
    if parser.token == Token::End {
        Ok(filter)
    } else {
        Err(parser.expected("an operator, a term or the end", ANY))
    }
}

struct Parser<'t> {
    text: &'t str,
    /// The one that is next.
    token: Token<'t>,
    range: Range<usize>,
    depth: usize,
    lookups: Lookups<'t>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, lookups: Lookups<'t>) -> Self {
        let (token, range) = lex::next(text, 0);
        Self { text, token, range, depth: 0, lookups }
    }

    fn advance(&mut self) {
        (self.token, self.range) = lex::next(self.text, self.range.end);
    }

    /// That something else was expected where we are.
    fn expected(&self, expected: impl Into<Cow<'static, str>>, example: &'static str) -> FilterError {
        self.expected_at(self.range.clone(), expected, example)
    }

    fn expected_at(
        &self,
        range: Range<usize>,
        expected: impl Into<Cow<'static, str>>,
        example: &'static str,
    ) -> FilterError {
        FilterError { text: self.text.to_owned(), range, expected: expected.into(), example }
    }

    /// The next word in small letters.
    fn word(&self) -> Option<String> {
        match self.token {
            Token::Word(word) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }

    /// What a value is: the next word, or what stands in quotation marks.
    fn value_text(&self) -> Option<&str> {
        match &self.token {
            Token::Word(word) => Some(word),
            Token::Quoted(text) => Some(text),
            _ => None,
        }
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case(wanted))
    }

    /// Passes over a sign, or the word for it.
    fn take(&mut self, sign: &Token<'_>, word: &str) -> bool {
        let is_it = self.token == *sign || self.is_word(word);
        if is_it {
            self.advance();
        }
        is_it
    }

    /// Whether a term, or what holds one, may begin at this token.
    fn begins_one(&self) -> bool {
        match self.token {
            Token::Word(_) => !self.is_word("and") && !self.is_word("or"),
            Token::Open | Token::Not => true,
            _ => false,
        }
    }

    fn group(&mut self) -> Result<Filter, FilterError> {
        let Some(states) = self.states()? else { return self.any(None) };
        match self.token {
            // No socket is in two states; what is meant is either.
            Token::Word(word) if words::states(word).is_some() => Err(self.expected(
                format!("`state {word}`: each state has the word before it"),
                "state established state close-wait",
            )),
            _ if self.begins_one() => Ok(states & self.any(None)?),
            _ => self.any(Some(states)),
        }
    }

    fn any(&mut self, first: Option<Filter>) -> Result<Filter, FilterError> {
        let mut any = self.all(first)?;
        while self.take(&Token::Or, "or") {
            any = any | self.all(None)?;
        }
        Ok(any)
    }

    fn all(&mut self, first: Option<Filter>) -> Result<Filter, FilterError> {
        let mut all = match first {
            Some(first) => first,
            None => self.one()?,
        };
        while self.take(&Token::And, "and") || self.begins_one() {
            all = all & self.one()?;
        }
        Ok(all)
    }

    fn one(&mut self) -> Result<Filter, FilterError> {
        let mut negated = false;
        while self.take(&Token::Not, "not") {
            negated = !negated;
        }
        let one = if self.token == Token::Open {
            if self.depth == DEPTH {
                return Err(self.expected("within 64 parentheses", ANY));
            }
            self.advance();
            self.depth += 1;
            let group = self.group()?;
            if self.token != Token::Close {
                return Err(self.expected("an operator, a term or a closing parenthesis", ANY));
            }
            self.depth -= 1;
            self.advance();
            group
        } else {
            match self.states()? {
                Some(states) => states,
                None => self.term()?,
            }
        };
        Ok(if negated { !one } else { one })
    }

    /// A row of `state X` and `exclude X`, each adding to the ones before or taking away from them. One that
    /// begins with taking away begins with all.
    fn states(&mut self) -> Result<Option<Filter>, FilterError> {
        let mut set: Option<States> = None;
        loop {
            let excludes = self.is_word("exclude");
            if !excludes && !self.is_word("state") {
                return Ok(set.map(Filter::in_set));
            }
            self.advance();
            let named = self.value_text().and_then(words::states);
            let named = named.ok_or_else(|| {
                self.expected(format!("a state ({})", words::all_states()), "state established")
            })?;
            self.advance();
            set = Some(match set {
                None if excludes => States::ALL.without(named),
                None => named,
                Some(before) if excludes => before.without(named),
                Some(before) => before.with(named),
            });
        }
    }

    fn term(&mut self) -> Result<Filter, FilterError> {
        let Some(word) = self.word() else { return Err(self.expected(TERM, ANY)) };
        if word.starts_with(':') {
            return self.port(End::Either);
        }
        let at = self.range.clone();
        let Lookups { interface, user, cgroup, netns } = self.lookups;
        self.advance();
        match word.as_str() {
            "dst" => self.host(End::Remote, "dst 10.0.0.0/8:443"),
            "src" => self.host(End::Local, "src [2001:db8::]/32"),
            "host" => self.host(End::Either, "host 10.0.0.1"),
            "dport" => self.port(End::Remote),
            "sport" => self.port(End::Local),
            "port" => self.port(End::Either),
            "dev" => {
                const EXPECTED: &str = "the index or name of a network interface";
                self.value(EXPECTED, "dev = eth0", &|name| {
                    by_number(name, EXPECTED, Filter::interface, interface)
                })
            }
            "fwmark" | "mark" => {
                const EXPECTED: &str = "a mark, with or without a mask";
                self.value(EXPECTED, "fwmark = 0x01/0x03", &|text| {
                    let (value, mask) = text.split_once('/').unwrap_or((text, "0xffffffff"));
                    let both = mark(value).zip(mark(mask));
                    both.map(|(value, mask)| Filter::mark_masked(value, mask)).ok_or(EXPECTED.into())
                })
            }
            "cgroup" => {
                const EXPECTED: &str = "the path or id of a control group";
                self.value(EXPECTED, "cgroup = /system.slice/ssh.service", &|path| match number(path) {
                    Some(id) => Ok(Filter::cgroup_id(id)),
                    None => cgroup(path).map_err(|error| because(EXPECTED, &error)),
                })
            }
            "process" => {
                self.value("the name of a process", "process = nginx", &|name| Ok(Filter::process(name)))
            }
            "container" => self.value("the name or id of a container", "container = web", &|name| {
                Ok(Filter::container(name))
            }),
            "pod" => {
                self.value("the name or uid of a pod", "pod = default/web-0", &|name| Ok(Filter::pod(name)))
            }
            "unit" => self.value("the name of a unit", "unit = ssh.service", &|name| Ok(Filter::unit(name))),
            "workload" => self
                .value("the name of a workload", "workload = docker:web", &|name| Ok(Filter::workload(name))),
            "pid" => {
                const EXPECTED: &str = "the number of a process";
                self.value(EXPECTED, "pid = 12", &|digits| {
                    small(digits).map(Filter::pid).ok_or(EXPECTED.into())
                })
            }
            "peer" => self.peer(),
            "user" | "uid" => {
                const EXPECTED: &str = "the name or number of a user";
                self.value(EXPECTED, "user = www-data", &|name| by_number(name, EXPECTED, Filter::uid, user))
            }
            "inode" => {
                const EXPECTED: &str = "the number of an inode";
                self.value(EXPECTED, "inode = 4711", &|digits| {
                    number(digits).map(Filter::inode).ok_or(EXPECTED.into())
                })
            }
            "netns" => {
                const EXPECTED: &str = "the name, path or number of a network namespace";
                self.value(EXPECTED, "netns = blue", &|name| match number(name) {
                    Some(id) => NonZeroU64::new(id).map(NetnsId).map(Filter::netns).ok_or(EXPECTED.into()),
                    None => netns(name).map_err(|error| because(EXPECTED, &error)),
                })
            }
            "proto" | "protocol" => {
                const EXPECTED: &str = "the name of a protocol (tcp, udp, udplite, icmp, raw, raw:58, sctp, mptcp, unix, \
                                        netlink, packet, vsock)";
                self.value(EXPECTED, "proto = raw", &|name| protocol(name).ok_or(EXPECTED.into()))
            }
            "family" => {
                const EXPECTED: &str = "an address family (ipv4, ipv6, unix, netlink, packet, vsock, or the number of another one)";
                self.value(EXPECTED, "family = unix", &|name| {
                    family(name).map(Filter::family).ok_or(EXPECTED.into())
                })
            }
            "type" => {
                const EXPECTED: &str =
                    "a type of sockets (stream, dgram, raw, seqpacket, or the number of another one)";
                self.value(EXPECTED, "type = dgram", &|name| {
                    socket_type(name).map(Filter::socket_type).ok_or(EXPECTED.into())
                })
            }
            "autobound" => Ok(Filter::autobound()),
            "ipv4" | "inet" => Ok(Filter::ipv4()),
            "ipv6" | "inet6" => Ok(Filter::ipv6()),
            "listen" | "listening" => Ok(Filter::listening()),
            "exposed" => Ok(Filter::exposed()),
            "local" => Ok(Filter::loopback_only()),
            "big" => Ok(Filter::big()),
            "all" => Ok(Filter::all()),
            name => match words::states(name) {
                Some(states) => Ok(Filter::in_set(states)),
                None => protocol(name).ok_or_else(|| self.expected_at(at, TERM, ANY)),
            },
        }
    }

    /// A process at the other end.
    fn peer(&mut self) -> Result<Filter, FilterError> {
        const EXAMPLE: &str = "peer process = nginx";
        if self.is_word("process") {
            self.advance();
            return self.value("the name of a process", EXAMPLE, &|name| Ok(Filter::peer_process(name)));
        }
        if self.is_word("pid") {
            const EXPECTED: &str = "the number of a process";
            self.advance();
            return self.value(EXPECTED, "peer pid = 12", &|digits| {
                small(digits).map(Filter::peer_pid).ok_or(EXPECTED.into())
            });
        }
        Err(self.expected("pid or process", EXAMPLE))
    }

    /// A comparison, if there is one.
    fn compare(&mut self) -> Option<Compare> {
        let compare = match self.token {
            Token::Compare(compare) => Some(compare),
            _ => self.word().and_then(|word| words::compare(&word)),
        };
        if compare.is_some() {
            self.advance();
        }
        compare
    }

    /// A value that is compared for equality alone, and what `read` makes of it, or else expects.
    fn value(
        &mut self,
        expected: &'static str,
        example: &'static str,
        read: &dyn Fn(&str) -> Result<Filter, Cow<'static, str>>,
    ) -> Result<Filter, FilterError> {
        let at = self.range.clone();
        let unequal = match self.compare() {
            None | Some(Compare::Equal) => false,
            Some(Compare::Unequal) => true,
            Some(_) => return Err(self.expected_at(at, "= or !=", example)),
        };
        let read = self.value_text().map_or(Err(expected.into()), read);
        let filter = read.map_err(|expected| self.expected(expected, example))?;
        self.advance();
        Ok(if unequal { !filter } else { filter })
    }

    fn host(&mut self, end: End, example: &'static str) -> Result<Filter, FilterError> {
        self.value("an address", example, &|text| match unix_name(end, text) {
            Some(filter) => Ok(filter),
            None => host::host(text).map(|host| of_host(end, host)).map_err(Cow::Borrowed),
        })
    }

    fn port(&mut self, end: End) -> Result<Filter, FilterError> {
        const EXAMPLE: &str = "dport = :443";
        let compare = self.compare().unwrap_or(Compare::Equal);
        let expected = match self.value_text().map(host::port) {
            Some(Ok(host)) => match compared(end, compare, host) {
                Some(filter) => {
                    self.advance();
                    return Ok(filter);
                }
                None => "one port",
            },
            Some(Err(expected)) => expected,
            None => "a port",
        };
        Err(self.expected(expected, EXAMPLE))
    }
}
