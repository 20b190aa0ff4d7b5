//! The two addresses of a socket, as XNU stores them: sixteen bytes each, in a form that `vflag` determines.
//!
//! Traps:
//! - `vflag` determines the form, not the family: an IPv6 socket that is connected to an IPv4 peer stores its addresses
//!   as an IPv4 socket does, in the last four bytes after twelve zeros (not `::ffff:`).
//! - An IPv6 socket that accepts IPv4 too and is bound to no address has both bits: `::`.
//! - An unbound socket has its bits too. No bit means that the socket is detached: its connection is gone.
//! - The scope of a link-local address is embedded (KAME): bytes 2 and 3 hold the interface index in network order, and
//!   are not part of the address.
//!
//! Sources: `bsd/netinet/in_pcb.h`, `bsd/netinet6/scope6.c`.

/// `INP_IPV4`.
pub const INP_IPV4: u8 = 0x1;
/// `INP_IPV6`.
pub const INP_IPV6: u8 = 0x2;
/// `INP_V4MAPPEDV6`: IPv4 on an IPv6 socket; UDP on macOS 12 and later only.
pub const INP_V4MAPPEDV6: u8 = 0x4;

/// A decoded address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// IPv4.
    V4([u8; 4]),
    /// IPv6.
    V6 {
        /// The address without its embedded scope.
        bytes: [u8; 16],
        /// The interface index of a link-local address; 0 if unknown.
        scope: u16,
    },
}

impl Address {
    /// Decodes an address by its socket's `vflag`; `None` for a detached socket.
    #[inline]
    pub fn new(vflag: u8, raw: &[u8; 16]) -> Option<Self> {
        if vflag & INP_IPV6 != 0 {
            let (bytes, scope) = without_scope(*raw);
            Some(Self::V6 { bytes, scope })
        } else if vflag & INP_IPV4 != 0 {
            let [.., a, b, c, d] = *raw;
            Some(Self::V4([a, b, c, d]))
        } else {
            None
        }
    }
}

/// Whether the kernel embeds an interface index: in `fe80::/10`, and in multicast addresses of the scopes 1 (interface)
/// and 2 (link) unless they are prefix-based (`ff32`), where these bytes are part of the address.
const fn has_scope(first: u8, second: u8) -> bool {
    match first {
        0xfe => second & 0xc0 == 0x80,
        0xff => second & 0x0f == 1 || (second & 0x0f == 2 && second & 0xf0 != 0x30),
        _ => false,
    }
}

fn without_scope(raw: [u8; 16]) -> ([u8; 16], u16) {
    let [a, b, high, low, rest @ ..] = raw;
    if !has_scope(a, b) {
        return (raw, 0);
    }
    let [e, f, g, h, i, j, k, l, m, n, o, p] = rest;
    ([a, b, 0, 0, e, f, g, h, i, j, k, l, m, n, o, p], u16::from_be_bytes([high, low]))
}
