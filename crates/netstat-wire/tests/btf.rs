//! BTF: decoded from a small set of types built in this file and from the types of the running kernel.
#![allow(clippy::unwrap_used)]

mod common;

use netstat_wire::linux::btf::{Btf, Kind, Member, TypeId};
use proptest::prelude::*;

/// `info` of `struct btf_type`.
fn info(kind: u32, count: u32, flag: bool) -> u32 {
    u32::from(flag) << 31 | kind << 24 | count
}

/// Types as a compiler writes them: numbered from 1 in the order they are added.
#[derive(Default)]
struct Types {
    types: Vec<u8>,
    strings: Vec<u8>,
    /// The end offset of each type.
    ends: Vec<u32>,
}

impl Types {
    fn new() -> Self {
        Self { strings: vec![0], ..Self::default() }
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let offset = u32::try_from(self.strings.len()).unwrap();
        self.strings.extend(name.bytes().chain([0]));
        offset
    }

    fn add(&mut self, name: &str, info: u32, size_or_type: u32, more: &[u32]) -> u32 {
        let name = self.name(name);
        for word in [name, info, size_or_type].iter().chain(more) {
            self.types.extend(word.to_ne_bytes());
        }
        self.ends.push(u32::try_from(self.types.len()).unwrap());
        u32::try_from(self.ends.len()).unwrap()
    }

    /// Members: name, type, offset.
    fn structure(
        &mut self,
        kind: u32,
        flag: bool,
        name: &str,
        size: u32,
        members: &[(&str, u32, u32)],
    ) -> u32 {
        let more: Vec<u32> =
            members.iter().flat_map(|(name, of, offset)| [self.name(name), *of, *offset]).collect();
        self.add(name, info(kind, u32::try_from(members.len()).unwrap(), flag), size, &more)
    }

    fn file(&self) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut file = Vec::new();
        file.extend(0xeb9f_u16.to_ne_bytes());
        file.extend([1, 0]);
        for word in [24, 0, length(&self.types), length(&self.types), length(&self.strings)] {
            file.extend(word.to_ne_bytes());
        }
        file.extend(&self.types);
        file.extend(&self.strings);
        file
    }
}

/// A structure with everything that a structure can have, and a type of every kind.
fn synthetic() -> Types {
    let mut types = Types::new();
    // 1-4: integers; the word has the number of bits
    types.add("int", info(1, 0, false), 4, &[0x0100_0020]);
    types.add("unsigned short", info(1, 0, false), 2, &[16]);
    types.add("long unsigned int", info(1, 0, false), 8, &[64]);
    types.add("unsigned int:3", info(1, 0, false), 4, &[3]);
    // 5-10: typedef umode_t, const of it, volatile of that, restrict of that, a tag on that; an array of 0
    types.add("umode_t", info(8, 0, false), 2, &[]);
    types.add("", info(10, 0, false), 5, &[]);
    types.add("", info(9, 0, false), 6, &[]);
    types.add("", info(11, 0, false), 7, &[]);
    types.add("rcu", info(18, 0, false), 8, &[]);
    types.add("", info(3, 0, false), 0, &[16, 1, 0]);
    // 11: pointer to the structure 15, by a tag 12
    types.add("", info(2, 0, false), 12, &[]);
    types.add("rcu", info(18, 0, false), 15, &[]);
    // 13: union in the structure; 14: structure in that union
    types.structure(5, false, "", 8, &[("either", 3, 0), ("", 14, 0)]);
    types.structure(4, false, "", 8, &[("low", 1, 0), ("high", 1, 32)]);
    // 15: a type that is declared first has the same name and is another kind
    types.structure(
        4,
        false,
        "inode",
        40,
        &[("i_mode", 9, 0), ("", 13, 64), ("i_next", 11, 128), ("inner", 13, 192), ("i_numbers", 10, 256)],
    );
    // 16: upid
    types.structure(4, false, "upid", 16, &[("nr", 1, 0), ("ns", 11, 64)]);
    // 17: bit fields in the newer form: width in the upper 8 bits of the offset
    types.structure(
        4,
        true,
        "flags",
        4,
        &[("one", 1, 0x0100_0000), ("six", 1, 0x0600_0001), ("rest", 2, 16)],
    );
    // 18-: one of each kind that is left
    types.add("color", info(6, 2, false), 4, &[0, 0, 0, 1]);
    types.add("fwd", info(7, 0, true), 0, &[]);
    types.add("", info(13, 2, false), 1, &[0, 1, 0, 2]);
    types.add("bpf_iter_task_file", info(12, 1, false), 20, &[]);
    types.add("variable", info(14, 0, false), 1, &[1]);
    types.add(".data", info(15, 1, false), 4, &[22, 0, 4]);
    types.add("double", info(16, 0, false), 8, &[]);
    types.add("tag", info(17, 0, false), 15, &[u32::MAX]);
    types.add("big", info(19, 1, false), 8, &[0, 0, 1]);
    // 27: after all of them
    types.structure(4, false, "last", 8, &[("value", 3, 0)]);
    types
}

