//! Which source of owners is worth its set-up.

use super::scripted_proc::{Machine, ScriptedProc, process};
use crate::sys::linux::owners::bpf::tests::walks_tables;
use crate::sys::linux::owners::bpf::{Families, may_load};
use crate::sys::linux::owners::select::{KeptProgram, after_refusals, is_worth_it};
use crate::sys::linux::procfs::Proc;
use socket_world::{kernel, live_skip};

/// A machine with so many open files, some processes of which have some descriptors each.
fn machine(files: u64, processes: u32, descriptors: u64) -> impl Fn(&mut Machine) {
    move |machine| {
        machine.files.insert("sys/fs/file-nr".to_owned(), format!("{files}\t0\t9223372036854775807\n"));
        let inodes: Vec<u64> = (0..descriptors).collect();
        machine
            .processes
            .extend((1_000_000..).take(processes as usize).map(|pid| (pid, process(pid, &inodes))));
    }
}

fn nested(machine: &mut Machine) {
    machine.links.insert("self/ns/pid".to_owned(), b"pid:[4026532000]".to_vec());
}

#[test]
fn descriptors_decide_and_not_processes() {
    let worth = |change: &dyn Fn(&mut Machine)| is_worth_it(&&ScriptedProc::with(change));
    assert_eq!(worth(&machine(106_000, 12, 10)), Ok("many descriptors"));
    assert_eq!(worth(&machine(799, 300, 2)), Err("few descriptors"));
    assert_eq!(worth(&machine(800, 1, 0)), Ok("many descriptors"));
    // Without the kernel's count the walk has nothing to read either.
    assert_eq!(worth(&|_| ()), Ok("no count of descriptors"));
}

#[test]
fn nested_namespace_counts_the_descriptors_of_its_own_processes() {
    let worth = |files, processes, descriptors| {
        is_worth_it(&&ScriptedProc::with(|it| {
            machine(files, processes, descriptors)(it);
            nested(it);
        }))
    };
    assert_eq!(worth(106_000, 12, 8_800), Ok("many descriptors"), "twelve processes with many each");
    assert_eq!(worth(106_000, 12, 10), Err("few processes"), "the files are those of the whole machine");
    assert_eq!(worth(106_000, 100, 1), Ok("many descriptors"), "many processes are not counted one by one");
}

#[test]
fn after_refusals_a_small_machine_loads_the_program_that_is_loaded_soonest() {
    if let Err(why) = kernel::bpf_iterators() {
        live_skip!("{why}");
    }
    assert_eq!(may_load(), Ok(()));
    let procfs = Proc::open().expect("/proc");
    // Other tests open and close files: the machine may grow large or small in between.
    for _ in 0..100 {
        let is_small = is_worth_it(&procfs).is_err();
        let program = after_refusals(&KeptProgram::default(), Families::Internet).expect("a program");
        if is_small == is_worth_it(&procfs).is_err() {
            return assert_eq!(walks_tables(&program), !is_small && !kernel::is_before(6, 4));
        }
    }
    panic!("the number of open files goes up and down");
}
