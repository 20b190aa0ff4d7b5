//! What all families that answer on a `NETLINK_SOCK_DIAG` socket share (`linux/sock_diag.h`): the type of a
//! request, and the cookie.
//!
//! A cookie is two u32 of the machine's order, the low half first on every machine.

use super::inet_diag::SOCK_DIAG_BY_FAMILY;
use super::netlink::{Header, NLM_F_REQUEST};
use crate::reader::{DecodeError, Reader};

/// The whole netlink message around the structure of a request.
pub(super) fn request(body: &[u8], flags: u16, seq: u32) -> Vec<u8> {
    let flags = flags | NLM_F_REQUEST;
    Header { kind: SOCK_DIAG_BY_FAMILY, flags, seq, port_id: 0 }.encode(body)
}

/// Reads a cookie.
#[inline]
pub(super) fn cookie(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let [low, high] = reader.u32s_ne()?;
    Ok(u64::from(low) | u64::from(high) << 32)
}

/// Appends a cookie.
pub(super) fn put_cookie(bytes: &mut Vec<u8>, cookie: u64) {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = cookie.to_le_bytes();
    for half in [[b0, b1, b2, b3], [b4, b5, b6, b7]] {
        bytes.extend_from_slice(&u32::from_le_bytes(half).to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_low_half_of_a_cookie_comes_first() {
        let mut bytes = Vec::new();
        put_cookie(&mut bytes, 0x0102_0304_0506_0708);
        assert_eq!(bytes, [0x0506_0708_u32.to_ne_bytes(), 0x0102_0304_u32.to_ne_bytes()].concat());
        assert_eq!(cookie(&mut Reader::new("cookie", &bytes)), Ok(0x0102_0304_0506_0708));
        assert_eq!(cookie(&mut Reader::new("cookie", &bytes[..7])).unwrap_err().offset(), 4);
    }
}
