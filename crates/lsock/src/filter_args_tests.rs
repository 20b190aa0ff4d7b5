use super::*;

/// Valid filters, with every term.
const GOOD: &[&str] = &[
    "state established ( dport = :443 or dst 10.0.0.0/8 )",
    "state fin-wait-1 ( sport = :http or sport = :https ) dst 193.233.7/24",
    "state all exclude time-wait exclude listening",
    "not ( src 127.0.0.1:80 and dst [::1]:8000-8999 ) | host 2001:db8::/32",
    "sport gt :1024 && dport <= 65000 and port != :22",
    "process \"nginx: worker\" or pid 12 or user 0 uid 33",
    "dev = 1 and fwmark = 0x01/0x03 and cgroup 4711 and autobound inode 7",
    "tcp ipv4 listening || udp inet6 unconnected",
    ":80,443,8000-8999 and big",
    "src = inet6:[fe80::1] and dport inet::53",
];

/// What mutations insert: punctuation, words, and terminal escapes.
const PIECES: &[&str] = &[
    "(",
    ")",
    "!",
    "=",
    "<=",
    "&&",
    "|",
    "\"",
    "\\",
    "[",
    "]",
    "/",
    ":",
    "-",
    ",",
    "*",
    " or ",
    " and ",
    " not ",
    " state ",
    " exclude ",
    "999999",
    "8080",
    " dst ",
    " nginx ",
    "\u{1b}[31m",
    "\u{202e}",
    "\n",
    "\t",
    "\0",
    "é",
    "世",
];

/// A sequence that is the same each time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % n
    }

    fn mutated(&mut self) -> String {
        let mut text: Vec<char> = GOOD[self.below(GOOD.len())].chars().collect();
        for _ in 0..=self.below(3) {
            let at = self.below(text.len() + 1);
            match self.below(4) {
                0 => text.truncate(at),
                1 if at < text.len() => drop(text.remove(at)),
                2 => {
                    let other: Vec<char> = GOOD[self.below(GOOD.len())].chars().collect();
                    let from = self.below(other.len());
                    text.splice(at..at, other[from..].iter().copied());
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    text.splice(at..at, piece.chars());
                }
            }
        }
        text.into_iter().collect()
    }
}

/// Asserts that an error is one line of a limited length, below which the position is marked if the text has several
/// words, and that it holds no character that acts on a terminal.
fn assert_marks_position(text: &str, usage: &UsageError) {
    let said = usage.to_string();
    assert!(!said.chars().any(|c| c != '\n' && crate::escape::must_escape(c)), "{said:?}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].chars().count() <= LINE, "{said}");
    if text.split_whitespace().count() < 2 {
        assert_eq!(lines.len(), 1, "{text:?}: {said}");
        return;
    }
    let [what, shown, marks] = lines[..] else { panic!("{text:?}: {said}") };
    let length = text.chars().count();
    assert_eq!(shown.chars().count(), length + 2, "{said}");
    let before = marks.chars().take_while(|c| *c == ' ').count() - 2;
    let marked = marks.chars().skip(before + 2).collect::<String>();
    assert!(!marked.is_empty() && marked.chars().all(|c| c == '^'), "{said}");
    assert!(before + marked.len() <= length.max(before + 1), "{said}");
    if let Some(column) = what.strip_prefix("filter, column ") {
        assert_eq!(column.split(':').next().unwrap().parse(), Ok(before + 1), "{said}");
    }
}

#[test]
fn mutated_filters_parse_or_are_refused_with_their_position() {
    for text in GOOD {
        let _ = expression(&[(*text).to_owned()], &Query::new()).unwrap_or_else(|usage| panic!("{usage}"));
    }
    let mut dice = Dice(0x5eed_0f11_7e25);
    let (mut good, mut bad) = (0, 0);
    while bad < 1_000 {
        let text = dice.mutated();
        match expression(std::slice::from_ref(&text), &Query::new()) {
            Err(usage) => {
                bad += 1;
                assert_marks_position(&text, &usage);
            }
            Ok(filter) => {
                good += 1;
                // Several arguments mean the same as one that joins them.
                let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
                assert_eq!(expression(&words, &Query::new()).ok(), Some(filter), "{text:?}");
            }
        }
    }
    assert!((50..1_000).contains(&good), "{good} of the mutated ones are good");
}

/// Filters that no grammar of this language accepts: unbalanced parentheses, operators without an operand, unknown words.
#[test]
fn filters_malformed_by_construction_are_refused() {
    let mut dice = Dice(0x5eed);
    for _ in 0..250 {
        let good = GOOD[dice.below(GOOD.len())];
        let junk =
            ["@", "foo", "dst", "state", "= 1", "sport = :65536", "pid x", "or", "10.0.0.1"][dice.below(9)];
        for text in [
            format!("( {good}"),
            format!("{good} )"),
            format!("{good} {}", ["or", "and", "not", "&&", "!"][dice.below(5)]),
            format!("({good}) {} {junk}", ["or", "and"][dice.below(2)]),
        ] {
            let usage = expression(std::slice::from_ref(&text), &Query::new()).expect_err(&text);
            assert_marks_position(&text, &usage);
        }
    }
}
