//! IP Helper (`iphlpapi.dll`): the tables of sockets, and the names of interfaces.
#![allow(unsafe_code, reason = "foreign calls live in files of this name only")]

use crate::model::protocol::Protocol;
use crate::sys::windows::ffi::common::ffi::{length, optional_function};
use crate::sys::windows::kernel::Answer;
use crate::sys::windows::request::{Class, Table};
use netstat_wire::windows::{Family, tcp_table, utf_16};
use std::ffi::{CStr, c_void};
use std::ptr;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::NetworkManagement::IpHelper::{
    ConvertInterfaceIndexToLuid, ConvertInterfaceLuidToAlias, GetExtendedTcpTable, GetExtendedUdpTable,
    TCP_TABLE_OWNER_MODULE_ALL, TCP_TABLE_OWNER_MODULE_LISTENER, TCP_TABLE_OWNER_PID_ALL,
    TCP_TABLE_OWNER_PID_LISTENER, UDP_TABLE_OWNER_MODULE, UDP_TABLE_OWNER_PID,
};
use windows_sys::Win32::NetworkManagement::Ndis::NET_LUID_LH;
use windows_sys::Win32::System::Memory::{GetProcessHeap, HeapFree, HeapSize};
use windows_sys::core::w;

/// `AF_INET`, `AF_INET6`.
const fn address_family(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 2,
        Family::Ipv6 => 23,
    }
}

pub(crate) fn socket_table(table: Table, buffer: &mut [u8]) -> Answer {
    let family = address_family(table.family);
    let mut size = length(buffer.len());
    let start = buffer.as_mut_ptr().cast::<c_void>();
    let status = match table.protocol {
        Protocol::Tcp => {
            let class = match (table.class, table.listeners) {
                (Class::OwnerModule, false) => TCP_TABLE_OWNER_MODULE_ALL,
                (Class::OwnerModule, true) => TCP_TABLE_OWNER_MODULE_LISTENER,
                (Class::OwnerPid, false) => TCP_TABLE_OWNER_PID_ALL,
                (Class::OwnerPid, true) => TCP_TABLE_OWNER_PID_LISTENER,
            };
            // SAFETY: `size` is the length of the buffer, which is valid for writes and aligned to 8.
            unsafe { GetExtendedTcpTable(start, &mut size, 0, family, class, 0) }
        }
        // UDP: there is no table of another protocol.
        _ => {
            let class = match table.class {
                Class::OwnerModule => UDP_TABLE_OWNER_MODULE,
                Class::OwnerPid => UDP_TABLE_OWNER_PID,
            };
            // SAFETY: as above.
            unsafe { GetExtendedUdpTable(start, &mut size, 0, family, class, 0) }
        }
    };
    Answer { status, bytes: usize::try_from(size).unwrap_or(usize::MAX) }
}

pub(crate) fn bound_tcp_table(family: Family) -> Option<Result<Vec<u8>, u32>> {
    let name = match family {
        Family::Ipv4 => c"InternalGetBoundTcpEndpointTable",
        Family::Ipv6 => c"InternalGetBoundTcp6EndpointTable",
    };
    let layout = tcp_table::Layout::Table2;
    heap_table(name, layout.first_row(), layout.row_size(family))
}

/// `InternalGetBoundTcpEndpointTable` and `InternalGetBoundTcp6EndpointTable`: a table on the heap that is passed in.
/// Undocumented; the type is that of System Informer (`phlib/include/phnative.h`, 2026).
type HeapTable = unsafe extern "system" fn(*mut *mut c_void, HANDLE, u32) -> u32;

/// Calls a function that allocates its table, and copies the table as far as its count of rows reaches.
fn heap_table(name: &CStr, first_row: usize, row_size: usize) -> Option<Result<Vec<u8>, u32>> {
    let function = optional_function(w!("iphlpapi.dll"), name)?;
    // SAFETY: both functions that the caller names have that type.
    let function =
        unsafe { std::mem::transmute::<unsafe extern "system" fn() -> isize, HeapTable>(function) };
    // SAFETY: no argument; the heap exists as long as the process.
    let heap = unsafe { GetProcessHeap() };
    let mut table: *mut c_void = ptr::null_mut();
    // SAFETY: `table` is valid for writes, the heap exists, and there are no flags.
    let status = unsafe { function(&mut table, heap, 0) };
    if table.is_null() {
        return Some(if status == 0 { Ok(0_u32.to_ne_bytes().to_vec()) } else { Err(status) });
    }
    // SAFETY: the table is a block of that heap, which the call has allocated for its caller.
    let size = unsafe { HeapSize(heap, 0, table) };
    let mut copy = Vec::new();
    if status == 0 && size != usize::MAX && size >= first_row {
        // SAFETY: the block has `size` bytes, at least 4, and heap blocks are aligned for a u32.
        let count = usize::try_from(unsafe { table.cast::<u32>().read() }).unwrap_or(usize::MAX);
        // The block may be uninitialised behind its last row.
        let used = count.saturating_mul(row_size).saturating_add(first_row).min(size);
        // SAFETY: `used` bytes lie inside the block, were written by the successful call, and are copied before the
        // block is freed.
        copy = unsafe { std::slice::from_raw_parts(table.cast::<u8>(), used) }.to_vec();
    }
    // SAFETY: the block belongs to that heap and is not used after this.
    unsafe { HeapFree(heap, 0, table) };
    Some(if status == 0 { Ok(copy) } else { Err(status) })
}

pub(crate) fn interface_name(index: u32) -> Option<String> {
    let mut luid = NET_LUID_LH { Value: 0 };
    // SAFETY: `luid` is valid for writes.
    if unsafe { ConvertInterfaceIndexToLuid(index, &mut luid) } != 0 {
        return None;
    }
    // NDIS_IF_MAX_STRING_SIZE and a NUL.
    let mut alias = [0_u16; 257];
    // SAFETY: the buffer has as many units as the call is passed.
    if unsafe { ConvertInterfaceLuidToAlias(&luid, alias.as_mut_ptr(), alias.len()) } != 0 {
        return None;
    }
    let alias = utf_16::until_nul(&alias);
    (!alias.is_empty()).then(|| String::from_utf16_lossy(alias))
}
