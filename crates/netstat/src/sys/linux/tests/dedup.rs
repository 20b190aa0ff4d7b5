//! Tables that change while they are dumped: rows that repeat, rows that are missed.

use super::script::{Channel, Outcome, Script, answers, done, rows, tcp, udp};

/// Each read of the table of UDP, in two chunks.
fn list_udp(reads: &[[&[u16]; 2]]) -> Outcome {
    let read = |chunks: &[&[u16]; 2]| vec![rows(chunks[0].to_vec()), rows(chunks[1].to_vec()), done()];
    Script::new([Channel::Opens(reads.iter().map(read).collect())]).list(&[udp()])
}

#[test]
fn repeated_udp_rows_are_emitted_once() {
    let outcome = list_udp(&[[&[1, 2, 3], &[2, 3, 4, 1]], [&[1, 2, 3], &[4]]]);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![1, 2, 3, 4], vec![]));
    assert_eq!(outcome.requests.len(), 2);
}

#[test]
fn udp_rows_missed_by_one_read_are_found_by_later_reads() {
    let outcome =
        list_udp(&[[&[1, 2], &[4]], [&[1, 2], &[3, 4]], [&[1, 2], &[3, 4]], [&[1, 2, 3, 4], &[90]]]);
    assert_eq!(outcome.numbers(), [1, 2, 4, 3]);
    // The second and third agree on what was known before them.
    assert_eq!(outcome.requests.len(), 3);
}

#[test]
fn udp_table_that_never_agrees_is_read_four_times() {
    let outcome = list_udp(&[[&[1, 2], &[3]], [&[1], &[3]], [&[1, 2], &[4]], [&[2], &[4]], [&[90], &[91]]]);
    assert_eq!((outcome.numbers(), outcome.requests.len()), (vec![1, 2, 3, 4], 4));
}

#[test]
fn udp_table_of_one_datagram_is_read_once() {
    let outcome = Script::new([answers([rows([1, 2, 1]), done()])]).list(&[udp()]);
    assert_eq!((outcome.numbers(), outcome.requests.len()), (vec![1, 2], 1));
}

#[test]
fn tcp_rows_repeated_at_the_head_of_a_chunk_are_emitted_once() {
    let outcome =
        Script::new([answers([rows([1, 2, 3]), rows([2, 3, 4]), rows([4, 5]), done()])]).list(&[tcp()]);
    assert_eq!((outcome.numbers(), outcome.requests.len()), (vec![1, 2, 3, 4, 5], 1));
}
