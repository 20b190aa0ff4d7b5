//! `SYSTEM_PROCESS_INFORMATION`: every process of the machine, from
//! `NtQuerySystemInformation(SystemProcessInformation = 5)`, which needs no right.
//!
//! A chain of records, each followed by one `SYSTEM_THREAD_INFORMATION` for each thread, and by its name. Offsets:
//!
//! | field                            | 64 bits | 32 bits |                                              |
//! |----------------------------------|--------:|--------:|----------------------------------------------|
//! | `NextEntryOffset`                |       0 |       0 | from this record to the next; 0 ends         |
//! | `NumberOfThreads`                |       4 |       4 |                                              |
//! | `CreateTime`                     |      32 |      32 | a `FILETIME`; 0 is none                      |
//! | `ImageName`: `Length`            |      56 |      56 | u16, in bytes, without a NUL                 |
//! | `ImageName`: `Buffer`            |      64 |      60 | an address inside the buffer, or null        |
//! | `BasePriority`                   |      72 |      64 |                                              |
//! | `UniqueProcessId`                |      80 |      68 | as wide as a pointer                         |
//! | `InheritedFromUniqueProcessId`   |      88 |      72 | as wide as a pointer                         |
//! | `HandleCount`                    |      96 |      76 |                                              |
//! | `SessionId`                      |     100 |      80 |                                              |
//! | size without threads             |     256 |     184 |                                              |
//!
//! Traps:
//! - Records are at multiples of 8 on Windows, at multiples of 2 on Wine: fields are unaligned.
//! - The name is that of the program file, without its directory. Some processes have no file (`Registry`, `Memory
//!   Compression`), and the name of process 0 is null. Unpaired surrogates occur.
//! - The parent may have ended, and its id may have been reused.

use super::PointerWidth;
use super::utf_16::inside;
use crate::reader::{DecodeError, Reader};

const RECORD: &str = "SYSTEM_PROCESS_INFORMATION";

/// The size of a record without its threads.
pub const fn record_size(width: PointerWidth) -> usize {
    match width {
        PointerWidth::Four => 184,
        PointerWidth::Eight => 256,
    }
}

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessRecord<'a> {
    /// `UniqueProcessId`.
    pub pid: u32,
    /// `InheritedFromUniqueProcessId`: the process that created it, which may have ended; 0 is none.
    pub parent: u32,
    /// `CreateTime`, a [`filetime`](super::filetime); 0 is none.
    pub created: i64,
    /// `SessionId`: the logon session; services are in 0.
    pub session: u32,
    /// `ImageName`: the bytes of its [`units`](super::utf_16::units). Empty if it is null, or not inside the buffer.
    pub name: &'a [u8],
}

/// Iterates over the processes.
///
/// Ends after the record whose `NextEntryOffset` is 0. A record that is cut off, or that overlaps with the next, is an
/// error, which is the last item.
#[derive(Clone, Debug)]
pub struct Processes<'a> {
    answer: &'a [u8],
    address: u64,
    width: PointerWidth,
    /// The offset of the next record; `None` at the end.
    next: Option<usize>,
}

impl<'a> Processes<'a> {
    /// `answer`: the bytes that the call has written. `address`: their address at the time of the call.
    pub const fn new(answer: &'a [u8], address: u64, width: PointerWidth) -> Self {
        Self { answer, address, width, next: Some(0) }
    }

    fn record(&self, start: usize) -> Result<(ProcessRecord<'a>, u32), DecodeError> {
        let bytes = self.answer.get(start..).unwrap_or_default();
        let whole = Reader::new(RECORD, bytes).take(record_size(self.width))?;
        let mut reader = Reader::new(RECORD, whole);
        let next = reader.u32_ne()?;
        // NumberOfThreads; WorkingSetPrivateSize, HardFaultCount, NumberOfThreadsHighWatermark, CycleTime.
        reader.skip(4 + 24)?;
        let created = i64::from_ne_bytes(reader.bytes()?);
        // UserTime, KernelTime.
        reader.skip(16)?;
        let length = reader.u16_ne()?;
        // MaximumLength, and the padding before the pointer.
        reader.skip(self.width.bytes().saturating_sub(2))?;
        let buffer = self.width.read(&mut reader)?;
        // BasePriority, and the padding before the pointer.
        reader.skip(self.width.bytes())?;
        let pid = self.pid(&mut reader)?;
        let parent = self.pid(&mut reader)?;
        // HandleCount.
        reader.skip(4)?;
        let session = reader.u32_ne()?;
        let name = inside(self.answer, self.address, buffer, length.into()).unwrap_or_default();
        Ok((ProcessRecord { pid, parent, created, session, name }, next))
    }

    fn pid(&self, reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
        let offset = reader.offset();
        let pid = self.width.read(reader)?;
        u32::try_from(pid).map_err(|_| DecodeError::malformed(RECORD, offset, "process id beyond 32 bits"))
    }
}

impl<'a> Iterator for Processes<'a> {
    type Item = Result<ProcessRecord<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        let (record, next) = match self.record(start) {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        let next = usize::try_from(next).unwrap_or(usize::MAX);
        if next >= record_size(self.width) {
            self.next = start.checked_add(next);
        } else if next != 0 {
            // Records overlap: the chain is broken. This record is whole; the next item is the error.
            self.next = Some(self.answer.len());
        }
        Some(Ok(record))
    }
}
