//! The programs in the running kernel, with sockets that the tests make. They need root and a kernel with BPF
//! iterators, and are skipped without.

use super::fdtable::program::{Needs, fdtable_files, fdtable_sockets};
use super::fdtable::settings::Settings;
use super::fdtable::{Files, Layout, SelfCheck};
use super::level::{self, Level};
use super::program::{inet_files, level_of_reader, rings, socket_files};
use super::types::Types;
use super::{
    BpfSource, DISCARD, Families, HeldSource, Program, Refused, SocketFile, SocketRow, ffi, kernel_types,
    may_load,
};
use crate::engine::parallel::lock;
use rustix::io::Errno;
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::thread::CapabilitySet;
use socket_world::bpf::{Object, left, link_ids, map_name, maps_of_program, program_name};
use socket_world::{Child, Held, kernel, live_skip, restrict, tcp, threads, udp, wait_until};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

/// The loaded programs: the one that is selected on this kernel, and that of the iterator over descriptors. The test is
/// skipped where the kernel can load neither. That is not decided by the code under test: where the kernel can, a refusal is
/// a failure.
macro_rules! loaded {
    () => {{
        if let Err(why) = kernel::bpf_iterators() {
            live_skip!("{why}");
        }
        assert_eq!(may_load(), Ok(()));
        let selected = BpfSource::load(Families::Internet).unwrap_or_else(|refused| panic!("{refused}"));
        assert!(walks_tables(&selected) || kernel::is_before(6, 4));
        [selected, only_task_files()]
    }};
}

/// Whether it uses the program that walks descriptor tables.
pub(crate) fn walks_tables(source: &BpfSource) -> bool {
    matches!(*lock(&source.program), Program::Tables(_))
}

fn only_task_files() -> BpfSource {
    BpfSource::load_for_few(Families::Internet).unwrap_or_else(|refused| panic!("{refused}"))
}

fn use_task_files(source: &BpfSource) {
    let files = source.load_task_files().unwrap_or_else(|refused| panic!("{refused}"));
    *lock(&source.program) = Program::TaskFiles(files);
}

/// The link of the program in use.
fn link_of(source: &BpfSource) -> OwnedFd {
    match &*lock(&source.program) {
        Program::Tables(tables) => tables.link.try_clone().unwrap(),
        Program::TaskFiles(files) => files.link.try_clone().unwrap(),
        Program::NotLoaded => panic!("no program"),
    }
}

/// The records of some processes, in order.
fn held_by(source: &impl HeldSource, pids: &[u32]) -> Vec<SocketFile> {
    let mut held = Vec::new();
    let mut add = |file: SocketFile| held.push(SocketFile { evidence: None, ..file });
    source
        .read(&mut |_, file| {
            if pids.contains(&file.pid) {
                add(file)
            }
        })
        .unwrap();
    held.sort_by_key(|file| (file.pid, file.fd, file.inode));
    held
}

/// The same, as the processes that made the sockets report them.
fn expected(held: &[Held]) -> Vec<SocketFile> {
    let file = |held: &Held| SocketFile { pid: held.pid, fd: held.fd, inode: held.inode, evidence: None };
    let mut expected: Vec<SocketFile> = held.iter().map(file).collect();
    expected.sort_by_key(|file| (file.pid, file.fd, file.inode));
    expected
}

