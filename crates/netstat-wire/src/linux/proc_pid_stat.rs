//! `/proc/PID/stat` (`fs/proc/array.c`, `do_task_stat`): a process in one line of 52 fields.
//!
//! `PID (COMM) STATE PPID ...`, fields numbered from 1 in proc(5), one space between two, and a newline.
//! Fields were only ever appended; the last one that must be there is `starttime`, the 22nd, which is as old
//! as the file.
//!
//! The trap is COMM, up to 15 bytes that the process itself chooses (63 for a kernel worker): it may hold spaces,
//! parentheses, newlines, anything but NUL, and is not escaped in this file (only in `status`). So the "line" may
//! be several. All after the name is numbers and one letter: it ends at the last `)` of the text.

use super::decimal;
use super::text::position;
use crate::reader::{DecodeError, Reader};

const RECORD: &str = "/proc/PID/stat";

/// The fields that identify a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Field 1: the process, as the reader's mount of procfs numbers it.
    pub pid: u32,
    /// Field 2: the name (`comm`) without the parentheses, byte for byte. Not always UTF-8.
    pub comm: Vec<u8>,
    /// Field 3: the state as a letter: `R`, `S`, `D`, `T`, `t`, `Z`, `X`, `I` and others in old kernels.
    pub state: u8,
    /// Field 4: the parent; 0 where it has none, or none in this pid namespace.
    pub ppid: u32,
    /// Field 6: the process that leads its session, setsid(2); 0 for a kernel thread, and for a leader out of sight.
    pub session: u32,
    /// Field 22: when it started, in ticks of `sysconf(_SC_CLK_TCK)` (mostly 100 a second) since boot.
    pub start_time_ticks: u64,
    /// Field 28: where its stack began when it executed its program, at an address that is randomized for each
    /// execution.
    /// `None` for readers that may not trace it (the kernel prints 0), and for a kernel thread.
    pub start_stack: Option<u64>,
}

impl Stat {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// A field is missing, is not what it should be, or ends with the text: then it may be truncated.
    pub fn decode(text: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, text);
        let pid = number(&mut reader, "malformed pid")?;
        let end = reader.rest().iter().rposition(|byte| *byte == b')');
        let name = end.and_then(|end| reader.take(end).ok());
        let name = name.and_then(|name| name.strip_prefix(b"("));
        let comm = name.ok_or(malformed(&reader, "malformed comm"))?.to_vec();
        if reader.take(2) != Ok(b") ") {
            return Err(malformed(&reader, "malformed comm"));
        }
        let state = match field(&mut reader, "malformed state")? {
            [letter] => *letter,
            _ => return Err(malformed(&reader, "malformed state")),
        };
        let ppid = number(&mut reader, "malformed ppid")?;
        field(&mut reader, "malformed line")?;
        // -1 in a process that is ending.
        let session = match field(&mut reader, "malformed session")? {
            [b'-', ..] => 0,
            digits => decimal_u32(digits).ok_or(malformed(&reader, "malformed session"))?,
        };
        for _ in SESSION + 1..START_TIME {
            field(&mut reader, "malformed line")?;
        }
        let start_time_ticks = number(&mut reader, "malformed starttime")?;
        let start_stack = start_stack(&mut reader).ok().filter(|address| *address != 0);
        Ok(Self { pid, comm, state, ppid, session, start_time_ticks, start_stack })
    }
}

/// Number of a field, as proc(5) counts.
const SESSION: usize = 6;
const START_TIME: usize = 22;
const START_STACK: usize = 28;

fn start_stack(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    for _ in START_TIME + 1..START_STACK {
        field(reader, "malformed line")?;
    }
    number(reader, "malformed startstack")
}

/// The text before the next space, which must be there: every field that is read has one after it.
fn field<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8], DecodeError> {
    let end = position(reader.rest(), b' ').ok_or(malformed(reader, what))?;
    let field = reader.take(end)?;
    reader.skip(1)?;
    Ok(field)
}

fn decimal_u32(digits: &[u8]) -> Option<u32> {
    decimal::unsigned(digits)?.try_into().ok()
}

fn number<T: TryFrom<u64>>(reader: &mut Reader<'_>, what: &'static str) -> Result<T, DecodeError> {
    let value = decimal::unsigned(field(reader, what)?);
    value.and_then(|value| value.try_into().ok()).ok_or(malformed(reader, what))
}

fn malformed(reader: &Reader<'_>, what: &'static str) -> DecodeError {
    DecodeError::malformed(RECORD, reader.offset(), what)
}