fn found(btf: &Btf<'_>, kind: Kind, name: &str) -> TypeId {
    let [id] = btf.find([(kind, name)]).unwrap();
    id.unwrap_or_else(|| panic!("no {kind:?} {name}"))
}

fn member(btf: &Btf<'_>, structure: &str, name: &str) -> Member {
    btf.member(found(btf, Kind::Struct, structure), name).unwrap().unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn types_are_found_by_kind_and_whole_name_behind_types_of_every_kind() {
    let file = synthetic().file();
    let btf = Btf::new(&file).unwrap();
    let ids = btf.find([
        (Kind::Func, "bpf_iter_task_file"),
        (Kind::Struct, "last"),
        (Kind::Struct, "inode"),
        (Kind::Union, "inode"),
        (Kind::Struct, "las"),
        (Kind::Struct, "last\0"),
    ]);
    assert_eq!(
        ids.unwrap().map(|id| id.map(TypeId::number)),
        [Some(21), Some(27), Some(15), None, None, None]
    );
}

#[test]
fn members_of_anonymous_structures_and_unions_are_members_of_the_enclosing_one() {
    let file = synthetic().file();
    let btf = Btf::new(&file).unwrap();
    let at = |name| member(&btf, "inode", name).bit_offset;
    assert_eq!(["i_mode", "either", "low", "high", "i_next"].map(at), [0, 64, 64, 96, 128]);
    // A structure with a name keeps its members to itself, and its own name is a member's.
    assert_eq!(at("inner"), 192);
    let inode = found(&btf, Kind::Struct, "inode");
    for absent in ["nothing", "nr", "", "inode"] {
        assert_eq!(btf.member(inode, absent), Ok(None), "{absent:?}");
    }
}

#[test]
fn bit_fields_have_a_width_where_the_structure_has_the_flag() {
    let file = synthetic().file();
    let btf = Btf::new(&file).unwrap();
    let field = |name| {
        let field = member(&btf, "flags", name);
        (field.bit_offset, field.bit_width)
    };
    assert_eq!(["one", "six", "rest"].map(field), [(0, 1), (1, 6), (16, 0)]);
}

#[test]
fn sizes_are_those_behind_typedefs_qualifiers_and_tags() {
    let file = synthetic().file();
    let btf = Btf::new(&file).unwrap();
    let size = |name| btf.size(member(&btf, "inode", name).of).unwrap();
    assert_eq!(size("i_mode"), Some(2));
    assert_eq!(size("either"), Some(8));
    assert_eq!(size("i_next"), Some(usize::BITS / 8));
    assert_eq!(size("inner"), Some(8));
    assert_eq!(size("i_numbers"), None, "an array");
    assert_eq!(btf.size(found(&btf, Kind::Enum, "color")), Ok(Some(4)));
    assert_eq!(btf.size(found(&btf, Kind::Enum64, "big")), Ok(Some(8)));
    assert_eq!(btf.size(found(&btf, Kind::Float, "double")), Ok(Some(8)));
    assert_eq!(btf.size(found(&btf, Kind::Int, "unsigned int:3")), Ok(None), "not whole");
    assert_eq!(btf.size(found(&btf, Kind::Fwd, "fwd")), Ok(None));
    assert_eq!(btf.size(found(&btf, Kind::Func, "bpf_iter_task_file")), Ok(None));
}

#[test]
fn pointers_and_arrays_lead_to_what_they_are_of() {
    let file = synthetic().file();
    let btf = Btf::new(&file).unwrap();
    let next = member(&btf, "inode", "i_next").of;
    assert_eq!(btf.pointee(next), Ok(Some(found(&btf, Kind::Struct, "inode"))));
    let numbers = member(&btf, "inode", "i_numbers").of;
    let upid = btf.element(numbers).unwrap().unwrap();
    assert_eq!((upid, btf.size(upid)), (found(&btf, Kind::Struct, "upid"), Ok(Some(16))));
    assert_eq!((btf.pointee(numbers), btf.element(next)), (Ok(None), Ok(None)));
}

#[test]
fn a_longer_header_and_sections_in_any_place_are_accepted() {
    let types = synthetic();
    let mut file = types.file();
    let sections = file.split_off(24);
    file[4..8].copy_from_slice(&32_u32.to_ne_bytes());
    file[8..12].copy_from_slice(&12_u32.to_ne_bytes());
    file[16..20].copy_from_slice(&u32::try_from(types.types.len() + 12).unwrap().to_ne_bytes());
    file.extend([0xaa; 8 + 12]);
    file.extend(sections);
    file.extend([0xaa; 5]);
    assert_eq!(member(&Btf::new(&file).unwrap(), "last", "value").bit_offset, 0);
}

#[test]
fn what_is_no_btf_of_this_machine_is_an_error_with_the_reason() {
    let file = synthetic().file();
    let error = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = file.clone();
        change(&mut changed);
        Btf::new(&changed).unwrap_err().to_string()
    };
    assert_eq!(error(&|file| file[0] = 0), "btf_header: not BTF at offset 0");
    assert_eq!(error(&|file| file.swap(0, 1)), "btf_header: of the other byte order at offset 0");
    assert_eq!(error(&|file| file[2] = 2), "btf_header: of another version than 1 at offset 2");
    let short = 23_u32.to_ne_bytes();
    assert_eq!(error(&|file| file[4..8].copy_from_slice(&short)), "btf_header: hdr_len below 24 at offset 4");
}

