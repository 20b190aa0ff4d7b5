//! Details of processes: of one program of one process, also when a lister has read them before; and their times.

use super::scripted_proc::{Machine, ScriptedProc};
use crate::engine::owner_table::ProcessSeen;
use crate::model::gap::GapKind;
use crate::model::process::{Process, ProcessFields};
use crate::sys::linux::procfs::process::read_all;
use crate::sys::linux::procfs::process_cache::ProcessCache;
use std::time::{Duration, SystemTime};

const NAME: ProcessFields = ProcessFields::NAME;
const PATH: ProcessFields = ProcessFields::PATH;
const ARGUMENTS: ProcessFields = ProcessFields::COMMAND_LINE;

/// The text of `/proc/12/stat`.
fn stat(comm: &str, start: u64, stack: u64) -> String {
    format!("12 ({comm}) S 1 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 {start} 0 0 0 1 1 {stack} 0\n")
}

fn set(machine: &mut Machine, path: &str, text: &str) {
    machine.files.insert(format!("12/{path}"), text.to_owned());
}

/// The process 12 executes `program`, whose stack is at this address.
fn executes(machine: &mut Machine, program: &str, stack: u64) {
    set(machine, "stat", &stat("name", 5, stack));
    set(machine, "cmdline", &format!("{program}\0"));
    set(machine, "personality", "00000000\n");
    machine.files.insert("sys/kernel/randomize_va_space".to_owned(), "2\n".to_owned());
    machine.links.insert("12/exe".to_owned(), format!("/bin/{program}").into_bytes());
}

fn proc() -> ScriptedProc {
    ScriptedProc::with(|machine| executes(machine, "one", 100))
}

fn read_with(proc: &ScriptedProc, fields: ProcessFields, cache: &mut ProcessCache) -> Process {
    cache.begin();
    let seen = [ProcessSeen::new(12, 10_000_000_000)];
    read_all(&proc, &seen, fields, 1, cache).0.pop().unwrap()
}

fn read(proc: &ScriptedProc, fields: ProcessFields) -> Process {
    read_with(proc, fields, &mut ProcessCache::default())
}

/// The file name of the path, and the first argument.
fn program(process: &Process) -> (Option<String>, Option<String>) {
    let path = process.path.as_ref().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let first = process.command_line.as_ref().and_then(|words| words.first());
    (path, first.map(|first| first.to_str().unwrap().to_owned()))
}

fn both(program: &str) -> (Option<String>, Option<String>) {
    (Some(program.to_owned()), Some(program.to_owned()))
}

#[test]
fn path_and_arguments_are_of_one_program() {
    let proc = proc().before("read 12/cmdline", |machine| executes(machine, "two", 200));
    assert_eq!(program(&read(&proc, PATH | ARGUMENTS)), both("two"));
    // One that keeps executing programs, or has ended, is known by its name alone.
    let proc = self::proc()
        .before("read 12/cmdline", |machine| executes(machine, "two", 200))
        .after(1, "read 12/cmdline", |machine| executes(machine, "three", 300))
        .after(2, "read 12/cmdline", |machine| executes(machine, "four", 400));
    let process = read(&proc, NAME | PATH | ARGUMENTS);
    assert_eq!((program(&process), process.name.as_deref()), ((None, None), Some("name".as_ref())));
    let ends = |machine: &mut Machine| _ = machine.processes.remove(&12);
    let process = read(&self::proc().before("read 12/cmdline", ends), NAME | PATH | ARGUMENTS);
    assert_eq!((program(&process), process.name.as_deref()), ((None, None), Some("name".as_ref())));
}

#[test]
fn process_that_gets_the_pid_in_the_meantime_lends_nothing() {
    let other = |machine: &mut Machine| set(machine, "stat", &stat("other", 999, 100));
    let process = read(&proc().before("read 12/cmdline", other), NAME | PATH | ARGUMENTS);
    assert_eq!(process, Process::new(12));
}

#[test]
fn name_alone_takes_one_read() {
    let proc = proc();
    read(&proc, NAME);
    assert_eq!(proc.steps(), ["read 12/stat"]);
}

#[test]
fn file_that_is_really_called_deleted_keeps_its_name() {
    let path = |at: Option<&str>| {
        let proc = ScriptedProc::with(|machine| {
            executes(machine, "server (deleted)", 100);
            machine.executables.extend(at.map(|at| (12, at.as_bytes().to_vec())));
        });
        let process = read(&proc, PATH);
        (process.path.unwrap().to_str().unwrap().to_owned(), process.path_deleted)
    };
    assert_eq!(path(Some("/bin/server (deleted)")), ("/bin/server (deleted)".to_owned(), Some(false)));
    assert_eq!(path(Some("/bin/other")), ("/bin/server".to_owned(), Some(true)));
    assert_eq!(path(None), ("/bin/server (deleted)".to_owned(), None), "it could not be looked at");
}

