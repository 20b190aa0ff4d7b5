//! The BPF programs, links and maps that the kernel has, of all processes. Needs CAP_SYS_ADMIN.

use crate::ffi;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// A kind of BPF object with ids.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A loaded program.
    Program,
    /// The attachment of a program.
    Link,
    /// Memory of a program.
    Map,
}

impl Object {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Program, Self::Link, Self::Map];
}

/// The ids of all objects of a kind, ascending. The kernel reuses an id only after all others have been used.
///
/// # Errors
/// Permission denied; a kernel without BPF.
pub fn ids(of: Object) -> io::Result<Vec<u32>> {
    // `BPF_PROG_GET_NEXT_ID`, `BPF_LINK_GET_NEXT_ID`, `BPF_MAP_GET_NEXT_ID` of linux/bpf.h.
    let command = match of {
        Object::Program => 11,
        Object::Link => 31,
        Object::Map => 12,
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
    Ok(text([a, b, c, d]))
}

/// The name of a map, from `struct bpf_map_info`.
///
/// # Errors
/// As [`program_name`].
pub fn map_name(id: u32) -> io::Result<String> {
    let map = ffi::bpf_map(id)?;
    let mut info = [0_u32; 10];
    ffi::bpf_info(map.as_fd(), &mut info)?;
    let [.., a, b, c, d] = info;
    Ok(text([a, b, c, d]))
}

fn text(words: [u32; 4]) -> String {
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The ids of all programs, and of all maps, whose names start with `start`.
///
/// # Errors
/// As [`ids`].
pub fn named(start: &str) -> io::Result<Vec<(Object, u32)>> {
    let is_named = |name: io::Result<String>| name.is_ok_and(|name| name.starts_with(start));
    // What was freed since then has no name.
    let programs = ids(Object::Program)?.into_iter().filter(|id| is_named(program_name(*id)));
    let maps = ids(Object::Map)?.into_iter().filter(|id| is_named(map_name(*id)));
    Ok(programs.map(|id| (Object::Program, id)).chain(maps.map(|id| (Object::Map, id))).collect())
}

/// Those of these objects that still exist.
///
/// # Errors
/// As [`ids`].
pub fn left(objects: &[(Object, u32)]) -> io::Result<Vec<(Object, u32)>> {
    let mut left = Vec::new();
    for kind in Object::ALL {
        let there = ids(kind)?;
        left.extend(objects.iter().filter(|(of, id)| *of == kind && there.contains(id)));
    }
    Ok(left)
}

/// The ids of the maps that a program uses, from `struct bpf_prog_info`.
///
/// # Errors
/// As [`program_name`].
pub fn maps_of_program(id: u32) -> io::Result<Vec<u32>> {
    ffi::bpf_maps_of(ffi::bpf_program(id)?.as_fd())
}
