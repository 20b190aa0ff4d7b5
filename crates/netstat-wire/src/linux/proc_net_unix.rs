//! `/proc/PID/net/unix` (`net/unix/af_unix.c`, `unix_seq_show`): a unix socket a line, unless its name has
//! newlines.
//!
//! After a line of headings:
//!
//! ```text
//! Num       RefCount Protocol Flags    Type St Inode Path
//! 0000000086f34c31: 00000002 00000000 00010000 0001 01 1222512 /run/example/listener
//! ```
//!
//! Traps:
//! - **The name is printed as it is.** A newline in a path or in an abstract name breaks the line, and what
//!   follows it may be a whole line of a socket that does not exist: any user can bind such a name, with any
//!   inode in it. A line that could be part of the name before it is marked,
//!   [`may_be_forged`](ProcNetUnix::may_be_forged); most of those are real. Only
//!   [`unix_diag`](super::unix_diag) distinguishes them.
//! - A NUL in an abstract name is printed as `@`, as is the one that marks it (raw by kernels before 4.10, but
//!   for the mark). So `@name` is an abstract name or a relative path, and bytes that were NUL are lost:
//!   [`name`] is what is printed, not what a peer must connect to.
//! - There is no peer, no queue, no user, no cookie and no file.
//! - Inode 0 with `St` 2 is the end of a connection that is not accepted yet, under the name of its listener.
//! - `St` is `socket_state` of `linux/net.h`, not a state of TCP, and does not show listeners: `Flags` does.
//! - The first field may be `(____ptrval____)`, and is of no use anyway.
//!
//! [`name`]: ProcNetUnix::name

use super::decimal;
use super::text::position;
use super::unix_name::UNIX_PATH_MAX;
use crate::reader::{DecodeError, Reader};

const RECORD: &str = "/proc/PID/net/unix";
const HEADINGS: &[u8] = b"Num ";

/// Bit of [`flags`](ProcNetUnix::flags) (`__SO_ACCEPTCON`): the socket listens.
pub const SO_ACCEPTCON: u32 = 0x1_0000;

/// [`state`](ProcNetUnix::state): not connected; a listener too.
pub const SS_UNCONNECTED: u8 = 1;
/// [`state`](ProcNetUnix::state): a connection that no process has accepted.
pub const SS_CONNECTING: u8 = 2;
/// [`state`](ProcNetUnix::state): connected.
pub const SS_CONNECTED: u8 = 3;
/// [`state`](ProcNetUnix::state): not connected, and no process has it.
pub const SS_DISCONNECTING: u8 = 4;

/// One socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcNetUnix<'a> {
    /// `RefCount`: how many users the kernel counts; not how many descriptors.
    pub ref_count: u32,
    /// `Flags`: [`SO_ACCEPTCON`], or 0.
    pub flags: u32,
    /// `Type`: 1 stream, 2 datagram, 5 seqpacket.
    pub kind: u16,
    /// `St`: [`SS_UNCONNECTED`] ...
    pub state: u8,
    /// `Inode`: 0 where no process has it.
    pub inode: u64,
    /// `Path`: as printed, newlines in it too; an abstract name starts with `@`. Absent if the socket is not
    /// bound.
    pub name: Option<&'a [u8]>,
    /// Whether these lines may be the end of the name on the lines before, and the socket forged: true if both
    /// together are no longer than a name can be.
    pub may_be_forged: bool,
}

/// The sockets in the text of the whole file.
///
/// A line that is neither a socket nor the continuation of a name is an error, and the next one is tried.
#[derive(Clone, Debug)]
pub struct ProcNetUnixLines<'a> {
    reader: Reader<'a>,
    /// How long a name is that the next line may be part of.
    name_before: Option<usize>,
}

impl<'a> ProcNetUnixLines<'a> {
    /// Over the text of the file, from its start.
    pub fn new(text: &'a [u8]) -> Self {
        let mut reader = Reader::new(RECORD, text);
        if text.starts_with(HEADINGS) {
            // Cannot fail: what is skipped was seen to be there. Headings without an end are all that there is.
            let _ = reader.skip(line_length(text).unwrap_or(text.len()));
        }
        Self { reader, name_before: None }
    }

