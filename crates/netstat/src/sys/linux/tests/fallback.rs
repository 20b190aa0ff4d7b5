//! Tables that netlink does not return: read from `/proc` with a gap that has the cause, or an error with both
//! causes. Never an empty list.

use super::script::{
    Answer, Channel, FileScript, Message, Outcome, Script, answers, done, over, rows, tcp, udp,
};
use crate::model::family::Family;
use crate::model::gap::GapKind;
use crate::model::protocol::Protocol;
use rustix::io::Errno;

const TCP: &str = "/proc/thread-self/net/tcp";
const TCP6: &str = "/proc/thread-self/net/tcp6";
const UDP: &str = "/proc/thread-self/net/udp";
const UDP6: &str = "/proc/thread-self/net/udp6";

pub(super) const HEADING: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

/// The line of a socket at 127.0.0.1, or of `::1`, in the byte order of this machine.
pub(super) fn line(family: Family, number: u16) -> String {
    let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
    let (local, none) = match family {
        Family::Ipv4 => (word([127, 0, 0, 1]), word([0; 4])),
        _ => (format!("{:024}{}", 0, word([0, 0, 0, 1])), format!("{:032}", 0)),
    };
    format!(
        "   0: {local}:{number:04X} {none}:0000 07 00000000:00000000 00:00000000 00000000     0        0 {number} 1 0\n"
    )
}

fn lines(numbers: &[u16]) -> String {
    numbers.iter().map(|number| line(Family::Ipv4, *number)).collect()
}

fn table(numbers: &[u16]) -> String {
    format!("{HEADING}{}", lines(numbers))
}

fn table6(numbers: &[u16]) -> String {
    let lines: String = numbers.iter().map(|number| line(Family::Ipv6, *number)).collect();
    format!("{HEADING}{lines}")
}

/// Lists TCP from files alone, without netlink.
fn list_files(script: Script) -> Outcome {
    Script { channels: [Channel::CannotOpen(Errno::PERM)].into(), ..script }.list(&[tcp()])
}

/// The text of the error that ended a listing.
fn error(outcome: &Outcome) -> String {
    outcome.result.as_ref().expect_err("an error").to_string()
}

#[test]
fn refused_netlink_is_a_table_from_proc_with_a_gap_that_names_table_and_cause() {
    for (errno, cause) in [
        (Errno::PERM, "Operation not permitted (os error 1)"),
        (Errno::ACCESS, "Permission denied (os error 13)"),
        (Errno::MFILE, "Too many open files (os error 24)"),
        (Errno::PROTONOSUPPORT, "Protocol not supported (os error 93)"),
        (Errno::AFNOSUPPORT, "Address family not supported by protocol (os error 97)"),
        (Errno::OPNOTSUPP, "Operation not supported (os error 95)"),
    ] {
        let outcome = Script::new([Channel::CannotOpen(errno), Channel::CannotOpen(errno)])
            .file(TCP, &table(&[1, 2]))
            .file(TCP6, &table6(&[3]))
            .file(UDP, &table(&[4]))
            .file(UDP6, &table6(&[5]))
            .list(&[tcp(), udp()]);
        assert_eq!(outcome.numbers(), [1, 2, 3, 4, 5]);
        let gap = |table: &str| (GapKind::Fallback, format!("sock_diag {table}: socket: {cause}"));
        let gaps: Vec<_> =
            outcome.gaps().into_iter().map(|(kind, source)| (kind, source.to_owned())).collect();
        assert_eq!(gaps, [gap("tcp"), gap("udp")]);
        let protocols: Vec<_> = outcome.rows.iter().map(|row| (row.protocol, row.family)).collect();
        assert_eq!(protocols[2..4], [(Protocol::Tcp, Family::Ipv6), (Protocol::Udp, Family::Ipv4)]);
    }
}