#[test]
fn a_kind_that_is_not_known_is_an_error_at_its_place() {
    for kind in [0, 20, 127] {
        let mut types = Types::new();
        types.add("int", info(1, 0, false), 4, &[32]);
        types.add("new", info(kind, 0, false), 0, &[]);
        let file = types.file();
        let btf = Btf::new(&file).unwrap();
        let error = btf.find([(Kind::Int, "int"), (Kind::Int, "long")]).unwrap_err();
        assert_eq!(error.to_string(), "btf_type: of an unknown kind at offset 16", "{kind}");
        // Types before it are found.
        assert_eq!(btf.size(found(&btf, Kind::Int, "int")), Ok(Some(4)));
    }
}

#[test]
fn types_within_themselves_and_numbers_that_no_type_has_are_errors() {
    let mut types = Types::new();
    types.add("circle", info(8, 0, false), 2, &[]);
    types.add("circle", info(8, 0, false), 1, &[]);
    types.structure(4, false, "inside", 8, &[("", 3, 0)]);
    types.structure(4, false, "nowhere", 8, &[("", 99, 0)]);
    types.structure(4, false, "far", 8, &[("", 6, 1 << 31)]);
    types.structure(4, false, "", 8, &[("x", 3, 1 << 31)]);
    // 2^30 ways through it
    for number in 7..37 {
        types.structure(4, false, "wide", 8, &[("", number + 1, 0), ("", number + 1, 0)]);
    }
    types.structure(4, false, "", 8, &[]);
    let file = types.file();
    let btf = Btf::new(&file).unwrap();
    let id = |kind, name| found(&btf, kind, name);
    let circle = id(Kind::Typedef, "circle");
    assert_eq!(btf.size(circle).unwrap_err().to_string(), "btf_type: a type of itself at offset 12");
    assert!(btf.pointee(circle).is_err());
    assert!(btf.element(circle).is_err());
    for (name, what) in [
        ("inside", "btf_member: too many, or within themselves at offset 0"),
        ("nowhere", "btf_type: a number that no type has at offset"),
        ("far", "btf_member: offset too large at offset 0"),
        ("wide", "btf_member: too many, or within themselves at offset"),
    ] {
        let error = btf.member(id(Kind::Struct, name), "x").unwrap_err().to_string();
        assert!(error.starts_with(what), "{name}: {error}");
    }
}

#[test]
fn a_file_cut_at_any_byte_is_an_error() {
    let types = synthetic();
    let whole = types.file();
    for cut in 0..whole.len() {
        // The strings are the last section, and their length is checked like the rest.
        let error = Btf::new(&whole[..cut]).unwrap_err();
        assert!(error.need().is_some(), "cut at {cut}: {error}");
    }
}

#[test]
fn types_cut_at_any_byte_are_an_error_for_searches_behind_the_cut() {
    let types = synthetic();
    let mut file = types.file();
    for cut in 0..types.types.len() {
        let cut = u32::try_from(cut).unwrap();
        file[12..16].copy_from_slice(&cut.to_ne_bytes());
        let btf = Btf::new(&file).unwrap();
        let nothing = btf.find([(Kind::Struct, "nothing")]);
        if cut == 0 || types.ends.contains(&cut) {
            assert_eq!(nothing, Ok([None]), "cut at {cut}");
        } else {
            assert!(nothing.unwrap_err().need().is_some(), "cut at {cut}");
        }
        // Types before the cut are found.
        let third = btf.find([(Kind::Int, "long unsigned int")]);
        assert_eq!(third.is_ok_and(|[id]| id.is_some()), cut >= types.ends[2], "cut at {cut}");
    }
}

