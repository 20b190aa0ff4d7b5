//! `/proc/PID/stat`: a process in one line, with a name that it chooses itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_pid_stat::Stat;

fuzz_target!(|text: &[u8]| {
    let Ok(stat) = Stat::decode(text) else {
        return;
    };
    let Stat { pid, comm, state, ppid, .. } = &stat;
    let start =
        [format!("{pid} (").as_bytes(), comm, b") ", &[*state], format!(" {ppid} ").as_bytes()].concat();
    assert!(text.starts_with(&start));
    // More fields change nothing, but for one that may not have been there.
    let longer = Stat::decode(&[text, b" 0 1\n"].concat()).expect("as good as before");
    let start_stack = stat.start_stack.or(longer.start_stack);
    assert_eq!(longer, Stat { start_stack, ..stat.clone() });
    // Nor does any name: it ends at the last parenthesis.
    let renamed =
        [format!("{pid} (").as_bytes(), b") S 1 (", &text[start.len() - start_of_rest(&start)..]].concat();
    let renamed = Stat::decode(&renamed).expect("only the name is another");
    assert_eq!(Stat { comm: comm.clone(), ..renamed }, stat);
});

/// How many bytes of the start stand behind the name.
fn start_of_rest(start: &[u8]) -> usize {
    let end = start.iter().rposition(|byte| *byte == b')').expect("a name has its end");
    start.len() - end
}
