//! The account that a measured process writes of its call: times, memory, rows.

use std::fmt;
use std::str::FromStr;

/// The rows that a listing returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Count {
    /// All rows.
    pub rows: u64,
    /// Those with an owner.
    pub owned: u64,
    /// The sum of the owners' pids over all rows, where it is known: it shows whether they are the right ones.
    pub pids: Option<u64>,
}

/// The time that the kernel alone takes, in nanoseconds. A listing can do both side by side, so the slower one is
/// its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Bound {
    /// The dumps of all sockets.
    pub dump: u64,
    /// An iteration over all descriptors; `None` without the rights for BPF, or in a kernel without it.
    pub iteration: Option<u64>,
}

/// The times of a call, in nanoseconds, and what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The wall-clock time of the call; of several calls the median.
    pub call: u64,
    /// The time of all processors together, during the call; of several calls the median.
    pub cpu: u64,
    /// More than one call was made.
    pub several: bool,
    /// The peak memory of the process up to the end of the call.
    pub peak_kib: u64,
    /// What was found.
    pub count: Count,
    /// The parts of a lower bound.
    pub bound: Option<Bound>,
}

/// The line that the process writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It made the call.
    Account(Account),
    /// Why it does not take part.
    Unavailable(String),
}

/// `account call=... cpu=...` or `unavailable WHY`. What is `None` is left out.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = match self {
            Self::Account(account) => account,
            Self::Unavailable(why) => return write!(f, "unavailable {}", why.replace('\n', " ")),
        };
        let fields = [
            ("call", Some(account.call)),
            ("cpu", Some(account.cpu)),
            ("several", Some(account.several.into())),
            ("peak_kib", Some(account.peak_kib)),
            ("rows", Some(account.count.rows)),
            ("owned", Some(account.count.owned)),
            ("pids", account.count.pids),
            ("dump", account.bound.map(|bound| bound.dump)),
            ("iteration", account.bound.and_then(|bound| bound.iteration)),
        ];
        f.write_str("account")?;
        let known = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        known.into_iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

impl FromStr for Answer {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let fail = || format!("this is no account: {line:?}");
        let (kind, rest) = line.trim().split_once(' ').ok_or_else(fail)?;
        if kind == "unavailable" {
            return Ok(Self::Unavailable(rest.to_owned()));
        }
        let mut account = Account::default();
        let (mut dump, mut iteration, mut required) = (None, None, 0);
        for field in rest.split(' ') {
            let (name, value) = field.split_once('=').ok_or_else(fail)?;
            let value: u64 = value.parse().map_err(|_| fail())?;
            required += 1;
            match name {
                "call" => account.call = value,
                "cpu" => account.cpu = value,
                "several" => account.several = value != 0,
                "peak_kib" => account.peak_kib = value,
                "rows" => account.count.rows = value,
                "owned" => account.count.owned = value,
                _ => {
                    required -= 1;
                    match name {
                        "pids" => account.count.pids = Some(value),
                        "dump" => dump = Some(value),
                        "iteration" => iteration = Some(value),
                        _ => return Err(fail()),
                    }
                }
            }
        }
        account.bound = dump.map(|dump| Bound { dump, iteration });
        if kind == "account" && required == 6 { Ok(Self::Account(account)) } else { Err(fail()) }
    }
}

/// Why a contender does not take part: not an error, but a reason to print.
#[derive(Debug)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Counts rows, each given as whether it has an owner.
pub fn count(rows: impl Iterator<Item = bool>) -> Count {
    let mut count = Count::default();
    for owned in rows {
        count.rows += 1;
        count.owned += u64::from(owned);
    }
    count
}

/// Counts rows, each given as the pids of its owners.
pub fn count_owners<Pids: Iterator<Item = u32>>(rows: impl Iterator<Item = Pids>) -> Count {
    let mut count = Count::default();
    let mut sum = 0;
    for pids in rows {
        let mut owned = false;
        for pid in pids {
            owned = true;
            sum += u64::from(pid);
        }
        count.rows += 1;
        count.owned += u64::from(owned);
    }
    Count { pids: Some(sum), ..count }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let plain = Account {
            call: 1,
            cpu: 2,
            several: true,
            peak_kib: 3,
            count: Count { rows: 4, owned: 5, pids: None },
            bound: None,
        };
        let bound = Some(Bound { dump: 7, iteration: Some(8) });
        let full = Account { count: Count { pids: Some(6), ..plain.count }, bound, ..plain };
        let dumps_alone = Account { bound: Some(Bound { dump: 7, iteration: None }), ..full };
        for account in [plain, full, dumps_alone] {
            let answer = Answer::Account(account);
            assert_eq!(answer.to_string().parse(), Ok(answer));
        }
        let why = Answer::Unavailable("no rights: EPERM = 1".to_owned());
        assert_eq!(why.to_string().parse(), Ok(why));
    }

    #[test]
    fn a_line_that_is_no_account_is_refused() {
        let line = Answer::Account(Account::default()).to_string();
        let without_rows = line.replace(" rows=0", "");
        let unknown = format!("{line} color=1");
        for line in ["", "account", "account call=1", "account call=x", &without_rows, &unknown] {
            assert!(line.parse::<Answer>().is_err(), "{line:?}");
        }
    }
}
