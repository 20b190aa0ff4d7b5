//! Numbers of TCP states, `TCPS_*` of `netinet/tcp_fsm.h` and `TSI_S_*` of `sys/proc_info.h`: the same in
//! both interfaces, and others than those of Linux and Windows.

/// Closed; with a local port: bound only.
pub const TCPS_CLOSED: i32 = 0;
/// Waits for connections.
pub const TCPS_LISTEN: i32 = 1;
/// Has asked for a connection.
pub const TCPS_SYN_SENT: i32 = 2;
/// Has been asked and has answered.
pub const TCPS_SYN_RECEIVED: i32 = 3;
/// Data can flow.
pub const TCPS_ESTABLISHED: i32 = 4;
/// Closed by the other end.
pub const TCPS_CLOSE_WAIT: i32 = 5;
/// Closed here, not confirmed.
pub const TCPS_FIN_WAIT_1: i32 = 6;
/// Closed by both at the same time.
pub const TCPS_CLOSING: i32 = 7;
/// Closed by the other end, then here.
pub const TCPS_LAST_ACK: i32 = 8;
/// Closed here, confirmed.
pub const TCPS_FIN_WAIT_2: i32 = 9;
/// Closed; kept for a while.
pub const TCPS_TIME_WAIT: i32 = 10;
