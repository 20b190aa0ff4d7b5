//! States of a TCP connection by number: `MIB_TCP_STATE` of `tcpmib.h`.
//!
//! The numbers are those of RFC 1213 and RFC 4022, in the order of the protocol. A number that is not here
//! is handed on by the decoders.

/// No connection.
pub const MIB_TCP_STATE_CLOSED: u32 = 1;
/// Waits for connections.
pub const MIB_TCP_STATE_LISTEN: u32 = 2;
/// Has asked for a connection.
pub const MIB_TCP_STATE_SYN_SENT: u32 = 3;
/// Has been asked for a connection and has answered.
pub const MIB_TCP_STATE_SYN_RCVD: u32 = 4;
/// Data can flow.
pub const MIB_TCP_STATE_ESTAB: u32 = 5;
/// Closed here; the other end has not confirmed yet.
pub const MIB_TCP_STATE_FIN_WAIT1: u32 = 6;
/// Closed here and confirmed.
pub const MIB_TCP_STATE_FIN_WAIT2: u32 = 7;
/// Closed by the other end.
pub const MIB_TCP_STATE_CLOSE_WAIT: u32 = 8;
/// Both ends closed at the same time.
pub const MIB_TCP_STATE_CLOSING: u32 = 9;
/// Closed by the other end, then here; the confirmation is missing.
pub const MIB_TCP_STATE_LAST_ACK: u32 = 10;
/// Closed; kept so that late segments do no harm. Its process id is 0.
pub const MIB_TCP_STATE_TIME_WAIT: u32 = 11;
/// The control block is about to be deleted.
pub const MIB_TCP_STATE_DELETE_TCB: u32 = 12;
/// Bound, and nothing more: what PowerShell calls Bound. In the table of bound endpoints.
pub const MIB_TCP_STATE_RESERVED: u32 = 100;
