//! Numbers of TCP states: `TCPS_*` of `netinet/tcp_fsm.h`, `TSI_S_*` of `sys/proc_info.h`. Both interfaces have the
//! same, which are not those of Linux and Windows.

/// Closed. With a local port: bound, but idle.
pub const TCPS_CLOSED: i32 = 0;
/// Waiting for connections.
pub const TCPS_LISTEN: i32 = 1;
/// SYN sent.
pub const TCPS_SYN_SENT: i32 = 2;
/// SYN received and answered.
pub const TCPS_SYN_RECEIVED: i32 = 3;
/// Open.
pub const TCPS_ESTABLISHED: i32 = 4;
/// Closed by the remote end.
pub const TCPS_CLOSE_WAIT: i32 = 5;
/// Closed by the local end, not acknowledged.
pub const TCPS_FIN_WAIT_1: i32 = 6;
/// Closed by both ends at the same time.
pub const TCPS_CLOSING: i32 = 7;
/// Closed by the remote end, then by the local one.
pub const TCPS_LAST_ACK: i32 = 8;
/// Closed by the local end, acknowledged.
pub const TCPS_FIN_WAIT_2: i32 = 9;
/// Closed; the pcb waits for late segments.
pub const TCPS_TIME_WAIT: i32 = 10;
