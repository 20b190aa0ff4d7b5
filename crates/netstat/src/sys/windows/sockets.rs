//! The tables of sockets, and what to do when one cannot be had.
//!
//! Each of the four tables fails by itself: the others are listed, and a gap tells of it. A machine without
//! IPv6 is not a failure. A system that lacks the form of a table that tells all (none is known since Vista)
//! is asked for the plain one.

use super::kernel::Kernel;
use super::row;
use super::services::Services;
use super::sizing::{Buffer, Unread, Written, read_sized};
use super::table::{Class, Table};
use crate::filter::Filter;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::socket::{Protocol, Socket};
use crate::model::tcp_state::TcpState;
use crate::query::Query;
use netstat_wire::DecodeError;
use netstat_wire::windows::Family;
use netstat_wire::windows::tcp_table::{self, TcpTable};
use netstat_wire::windows::udp_table::{self, UdpTable};
use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;

/// The size of the first buffer: two hundred sockets.
const FIRST_BYTES: usize = 32 * 1024;

const ERROR_NOT_SUPPORTED: u32 = 50;
const ERROR_INVALID_PARAMETER: u32 = 87;
const ERROR_NOT_FOUND: u32 = 1168;
const WSAEAFNOSUPPORT: u32 = 10047;

const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

fn wants_family(filter: &Filter, family: Family) -> bool {
    filter.wants_family(match family {
        Family::Ipv4 => crate::model::socket::Family::Ipv4,
        Family::Ipv6 => crate::model::socket::Family::Ipv6,
    })
}

/// The tables to read for a filter, in order.
fn tables(filter: &Filter) -> impl Iterator<Item = Table> {
    let wants = |state| filter.wants_state(Protocol::Tcp, state);
    let tcp = filter.wants_protocol(Protocol::Tcp) && row::STATES.into_iter().any(wants);
    let listeners = !row::STATES.into_iter().any(|state| state != TcpState::Listen && wants(state));
    // A socket whose remote end is not known counts as one without.
    let udp = filter.wants_protocol(Protocol::Udp)
        && [TcpState::Closed, TcpState::Established]
            .into_iter()
            .any(|state| filter.wants_state(Protocol::Udp, state));
    let wanted = [(Protocol::Tcp, tcp, listeners), (Protocol::Udp, udp, false)];
    wanted.into_iter().filter(|(_, wanted, _)| *wanted).flat_map(|(protocol, _, listeners)| {
        let families = FAMILIES.into_iter().filter(|family| wants_family(filter, *family));
        families.map(move |family| Table { protocol, family, class: Class::OwnerModule, listeners })
    })
}

/// How the reading of a table ended that did not fail.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Ended {
    /// In this form.
    Read(Class),
    /// The machine has no IPv6.
    NoIpv6,
}

/// Hands every socket of the tables that the filter wants to the sink.
pub(super) fn list(
    kernel: &impl Kernel,
    query: &Query,
    sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    let filter = &query.filter;
    let mut rows = Rows {
        kernel,
        query,
        sink,
        services: Services::default(),
        remembers: wants_bound(query),
        listed: HashSet::new(),
        skipped: 0,
    };
    let mut reader = Reader { kernel, buffer: Buffer::default(), ipv4: None };
    let mut gaps = Vec::new();
    let mut failed = None;
    let mut any_read = false;
    for table in tables(filter) {
        let (ended, flow) = reader.read(table, &mut rows);
        let skipped = std::mem::take(&mut rows.skipped);
        if skipped > 0 {
            gaps.push(Gap::new(GapKind::RecordsSkipped, skipped, table.to_string()));
        }
        match ended {
            Ok(Ended::NoIpv6) => any_read |= !wants_family(filter, Family::Ipv4),
            Ok(Ended::Read(class)) => {
                any_read = true;
                if class != table.class {
                    gaps.push(Gap::new(GapKind::Fallback, 1, format!("{table}: no times, no services")));
                }
            }
            Err(error) => {
                gaps.push(Gap::new(GapKind::TableUnavailable, 1, format!("{table}: {error}")));
                failed.get_or_insert((table, error));
            }
        }
        if flow.is_break() {
            return Ok(gaps);
        }
    }
    if let (false, Some((table, error))) = (any_read, failed) {
        return Err(Error::system("call", table.to_string(), error));
    }
    if rows.remembers {
        let _ = rows.bound(&mut gaps);
    }
    Ok(gaps)
}

