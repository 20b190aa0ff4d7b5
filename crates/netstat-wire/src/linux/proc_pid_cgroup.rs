//! `/proc/PID/cgroup` (`kernel/cgroup/cgroup.c`, `proc_cgroup_show`): the control groups of a process, one line
//! a hierarchy, `ID:CONTROLLERS:PATH`.
//!
//! ```text
//! 9:name=systemd:/user.slice
//! 4:memory:/
//! 0::/user.slice/user-1000.slice
//! ```
//!
//! `0` with no controllers is version 2, and comes last. A machine with version 1 only has no such line; one
//! with version 2 only has no other.
//!
//! Traps:
//! - The path is that of the reader's control group namespace: `/../..` stands for groups above its root, and a
//!   group beside it is `/../NAME`. Different hierarchies may have different roots.
//! - ` (deleted)` after the path of version 2 is a group that was removed under a process that has ended and
//!   was not waited for. It is also a name that a group may have: [`path`](Cgroup::path) keeps it.
//! - A path may have any bytes but a newline, colons among them, and up to 4,095 of them.
//! - In version 1 a process that has ended is in `/`.
//! - The group of a socket is the one it was made in, and stays when the process moves
//!   ([`cgroup_id`](super::inet_diag::InetDiagMsg::cgroup_id)): not this one.

use super::decimal;
use super::text::position;
use crate::reader::{DecodeError, Reader};

const RECORD: &str = "/proc/PID/cgroup";

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cgroup<'a> {
    /// The hierarchy's number: 0 is version 2, the others are numbers of this boot.
    pub hierarchy: u32,
    /// The controllers, with commas between (`cpu,cpuacct`); for a hierarchy without any its name
    /// (`name=systemd`). Empty for version 2.
    pub controllers: &'a [u8],
    /// The path, as printed.
    pub path: &'a [u8],
}

impl<'a> Cgroup<'a> {
    /// Whether it is the group of version 2.
    pub const fn is_v2(&self) -> bool {
        self.hierarchy == 0 && self.controllers.is_empty()
    }

    /// Whether the hierarchy has that controller, or that name with `name=` before it.
    pub fn has_controller(&self, name: &[u8]) -> bool {
        self.controllers.split(|byte| *byte == b',').any(|controller| controller == name)
    }

    fn decode(line: &'a [u8]) -> Result<Self, (usize, &'static str)> {
        let mut reader = Reader::new(RECORD, line);
        let hierarchy = before_colon(&mut reader).and_then(decimal::unsigned_32);
        let hierarchy = hierarchy.ok_or((0, "malformed hierarchy"))?;
        let offset = reader.offset();
        let controllers = before_colon(&mut reader).ok_or((offset, "malformed controllers"))?;
        match reader.rest() {
            path @ [b'/', ..] => Ok(Self { hierarchy, controllers, path }),
            _ => Err((reader.offset(), "malformed path")),
        }
    }
}

fn before_colon<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let text = reader.take(position(reader.rest(), b':')?).ok()?;
    reader.skip(1).ok()?;
    Some(text)
}

/// The lines of the file, in order. One that is malformed is an error, and the next one is tried; so is one
/// without its newline, which may be truncated.
#[derive(Clone, Debug)]
pub struct Cgroups<'a> {
    reader: Reader<'a>,
}

impl<'a> Cgroups<'a> {
    /// Over the text of the file.
    pub const fn new(text: &'a [u8]) -> Self {
        Self { reader: Reader::new(RECORD, text) }
    }
}

impl<'a> Iterator for Cgroups<'a> {
    type Item = Result<Cgroup<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (start, text) = (self.reader.offset(), self.reader.rest());
        if text.is_empty() {
            return None;
        }
        let malformed = |(offset, what)| DecodeError::malformed(RECORD, start.saturating_add(offset), what);
        let Some(length) = position(text, b'\n') else {
            self.reader = Reader::new(RECORD, &[]);
            return Some(Err(malformed((text.len(), "no newline"))));
        };
        // Cannot fail: the newline was found.
        let line = self.reader.take(length).unwrap_or_default();
        let _ = self.reader.skip(1);
        Some(Cgroup::decode(line).map_err(malformed))
    }
}
