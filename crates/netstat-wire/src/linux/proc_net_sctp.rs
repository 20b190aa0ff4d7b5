//! `/proc/PID/net/sctp/eps` and `assocs` (`net/sctp/proc.c`): the sockets of SCTP and their associations, one a
//! line.
//!
//! After a line of headings each:
//!
//! ```text
//!  ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS
//! 00000000911d31c8 000000000355775b 0   7   9    5001   1000 4201041 192.0.2.1 198.51.100.1
//!
//!  ASSOC     SOCK   STY SST ST HBKT ASSOC-ID TX_QUEUE RX_QUEUE UID INODE LPORT RPORT LADDRS <-> RADDRS HBINT ...
//! 00000000e8cdc6de 0000000076b17a1f 0   1   3  0       1  200  100  1000  6002 5001   7000  *192.0.2.1 <-> *203.0.113.7  ...
//! ```
//!
//! Traps:
//! - A one-to-many socket is one line in `eps` and a line in `assocs` for each association, all with the same
//!   inode. An accepted or peeled-off association is a socket of its own and in both files too.
//! - `SST` is the state of the socket (a number of [`tcp_states`](super::tcp_states)), `ST` that of the
//!   association ([`inet_diag_sctp`](super::inet_diag_sctp)).
//! - Ports are decimal. Addresses of IPv6 are written in full, and without a scope.
//! - `*` marks the primary address; either list may be empty, and a socket may have addresses of both families.

use super::columns::Columns;
use crate::reader::DecodeError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const EPS: &str = "/proc/PID/net/sctp/eps";
const ASSOCS: &str = "/proc/PID/net/sctp/assocs";

/// An address of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpAddress {
    /// The address.
    pub ip: IpAddr,
    /// Whether it is the primary one of an association.
    pub primary: bool,
}

/// A line of `eps`: a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SctpEndpoint {
    /// `STY`: 0 one-to-many (`SOCK_SEQPACKET`), 1 peeled off from one, 2 one-to-one (`SOCK_STREAM`).
    pub style: u8,
    /// `SST`: the state of the socket, a number of [`tcp_states`](super::tcp_states).
    pub state: u8,
    /// `LPORT`: the local port, 0 if it is not bound.
    pub local_port: u16,
    /// `UID`: the socket's creator, in the user namespace of the opener of the file.
    pub uid: u32,
    /// `INODE`.
    pub inode: u64,
    /// `LADDRS`: what it is bound to.
    pub locals: Vec<SctpAddress>,
}

impl SctpEndpoint {
    /// Reads a line that is not the heading, with its newline.
    ///
    /// # Errors
    /// A column is missing, is not what it should be, or the newline is: then the line may be truncated.
    pub fn decode(line: &[u8]) -> Result<Self, DecodeError> {
        let mut columns = Columns::new(EPS, line);
        columns.text("malformed ENDPT")?;
        columns.text("malformed SOCK")?;
        let style = columns.decimal("malformed STY")?;
        let state = columns.decimal("malformed SST")?;
        columns.text("malformed HBKT")?;
        let local_port = columns.decimal("malformed LPORT")?;
        let uid = columns.decimal("malformed UID")?;
        let inode = columns.decimal("malformed INODE")?;
        let locals = addresses(&mut columns, "malformed LADDRS", |rest| rest == b"\n")?;
        Ok(Self { style, state, local_port, uid, inode, locals })
    }
}

/// A line of `assocs`: an association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SctpAssociation {
    /// `STY`: as in [`SctpEndpoint`].
    pub style: u8,
    /// `SST`: the state of its socket.
    pub socket_state: u8,
    /// `ST`: the state of the association, `SCTP_STATE_*` of [`inet_diag_sctp`](super::inet_diag_sctp).
    pub state: u8,
    /// `ASSOC-ID`: its number in its socket.
    pub id: u32,
    /// `TX_QUEUE`: memory charged for what is queued to be sent, or sent and not acknowledged.
    pub tx_queue: u32,
    /// `RX_QUEUE`: memory charged for what was received.
    pub rx_queue: u32,
    /// `UID`: the socket's creator, in the user namespace of the opener of the file.
    pub uid: u32,
    /// `INODE`: 0 where no process has it.
    pub inode: u64,
    /// `LPORT`: the local port.
    pub local_port: u16,
    /// `RPORT`: the remote port.
    pub remote_port: u16,
    /// `LADDRS`: the addresses of this end.
    pub locals: Vec<SctpAddress>,
    /// `RADDRS`: the addresses of the other end.
    pub remotes: Vec<SctpAddress>,
}

impl SctpAssociation {
    /// Reads a line that is not the heading. Columns after the addresses are skipped.
    ///
    /// # Errors
    /// A column is missing, is not what it should be, or the tab or newline after the addresses is: then the
    /// line may be truncated.
    pub fn decode(line: &[u8]) -> Result<Self, DecodeError> {
        let mut columns = Columns::new(ASSOCS, line);
        columns.text("malformed ASSOC")?;
        columns.text("malformed SOCK")?;
        let style = columns.decimal("malformed STY")?;
        let socket_state = columns.decimal("malformed SST")?;
        let state = columns.decimal("malformed ST")?;
        columns.text("malformed HBKT")?;
        let id = columns.decimal("malformed ASSOC-ID")?;
        let tx_queue = columns.decimal("malformed TX_QUEUE")?;
        let rx_queue = columns.decimal("malformed RX_QUEUE")?;
        let uid = columns.decimal("malformed UID")?;
        let inode = columns.decimal("malformed INODE")?;
        let local_port = columns.decimal("malformed LPORT")?;
        let remote_port = columns.decimal("malformed RPORT")?;
        let locals = addresses(&mut columns, "malformed LADDRS", |rest| rest.starts_with(b"<-> "))?;
        columns.text("malformed RADDRS")?;
        let is_end = |rest: &[u8]| matches!(rest.first(), Some(b'\t' | b'\n'));
        let remotes = addresses(&mut columns, "malformed RADDRS", is_end)?;
        Ok(Self {
            style,
            socket_state,
            state,
            id,
            tx_queue,
            rx_queue,
            uid,
            inode,
            local_port,
            remote_port,
            locals,
            remotes,
        })
    }
}

/// Takes addresses until what follows their spaces is the end.
fn addresses(
    columns: &mut Columns<'_>,
    what: &'static str,
    is_end: fn(&[u8]) -> bool,
) -> Result<Vec<SctpAddress>, DecodeError> {
    let mut addresses = Vec::new();
    loop {
        let spaces = columns.rest().iter().take_while(|byte| **byte == b' ').count();
        if columns.rest().get(spaces..).is_some_and(is_end) {
            return Ok(addresses);
        }
        let malformed = columns.malformed(what);
        addresses.push(address(columns.text(what)?).ok_or(malformed)?);
    }
}

fn address(text: &[u8]) -> Option<SctpAddress> {
    let (primary, text) = match text.strip_prefix(b"*") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let text = std::str::from_utf8(text).ok()?;
    let ip = match text.contains(':') {
        true => text.parse::<Ipv6Addr>().ok()?.into(),
        false => text.parse::<Ipv4Addr>().ok()?.into(),
    };
    Some(SctpAddress { ip, primary })
}
