//! States of a TCP socket by number (`include/net/tcp_states.h`, the same ones in `struct tcp_info`).
//!
//! `inet_diag` uses these numbers for every protocol: a UDP socket is [`TCP_ESTABLISHED`] when it is
//! connected and [`TCP_CLOSE`] when it is not. A request has the wanted states as a [`mask`].
//!
//! Traps:
//! - Request sockets, which hold a connection until its handshake is done, have [`TCP_NEW_SYN_RECV`] inside the
//!   kernel (4.4) and are reported as [`TCP_SYN_RECV`]. Either state selects them.
//! - A connection whose owner has closed it may wait in FIN_WAIT2 as a TIME_WAIT entry. It is matched and reported
//!   as [`TCP_FIN_WAIT2`], with the inode 0, the user 0 and the timer of TIME_WAIT.
//! - [`TCP_BOUND_INACTIVE`] (6.8) exists in requests only. A socket that is bound and neither listens nor is
//!   connected is listed for it, as [`TCP_CLOSE`], without `tcp_info`. Never request it by default, as a mask of
//!   all ones would: the kernel then walks the whole bind table, 37 ms beside 100,000 connections even if nothing
//!   is found, and where very many sockets share a port it walks them once more for every buffer that it fills.

/// Connected, both directions open. Also: a connected UDP socket; a connection in an accept queue.
pub const TCP_ESTABLISHED: u8 = 1;
/// SYN sent, no answer yet.
pub const TCP_SYN_SENT: u8 = 2;
/// SYN received and answered: a half-open connection of a listener, or a simultaneous open.
pub const TCP_SYN_RECV: u8 = 3;
/// Closed at this end, the FIN not yet acknowledged.
pub const TCP_FIN_WAIT1: u8 = 4;
/// Closed at this end and acknowledged; the other end may still send.
pub const TCP_FIN_WAIT2: u8 = 5;
/// Both ends closed; kept so that late segments do not reach a new connection. A minisock without a holder.
pub const TCP_TIME_WAIT: u8 = 6;
/// Not connected. Also: an unconnected UDP socket.
pub const TCP_CLOSE: u8 = 7;
/// Closed at the other end; this end may still send.
pub const TCP_CLOSE_WAIT: u8 = 8;
/// Closed at the other end first, then at this end, the FIN not yet acknowledged.
pub const TCP_LAST_ACK: u8 = 9;
/// Waits for connections.
pub const TCP_LISTEN: u8 = 10;
/// Closed at both ends at once, the FIN not yet acknowledged.
pub const TCP_CLOSING: u8 = 11;
/// Request sockets, the kernel's internal state since 4.4; reported as [`TCP_SYN_RECV`].
pub const TCP_NEW_SYN_RECV: u8 = 12;
/// In requests since 6.8: sockets that are bound and nothing more; reported as [`TCP_CLOSE`]. Costs more than
/// any other (see the traps above).
pub const TCP_BOUND_INACTIVE: u8 = 13;

/// The bit of a state in a request's `idiag_states` (`TCPF_*` in the kernel); 0 for a number above 31.
pub const fn mask(state: u8) -> u32 {
    match 1_u32.checked_shl(u32::from_le_bytes([state, 0, 0, 0])) {
        Some(bit) => bit,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_the_bit_of_its_number() {
        const LISTEN: u32 = mask(TCP_LISTEN);
        assert_eq!(LISTEN, 0x400);
        assert_eq!(mask(0), 1);
        assert_eq!(mask(31), 0x8000_0000);
    }

    #[test]
    fn a_state_beyond_the_mask_has_none() {
        assert_eq!(mask(32), 0);
        assert_eq!(mask(255), 0);
    }
}