#[test]
fn each_descriptor_of_a_socket_is_reported_and_no_other_descriptor() {
    for source in loaded!() {
        let directory = std::env::temp_dir().join(format!("netstat-bpf-{}", std::process::id()));
        let child = Child::fork(Some(b"held-by-bpf"), &[], |report| {
            report.made(tcp::pair_v4()?)?;
            report.made(udp::unconnected_v6()?)?;
            let (one, other) = std::os::unix::net::UnixStream::pair()?;
            report.keep_unreported(one);
            report.keep_unreported(other);
            // A pipe, a file, and the path of a socket, which has the mode of one.
            let (read, write) = io::pipe()?;
            report.keep_unreported(read);
            report.keep_unreported(write);
            let listener = std::os::unix::net::UnixListener::bind(&directory)?;
            report.keep_unreported(listener);
            let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
            report.keep_unreported(rustix::fs::open(&directory, flags, rustix::fs::Mode::empty())?);
            std::fs::remove_file(&directory)
        })
        .unwrap();
        assert_eq!(held_by(&source, &[child.pid()]), expected(child.held()));
        // A second read returns the same, and closed sockets are no longer reported.
        assert_eq!(held_by(&source, &[child.pid()]), expected(child.held()));
        let pid = child.pid();
        child.stop();
        assert_eq!(held_by(&source, &[pid]), []);
    }
}

#[test]
fn sockets_of_every_family_are_reported_with_family_type_and_namespace() {
    drop(loaded!());
    let source = BpfSource::load(Families::All).unwrap();
    let child = Child::fork(None, &[], |report| {
        report.made(tcp::pair_v4()?)?;
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        report.keep(one)?;
        report.keep(other)?;
        report.keep(std::os::unix::net::UnixDatagram::unbound()?).map(drop)
    })
    .unwrap();
    assert_eq!(held_by(&source, &[child.pid()]), expected(child.held()));
    let own = std::fs::metadata("/proc/self/ns/net").unwrap();
    let netns = u32::try_from(std::os::unix::fs::MetadataExt::ino(&own)).unwrap();
    let mut kinds = Vec::new();
    let mut note = |file: SocketFile| {
        let evidence = file.evidence.unwrap();
        assert_eq!(evidence.netns, netns);
        kinds.push((evidence.family, evidence.socket_type));
    };
    source
        .read(&mut |_, file| {
            if file.pid == child.pid() {
                note(file)
            }
        })
        .unwrap();
    kinds.sort_unstable();
    assert!(kinds.ends_with(&[(2, 1), (2, 1)]) && kinds.starts_with(&[(1, 1), (1, 1), (1, 2)]), "{kinds:?}");
    // Without the program that walks tables.
    use_task_files(&source);
    assert_eq!(held_by(&source, &[child.pid()]), expected(child.held()));
}

