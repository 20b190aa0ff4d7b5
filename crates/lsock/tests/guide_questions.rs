//! Every command in the pages of the guide that answer a question is one that lsock accepts.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

mod common;

use common::lsock;
use socket_world::quiet;
use test_skips::live_skip;

const PAGES: [&str; 3] = [
    include_str!("../../../docs/who-holds-a-port.md"),
    include_str!("../../../docs/what-is-exposed.md"),
    include_str!("../../../docs/what-a-container-talks-to.md"),
];

/// The lines of the blocks of commands.
fn commands(page: &str) -> Vec<Vec<&str>> {
    let blocks = page.split("```console\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    lines.map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn live_commands_of_the_guide_are_accepted() {
    let (mut count, mut refused_by_kernel) = (0, 0);
    for command in PAGES.iter().flat_map(|page| commands(page)) {
        assert_eq!(command.first(), Some(&"lsock"), "{command:?}");
        count += 1;
        let window = quiet();
        let output = lsock(&command[1..]).output().unwrap();
        drop(window);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_quiet =
            command.iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('q'));
        match output.status.code() {
            Some(0) => {}
            // Nothing was found.
            Some(1) if is_quiet && output.stderr.is_empty() => {}
            // Sockets that are only bound cannot be listed.
            Some(1) if command.contains(&"-B") && socket_world::kernel::is_before(6, 8) => {
                refused_by_kernel += 1
            }
            code => panic!("{command:?}: {code:?}: {message}"),
        }
    }
    assert!(count >= 20, "{count} commands were found");
    if refused_by_kernel > 0 {
        live_skip!("bound sockets: Linux before 6.8 leaves them out");
    }
}
