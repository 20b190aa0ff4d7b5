//! Checks whether rows of these families are still open, by one more dump of each table.

use super::info::FamilyInfo;
use super::names::Names;
use super::tables::FAMILIES;
use crate::model::endpoint::Endpoint;
use crate::model::socket::Socket;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::Fault;
use std::collections::HashSet;
use std::num::NonZeroU64;

/// Sets for each of these rows whether it is still open. Rows that this cannot decide keep their value: those without a
/// cookie, the kernel's own, and all if a table cannot be dumped.
pub(crate) fn still_open(dumps: &mut Dumps<'_>, sockets: &[&Socket], open: &mut [bool]) {
    for info in FAMILIES {
        let is_sought = |socket: &Socket| {
            let is_of_kernel = socket.local == Endpoint::Netlink { port_id: 0 };
            socket.family == info.family && socket.cookie.is_some() && !is_of_kernel
        };
        if !sockets.iter().any(|socket| is_sought(socket)) {
            continue;
        }
        let Ok(cookies) = cookies(dumps, info) else { continue };
        for (socket, open) in sockets.iter().zip(&mut *open) {
            if is_sought(socket) && socket.cookie.is_some_and(|cookie| !cookies.contains(&cookie)) {
                *open = false;
            }
        }
    }
}

/// The cookies of the sockets in a table.
fn cookies(dumps: &mut Dumps<'_>, info: &FamilyInfo) -> Result<HashSet<NonZeroU64>, Fault> {
    let (mut cookies, mut names) = (HashSet::new(), Names::default());
    let mut answer = dumps.ask(|seq| (info.request)(u32::MAX, seq))?;
    while let Some(record) = answer.next()? {
        if let Ok(Some(row)) = (info.row)(&mut names, record.payload) {
            cookies.extend(row.cookie);
        }
    }
    Ok(cookies)
}
