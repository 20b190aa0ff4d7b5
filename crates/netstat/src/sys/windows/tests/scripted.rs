//! A small model of a Windows machine that returns the bytes of the real one, with its races and refusals.
//!
//! Offsets and sizes are written independently of the decoders, so that a mistake in these is found.

use crate::engine::parallel::lock;
use crate::model::protocol::Protocol;
use crate::sys::windows::kernel::{Account, Answer, Clock, Kernel};
use crate::sys::windows::request::{Class, Table};
use crate::sys::windows::sizing::{
    ERROR_INSUFFICIENT_BUFFER, STATUS_INFO_LENGTH_MISMATCH, STATUS_UNSUCCESSFUL,
};
use netstat_wire::windows::Family;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// Fills undefined bytes.
const JUNK: u8 = 0xa5;

const ERROR_ACCESS_DENIED: u32 = 5;
const STATUS_INVALID_INFO_CLASS: u32 = 0xc000_0003;
const STATUS_INVALID_CID: u32 = 0xc000_000b;

/// One endpoint of the model.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) protocol: Protocol,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) state: u32,
    pub(super) pid: u32,
    pub(super) created: i64,
    pub(super) tag: u32,
}

impl Endpoint {
    pub(super) fn family(&self) -> Family {
        if self.local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
    }
}

/// One process of the model.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) created: i64,
    pub(super) session: u32,
    pub(super) name: Vec<u16>,
    /// An NT path.
    pub(super) image: Option<Vec<u16>>,
    /// `None`: the caller may not open its token.
    pub(super) user: Option<Vec<u8>>,
    pub(super) threads: usize,
}

/// The faults of a call.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// How many calls find the buffer too small, whatever its size.
    pub(super) grows: AtomicU32,
    /// How many calls fail because the table changes too fast.
    pub(super) transient: AtomicU32,
    /// The status of all calls, if not 0.
    pub(super) status: u32,
    /// How many rows are counted but not there.
    pub(super) phantoms: u32,
    /// The length that the result is cut to.
    pub(super) cut: Option<usize>,
}

/// Counts down; false at 0.
fn count_down(times: &AtomicU32) -> bool {
    times.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// The machine.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) programs: Vec<Program>,
    /// The table of bound endpoints; `None`: there is no such call.
    pub(super) bound: Option<Vec<Endpoint>>,
    pub(super) services: HashMap<(u32, u32), Vec<u16>>,
    /// The services that run, by their processes; the status of the call, if not 0.
    pub(super) running: Vec<(u32, Vec<u16>)>,
    pub(super) running_status: u32,
    /// The packages that processes are of, and the processes of which that cannot be read.
    pub(super) packages: HashMap<u32, Vec<u16>>,
    pub(super) denied_packages: Vec<u32>,
    pub(super) accounts: HashMap<Vec<u8>, (Vec<u16>, Vec<u16>)>,
    pub(super) own: Option<(Vec<u8>, Vec<u16>)>,
    pub(super) machine: Option<Vec<u8>>,
    pub(super) drives: Vec<(u16, Vec<u16>)>,
    /// What `WTSEnumerateProcessesExW` returns.
    pub(super) process_users: Vec<(u32, Vec<u8>)>,
    /// A process that gets the pid of another after the first list of processes.
    pub(super) replaced: Option<Program>,
    pub(super) has_no_ipv6: bool,
    /// The status of the tables of bound endpoints over IPv6, if not 0.
    pub(super) bound_ipv6_status: u32,
    /// Calls to services of the system block until this is unlocked.
    pub(super) blocked: Mutex<()>,
    pub(super) now: i64,
    pub(super) uptime_ms: u64,
    /// The faults of tables, by protocol, family, and whether the class is `OwnerModule`.
    pub(super) tables: HashMap<(Protocol, Family, bool), Trouble>,
    pub(super) processes: Trouble,
    /// NT paths cannot be read, as on Wine.
    pub(super) no_image_names: bool,
    /// The caller is a 32-bit process, which does not get the needed size of a path.
    pub(super) is_wow64: bool,
    /// Processes that the caller has terminated.
    pub(super) terminated: Mutex<Vec<u32>>,
    /// The number of all calls.
    pub(super) calls: AtomicU32,
    /// The number of look-ups of services, and of account names.
    pub(super) service_calls: AtomicU32,
    pub(super) account_calls: AtomicU32,
    /// The number of lists of processes.
    pub(super) lists: AtomicU32,
    /// The number of `WTSEnumerateProcessesExW`.
    pub(super) user_list_calls: AtomicU32,
}

