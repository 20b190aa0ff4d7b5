//! The names of the hosts of a listing.

use crate::exit;
use lsock::host_names::TIMEOUT;
use lsock::view::View;
use netstat::Socket;

/// Looks up the names of all hosts of the listing, and reports those that could not be looked up in time.
pub(super) fn resolve_hosts(view: &mut View<'_>) {
    let ends = |socket: &Socket| [socket.local_addr(), socket.remote_addr()];
    let addresses = view.snapshot.sockets.iter().flat_map(ends).flatten().map(|end| end.ip());
    let late = view.host_names.resolve(addresses, TIMEOUT);
    if late > 0 {
        let (hosts, their) =
            if late == 1 { ("host was", "its address is") } else { ("hosts were", "their addresses are") };
        let seconds = TIMEOUT.as_secs();
        exit::eprint(&format!(
            "the names of {late} {hosts} not found within {seconds} seconds: {their} shown"
        ));
    }
}