/// Whether a filter asks for endpoints that are bound and nothing more. Each connection that was made
/// without a bind of its own has such an endpoint beside it, so nobody gets them who does not ask by name.
fn wants_bound(query: &Query) -> bool {
    let filter = &query.filter;
    let asks = query.bound_inactive && filter.wants_state(Protocol::Tcp, TcpState::Closed);
    filter.wants_protocol(Protocol::Tcp) && (asks || filter.names_state(TcpState::Closed))
}

/// Reads tables, with one buffer for all of them.
struct Reader<'a, K> {
    kernel: &'a K,
    buffer: Buffer,
    /// In which form IPv4 answered for a protocol, if it did.
    ipv4: Option<(Protocol, Class)>,
}

impl<K: Kernel> Reader<'_, K> {
    /// Reads one table, in the plain form where the system does not know the other.
    fn read(&mut self, table: Table, rows: &mut Rows<'_, K>) -> (Result<Ended, io::Error>, ControlFlow<()>) {
        let go_on = ControlFlow::Continue(());
        if table.protocol == Protocol::Udp {
            if let Some(flow) = rows.udp_with_remotes(table.family) {
                return (Ok(Ended::Read(table.class)), flow);
            }
        }
        let mut unread = None;
        for class in [Class::OwnerModule, Class::OwnerPid] {
            let table = Table { class, ..table };
            let mut call = |buffer: &mut [u8]| self.kernel.socket_table(table, buffer);
            match read_sized(&mut self.buffer, FIRST_BYTES, &mut call) {
                Ok(Written { bytes, .. }) => {
                    if table.family == Family::Ipv4 {
                        self.ipv4 = Some((table.protocol, class));
                    }
                    return match rows.table(table, bytes) {
                        Ok(flow) => (Ok(Ended::Read(class)), flow),
                        Err(error) => (Err(io::Error::new(io::ErrorKind::InvalidData, error)), go_on),
                    };
                }
                Err(Unread::Status(status)) if is_no_ipv6(table, status, self.ipv4) => {
                    return (Ok(Ended::NoIpv6), go_on);
                }
                Err(Unread::Status(ERROR_NOT_SUPPORTED | ERROR_INVALID_PARAMETER)) if unread.is_none() => {
                    unread = Some(Unread::Status(ERROR_NOT_SUPPORTED));
                }
                // What the form that was asked for first said is what counts, if there was one.
                Err(error) => return (Err(unread.unwrap_or(error).into_error(self.kernel)), go_on),
            }
        }
        let unread = unread.unwrap_or(Unread::Status(ERROR_NOT_SUPPORTED));
        (Err(unread.into_error(self.kernel)), go_on)
    }
}

/// Whether a status means that the machine has no IPv6. A wrong argument is one only where IPv4 took the
/// same one: it would hide a mistake otherwise.
fn is_no_ipv6(table: Table, status: u32, ipv4: Option<(Protocol, Class)>) -> bool {
    table.family == Family::Ipv6
        && match status {
            ERROR_NOT_SUPPORTED | ERROR_NOT_FOUND | WSAEAFNOSUPPORT => true,
            ERROR_INVALID_PARAMETER => ipv4 == Some((table.protocol, table.class)),
            _ => false,
        }
}