impl World {
    /// The key of [`World::tables`].
    pub(super) fn key(table: Table) -> (Protocol, Family, bool) {
        (table.protocol, table.family, table.class == Class::OwnerModule)
    }

    fn rows(&self, protocol: Protocol, family: Family) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().filter(move |row| row.protocol == protocol && row.family() == family)
    }

    fn called(&self) {
        self.calls.fetch_add(1, SeqCst);
    }

    fn wait(&self) {
        drop(lock(&self.blocked));
    }

    /// The process that has a pid now.
    fn running(&self, pid: u32) -> Option<&Program> {
        let new = self.replaced.as_ref().filter(|_| self.lists.load(SeqCst) > 0);
        let programs = new.into_iter().chain(&self.programs);
        programs.into_iter().find(|program| program.pid == pid)
    }
}

fn put_endpoint(bytes: &mut Vec<u8>, end: SocketAddr) {
    match end {
        SocketAddr::V4(end) => bytes.extend(end.ip().octets()),
        SocketAddr::V6(end) => {
            bytes.extend(end.ip().octets());
            bytes.extend(end.scope_id().to_ne_bytes());
        }
    }
    bytes.extend(end.port().to_be_bytes());
    bytes.extend([JUNK; 2]);
}

fn put_module(bytes: &mut Vec<u8>, tag: u32) {
    bytes.extend((u64::from(tag) | 0xdead_beef << 32).to_ne_bytes());
    bytes.extend([JUNK; 120]);
}

/// A row of TCP: 24, 28 or 160 bytes over IPv4, 56, 60 or 192 over IPv6.
fn put_tcp(bytes: &mut Vec<u8>, row: &Endpoint, module: bool, table_2: bool) {
    let v4 = row.local.is_ipv4();
    if v4 {
        bytes.extend(row.state.to_ne_bytes());
    }
    put_endpoint(bytes, row.local);
    put_endpoint(bytes, row.remote);
    if !v4 {
        bytes.extend(row.state.to_ne_bytes());
    }
    bytes.extend(row.pid.to_ne_bytes());
    if module {
        bytes.extend(row.created.to_ne_bytes());
        put_module(bytes, row.tag);
    } else if table_2 {
        bytes.extend([JUNK; 4]);
    }
}

/// A row of UDP: 12 or 160 bytes over IPv4, 28 or 176 over IPv6.
fn put_udp(bytes: &mut Vec<u8>, row: &Endpoint, module: bool) {
    put_endpoint(bytes, row.local);
    bytes.extend(row.pid.to_ne_bytes());
    if module {
        bytes.extend([JUNK; 4]);
        bytes.extend(row.created.to_ne_bytes());
        bytes.extend([JUNK; 8]);
        put_module(bytes, row.tag);
    }
}

/// The count of a table, and the padding before its first row.
fn start(count: usize, first_row: usize) -> Vec<u8> {
    let mut bytes = u32::try_from(count).unwrap_or(u32::MAX).to_ne_bytes().to_vec();
    bytes.resize(first_row, JUNK);
    bytes
}

/// Writes a result into a buffer, or returns the needed size.
fn answer(bytes: &[u8], buffer: &mut [u8], too_small: u32) -> Answer {
    match buffer.get_mut(..bytes.len()) {
        Some(place) => {
            place.copy_from_slice(bytes);
            Answer { status: 0, bytes: bytes.len() }
        }
        None => Answer { status: too_small, bytes: bytes.len() },
    }
}

impl Trouble {
    /// The failure of a call, if it fails.
    fn before(&self, buffer: &[u8], too_small: u32) -> Option<Answer> {
        if count_down(&self.grows) {
            return Some(Answer { status: too_small, bytes: buffer.len() + 1 });
        }
        if count_down(&self.transient) {
            return Some(Answer { status: STATUS_UNSUCCESSFUL, bytes: 0 });
        }
        (self.status != 0).then_some(Answer { status: self.status, bytes: 0 })
    }