#[test]
fn kept_details_are_read_anew_when_the_process_has_changed() {
    let fields = NAME | PATH | ARGUMENTS;
    // Each change, and whether it shows.
    type Change = fn(&mut Machine);
    let changes: [(&str, Change); 4] = [
        ("exec", |machine| executes(machine, "two", 200)),
        ("exec with the same stack", |machine| executes(machine, "two", 100)),
        ("deleted", |machine| {
            machine.links.insert("12/exe".to_owned(), b"/bin/one (deleted)".to_vec());
            machine.executables.insert(12, b"/bin/none".to_vec());
        }),
        ("none", |_| ()),
    ];
    for (what, change) in changes {
        let mut cache = ProcessCache::default();
        let proc = proc();
        let first = read_with(&proc, fields, &mut cache);
        let changed = ScriptedProc::with(|machine| {
            *machine = proc.take_machine();
            change(machine);
        });
        let (kept, fresh) = (read_with(&changed, fields, &mut cache), read(&changed, fields));
        assert_eq!(kept, fresh, "{what}");
        assert_eq!(kept == first, what == "none", "{what}");
    }
}

#[test]
fn program_without_random_addresses_is_not_kept() {
    for (personality, randomize) in [("00040000\n", "2\n"), ("00000000\n", "0\n"), ("", "2\n")] {
        let mut cache = ProcessCache::default();
        let fixed = |machine: &mut Machine, program| {
            executes(machine, program, 100);
            set(machine, "personality", personality);
            machine.files.insert("sys/kernel/randomize_va_space".to_owned(), randomize.to_owned());
        };
        read_with(&ScriptedProc::with(|machine| fixed(machine, "one")), ARGUMENTS, &mut cache);
        let next = ScriptedProc::with(|machine| fixed(machine, "two"));
        let process = read_with(&next, ARGUMENTS, &mut cache);
        assert_eq!(program(&process).1, Some("two".to_owned()), "{personality:?} {randomize:?}");
    }
}

#[test]
fn user_of_a_kept_process_is_read_at_every_listing() {
    let fields = ARGUMENTS | ProcessFields::UID;
    let (mut cache, proc) = (ProcessCache::default(), proc());
    read_with(&proc, fields, &mut cache);
    let changed = ScriptedProc::with(|machine| {
        *machine = proc.take_machine();
        machine.user = Some(77);
    });
    assert_eq!(read_with(&changed, fields, &mut cache).uid, Some(77));
    // The steps of the first listing are among them.
    assert_eq!(changed.steps().iter().filter(|step| *step == "read 12/cmdline").count(), 1);
}

/// The start time of the process 12, and the kinds of gaps, if its `stat` has this start and `/proc/stat` this text.
fn start_time(start: u64, text: Option<&str>) -> (Process, Vec<GapKind>) {
    let proc = ScriptedProc::with(|machine| {
        set(machine, "stat", &stat("name", start, 100));
        machine.files.extend(text.map(|text| ("stat".to_owned(), text.to_owned())));
    });
    let seen = [ProcessSeen::new(12, 10_000_000_000)];
    let fields = NAME | ProcessFields::START_TIME;
    let (mut processes, gaps) = read_all(&&proc, &seen, fields, 1, &mut ProcessCache::default());
    (processes.pop().unwrap(), gaps.iter().map(|gap| gap.kind).collect())
}

/// The scripted machine was started ten seconds ago.
fn boot() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() - 10
}

fn seconds_after_boot(process: &Process) -> i64 {
    let time = process.start_time.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(time.as_secs()).unwrap() - i64::try_from(boot()).unwrap()
}

#[test]
fn process_that_started_before_the_clock_of_its_time_namespace_is_the_same() {
    // 700 ticks before: divided after the kernel has made it unsigned, and before.
    let minus_seven_seconds = u64::MAX - 7_000_000_000;
    for start in [minus_seven_seconds / 10_000_000, u64::MAX - 699] {
        let (process, gaps) = start_time(start, None);
        assert_eq!((process.name.as_deref(), gaps), (Some("name".as_ref()), vec![]), "{start}");
        let started = seconds_after_boot(&process);
        assert!((-9..=-6).contains(&started), "{started}");
        assert_eq!(process.start, Some(start), "the kernel's own value");
    }
}

