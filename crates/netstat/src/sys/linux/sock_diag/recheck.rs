//! Whether rows are still open, asked of the kernel one by one.

use super::dumps::Dumps;
use super::netlink::{Fault, Peer};
use crate::model::socket::{Protocol, Socket};
use crate::model::tcp_state::TcpState;
use crate::sys::linux::errno::Errno;
use crate::sys::linux::row::sock_id;
use crate::sys::linux::row::{address_family, ip_protocol};
use netstat_wire::linux::inet_diag::RequestV2;
use std::ops::ControlFlow;

/// How many rows are asked for one by one whether they are still open. A microsecond or two each.
const LOOKUPS: usize = 1024;

/// Which of these rows are still open, asked for one by one. True for those that cannot be told: beyond a
/// bound, without a cookie, and when the kernel does not answer.
pub(crate) fn still_open<P: Peer, O: FnMut() -> Result<P, Errno>>(
    dumps: &mut Dumps<P, O>,
    sockets: &mut dyn Iterator<Item = &Socket>,
) -> Vec<bool> {
    let mut lookups = 0;
    let mut still_open = Vec::new();
    for socket in sockets {
        // One that is bound but idle is not in the table that is looked up in.
        let is_idle = socket.protocol == Protocol::Tcp && socket.state == Some(TcpState::Closed);
        if lookups >= LOOKUPS || socket.cookie.is_none() || is_idle {
            still_open.push(true);
            continue;
        }
        lookups += 1;
        let mut id = sock_id(socket);
        if socket.protocol == Protocol::Udp {
            // Looked up from the packet's side: what is local here is its destination.
            std::mem::swap(&mut id.sport, &mut id.dport);
            std::mem::swap(&mut id.src, &mut id.dst);
        }
        let request = RequestV2 {
            family: address_family(socket.family),
            protocol: ip_protocol(socket.protocol),
            ext: 0,
            states: u32::MAX,
            id,
        };
        let answer =
            dumps.converse(&|seq| request.encode(0, seq), true, &mut |_, _| ControlFlow::Continue(()));
        still_open.push(match answer {
            // Not there. ESTALE, another socket with these addresses, proves nothing: several may share
            // a UDP port, and the kernel looks up but one of them.
            Err(Fault::Refused(error)) => error.raw_os_error() != Some(Errno::NOENT.raw_os_error()),
            Ok(_) => true,
            Err(_) => {
                lookups = LOOKUPS;
                true
            }
        });
    }
    still_open
}