    /// The bytes that are left of a result.
    fn cut<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.cut.and_then(|length| bytes.get(..length)).unwrap_or(bytes)
    }
}

const EIGHT: bool = usize::BITS == 64;

/// The list of processes in a buffer at this address: records of 256 bytes (32 bits: 184), then 80 (64) for each
/// thread, then the name.
fn process_information(programs: &[&Program], address: usize) -> Vec<u8> {
    let [size, thread, buffer, pid, parent, session] =
        if EIGHT { [256, 80, 64, 80, 88, 100] } else { [184, 64, 60, 68, 72, 80] };
    let mut answer: Vec<u8> = Vec::new();
    for (index, program) in programs.iter().enumerate() {
        let mut record = vec![0; size + thread * program.threads];
        let mut put = |at: usize, bytes: &[u8]| {
            if let Some(place) = record.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        };
        let name_at = address + answer.len() + size + thread * program.threads;
        let name_bytes = u16::try_from(2 * program.name.len()).unwrap_or(u16::MAX);
        put(32, &program.created.to_ne_bytes());
        put(56, &name_bytes.to_ne_bytes());
        put(buffer, &(if program.name.is_empty() { 0 } else { name_at }).to_ne_bytes());
        put(pid, &(program.pid as usize).to_ne_bytes());
        put(parent, &(program.parent as usize).to_ne_bytes());
        put(session, &program.session.to_ne_bytes());
        record.extend(program.name.iter().flat_map(|unit| unit.to_ne_bytes()));
        if index + 1 < programs.len() {
            record.resize(record.len().next_multiple_of(8), 0);
            let next = u32::try_from(record.len()).unwrap_or(0);
            if let Some(place) = record.get_mut(..4) {
                place.copy_from_slice(&next.to_ne_bytes());
            }
        }
        answer.extend(record);
    }
    answer
}

impl Kernel for Arc<World> {
    fn socket_table(&self, table: Table, buffer: &mut [u8]) -> Answer {
        self.called();
        let none = Trouble::default();
        let trouble = self.tables.get(&World::key(table)).unwrap_or(&none);
        if let Some(answer) = trouble.before(buffer, ERROR_INSUFFICIENT_BUFFER) {
            return answer;
        }
        let module = table.class == Class::OwnerModule;
        let rows = self.rows(table.protocol, table.family).filter(|row| !table.listeners || row.state == 2);
        let mut count = 0;
        let mut bytes = start(0, if module { 8 } else { 4 });
        for row in rows {
            match table.protocol {
                Protocol::Tcp => put_tcp(&mut bytes, row, module, false),
                _ => put_udp(&mut bytes, row, module),
            }
            count += 1;
        }
        let head = (count + trouble.phantoms).to_ne_bytes();
        bytes.splice(..4, head);
        answer(trouble.cut(&bytes), buffer, ERROR_INSUFFICIENT_BUFFER)
    }

    fn bound_tcp_table(&self, family: Family) -> Option<Result<Vec<u8>, u32>> {
        self.called();
        let bound = self.bound.as_ref()?;
        if family == Family::Ipv6 && self.bound_ipv6_status != 0 {
            return Some(Err(self.bound_ipv6_status));
        }
        let rows = bound.iter().filter(|row| row.family() == family);
        let mut bytes = start(rows.clone().count(), 4);
        for row in rows {
            put_tcp(&mut bytes, row, false, true);
        }
        Some(Ok(bytes))
    }

    fn has_ipv6(&self) -> bool {
        self.called();
        !self.has_no_ipv6
    }

    fn process_information(&self, buffer: &mut [u8]) -> Answer {
        self.called();
        if let Some(answer) = self.processes.before(buffer, STATUS_INFO_LENGTH_MISMATCH) {
            return answer;
        }
        let running: Vec<_> = self.programs.iter().filter_map(|program| self.running(program.pid)).collect();
        let bytes = process_information(&running, buffer.as_ptr().addr());
        let written = answer(self.processes.cut(&bytes), buffer, STATUS_INFO_LENGTH_MISMATCH);
        self.lists.fetch_add(u32::from(written.status == 0), SeqCst);
        written
    }