    fn decode(&mut self) -> Result<ProcNetUnix<'a>, DecodeError> {
        let (start, text) = (self.reader.offset(), self.reader.rest());
        let name_before = self.name_before.take();
        let Some(first_line) = line_length(text) else {
            self.reader.skip(text.len())?;
            return Err(DecodeError::malformed(RECORD, start, "no newline"));
        };
        let line = self.reader.take(first_line)?.strip_suffix(b"\n").unwrap_or_default();
        let fields = fixed_fields(line).map_err(|(offset, what)| {
            let offset = start.saturating_add(offset);
            DecodeError::malformed(RECORD, offset, what)
        });
        if fields.is_err() {
            // It may be of the name before, which may continue after this line too.
            self.name_before = name_before.map(|before| before.saturating_add(1).saturating_add(line.len()));
        }
        let mut socket = fields?;
        let mut length = line.len();
        if let Some(on_line) = socket.name {
            let before_name = line.len().saturating_sub(on_line.len());
            let name = self.take_rest_of_name(on_line.len())?;
            socket.name = text.get(before_name..).and_then(|rest| rest.get(..name));
            length = before_name.saturating_add(name);
            self.name_before = Some(name);
        }
        let with_name_before = name_before.map(|before| before.saturating_add(1).saturating_add(length));
        socket.may_be_forged = with_name_before.is_some_and(|length| length <= UNIX_PATH_MAX);
        if socket.may_be_forged && socket.name.is_none() {
            // The name before may continue after this line too.
            self.name_before = with_name_before;
        }
        Ok(socket)
    }

    /// Reads the lines that are no sockets, as long as they can be of one name. Returns the length of the name.
    fn take_rest_of_name(&mut self, on_first_line: usize) -> Result<usize, DecodeError> {
        let mut length = on_first_line;
        while let Some(next) = line_length(self.reader.rest()) {
            // The newline before, and this line without its own.
            let longer = length.saturating_add(next);
            let line = self.reader.rest().get(..next.saturating_sub(1)).unwrap_or_default();
            if longer > UNIX_PATH_MAX || fixed_fields(line).is_ok() {
                break;
            }
            self.reader.skip(next)?;
            length = longer;
        }
        Ok(length)
    }
}

impl<'a> Iterator for ProcNetUnixLines<'a> {
    type Item = Result<ProcNetUnix<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.reader.remaining() > 0).then(|| self.decode())
    }
}

/// The length of the first line with its newline.
fn line_length(text: &[u8]) -> Option<usize> {
    position(text, b'\n').map(|end| end.saturating_add(1))
}

/// The fields of a line, without the newline, all of the line after the inode as the name. Every field has the
/// width that the kernel prints.
fn fixed_fields(line: &[u8]) -> Result<ProcNetUnix<'_>, (usize, &'static str)> {
    let reader = &mut Reader::new(RECORD, line);
    let at = |reader: &Reader<'_>, what| (reader.offset(), what);
    let pointer = position(line, b':').filter(|end| *end > 0).ok_or((0, "malformed Num"))?;
    let pointer = reader.take(pointer.saturating_add(1)).map_err(|_| (0, "malformed Num"))?;
    if pointer.contains(&b' ') {
        return Err((0, "malformed Num"));
    }
    let ref_count = hex(reader, 8).ok_or_else(|| at(reader, "malformed RefCount"))?;
    hex(reader, 8).ok_or_else(|| at(reader, "malformed Protocol"))?;
    let flags = hex(reader, 8).ok_or_else(|| at(reader, "malformed Flags"))?;
    let kind = hex(reader, 4).and_then(|kind| kind.try_into().ok());
    let kind = kind.ok_or_else(|| at(reader, "malformed Type"))?;
    let state = hex(reader, 2).and_then(|state| state.try_into().ok());
    let state = state.ok_or_else(|| at(reader, "malformed St"))?;
    let inode_at = reader.offset();
    let inode = inode(reader).ok_or((inode_at, "malformed Inode"))?;
    let name = match reader.rest().split_first() {
        None => None,
        // Nothing after the space: the name starts with a newline.
        Some((b' ', name)) => Some(name),
        Some(_) => return Err(at(reader, "malformed Path")),
    };
    Ok(ProcNetUnix { ref_count, flags, kind, state, inode, name, may_be_forged: false })
}

/// A space and so many digits.
fn hex(reader: &mut Reader<'_>, width: usize) -> Option<u32> {
    let rest = reader.rest().strip_prefix(b" ")?;
    let value = rest.get(..width)?.iter().try_fold(0_u32, |value, digit| {
        // As the kernel prints them: no small letters.
        let digit = char::from(*digit).to_digit(16).filter(|_| !digit.is_ascii_lowercase())?;
        Some(value.checked_shl(4)? | digit)
    })?;
    reader.skip(width.saturating_add(1)).ok()?;
    Some(value)
}

/// A space, then a number that is as wide as five digits or more.
fn inode(reader: &mut Reader<'_>) -> Option<u64> {
    let column = reader.rest().strip_prefix(b" ")?;
    let spaces = column.iter().take_while(|byte| **byte == b' ').count();
    let digits = column.get(spaces..)?;
    let digits = digits.get(..digits.iter().take_while(|byte| byte.is_ascii_digit()).count())?;
    let width = spaces.checked_add(digits.len())?;
    if width < 5 || (spaces > 0 && width > 5) {
        return None;
    }
    let value = decimal::unsigned(digits)?;
    reader.skip(width.checked_add(1)?).ok()?;
    Some(value)
}
