//! The BPF programs and links that the kernel has, of all processes. Needs CAP_SYS_ADMIN.

use crate::ffi;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// A kind of BPF object with ids.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A loaded program.
    Program,
    /// The attachment of a program.
    Link,
}

/// The ids of all objects of a kind, ascending. The kernel reuses an id only after all others have been used.
///
/// # Errors
/// Permission denied; a kernel without BPF.
pub fn ids(of: Object) -> io::Result<Vec<u32>> {
    // `BPF_PROG_GET_NEXT_ID`, `BPF_LINK_GET_NEXT_ID` of linux/bpf.h.
    let command = match of {
        Object::Program => 11,
        Object::Link => 31,
    };
    let mut ids = Vec::new();
    while let Some(id) = ffi::bpf_next_id(command, ids.last().copied().unwrap_or(0))? {
        ids.push(id);
    }
    Ok(ids)
}

/// The ids of a link and of its program, from the start of `struct bpf_link_info`.
///
/// # Errors
/// The descriptor is not that of a link.
pub fn link_ids(link: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    let mut info = [0_u32; 4];
    ffi::bpf_info(link, &mut info)?;
    let [_type, id, program, _] = info;
    Ok((id, program))
}

/// The name of a program, from `struct bpf_prog_info`.
///
/// # Errors
/// Not found: it has been freed. Permission denied.
pub fn program_name(id: u32) -> io::Result<String> {
    let program = ffi::bpf_program(id)?;
    let mut info = [0_u32; 20];
    ffi::bpf_info(program.as_fd(), &mut info)?;
    let [.., a, b, c, d] = info;
    let bytes: Vec<u8> =
        [a, b, c, d].into_iter().flat_map(u32::to_ne_bytes).take_while(|byte| *byte != 0).collect();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The ids of all programs whose names start with `start`.
///
/// # Errors
/// As [`ids`].
pub fn programs_named(start: &str) -> io::Result<Vec<u32>> {
    let mut ids = ids(Object::Program)?;
    // A program freed since then has no name.
    ids.retain(|id| program_name(*id).is_ok_and(|name| name.starts_with(start)));
    Ok(ids)
}