    fn image_name(&self, pid: u32, buffer: &mut [u16]) -> Answer {
        self.called();
        if self.no_image_names {
            return Answer { status: STATUS_INVALID_INFO_CLASS, bytes: 0 };
        }
        let Some(program) = self.running(pid) else {
            return Answer { status: STATUS_INVALID_CID, bytes: 0 };
        };
        let image = program.image.as_deref().unwrap_or_default();
        match buffer.get_mut(..image.len()) {
            Some(place) => {
                place.copy_from_slice(image);
                Answer { status: 0, bytes: 2 * image.len() }
            }
            None => {
                let needed = if self.is_wow64 { buffer.len() } else { image.len() };
                Answer { status: STATUS_INFO_LENGTH_MISMATCH, bytes: 2 * needed }
            }
        }
    }

    fn image_path(&self, pid: u32) -> Result<Vec<u16>, u32> {
        self.called();
        let program = self.running(pid).ok_or(87_u32)?;
        program.image.clone().ok_or(ERROR_ACCESS_DENIED)
    }

    fn terminate(&self, pid: u32, created: i64) -> Result<bool, u32> {
        self.called();
        let program = self.running(pid).ok_or(87_u32)?;
        // A process whose token is denied to the caller cannot be opened for termination either.
        program.user.as_ref().ok_or(ERROR_ACCESS_DENIED)?;
        let is_same = program.created == created;
        if is_same {
            self.terminated.lock().unwrap().push(pid);
        }
        Ok(is_same)
    }

    fn drives(&self) -> Vec<(u16, Vec<u16>)> {
        self.called();
        self.drives.clone()
    }

    fn windows_directory(&self) -> Vec<u16> {
        self.called();
        "C:\\Windows".encode_utf16().collect()
    }

    fn user(&self, pid: u32) -> Result<Vec<u8>, u32> {
        self.called();
        let program = self.running(pid).ok_or(87_u32)?;
        program.user.clone().ok_or(ERROR_ACCESS_DENIED)
    }

    fn process_users(&self) -> Result<Vec<(u32, Vec<u8>)>, u32> {
        self.called();
        self.wait();
        self.user_list_calls.fetch_add(1, SeqCst);
        Ok(self.process_users.clone())
    }

    fn own_account(&self) -> Option<Account> {
        self.called();
        self.own.clone().map(|(sid, name)| Account { sid, name })
    }

    fn machine_sid(&self) -> Option<Vec<u8>> {
        self.called();
        self.machine.clone()
    }

    fn account(&self, sid: &[u8]) -> Option<(Vec<u16>, Vec<u16>)> {
        self.called();
        self.wait();
        self.account_calls.fetch_add(1, SeqCst);
        self.accounts.get(sid).cloned()
    }

    fn service(&self, pid: u32, tag: u32) -> Option<Vec<u16>> {
        self.called();
        self.wait();
        self.service_calls.fetch_add(1, SeqCst);
        self.services.get(&(pid, tag)).cloned()
    }

    fn running_services(&self) -> Result<Vec<(u32, Vec<u16>)>, u32> {
        self.called();
        self.wait();
        if self.running_status == 0 { Ok(self.running.clone()) } else { Err(self.running_status) }
    }

    fn package(&self, pid: u32) -> Result<Vec<u16>, u32> {
        self.called();
        self.running(pid).ok_or(87_u32)?;
        match self.denied_packages.contains(&pid) {
            true => Err(ERROR_ACCESS_DENIED),
            false => Ok(self.packages.get(&pid).cloned().unwrap_or_default()),
        }
    }

    fn clock(&self) -> Clock {
        Clock { now: self.now, uptime_ms: self.uptime_ms }
    }

    fn error(&self, status: u32) -> io::Error {
        match status {
            ERROR_ACCESS_DENIED | 0xc000_0022 => io::ErrorKind::PermissionDenied.into(),
            50 => io::ErrorKind::Unsupported.into(),
            status => io::Error::other(format!("status {status:#x}")),
        }
    }

    fn os_string(&self, units: &[u16]) -> OsString {
        String::from_utf16_lossy(units).into()
    }
}