#[test]
fn start_time_is_counted_back_from_the_clocks_where_proc_has_no_time_of_boot_or_another() {
    let another = format!("btime {}\n", boot() + 5_000);
    for text in [None, Some("cpu 1 2\n"), Some(&*another)] {
        let (process, gaps) = start_time(500, text);
        assert!((4..=6).contains(&seconds_after_boot(&process)), "{text:?}");
        assert_eq!(gaps, []);
    }
    // Within the rounding of both, that of the kernel is the same each time.
    let (process, _) = start_time(500, Some(&format!("btime {}\n", boot() + 2)));
    assert!((6..=8).contains(&seconds_after_boot(&process)));
}

#[test]
fn no_process_starts_in_the_future() {
    // Seen later than the scripted clock says, as if the clocks were set apart.
    let proc = ScriptedProc::with(|machine| set(machine, "stat", &stat("name", 100_000, 100)));
    let seen = [ProcessSeen::new(12, u64::MAX)];
    let fields = NAME | ProcessFields::START_TIME;
    let (processes, gaps) = read_all(&&proc, &seen, fields, 1, &mut ProcessCache::default());
    assert_eq!((processes[0].start_time, processes[0].start), (None, Some(100_000)));
    assert_eq!(
        gaps.iter().map(|gap| (gap.kind, gap.count)).collect::<Vec<_>>(),
        [(GapKind::ProcessesSkipped, 1)]
    );
    let tick = Duration::from_millis(10);
    assert!(start_time(1, None).0.start_time.unwrap() < SystemTime::now() - tick);
}

#[test]
fn workload_is_that_of_the_moment_also_of_a_cached_process() {
    let proc = proc();
    let group = |path: &str| {
        let text = format!("0::/system.slice/{path}\n");
        set(&mut proc.machine(), "cgroup", &text);
    };
    let mut cache = ProcessCache::default();
    let unit = |cache: &mut ProcessCache| {
        let process = read_with(&proc, NAME | ProcessFields::WORKLOAD, cache);
        process.workload.and_then(|workload| workload.unit)
    };
    group("one.service");
    assert_eq!(unit(&mut cache).as_deref(), Some("one.service"));
    group("two.service");
    assert_eq!(unit(&mut cache).as_deref(), Some("two.service"));
    assert_eq!(read_with(&proc, NAME, &mut cache).workload, None, "not asked for");
}

#[test]
fn control_groups_are_from_the_root_only_in_the_first_namespace() {
    let is_complete = |link: Option<&str>| {
        let proc = ScriptedProc::with(|machine| {
            executes(machine, "one", 100);
            set(machine, "cgroup", "0::/\n");
            machine.links.insert("self/ns/mnt".to_owned(), b"mnt:[1]".to_vec());
            let link = link.map(|link| ("thread-self/ns/cgroup".to_owned(), link.as_bytes().to_vec()));
            machine.links.extend(link);
        });
        read(&proc, ProcessFields::WORKLOAD).workload.unwrap().is_complete
    };
    assert!(is_complete(Some("cgroup:[4026531835]")));
    assert!(!is_complete(Some("cgroup:[4026532835]")));
    assert!(is_complete(None), "a kernel without such namespaces");
    // /proc does not show this process.
    let proc = proc();
    set(&mut proc.machine(), "cgroup", "0::/\n");
    assert!(!read(&proc, ProcessFields::WORKLOAD).workload.unwrap().is_complete);
}

#[test]
fn docker_proxy_of_root_shows_the_address_behind_it_and_that_of_another_user_does_not() {
    let published = |user: u32| {
        let proc = ScriptedProc::with(move |machine| {
            executes(machine, "one", 100);
            set(machine, "stat", &stat("docker-proxy", 5, 100));
            set(machine, "cgroup", "0::/system.slice/docker.service\n");
            set(
                machine,
                "cmdline",
                "/usr/bin/docker-proxy\0-container-ip\x00172.17.0.2\0-container-port\x0080\0",
            );
            machine.user = Some(user);
        });
        let workload = read(&proc, ProcessFields::WORKLOAD).workload.unwrap();
        (workload.unit, workload.published.map(|published| published.to.to_string()))
    };
    let unit = Some("docker.service".to_owned());
    assert_eq!(published(0), (unit.clone(), Some("172.17.0.2:80".to_owned())));
    assert_eq!(published(1000), (unit, None));
}