#[test]
fn refused_request_falls_back() {
    let channel = Channel::SendFails(vec![Errno::PERM], vec![vec![rows([9]), done()]]);
    let outcome = Script::new([channel]).file(TCP, &table(&[1])).list(&[tcp()]);
    assert_eq!(outcome.numbers(), [1]);
    let cause = "sock_diag tcp: send: Operation not permitted (os error 1)";
    assert_eq!(outcome.gaps(), [(GapKind::Fallback, cause)]);
}

#[test]
fn missing_handler_of_a_protocol_falls_back_for_that_table_alone() {
    let outcome = Script::new([Channel::Opens(vec![
        vec![rows([1]), done()],
        vec![Answer::Datagram(vec![Message::Done(-2)])],
    ])])
    .file(TCP, &table(&[90]))
    .file(UDP, &table(&[2]))
    .list(&[tcp(), udp()]);
    assert_eq!(outcome.numbers(), [1, 2]);
    let cause = "sock_diag udp: No such file or directory (os error 2)";
    assert_eq!(outcome.gaps(), [(GapKind::Fallback, cause)]);
    assert!(outcome.rows[0].cookie.is_some() && outcome.rows[1].cookie.is_none());
}

#[cfg(feature = "log")]
#[test]
fn each_table_that_falls_back_logs_one_line() {
    use crate::log::recorder::lines_of;
    let script = || {
        Script::new([Channel::Opens(vec![
            vec![rows([1]), done()],
            vec![Answer::Datagram(vec![Message::Done(-2)])],
        ])])
        .file(TCP, &table(&[90]))
        .file(UDP, &table(&[2]))
    };
    let (outcome, lines) = lines_of(|| script().list(&[tcp(), udp()]));
    assert_eq!(outcome.numbers(), [1, 2]);
    let cause = "sock_diag udp: No such file or directory (os error 2)";
    assert_eq!(lines, [format!("a table is read from a lesser source: {cause}")]);
    let (_, lines) = lines_of(|| script().list(&[tcp()]));
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn missing_handler_of_the_family_falls_back_for_every_table() {
    let missing = || vec![Answer::Datagram(vec![Message::Error(-2)])];
    let outcome = Script::new([Channel::Opens(vec![missing(), missing()])])
        .file(TCP, &table(&[1]))
        .file(UDP, &table(&[2]))
        .list(&[tcp(), udp()]);
    assert_eq!(outcome.numbers(), [1, 2]);
    assert!(outcome.gaps().iter().all(|(kind, _)| *kind == GapKind::Fallback));
}

#[test]
fn any_failure_before_the_first_row_falls_back() {
    let overrun = || answers([Answer::Fails(Errno::NOBUFS)]);
    for channels in [
        vec![answers([])],
        vec![overrun(), overrun(), overrun(), overrun()],
        vec![answers([Answer::Truncated(vec![Message::Row(9)])])],
        vec![answers([Answer::Datagram(vec![Message::Garbage])])],
    ] {
        let outcome = Script::new(channels).file(TCP, &table(&[1])).list(&[tcp()]);
        assert_eq!(outcome.numbers(), [1]);
        assert!(matches!(outcome.gaps()[..], [(GapKind::Fallback, _)]), "{:?}", outcome.gaps());
    }
}

#[test]
fn failure_after_rows_does_not_fall_back_and_repeats_no_row() {
    let outcome = Script::new([answers([rows([1])])]).file(TCP, &table(&[1, 2])).list(&[tcp()]);
    assert_eq!(outcome.numbers(), [1]);
    assert!(matches!(outcome.gaps()[..], [(GapKind::TableInterrupted, _)]), "{:?}", outcome.gaps());
    assert!(outcome.paths.is_empty());
}

#[test]
fn rows_from_proc_lack_what_the_file_does_not_have() {
    let outcome = list_files(Script::default().file(TCP, &table(&[1])));
    let row = &outcome.rows[0];
    assert_eq!((row.cookie, row.interface, row.v6_only, &row.remote), (None, None, None, &None));
    assert_eq!((row.inode(), row.uid, row.queues.unwrap().receive()), (Some(1), Some(0), 0));
}

#[test]
fn neither_netlink_nor_proc_is_an_error_that_names_both() {
    let outcome = list_files(Script::default());
    assert_eq!(
        error(&outcome),
        "cannot list tcp sockets from /proc/thread-self/net/tcp (entity not found) or sock_diag: \
         Operation not permitted (os error 1)"
    );
    assert_eq!(outcome.paths, [TCP, "/proc/self/net/tcp", "/proc/net/tcp"].repeat(2));
}

#[test]
fn refused_proc_is_an_error_with_that_cause() {
    let refused = [FileScript::CannotOpen(Errno::ACCESS)];
    let outcome = list_files(Script::default().file_script(TCP, refused).file("/proc/net/tcp", &table(&[9])));
    assert!(error(&outcome).contains("/proc/thread-self/net/tcp (Permission denied (os error 13))"));
    assert!(outcome.rows.is_empty());
}

#[test]
fn file_without_a_heading_is_no_table() {
    let outcome = list_files(Script::default().file(TCP, ""));
    assert!(error(&outcome).contains("(unexpected end of file)"), "{}", error(&outcome));
}

#[test]
fn table_without_sockets_is_no_error() {
    let outcome = list_files(Script::default().file(TCP, HEADING).file(TCP6, HEADING));
    assert_eq!(outcome.numbers(), []);
    assert!(matches!(outcome.gaps()[..], [(GapKind::Fallback, _)]), "{:?}", outcome.gaps());
}

#[test]
fn missing_table_of_ipv6_beside_that_of_ipv4_is_no_gap() {
    let outcome = list_files(Script::default().file(TCP, &table(&[1])));
    assert_eq!(outcome.numbers(), [1]);
    assert!(matches!(outcome.gaps()[..], [(GapKind::Fallback, _)]), "{:?}", outcome.gaps());
    // Nor is it an error when only IPv6 was requested.
    let outcome = Script::default().file(TCP, &table(&[1])).list(&[over(Family::Ipv6, tcp())]);
    assert_eq!(outcome.numbers(), []);
    assert!(outcome.result.is_ok());
}

#[test]
fn refused_table_of_ipv6_is_a_gap_of_its_own() {
    let refused = [FileScript::CannotOpen(Errno::ACCESS)];
    let outcome = list_files(Script::default().file(TCP, &table(&[1])).file_script(TCP6, refused));
    assert_eq!(outcome.numbers(), [1]);
    let refused = "/proc/thread-self/net/tcp6: Permission denied (os error 13)";
    assert_eq!(outcome.gaps()[1..], [(GapKind::TableUnavailable, refused)]);
}

#[test]
fn kernel_without_thread_self_is_read_as_the_process() {
    let script = Script::default().file("/proc/self/net/tcp", &table(&[1]));
    let outcome = list_files(script.file("/proc/self/net/tcp6", &table6(&[2])));
    assert_eq!(outcome.numbers(), [1, 2]);
    let outcome = list_files(Script::default().file("/proc/net/tcp", &table(&[3])));
    assert_eq!(outcome.numbers(), [3]);
}

#[test]
fn only_the_requested_family_is_read() {
    for (family, number) in [(Family::Ipv4, 1), (Family::Ipv6, 2)] {
        let script = Script::default().file(TCP, &table(&[1])).file(TCP6, &table6(&[2]));
        assert_eq!(script.list(&[over(family, tcp())]).numbers(), [number]);
    }
}

#[test]
fn lines_split_between_reads_are_joined() {
    let text = table(&[1, 2, 3]);
    for size in [1, 7, 128, text.len() - 1] {
        let reads = text.as_bytes().chunks(size).map(|part| Ok(String::from_utf8(part.to_vec()).unwrap()));
        let outcome = list_files(Script::default().file_script(TCP, [FileScript::Holds(reads.collect())]));
        assert_eq!(outcome.numbers(), [1, 2, 3], "{size} bytes a read");
    }
}

#[test]
fn read_interrupted_by_a_signal_is_repeated() {
    let reads = vec![Err(Errno::INTR), Ok(table(&[1])), Err(Errno::INTR), Ok(lines(&[2]))];
    let outcome = list_files(Script::default().file_script(TCP, [FileScript::Holds(reads)]));
    assert_eq!(outcome.numbers(), [1, 2]);
}

#[test]
fn file_that_fails_in_the_middle_keeps_its_rows_and_is_a_gap() {
    let reads = vec![Ok(table(&[1])), Err(Errno::IO)];
    let outcome = list_files(Script::default().file_script(TCP, [FileScript::Holds(reads)]));
    assert_eq!(outcome.numbers(), [1]);
    let failed = "/proc/thread-self/net/tcp: Input/output error (os error 5)";
    assert!(outcome.gaps().contains(&(GapKind::TableInterrupted, failed)), "{:?}", outcome.gaps());
}

#[test]
fn line_that_cannot_be_decoded_is_skipped_and_counted() {
    let text = format!("{HEADING}{}   1: nonsense\n{}", lines(&[1]), lines(&[2]));
    let outcome = list_files(Script::default().file(TCP, &text));
    assert_eq!(outcome.numbers(), [1, 2]);
    let skipped = (GapKind::RecordsSkipped, "/proc/net tcp over ipv4");
    assert!(outcome.gaps().contains(&skipped), "{:?}", outcome.gaps());
}

#[test]
fn endless_line_is_an_error_and_does_not_fill_memory() {
    let reads = vec![Ok("x".repeat(16 * 1024)); 100];
    let outcome = list_files(Script::default().file_script(TCP, [FileScript::Holds(reads)]));
    assert!(error(&outcome).contains("(invalid data)"), "{}", error(&outcome));
}

#[test]
fn sink_that_stops_ends_the_read() {
    let script = Script::default().file(TCP, &table(&[1, 2, 3])).file(TCP6, &table6(&[4]));
    let outcome = script.list_at_most(&[tcp(), udp()], 2);
    assert_eq!(outcome.numbers(), [1, 2]);
    assert_eq!(outcome.paths, [TCP]);
}

#[test]
fn tcp_lines_repeated_at_the_head_of_a_read_are_emitted_once() {
    let reads = vec![Ok(table(&[1, 2, 3])), Ok(lines(&[3, 4]))];
    let outcome = list_files(Script::default().file_script(TCP, [FileScript::Holds(reads)]));
    assert_eq!(outcome.numbers(), [1, 2, 3, 4]);
}

#[test]
fn tcp_lines_repeated_at_the_end_of_the_file_are_emitted_once_however_many() {
    // Four sockets were opened before the last ones.
    let reads = vec![Ok(table(&[1, 2])), Ok(lines(&[3, 4])), Ok(lines(&[5])), Ok(lines(&[2, 3, 4, 5]))];
    let outcome = list_files(Script::default().file_script(TCP, [FileScript::Holds(reads)]));
    assert_eq!(outcome.numbers(), [1, 2, 3, 4, 5]);
}

#[test]
fn udp_file_of_more_than_one_read_is_read_until_two_reads_agree() {
    let read = |first: &[u16], second: &[u16]| FileScript::Holds(vec![Ok(table(first)), Ok(lines(second))]);
    let openings = [read(&[1, 2], &[2, 4]), read(&[1, 2], &[3, 4]), read(&[1, 2], &[3, 4]), read(&[90], &[])];
    let outcome = Script::default().file_script(UDP, openings).list(&[over(Family::Ipv4, udp())]);
    assert_eq!(outcome.numbers(), [1, 2, 4, 3]);
    assert_eq!(outcome.paths.len(), 3);
}
