//! Bits of a socket's `so_state` and `so_flags` (`sys/socketvar.h`): whether a descriptor can exist at all.

/// No descriptor refers to the socket: closed by its process, waiting in an accept queue, or a subflow of a
/// multipath connection.
pub const SS_NOFDREF: u16 = 0x0001;
/// Waits in a listener's queue, the handshake not yet done.
pub const SS_INCOMP: u16 = 0x0800;
/// Waits in a listener's queue to be accepted.
pub const SS_COMP: u16 = 0x1000;

/// In `so_flags` (macOS 13): a subflow of a multipath connection, whose descriptor is that of another
/// socket, of a family of its own.
pub const SOF_MP_SUBFLOW: u32 = 0x0100_0000;
