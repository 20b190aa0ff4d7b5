//! Bits of a socket's `so_options` (`sys/socket.h`), `so_state`, `so_flags` and `xso_filter_flags` (`sys/socketvar.h`).

/// In `so_options`: listening.
pub const SO_ACCEPTCONN: u32 = 0x0002;

/// No descriptor refers to the socket: it was closed by its process, waits in an accept queue, or is a subflow of a
/// multipath connection.
pub const SS_NOFDREF: u16 = 0x0001;
/// Connected.
pub const SS_ISCONNECTED: u16 = 0x0002;
/// Being connected.
pub const SS_ISCONNECTING: u16 = 0x0004;
/// Being disconnected.
pub const SS_ISDISCONNECTING: u16 = 0x0008;
/// In a listener's queue, in the handshake.
pub const SS_INCOMP: u16 = 0x0800;
/// In a listener's queue, waiting to be accepted.
pub const SS_COMP: u16 = 0x1000;

/// In `so_flags` (macOS 13): flow divert carries the connection, in place of TCP or UDP.
pub const SOF_FLOW_DIVERT: u32 = 0x0080_0000;
/// In `so_flags` (macOS 13): a subflow of a multipath connection. The descriptor belongs to another socket, which has a
/// family of its own.
pub const SOF_MP_SUBFLOW: u32 = 0x0100_0000;

/// In `xso_filter_flags` (macOS 13): flow divert carries the connection.
pub const XSOFF_FLOW_DIV: u32 = 0x0000_0008;
