//! Reads the tables of sockets.
//!
//! A machine without IPv6 is not a failure. If the system refuses the class with all fields (no version since Vista
//! does), the class with the pid only is read, with a gap.

use super::kernel::Kernel;
use super::request::{Class, Table};
use super::row;
use super::services::Services;
use super::shared::Shared;
use super::sizing::{Buffer, Unfilled, read_sized};
use crate::engine::tables::{Sink, TableRows, Tables};
use crate::filter::Filter;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::query::Query;
use netstat_wire::DecodeError;
use netstat_wire::windows::Family;
use netstat_wire::windows::tcp_table::{self, TcpRow, TcpTable};
use netstat_wire::windows::udp_table::UdpTable;
use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The size of the first buffer: two hundred sockets.
const FIRST_BYTES: usize = 32 * 1024;

const ERROR_NOT_SUPPORTED: u32 = 50;
const ERROR_INVALID_PARAMETER: u32 = 87;
const ERROR_NOT_FOUND: u32 = 1168;
const WSAEAFNOSUPPORT: u32 = 10047;

const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

/// The tables: protocol, and the states of its rows. The remote endpoint of a UDP socket is unknown, so a filter by either
/// of its states reads the table.
const TABLES: [(Protocol, &[State]); 2] =
    [(Protocol::Tcp, &row::STATES), (Protocol::Udp, &[State::Closed, State::Established])];

fn wants_family(filter: &Filter, family: Family) -> bool {
    filter.wants_family(match family {
        Family::Ipv4 => crate::model::family::Family::Ipv4,
        Family::Ipv6 => crate::model::family::Family::Ipv6,
    })
}

/// The tables to read for a filter, in order.
fn wanted_tables(filter: &Filter) -> impl Iterator<Item = Table> {
    TABLES.into_iter().filter(|(protocol, _)| filter.wants_protocol(*protocol)).flat_map(
        move |(protocol, states)| {
            let wants = |state: &&State| filter.wants_state(protocol, **state);
            let any = states.iter().any(|state| wants(&state));
            let wants_others =
                states.iter().filter(|state| **state != State::Listen).any(|state| wants(&state));
            let listeners = protocol == Protocol::Tcp && !wants_others;
            let families = FAMILIES.into_iter().filter(move |family| any && wants_family(filter, *family));
            families.map(move |family| Table { protocol, family, class: Class::OwnerModule, listeners })
        },
    )
}

/// Emits every socket of the tables that the filter needs.
pub(super) fn list<K: Kernel>(
    shared: &Arc<Shared<K>>,
    query: &Query,
    sink: &mut Sink<'_>,
) -> Result<Vec<Gap>, Error> {
    let mut tables = Tables::new(&mut *sink);
    let mut reader = TableReader { kernel: &shared.kernel, buffer: Buffer::default(), has_ipv6: None };
    let mut records = Records {
        shared,
        query,
        services: Services::default(),
        local_endpoints: wants_bound(query).then(HashSet::new),
    };
    for table in wanted_tables(query.table_filter()) {
        let source = table.to_string();
        match tables.read(&source, |rows| reader.table(table, &mut records, rows)) {
            Ok(Some(Class::OwnerPid)) => {
                tables.fell_back(format_args!("{source}: no times, no services"));
            }
            Ok(_) => {}
            Err(error) => {
                let failure = format!("{source}: {error}");
                tables.unavailable(failure, || Error::system("call", source, error));
            }
        }
        if tables.stopped() {
            break;
        }
    }
    tables.extend_gaps(records.services.gap());
    let stopped = tables.stopped();
    let mut gaps = tables.finish(|| false)?;
    if let (Some(local_endpoints), false) = (&records.local_endpoints, stopped) {
        gaps.extend(list_bound(&mut reader, &query.filter, local_endpoints, sink)?);
    }
    Ok(gaps)
}

/// Whether a query asks for endpoints that are only bound. Each outgoing connection without an explicit bind has such an
/// endpoint beside it, so they are listed only on request.
fn wants_bound(query: &Query) -> bool {
    let filter = &query.filter;
    let asks = query.bound_inactive && filter.wants_state(Protocol::Tcp, State::Closed);
    filter.wants_protocol(Protocol::Tcp) && (asks || filter.names_state(State::Closed))
}

/// Reads tables, with one buffer for all of them.
struct TableReader<'a, K> {
    kernel: &'a K,
    buffer: Buffer,
    /// Looked up when a table of IPv6 is refused.
    has_ipv6: Option<bool>,
}

