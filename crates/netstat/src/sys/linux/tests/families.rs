//! Tables of unix sockets and other families over scripted netlink sockets and files, one test per fault or race.

use super::script::{Answer, Channel, Message, Outcome, Requests, Script, done, open};
use crate::filter::Filter;
use crate::model::endpoint::{Endpoint, UnixName};
use crate::model::family::Family;
use crate::model::gap::GapKind;
use crate::model::owner::Ownership;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::queues::Queues;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::query::Query;
use crate::sys::linux::families::{FamilyTable, still_open, tables_of};
use crate::sys::linux::sock_diag::dumps::Dumps;
use netstat_wire::linux::netlink::put_attribute;
use netstat_wire::linux::unix_diag::{UNIX_DIAG_NAME, UNIX_DIAG_PEER, UNIX_DIAG_RQLEN};
use rustix::io::Errno;
use std::num::NonZeroU64;

const ENOENT: i32 = -2;
const HEADING: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n";

fn unix() -> Vec<FamilyTable> {
    tables_of(&Query::new().unix()).unwrap()
}

/// The record of a unix stream socket; its cookie is its inode.
fn record(state: u8, inode: u32, attributes: &[(u16, &[u8])]) -> Message {
    let words = [inode, inode, 0].map(u32::to_ne_bytes);
    let mut bytes = [&[1, 1, state, 0], words.as_flattened()].concat();
    for (kind, value) in attributes {
        // Behind a netlink header, whose length the attribute is added to.
        let mut message = vec![0; 16];
        put_attribute(&mut message, *kind, value);
        bytes.extend(&message[16..]);
    }
    Message::Record(bytes)
}

fn established(inode: u32) -> Message {
    record(1, inode, &[])
}

fn dump(inodes: &[u32]) -> Answer {
    Answer::Datagram(inodes.iter().map(|inode| established(*inode)).collect())
}

fn inodes(outcome: &Outcome) -> Vec<u64> {
    outcome.rows.iter().filter_map(|row| row.inode()).collect()
}

#[test]
fn peers_are_named_from_their_own_rows_wherever_these_stand() {
    let peer = |inode: u32| inode.to_ne_bytes();
    let records = vec![
        record(1, 5, &[(UNIX_DIAG_PEER, &peer(6))]),
        record(1, 6, &[(UNIX_DIAG_PEER, &peer(5)), (UNIX_DIAG_NAME, b"\0a\0b")]),
        record(1, 7, &[(UNIX_DIAG_PEER, &peer(0))]),
        record(1, 8, &[(UNIX_DIAG_PEER, &peer(99))]),
        record(10, 9, &[(UNIX_DIAG_NAME, b"/run/x\0"), (UNIX_DIAG_RQLEN, &[3, 0, 0, 0, 5, 0, 0, 0])]),
    ];
    let outcome =
        Script::new([Channel::Opens(vec![vec![Answer::Datagram(records), done()]])]).list_families(&unix());
    let remotes: Vec<Option<Endpoint>> = outcome.rows.iter().map(|row| row.remote.clone()).collect();
    let name = Endpoint::Unix(UnixName::Abstract(b"a\0b"[..].into()));
    let unnamed = Endpoint::Unix(UnixName::Unnamed);
    let unknown = Some(Endpoint::Unknown);
    assert_eq!(remotes, [Some(name), Some(unnamed), unknown.clone(), unknown, None]);
    let peers: Vec<Option<u64>> = outcome.rows.iter().map(|row| row.peer.map(Into::into)).collect();
    assert_eq!(peers, [Some(6), Some(5), None, Some(99), None]);
    let listener = &outcome.rows[4];
    assert_eq!((listener.state, listener.remote.as_ref()), (Some(State::Listen), None));
    if cfg!(target_endian = "little") {
        assert_eq!(listener.queues, Some(Queues::Accept { waiting: 3, limit: Some(5) }));
    }
    assert_eq!(outcome.gaps(), []);
}

#[test]
fn table_of_several_chunks_is_read_until_two_reads_agree_and_each_row_comes_once() {
    let reads = vec![
        vec![dump(&[1, 2]), dump(&[2, 3]), done()],
        vec![dump(&[3, 1]), dump(&[2]), done()],
        vec![dump(&[9]), done()],
    ];
    let outcome = Script::new([Channel::Opens(reads)]).list_families(&unix());
    assert_eq!(inodes(&outcome), [1, 2, 3]);
    assert_eq!((outcome.requests.len(), outcome.gaps()), (2, vec![]));
    // One chunk is one moment.
    let outcome = Script::new([Channel::Opens(vec![vec![dump(&[1, 2]), done()]])]).list_families(&unix());
    assert_eq!((inodes(&outcome), outcome.requests.len()), (vec![1, 2], 1));
}

