//! `struct sockaddr_un` (`sys/un.h`): length, family, path.

/// The path in an address of a local socket; empty if it has none. The length includes its own byte and the family's,
/// may be 0, and may exceed the bytes present; the path ends at the first NUL.
pub(super) fn path(address: &[u8]) -> &[u8] {
    let length = address.first().copied().map_or(0, usize::from);
    let end = length.min(address.len());
    let path = address.get(2..end).unwrap_or_default();
    path.split(|byte| *byte == 0).next().unwrap_or_default()
}