#[test]
fn more_descriptors_than_fit_one_read_are_reported_once_each() {
    for source in loaded!() {
        let child = Child::fork(None, &[], |report| {
            socket_world::need_descriptors(9_000)?;
            let socket = udp::bind_to("127.0.0.1:0".parse().unwrap())?;
            for _ in 0..8_000 {
                report.keep(socket.try_clone()?)?;
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(held_by(&source, &[child.pid()]), expected(child.held()));
    }
}

#[test]
fn descriptor_that_comes_and_goes_hides_none_of_the_next() {
    let [source, _] = loaded!();
    let child = Child::fork(None, &[], |report| {
        let socket = udp::bind_to("127.0.0.1:0".parse().unwrap())?;
        // The eight that the program reads at once; the one that comes and goes is alone among the eight before.
        for _ in 0..8 {
            report.keep(rustix::io::fcntl_dupfd_cloexec(&socket, 72)?)?;
        }
        let comes_and_goes = move || {
            while let Ok(copy) = rustix::io::fcntl_dupfd_cloexec(&socket, 67) {
                drop(copy);
            }
        };
        std::thread::spawn(comes_and_goes);
        Ok(())
    })
    .unwrap();
    let stable = expected(child.held());
    assert_eq!(stable.iter().map(|file| file.fd).collect::<Vec<_>>(), [72, 73, 74, 75, 76, 77, 78, 79]);
    let until = std::time::Instant::now() + Duration::from_secs(2);
    while std::time::Instant::now() < until {
        let mut held = held_by(&source, &[child.pid()]);
        held.retain(|file| stable.iter().any(|stable| stable.fd == file.fd));
        assert_eq!(held, stable);
    }
}

#[test]
fn table_of_a_single_thread_is_reported_with_the_pid_of_its_process() {
    for source in loaded!() {
        let thread = threads::own_table(tcp::pair_v4).unwrap();
        let own = std::process::id();
        assert!(thread.tid() != own && thread.held().iter().all(|held| held.pid == own));
        let reported = held_by(&source, &[own]);
        for file in expected(thread.held()) {
            assert_eq!(reported.iter().filter(|held| **held == file).count(), 1, "{file:?} in {reported:?}");
        }
        assert_eq!(held_by(&source, &[thread.tid()]), []);
    }
}

#[test]
fn process_whose_leader_has_exited_is_reported() {
    for source in loaded!() {
        let exited = threads::exited_leader(None, tcp::pair_v4).unwrap();
        let child = exited.child();
        assert_eq!(held_by(&source, &[child.pid()]), expected(child.held()));
    }
}

#[test]
fn processes_have_the_numbers_of_the_readers_pid_namespace() {
    // The first level, unless the tests run in a container.
    let level_of =
        |source: &BpfSource| source.level().number(&Types::new(&kernel_types().unwrap()).unwrap()).unwrap();
    let level = level_of(&loaded!()[0]);
    if kernel::is_before(6, 5) {
        live_skip!("BPF in a pid namespace of its own: Linux before 6.5");
    }
    let child = Child::fork(None, &[], |_| {
        restrict::in_pid_namespace(|| {
            // One level below: its first process is reported with the number it has in this namespace.
            let source = BpfSource::load(Families::Internet)
                .map_err(|refused| io::Error::other(refused.to_string()))?;
            assert_eq!((level_of(&source), std::process::id()), (level + 1, 1));
            assert!(source.level().is_nested());
            let socket = udp::bind_to("127.0.0.1:0".parse().unwrap())?;
            let own = expected(&[Held::of(&socket)?]);
            assert_eq!(held_by(&source, &[1]), own);
            let other = Child::fork(None, &[socket.as_fd()], |report| report.made(tcp::pair_v4()?))?;
            let mut all = Vec::new();
            source.read(&mut |_, file| all.push(SocketFile { evidence: None, ..file }))?;
            all.sort_by_key(|file| (file.pid, file.fd));
            let copy = SocketFile { pid: other.pid(), ..own[0] };
            let mut expected = [own, vec![copy], expected(other.held())].concat();
            expected.sort_by_key(|file| (file.pid, file.fd));
            assert_eq!(all, expected, "and no process outside the namespace");

            restrict::in_pid_namespace(|| {
                let inner = BpfSource::load(Families::Internet)
                    .map_err(|refused| io::Error::other(refused.to_string()))?;
                assert_eq!(level_of(&inner), level + 2);
                assert!(held_by(&inner, &[1]).contains(&SocketFile { pid: 1, ..copy }));
                Ok(())
            })
        })
    });
    match child {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            live_skip!("a pid namespace: {error}")
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn level_that_a_program_finds_is_that_of_the_namespace_link() {
    drop(loaded!());
    let file = kernel_types().unwrap();
    let types = Types::new(&file).unwrap();
    assert_eq!(level::probe(&types), Level::of_this_thread(&types).and_then(|level| level.number(&types)));
}

#[test]
fn missing_capability_is_named_and_loading_is_not_tried() {
    if !socket_world::is_root() {
        let refused = may_load().unwrap_err();
        assert_eq!(refused, Refused::other("capabilities", "no CAP_BPF and no CAP_PERFMON"));
        live_skip!("needs root, to drop capabilities");
    }
    let answer_without = |dropped: CapabilitySet| {
        // In a thread of its own: it stays without them.
        let without = std::thread::spawn(move || {
            restrict::drop_capabilities(dropped).unwrap();
            may_load().map_err(|refused| refused.to_string())
        });
        without.join().unwrap()
    };
    let without = |text: &str| Err(format!("capabilities: {text}"));
    let (admin, bpf, perfmon) = (CapabilitySet::SYS_ADMIN, CapabilitySet::BPF, CapabilitySet::PERFMON);
    assert_eq!(answer_without(bpf | perfmon), Ok(()));
    assert_eq!(answer_without(admin), Ok(()));
    assert_eq!(answer_without(admin | bpf), without("no CAP_BPF"));
    assert_eq!(answer_without(admin | perfmon), without("no CAP_PERFMON"));
    assert_eq!(answer_without(admin | bpf | perfmon), without("no CAP_BPF and no CAP_PERFMON"));
}

#[test]
fn root_of_a_user_namespace_is_refused_by_the_kernel() {
    drop(loaded!());
    let child = Child::fork(None, &[], |_| {
        restrict::become_user(65_534)?;
        restrict::enter_user_namespace(rustix::thread::UnshareFlags::empty())?;
        may_load().map_err(|refused| io::Error::other(refused.to_string()))?;
        let refused = BpfSource::load(Families::Internet).unwrap_err();
        assert_eq!(refused.to_string(), "bpf(BPF_PROG_LOAD): Operation not permitted (os error 1)");
        Ok(())
    });
    match child {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            live_skip!("a user namespace: {error}")
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn program_link_and_map_are_freed_when_dropped() {
    for source in loaded!() {
        let (link, program) = link_ids(link_of(&source).as_fd()).unwrap();
        assert_eq!(program_name(program).unwrap(), "netstat_owners");
        let maps = maps_of_program(program).unwrap();
        assert_eq!(maps.len(), usize::from(walks_tables(&source)));
        let mut objects = vec![(Object::Link, link), (Object::Program, program)];
        for map in maps {
            assert_eq!(map_name(map).unwrap(), "netstat_records");
            objects.push((Object::Map, map));
        }
        let mut there = left(&objects).unwrap();
        there.sort_unstable();
        objects.sort_unstable();
        assert_eq!(there, objects);
        // The kernel frees them asynchronously.
        drop(source);
        let are_freed = || left(&objects).unwrap().is_empty();
        assert!(wait_until(Duration::from_secs(10), are_freed), "{:?}", left(&objects));
    }
}

#[test]
fn descriptors_are_closed_on_exec() {
    for source in loaded!() {
        let run = ffi::start_iterator(link_of(&source).as_fd()).unwrap();
        let closes = |fd: &OwnedFd| fcntl_getfd(fd).unwrap() == FdFlags::CLOEXEC;
        assert!(closes(&link_of(&source)) && closes(&run));
    }
}

#[test]
fn verifier_accepts_the_programs_of_every_level() {
    drop(loaded!());
    let file = kernel_types().unwrap();
    let types = Types::new(&file).unwrap();
    // The kernel allows 32 namespaces in one another.
    let of_level = |level| [inet_files(&types, level), socket_files(&types, level), rings(&types, level)];
    let part_bytes = Layout::Row.part_bytes();
    let (map, _mapping) = ffi::Mapping::of_new_array(b"netstat_test\0\0\0\0", part_bytes).unwrap();
    let walks_tables = [Layout::Record, Layout::Row].into_iter().flat_map(|layout| {
        [Families::Internet, Families::All].map(|families| {
            Needs::of(&types, layout)
                .map(|needs| fdtable_sockets(needs, families, map.as_raw_fd(), 0, Settings::DEFAULT))
        })
    });
    let files = [(Files::Namespaces, &[0, 1][..]), (Files::Rings, &[0])].map(|(files, references)| {
        let needs = Needs::of(&types, Layout::Row).and_then(|needs| needs.for_files(&types));
        needs.map(|needs| fdtable_files(needs, files, map.as_raw_fd(), references))
    });
    let programs =
        walks_tables.chain(files).chain((0..=32).flat_map(of_level)).chain([level_of_reader(&types)]);
    for program in programs {
        let program = program.unwrap();
        let name = b"netstat_test\0\0\0\0";
        let load = |log: &mut [u8]| ffi::load_iterator(name, &program.instructions, program.attach_to, log);
        if load(&mut []).is_err() {
            let mut log = vec![0; 1 << 20];
            let refused = load(&mut log);
            panic!("{refused:?}:\n{}", String::from_utf8_lossy(&log));
        }
    }
}

#[test]
fn self_check_passes_only_where_its_socket_is_reported_as_it_is() {
    let check = SelfCheck::new().unwrap();
    let right = check.expected;
    let with = |change: &dyn Fn(&mut super::Evidence)| {
        let mut evidence = right.evidence.unwrap();
        change(&mut evidence);
        SocketFile { evidence: Some(evidence), ..right }
    };
    let verify = |files: &[SocketFile]| {
        let check = SelfCheck { expected: right, ..SelfCheck::new().unwrap() };
        files.iter().for_each(|file| _ = check.note(file));
        check.verdict().map_err(|refused| refused.to_string())
    };
    let another =
        Err("self-check of the BPF program: a socket of this process is reported as another".to_owned());
    let missing = Err("self-check of the BPF program: a socket of this process is not reported".to_owned());
    assert_eq!(verify(&[right]), Ok(()));
    assert_eq!(verify(&[]), missing);
    assert_eq!(
        verify(&[SocketFile { pid: right.pid + 1, ..right }, SocketFile { fd: right.fd + 1, ..right }]),
        missing
    );
    // An emulator has no cookies, which are not compared then.
    let cookie = right.evidence.filter(|evidence| evidence.cookie != 0);
    let other_cookie = cookie.map(|_| with(&|evidence| evidence.cookie += 1));
    let wrong = [
        SocketFile { inode: right.inode + 1, ..right },
        SocketFile { evidence: None, ..right },
        with(&|evidence| evidence.port ^= 1),
        with(&|evidence| evidence.protocol = 17),
        with(&|evidence| evidence.netns += 1),
        with(&|evidence| evidence.family = 10),
        with(&|evidence| evidence.socket_type = 2),
    ];
    for wrong in wrong.into_iter().chain(other_cookie) {
        assert_eq!(verify(&[wrong]), another, "{wrong:?}");
        assert_eq!(verify(&[wrong, right]), Ok(()), "the table of a thread");
    }
}

#[test]
fn self_check_of_rows_compares_every_field_that_system_calls_return() {
    let sockets = SelfCheck::bound().unwrap();
    assert!(sockets.iter().any(|socket| socket.expected_address.is_ipv4()));
    for (number, socket) in sockets.iter().enumerate() {
        let file = socket.expected;
        assert_ne!(file.evidence.unwrap().port, 0);
        let is_v6 = socket.expected_address.is_ipv6();
        let mut local = [0; 16];
        match socket.expected_address {
            IpAddr::V4(address) => local[..4].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => local = address.octets(),
        }
        let right = SocketRow {
            file,
            state: 7,
            uid: socket.expected_uid,
            interface: 0,
            sock: 5,
            local,
            remote: [0; 16],
            remote_port: 0,
            v6_only: is_v6,
            queues: [0; 4],
        };
        let verify = |row: SocketRow| {
            let mut check = SelfCheck::bound().unwrap().remove(number);
            (check.expected, check.expected_address) = (file, socket.expected_address);
            let is_own = check.note_row(&row);
            assert_eq!(check.verdict().is_ok(), is_own);
            is_own
        };
        assert!(verify(right));
        for wrong in [
            SocketRow { file: SocketFile { inode: file.inode + 1, ..file }, ..right },
            SocketRow { state: 1, ..right },
            SocketRow { uid: right.uid + 1, ..right },
            SocketRow { interface: 1, ..right },
            SocketRow { local: [1; 16], ..right },
            SocketRow { remote: [1; 16], ..right },
            SocketRow { remote_port: 1, ..right },
            SocketRow { v6_only: !is_v6, ..right },
            SocketRow { queues: [0, 0, 1, 0], ..right },
        ] {
            assert!(!verify(wrong), "{wrong:?}");
        }
    }
}

#[test]
fn program_of_rows_reports_the_same_descriptors_and_never_its_own_socket() {
    let [source, _] = loaded!();
    if !walks_tables(&source) {
        live_skip!("BPF that walks tables: Linux before 6.4");
    }
    let rows = BpfSource::load_rows(Families::Internet).unwrap_or_else(|refused| panic!("{refused}"));
    let own = match &*lock(&rows.program) {
        Program::Tables(tables) => tables.checks.iter().map(|check| check.expected.inode).collect::<Vec<_>>(),
        _ => panic!("no program"),
    };
    let child = Child::fork(None, &[], |report| {
        report.made(tcp::pair_v4()?)?;
        report.made(udp::unconnected_v6()?)
    })
    .unwrap();
    for _ in 0..2 {
        let mut inodes = Vec::new();
        rows.read_rows(&mut [&mut |_, row| inodes.push((row.file.pid, row.file.inode))]).unwrap();
        assert!(inodes.iter().all(|(_, inode)| !own.contains(inode)));
        for held in child.held() {
            assert!(inodes.contains(&(held.pid, held.inode)), "{held:?}");
        }
        assert_eq!(held_by(&rows, &[child.pid()]), expected(child.held()));
    }
    assert_eq!(source.read_rows(&mut [&mut |_, _| ()]), Err(Errno::OPNOTSUPP), "it writes records alone");
}

#[test]
fn program_that_fails_its_check_is_replaced() {
    let [source, other] = loaded!();
    if !walks_tables(&source) {
        live_skip!("BPF that walks tables: Linux before 6.4");
    }
    if let Program::Tables(tables) = &mut *lock(&source.program) {
        tables.checks[0].expected.inode += 1;
    }
    let child = Child::fork(None, &[], |report| report.made(tcp::pair_v4()?)).unwrap();
    assert_eq!(source.read(&mut |_, _| ()), Err(DISCARD));
    assert!(!walks_tables(&source));
    assert_eq!(held_by(&source, &[child.pid()]), held_by(&other, &[child.pid()]));
}

#[test]
fn missing_type_is_refused_by_name() {
    // A header, and no types.
    let mut file = vec![0; 24];
    file[..2].copy_from_slice(&0xeb9f_u16.to_ne_bytes());
    file[2] = 1;
    file[4..8].copy_from_slice(&24_u32.to_ne_bytes());
    let types = Types::new(&file).unwrap();
    let refused = socket_files(&types, 0).unwrap_err();
    assert_eq!(refused.to_string(), "BTF: no function bpf_iter_task_file");
    let refused = level_of_reader(&types).unwrap_err();
    assert_eq!(refused.to_string(), "BTF: no function bpf_iter_task");
}

#[test]
fn file_outside_sysfs_is_not_mapped() {
    let own = std::fs::File::open("/proc/self/exe").unwrap();
    assert_eq!(ffi::Mapping::of_sysfs(&own).err(), Some(Errno::INVAL));
}

#[test]
fn records_are_joined_across_reads_and_a_truncated_record_is_an_error() {
    let read = |parts: &[&[u8]]| {
        let (mut parts, mut read) = (parts.iter(), Vec::new());
        let next = |buffer: &mut Vec<u8>| {
            let part = parts.next().copied().unwrap_or_default();
            buffer.extend(part);
            Ok(part.len())
        };
        let end = super::iterator::records::<4>(next, &mut |_, record| read.push(record));
        (end, read)
    };
    assert_eq!(read(&[b"abc", b"defgh", b"ijkl"]), (Ok(()), vec![*b"abcd", *b"efgh", *b"ijkl"]));
    assert_eq!(read(&[b"abcd", b"ef"]), (Err(Errno::BADMSG), vec![*b"abcd"]));
    assert_eq!(read(&[]), (Ok(()), vec![]));
}