#[test]
fn dump_that_fails_halfway_leaves_nothing_and_the_file_takes_its_place() {
    let file = format!("{HEADING}0000000000000001: 00000002 00000000 00000000 0001 03    77\n");
    let script = || Script::new([Channel::Opens(vec![vec![dump(&[1]), Answer::Fails(Errno::NOMEM)]])]);
    let outcome = script().file("/proc/thread-self/net/unix", &file).list_families(&unix());
    assert_eq!(inodes(&outcome), [77]);
    assert_eq!(outcome.gaps()[0].0, GapKind::Fallback);
    // Without the file there is an error, and never an empty list.
    let error = script().list_families(&unix()).result.unwrap_err().to_string();
    assert!(error.contains("unix sockets from /proc/thread-self/net/unix"), "{error}");
}

#[test]
fn failure_of_a_repeated_read_keeps_the_rows_with_a_gap() {
    let reads = vec![vec![dump(&[1]), dump(&[2]), done()], vec![Answer::Fails(Errno::NOMEM)]];
    let outcome = Script::new([Channel::Opens(reads)]).list_families(&unix());
    assert_eq!(inodes(&outcome), [1, 2]);
    assert_eq!(outcome.gaps(), [(GapKind::TableInterrupted, "sock_diag unix")]);
}

#[test]
fn overrun_restarts_the_dump_and_no_row_comes_twice() {
    let overrun = vec![dump(&[1]), Answer::Fails(Errno::NOBUFS)];
    let channels = [Channel::Opens(vec![overrun]), Channel::Opens(vec![vec![dump(&[1, 2]), done()]])];
    let outcome = Script::new(channels).list_families(&unix());
    assert_eq!((inodes(&outcome), outcome.opened, outcome.gaps()), (vec![1, 2], 2, vec![]));
}

#[test]
fn records_that_are_cut_are_counted() {
    let cut = Message::Record(vec![1, 1, 1]);
    let answer = Answer::Datagram(vec![established(1), cut, established(2)]);
    let outcome = Script::new([Channel::Opens(vec![vec![answer, done()]])]).list_families(&unix());
    assert_eq!(inodes(&outcome), [1, 2]);
    assert_eq!(outcome.gaps(), [(GapKind::RecordsSkipped, "sock_diag unix")]);
}

#[test]
fn rows_of_proc_that_a_name_may_hold_have_no_owner_and_are_counted() {
    let line = |inode: u32, name: &str| {
        format!("0000000000000001: 00000002 00000000 00010000 0001 01 {inode:5}{name}\n")
    };
    // The second line may be the end of the first name; 79 is there as itself too.
    let file = format!("{HEADING}{}{}{}{}", line(77, " @x"), line(78, ""), line(80, ""), line(79, ""));
    let outcome = Script::new([Channel::CannotOpen(Errno::PERM)])
        .file("/proc/thread-self/net/unix", &file)
        .list_families(&unix());
    assert_eq!(inodes(&outcome), [77, 78, 80, 79]);
    let hidden: Vec<bool> =
        outcome.rows.iter().map(|row| matches!(row.ownership, Ownership::Hidden { .. })).collect();
    assert!(hidden[1] && !hidden[0], "{hidden:?}");
    let uncertain = hidden.iter().filter(|is| **is).count() as u64;
    let gaps = outcome.result.unwrap();
    let said = gaps.iter().find(|gap| gap.kind == GapKind::SocketsUncertain).unwrap();
    assert_eq!(said.count, uncertain);
    assert!(outcome.rows.iter().all(|row| row.state == Some(State::Listen)));
}