#[test]
fn types_are_found_by_number_in_any_order() {
    let mut types = Types::new();
    let sizes: Vec<(u32, u32)> = (1..=300).map(|number| (number + 1, number)).collect();
    let names: Vec<String> = sizes.iter().map(|(number, _)| format!("of_{number}")).collect();
    let members: Vec<(&str, u32, u32)> =
        sizes.iter().zip(&names).map(|((number, size), name)| (name.as_str(), *number, *size)).collect();
    types.structure(4, false, "all", 8, &members);
    for (_, size) in &sizes {
        types.add("", info(16, 0, false), *size, &[]);
    }
    let file = types.file();
    for order in [&mut sizes.iter() as &mut dyn Iterator<Item = _>, &mut sizes.iter().rev()] {
        let btf = Btf::new(&file).unwrap();
        for (number, size) in order {
            let member = member(&btf, "all", &format!("of_{number}"));
            assert_eq!((member.of.number(), member.bit_offset), (*number, *size));
            assert_eq!(btf.size(member.of), Ok(Some(*size)));
        }
    }
}

#[test]
fn names_beyond_the_string_section_are_no_names() {
    let mut types = Types::new();
    types.structure(4, false, "whole", 8, &[("member", 1, 0)]);
    // "member" is written first, then "whole": the section is truncated in its last name.
    types.strings.pop();
    let file = types.file();
    let btf = Btf::new(&file).unwrap();
    assert_eq!(btf.find([(Kind::Struct, "whole"), (Kind::Struct, "")]), Ok([None, None]));
}

#[test]
fn running_kernel_has_the_types_that_the_iterator_needs() {
    let Ok(file) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        common::skipped("BTF: there is no /sys/kernel/btf/vmlinux");
        return;
    };
    if file.starts_with(&0xeb9f_u16.swap_bytes().to_ne_bytes()) {
        // Where the processor is emulated, the kernel is that of another processor.
        common::skipped("BTF: of a kernel of the other byte order");
        return;
    }
    let btf = Btf::new(&file).unwrap();
    let [function, context] =
        btf.find([(Kind::Func, "bpf_iter_task_file"), (Kind::Struct, "bpf_iter__task_file")]).unwrap();
    assert!(function.is_some());
    let offset = |name| btf.member(context.unwrap(), name).unwrap().unwrap().bit_offset;
    // Fixed by the kernel's interface to programs, unlike the rest.
    assert_eq!(["meta", "task", "fd", "file"].map(offset), [0, 64, 128, 192]);

    let of = |structure, name| btf.member(structure, name).unwrap().unwrap().of;
    let behind = |structure, name| btf.pointee(of(structure, name)).unwrap().unwrap();
    let inode = behind(behind(context.unwrap(), "file"), "f_inode");
    assert_eq!(inode, found(&btf, Kind::Struct, "inode"));
    assert_eq!(btf.size(of(inode, "i_mode")), Ok(Some(2)));
    assert_eq!(btf.size(of(inode, "i_ino")), Ok(Some(8)));
    let task = behind(context.unwrap(), "task");
    assert_eq!(btf.size(of(task, "tgid")), Ok(Some(4)));
    let upid = btf.element(of(behind(task, "thread_pid"), "numbers")).unwrap().unwrap();
    assert_eq!(upid, found(&btf, Kind::Struct, "upid"));
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn a_changed_file_is_types_or_an_error(at in 0_usize..600, value in any::<u8>(), more in any::<[u8; 4]>()) {
        let mut file = synthetic().file();
        let at = at % (file.len() - 4);
        file[at] = value;
        file[at..at + 4].iter_mut().zip(more).for_each(|(byte, more)| *byte ^= more);
        let Ok(btf) = Btf::new(&file) else { return Ok(()) };
        let found = btf.find([(Kind::Struct, "inode"), (Kind::Struct, "flags")]);
        for id in found.into_iter().flatten().flatten() {
            for name in ["high", "i_next", "i_numbers", "rest"] {
                if let Ok(Some(member)) = btf.member(id, name) {
                    let _ = (btf.size(member.of), btf.pointee(member.of), btf.element(member.of));
                }
            }
        }
    }
}
