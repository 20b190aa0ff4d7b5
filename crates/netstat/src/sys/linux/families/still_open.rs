//! Checks whether rows of these families are still open, by one more dump of each table, or two.

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
        let mut cookies = HashSet::new();
        let is_missing = |cookies: &HashSet<NonZeroU64>, socket: &Socket| {
            is_sought(socket) && socket.cookie.is_some_and(|cookie| !cookies.contains(&cookie))
        };
        let Ok(is_of_one_moment) = add_cookies(&mut cookies, dumps, info) else { continue };
        if !sockets.iter().any(|socket| is_missing(&cookies, socket)) {
            continue;
        }
        // While sockets open and close, a dump may lack one that is open.
        if !is_of_one_moment && add_cookies(&mut cookies, dumps, info).is_err() {
            continue;
        }
        for (socket, open) in sockets.iter().zip(&mut *open) {
            if is_missing(&cookies, socket) {
                *open = false;
            }
        }
    }
}

/// Adds the cookies of the sockets in a table. Returns whether the table did not change meanwhile.
fn add_cookies(
    cookies: &mut HashSet<NonZeroU64>,
    dumps: &mut Dumps<'_>,
    info: &FamilyInfo,
) -> Result<bool, Fault> {
    let mut names = Names::default();
    let mut answer = dumps.ask(|seq| (info.request)(u32::MAX, seq))?;
    while let Some(record) = answer.next()? {
        if let Ok(Some(row)) = (info.row)(&mut names, record.payload) {
            cookies.extend(row.cookie);
        }
    }
    Ok(!answer.interrupted() && answer.chunks() <= 1)
}