#[test]
fn family_that_the_kernel_does_not_know_is_no_gap_beside_others_and_an_error_alone() {
    let refused = || vec![Answer::Datagram(vec![Message::Error(ENOENT)])];
    let vsock = tables_of(&Query::new().vsock()).unwrap();
    let known = Script::new([Channel::Opens(vec![refused()])]).list_families(&vsock);
    assert!(known.result.unwrap_err().is_unsupported());
    let both = || tables_of(&Query::new().unix().vsock()).unwrap();
    let script = || Script::new([Channel::Opens(vec![vec![dump(&[1]), done()], refused()])]);
    let protocols = "protocol  size sockets  memory press maxhdr\nTCP 1 2 3 no 4\n";
    let outcome = script().file("/proc/thread-self/net/protocols", protocols).list_families(&both());
    assert_eq!((inodes(&outcome), outcome.gaps()), (vec![1], vec![]), "no socket can be of it");
    let with_vsock = format!("{protocols}AF_VSOCK 1 2 3 no 4\n");
    let outcome = script().file("/proc/thread-self/net/protocols", &with_vsock).list_families(&both());
    assert_eq!(outcome.gaps()[0].0, GapKind::TableUnavailable);
    // Namespace by namespace, each table is read by itself.
    let by_itself = Script::new([Channel::Opens(vec![refused()])])
        .file("/proc/thread-self/net/protocols", protocols)
        .list_families(&both()[1..]);
    assert_eq!((inodes(&by_itself), by_itself.gaps()), (vec![], vec![]));
    // Where that cannot be read, it may be.
    assert_eq!(script().list_families(&both()).gaps()[0].0, GapKind::TableUnavailable);
}

#[test]
fn only_the_states_are_requested_that_the_filter_wants() {
    let states = |query: Query| {
        let script = Script::new([Channel::Opens(vec![vec![done()]])]);
        let outcome = script.list_families(&tables_of(&query).unwrap());
        u32::from_ne_bytes(outcome.requests[0][20..24].try_into().unwrap())
    };
    assert_eq!(states(Query::new().unix()), u32::MAX);
    assert_eq!(states(Query::new().unix().state(State::Listen)), 1 << 10);
}

/// Which of the unix sockets with these cookies are still open, and how many dumps that took.
fn checked(given: Vec<Vec<Answer>>, cookies: &[u64]) -> (Vec<bool>, usize) {
    let (mut channels, requests) = ([Channel::Opens(given)].into(), Requests::default());
    let socket = |cookie: &u64| {
        let mut socket = Socket::new(Family::Unix, Protocol::Unix, Endpoint::Unix(UnixName::Unnamed));
        socket.cookie = NonZeroU64::new(*cookie);
        socket
    };
    let sockets: Vec<Socket> = cookies.iter().map(socket).collect();
    let mut still = vec![true; sockets.len()];
    let mut dumps = Dumps::new(|| open(&mut channels, &requests));
    still_open(&mut dumps, &sockets.iter().collect::<Vec<_>>(), &mut still);
    drop(dumps);
    let asked = requests.lock().unwrap().len();
    (still, asked)
}

#[test]
fn socket_is_closed_only_if_a_dump_of_one_moment_or_two_dumps_lack_it() {
    let one_chunk = || vec![dump(&[1]), done()];
    assert_eq!(checked(vec![one_chunk()], &[1]), (vec![true], 1));
    assert_eq!(checked(vec![one_chunk()], &[1, 2]), (vec![true, false], 1));
    let chunks = |last: u32| vec![dump(&[1]), dump(&[last]), done()];
    assert_eq!(checked(vec![chunks(3)], &[1, 3]), (vec![true, true], 1));
    assert_eq!(checked(vec![chunks(3), chunks(2)], &[1, 2, 4]), (vec![true, true, false], 2));
    // The second fails: it is not known.
    let fails = vec![Answer::Fails(Errno::NOMEM)];
    assert_eq!(checked(vec![chunks(3), fails], &[1, 2]), (vec![true, true], 2));
}

#[test]
fn filter_by_what_only_the_kernel_knows_is_refused_for_each_family() {
    let of_kernel = || Filter::autobound() | Filter::cgroup_id(1);
    for kind in [ProtocolKind::Unix, ProtocolKind::Netlink, ProtocolKind::Packet, ProtocolKind::Vsock] {
        let refused = |filter: Filter| {
            tables_of(&Query::new().protocol_kind(kind).filter(filter)).err().map(|error| error.to_string())
        };
        let said = refused(of_kernel()).unwrap();
        assert!(said.contains(&format!("filter by what only the kernel knows of {kind} sockets")), "{said}");
        assert!(refused(!of_kernel()).is_some());
        assert_eq!(refused((Filter::tcp() & of_kernel()) | Filter::protocol_kind(kind)), None);
    }
    // None of them is wanted.
    assert_eq!(tables_of(&Query::new().unix().tcp().filter(Filter::tcp() & of_kernel())).unwrap().len(), 0);
}