/// Makes rows of records, and hands them on.
struct Rows<'a, K> {
    kernel: &'a K,
    query: &'a Query,
    sink: &'a mut dyn FnMut(Socket) -> ControlFlow<()>,
    services: Services,
    /// Whether to remember the local ends of TCP, to tell which bound endpoints are new.
    remembers: bool,
    listed: HashSet<(Family, u16, u32)>,
    skipped: u64,
}

impl<K: Kernel> Rows<'_, K> {
    fn table(&mut self, table: Table, bytes: &[u8]) -> Result<ControlFlow<()>, DecodeError> {
        match table.protocol {
            Protocol::Tcp => self.tcp(bytes, table.tcp_layout(), table.family),
            Protocol::Udp => self.udp(bytes, table.udp_layout(), table.family),
        }
    }

    fn tcp(
        &mut self,
        bytes: &[u8],
        layout: tcp_table::Layout,
        family: Family,
    ) -> Result<ControlFlow<()>, DecodeError> {
        let records = TcpTable::new(bytes, layout, family)?;
        self.skipped += records.missing();
        for record in records {
            let Ok(record) = record else {
                self.skipped += 1;
                continue;
            };
            if self.remembers {
                self.listed.insert((family, record.local.port(), record.pid));
            }
            if self.hand_on(row::tcp(&record), record.pid, record.service_tag).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn udp(
        &mut self,
        bytes: &[u8],
        layout: udp_table::Layout,
        family: Family,
    ) -> Result<ControlFlow<()>, DecodeError> {
        let records = UdpTable::new(bytes, layout, family)?;
        self.skipped += records.missing();
        for record in records {
            let Ok(record) = record else {
                self.skipped += 1;
                continue;
            };
            if self.hand_on(row::udp(&record), record.pid, record.service_tag).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn hand_on(&mut self, mut socket: Socket, pid: u32, service_tag: u32) -> ControlFlow<()> {
        if service_tag != 0 && self.query.services && self.query.filter.matches(&socket) {
            socket.service = self.services.name(self.kernel, pid, service_tag);
        }
        (self.sink)(socket)
    }

    /// The table of UDP that has remote ends, where the system has one and it can be read; nothing is lost
    /// where not.
    fn udp_with_remotes(&mut self, family: Family) -> Option<ControlFlow<()>> {
        let table = self.kernel.udp_table_2(family)?.ok()?;
        // A table that is not as long as its count says has rows of another size than this knows.
        if UdpTable::new(&table, udp_table::Layout::Table2, family).ok()?.missing() > 0 {
            return None;
        }
        self.udp(&table, udp_table::Layout::Table2, family).ok()
    }

    /// The endpoints that are bound and nothing more: those whose port their process has in no other row.
    fn bound(&mut self, gaps: &mut Vec<Gap>) -> ControlFlow<()> {
        for family in FAMILIES.into_iter().filter(|family| wants_family(&self.query.filter, *family)) {
            let source = "InternalGetBoundTcpEndpointTable";
            let table = match self.kernel.bound_tcp_table(family) {
                None => continue,
                Some(Ok(table)) => table,
                Some(Err(ERROR_NOT_SUPPORTED | ERROR_NOT_FOUND | WSAEAFNOSUPPORT)) => continue,
                Some(Err(status)) => {
                    let error = self.kernel.error(status);
                    gaps.push(Gap::new(GapKind::TableUnavailable, 1, format!("{source}: {error}")));
                    continue;
                }
            };
            let Ok(records) = TcpTable::new(&table, tcp_table::Layout::Table2, family) else {
                gaps.push(Gap::new(GapKind::TableUnavailable, 1, source));
                continue;
            };
            let mut skipped = records.missing();
            for record in records {
                match record {
                    Ok(record) if self.listed.contains(&(family, record.local.port(), record.pid)) => {}
                    Ok(record) => (self.sink)(row::tcp(&record))?,
                    Err(_) => skipped += 1,
                }
            }
            if skipped > 0 {
                gaps.push(Gap::new(GapKind::RecordsSkipped, skipped, source));
            }
        }
        ControlFlow::Continue(())
    }
}
