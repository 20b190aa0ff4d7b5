//! States of a TCP connection by number: `MIB_TCP_STATE` of `tcpmib.h`.
//!
//! The numbers are those of RFC 1213 and RFC 4022. Decoders keep numbers that are not in this list.

/// No connection.
pub const MIB_TCP_STATE_CLOSED: u32 = 1;
/// Listens for connections.
pub const MIB_TCP_STATE_LISTEN: u32 = 2;
/// Has sent a SYN.
pub const MIB_TCP_STATE_SYN_SENT: u32 = 3;
/// Has received a SYN and sent one.
pub const MIB_TCP_STATE_SYN_RCVD: u32 = 4;
/// Open: data can be sent and received.
pub const MIB_TCP_STATE_ESTAB: u32 = 5;
/// Closed by this end; its FIN is not acknowledged yet.
pub const MIB_TCP_STATE_FIN_WAIT1: u32 = 6;
/// Closed by this end; its FIN is acknowledged.
pub const MIB_TCP_STATE_FIN_WAIT2: u32 = 7;
/// Closed by the other end.
pub const MIB_TCP_STATE_CLOSE_WAIT: u32 = 8;
/// Both ends closed at the same time.
pub const MIB_TCP_STATE_CLOSING: u32 = 9;
/// Closed by the other end, then by this one; its FIN is not acknowledged yet.
pub const MIB_TCP_STATE_LAST_ACK: u32 = 10;
/// Closed; kept until late segments have expired. Its process id is 0.
pub const MIB_TCP_STATE_TIME_WAIT: u32 = 11;
/// The control block is about to be deleted.
pub const MIB_TCP_STATE_DELETE_TCB: u32 = 12;
/// Bound only; PowerShell prints Bound. In the table of bound endpoints.
pub const MIB_TCP_STATE_RESERVED: u32 = 100;