impl<K: Kernel> TableReader<'_, K> {
    /// Reads one table, by the class with the pid only if the other is refused. Returns the class.
    fn table(
        &mut self,
        table: Table,
        records: &mut Records<'_, K>,
        rows: &mut TableRows<'_>,
    ) -> Result<Class, io::Error> {
        let mut was_refused = false;
        for class in [Class::OwnerModule, Class::OwnerPid] {
            let table = Table { class, ..table };
            let mut call = |buffer: &mut [u8]| self.kernel.socket_table(table, buffer);
            match read_sized(&mut self.buffer, FIRST_BYTES, &mut call) {
                Ok(written) => {
                    let emitted = records.emit(table, written.bytes, rows);
                    return emitted.map(|()| class).map_err(invalid_data);
                }
                Err(Unfilled::Status(status)) if is_refusal(status) => was_refused = true,
                // The refusal of the first class is the reason, if there was one.
                Err(_) if was_refused => break,
                Err(error) => return Err(error.into_error(self.kernel)),
            }
        }
        if self.is_absent(table.family) {
            rows.absent = wants_family(records.query.table_filter(), Family::Ipv4);
            return Ok(table.class);
        }
        Err(self.kernel.error(ERROR_NOT_SUPPORTED))
    }

    /// Whether the machine has no such family. A refused table does not show it: the status of a refused class is the
    /// same.
    fn is_absent(&mut self, family: Family) -> bool {
        let kernel = self.kernel;
        family == Family::Ipv6 && !*self.has_ipv6.get_or_insert_with(|| kernel.has_ipv6())
    }
}

/// Whether a status means that there is no such table: no such class, or no such family.
fn is_refusal(status: u32) -> bool {
    matches!(status, ERROR_NOT_SUPPORTED | ERROR_INVALID_PARAMETER | ERROR_NOT_FOUND | WSAEAFNOSUPPORT)
}

fn invalid_data(error: DecodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// A local endpoint of TCP: family, port, and the process.
type LocalEndpoint = (Family, u16, u32);

/// Makes rows of records.
struct Records<'a, K> {
    shared: &'a Arc<Shared<K>>,
    query: &'a Query,
    services: Services,
    /// The local endpoints of TCP, if bound endpoints are wanted: those without another row are listed.
    local_endpoints: Option<HashSet<LocalEndpoint>>,
}

impl<K: Kernel> Records<'_, K> {
    /// Emits the rows of a table.
    fn emit(&mut self, table: Table, bytes: &[u8], rows: &mut TableRows<'_>) -> Result<(), DecodeError> {
        let family = table.family;
        match table.protocol {
            Protocol::Tcp => {
                let records = TcpTable::new(bytes, table.tcp_layout(), family)?;
                rows.skipped += records.missing();
                emit_each(records, rows, &mut |record, rows| {
                    if let Some(local_endpoints) = &mut self.local_endpoints {
                        local_endpoints.insert((family, record.local.port(), record.pid));
                    }
                    let row = row::tcp(&record);
                    rows.emit(self.with_service(row, record.pid, record.service_tag))
                });
            }
            _ => {
                let records = UdpTable::new(bytes, table.udp_layout(), family)?;
                rows.skipped += records.missing();
                emit_each(records, rows, &mut |record, rows| {
                    let row = row::udp(&record);
                    rows.emit(self.with_service(row, record.pid, record.service_tag))
                });
            }
        }
        Ok(())
    }

    fn with_service(&mut self, mut row: Socket, pid: u32, service_tag: u32) -> Socket {
        if service_tag != 0 && self.query.services && self.query.table_filter().matches(&row) {
            row.set_service(self.services.name(self.shared, pid, service_tag));
        }
        row
    }
}

/// Emits records until the sink breaks. One that cannot be decoded is skipped.
fn emit_each<R>(
    records: impl Iterator<Item = Result<R, DecodeError>>,
    rows: &mut TableRows<'_>,
    emit: &mut impl FnMut(R, &mut TableRows<'_>) -> ControlFlow<()>,
) {
    for record in records {
        let Ok(record) = record else {
            rows.skipped += 1;
            continue;
        };
        if emit(record, rows).is_break() {
            break;
        }
    }
}

/// Emits the endpoints that are only bound: those whose process has no other row with their port.
fn list_bound<K: Kernel>(
    reader: &mut TableReader<'_, K>,
    filter: &Filter,
    local_endpoints: &HashSet<LocalEndpoint>,
    sink: &mut Sink<'_>,
) -> Result<Vec<Gap>, Error> {
    const SOURCE: &str = "InternalGetBoundTcpEndpointTable";
    let kernel = reader.kernel;
    let mut tables = Tables::new(sink);
    for family in FAMILIES.into_iter().filter(|family| wants_family(filter, *family)) {
        let Some(bytes) = kernel.bound_tcp_table(family) else {
            tables.gap(GapKind::TableUnavailable, format_args!("{SOURCE}: this system does not have it"));
            break;
        };
        if matches!(bytes, Err(status) if is_refusal(status)) && reader.is_absent(family) {
            continue;
        }
        let read = tables.read(SOURCE, |rows| {
            let bytes = bytes.map_err(|status| kernel.error(status))?;
            let records = TcpTable::new(&bytes, tcp_table::Layout::Table2, family).map_err(invalid_data)?;
            rows.skipped += records.missing();
            emit_each(records, rows, &mut |record: TcpRow, rows| {
                let is_new = !local_endpoints.contains(&(family, record.local.port(), record.pid));
                if is_new { rows.emit(row::tcp(&record)) } else { ControlFlow::Continue(()) }
            });
            Ok::<_, io::Error>(())
        });
        if let Err(error) = read {
            tables.gap(GapKind::TableUnavailable, format_args!("{SOURCE}: {error}"));
        }
        if tables.stopped() {
            break;
        }
    }
    tables.finish(|| true)
}
