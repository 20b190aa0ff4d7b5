//! Checks whether rows are still open, by one lookup each.

use super::dumps::Dumps;
use super::lookup;
use super::netlink::{Answer, Fault};
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::sys::linux::protocols::ProtocolInfo;
use crate::sys::linux::row::{address_family, sock_id};
use rustix::io::Errno;

/// The number of rows that are looked up. Each takes a microsecond or two.
pub(crate) const MAX_LOOKUPS: usize = 1024;

/// Returns for each row whether it is still open. True where that is unknown: for rows beyond the limit or without
/// a cookie, and if the kernel does not answer.
///
/// `left`: how many rows may still be looked up.
pub(crate) fn still_open(
    dumps: &mut Dumps<'_>,
    sockets: &mut dyn Iterator<Item = &Socket>,
    left: &mut usize,
) -> Vec<bool> {
    let mut still_open = Vec::new();
    for socket in sockets {
        let Some((info, id)) =
            ProtocolInfo::of(socket.protocol).filter(|info| info.has_exact).zip(sock_id(socket))
        else {
            still_open.push(true);
            continue;
        };
        // The table that a lookup searches does not hold sockets that are bound but idle.
        let is_idle = info.has_bound_inactive && socket.state == Some(State::Closed);
        if *left == 0 || socket.cookie.is_none() || is_idle {
            still_open.push(true);
            continue;
        }
        *left -= 1;
        let request = lookup::exact(info, address_family(socket.family), 0, id);
        let answer = dumps.ask(|seq| request.encode(0, seq)).and_then(Answer::finish);
        still_open.push(match answer {
            // Not there. ESTALE, another socket with these addresses, proves nothing: several may share
            // a UDP port, and the kernel finds only one of them.
            Err(Fault::Refused(error)) => error.raw_os_error() != Some(Errno::NOENT.raw_os_error()),
            Ok(()) => true,
            Err(_) => {
                *left = 0;
                true
            }
        });
    }
    still_open
}
