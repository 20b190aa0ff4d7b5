//! Filters compiled to requests and programs: the kernel must return every socket that passes the filter.

use super::super::row::tcp_state;
use super::script::{Answer, Channel, Message, Script, answers, done, rows, tcp};
use crate::filter::random::{Names, Random};
use crate::filter::{Facts, Filter, Term, Verdict};
use crate::model::family::Family;
use crate::model::gap::GapKind;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::query::Query;
use crate::sys::linux::row::address_family;
use crate::sys::linux::sock_diag::request::{Table, tables};
use crate::sys::linux::sock_diag::selection::Selection;
use netstat_wire::linux::inet_diag::SockId;
use netstat_wire::linux::inet_diag_bytecode_run::{Entry, audit, run};
use netstat_wire::linux::tcp_states as states;
use rustix::io::Errno;
use socket_world::namespace::in_network_namespace;
use socket_world::{Made, binding, live_skip, tcp as tcp_world, udp as udp_world};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// A socket in the kernel's view, and its row.
struct Seen {
    row: Socket,
    number: u8,
    entry: Entry,
}

fn seen(random: &mut Random) -> Seen {
    let mut row = random.socket();
    if row.has_unknown_user() {
        row.uid = Some(0);
    }
    let connected = row.remote.is_some();
    let number = match row.protocol {
        Protocol::Tcp => u8::try_from(random.below(11) + 1).unwrap(),
        _ if connected => states::TCP_ESTABLISHED,
        _ => states::TCP_CLOSE,
    };
    row.state = (row.protocol == Protocol::Tcp).then(|| tcp_state(number));
    let octets = |address: SocketAddr| match address.ip() {
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&address.octets());
            octets
        }
        IpAddr::V6(address) => address.octets(),
    };
    let id = SockId {
        sport: row.local_addr().unwrap().port(),
        dport: row.remote_addr().map_or(0, |remote| remote.port()),
        src: octets(row.local_addr().unwrap()),
        dst: row.remote_addr().map_or([0; 16], octets),
        interface: row.interface.map_or(0, std::num::NonZero::get),
        cookie: 1,
    };
    let entry = Entry {
        family: address_family(row.family),
        id,
        bound_automatically: random.below(2) == 0,
        mark: u32::try_from(random.below(5)).unwrap(),
        cgroup_id: u64::try_from(random.below(3)).unwrap(),
    };
    Seen { row, number, entry }
}

impl Seen {
    /// Whether the kernel returns it for this table.
    fn is_returned(&self, table: &Table) -> bool {
        let SockId { sport, dport, .. } = self.entry.id;
        let selection = &table.selection;
        selection.info.protocol == self.row.protocol
            && selection.families().contains(&self.row.family)
            && selection.states & states::mask(self.number) != 0
            && (selection.local_port == 0 || selection.local_port == sport)
            && (selection.remote_port == 0 || selection.remote_port == dport)
            && table.program.as_ref().is_none_or(|program| run(&program.bytes, &self.entry))
    }

    /// Whether it passes, with every fact known.
    fn passes(&self, filter: &Filter) -> bool {
        let facts = Facts::of(&self.row).with_owners(&Names);
        let decided = filter.expr().decide(&|term| match term {
            Term::Autobound => Some(self.entry.bound_automatically),
            Term::Cgroup(id) => Some(self.entry.cgroup_id == *id),
            Term::Mark { value, mask } => Some(self.entry.mark & mask == *value),
            term => term.decide(&facts),
        });
        decided.expect("everything is known")
    }
}

#[test]
fn kernel_and_predicate_together_accept_what_the_filter_accepts() {
    let mut random = Random::new(6);
    let (mut refused, mut left_out, mut passed, mut by_kernel) = (0, 0, 0, 0);
    for n in 0..10_000 {
        let filter = random.filter(4);
        let seen = seen(&mut random);
        let Ok(tables) = tables(&Query::new().filter(filter.clone()).without_peers(), n % 2 == 0) else {
            refused += 1;
            assert!(filter.expr().has(&Term::is_of_kernel), "{filter}");
            continue;
        };
        for program in tables.iter().filter_map(|table| table.program.as_ref()) {
            assert_eq!(audit(&program.bytes), Ok(()), "{filter}");
            by_kernel += u32::from(program.is_needed);
        }
        let is_returned = tables.iter().filter(|table| seen.is_returned(table)).count();
        assert!(is_returned <= 1, "{filter}");
        let (is_returned, passes) = (is_returned == 1, seen.passes(&filter));
        let kept =
            is_returned && filter.matches(&seen.row) && filter.judge(&seen.row, &Names) == Verdict::Passes;
        assert_eq!(kept, passes, "{filter} over {:?} {:?}", seen.row, seen.entry);
        left_out += u32::from(!is_returned);
        passed += u32::from(passes);
    }
    let enough = refused > 100 && left_out > 2_000 && passed > 2_000 && by_kernel > 500;
    assert!(enough, "{refused} refused, {left_out} left out, {passed} passed, {by_kernel} by the kernel");
}

#[test]
fn kernel_decides_exactly_where_it_knows_every_term() {
    let mut random = Random::new(7);
    let mut decided = 0;
    for _ in 0..10_000 {
        let filter = random.filter(4);
        let is_unknown = |term: &Term| {
            matches!(
                term,
                Term::Uid(_)
                    | Term::Inode(_)
                    | Term::Pid(_)
                    | Term::Process(_)
                    | Term::Workload(..)
                    | Term::PeerPid(_)
                    | Term::PeerProcess(_)
                    | Term::States(_)
                    | Term::Listening
                    | Term::Exposed
                    | Term::Local
            )
        };
        let is_without_program = |term: &Term| matches!(term, Term::Protocol(protocol) if [Protocol::Icmp, Protocol::Sctp].contains(protocol));
        if filter.expr().has(&is_unknown) {
            continue;
        }
        let tables = match tables(&Query::new().filter(filter.clone()).without_peers(), true) {
            Ok(tables) => tables,
            // Their tables have no program.
            Err(_) if filter.expr().has(&is_without_program) => continue,
            Err(error) => panic!("{filter}: {error}"),
        };
        decided += 1;
        for _ in 0..5 {
            let seen = seen(&mut random);
            let is_returned = tables.iter().any(|table| seen.is_returned(table));
            assert_eq!(is_returned, seen.passes(&filter), "{filter} over {:?} {:?}", seen.row, seen.entry);
        }
    }
    assert!(decided > 1_000, "{decided}");
}

#[test]
fn filter_that_neither_kernel_nor_predicate_can_decide_is_an_error_that_names_it() {
    for (filter, decidable) in [
        (Filter::autobound() & Filter::uid(1), true),
        (Filter::autobound() | Filter::uid(1), false),
        (!(Filter::mark(1) & Filter::pid(1)), false),
        // For each table one of the terms is known.
        (Filter::tcp() & Filter::autobound() | Filter::udp() & Filter::uid(1), true),
        (Filter::state(State::Listen) & (Filter::listening() | Filter::mark(1)), true),
        (Filter::state(State::Listen) | Filter::mark(1), false),
    ] {
        match tables(&Query::new().filter(filter.clone()), true) {
            Ok(_) => assert!(decidable, "{filter}"),
            Err(error) => {
                assert!(!decidable && error.is_unsupported(), "{filter}: {error}");
                assert!(error.to_string().starts_with("cannot filter by "), "{error}");
            }
        }
    }
}

#[test]
fn one_port_needs_no_program() {
    let filter = Filter::tcp() & Filter::state(State::Listen) & Filter::local_port(80);
    let of_one_port = tables(&Query::new().filter(filter.clone()), true).unwrap();
    let states = states::mask(states::TCP_LISTEN);
    let selection = Selection { states, local_port: 80, ..tcp().selection };
    assert_eq!(of_one_port, [Table { selection, ..tcp() }]);
}

/// A table with a program.
fn filtered(filter: &Filter) -> Vec<Table> {
    tables(&Query::new().filter(Filter::tcp() & filter.clone()), true).unwrap()
}

#[test]
fn refused_program_is_omitted_where_the_predicate_can_decide() {
    for errno in [Errno::INVAL, Errno::PERM] {
        let refusal = Answer::Datagram(vec![Message::Error(-errno.raw_os_error())]);
        let channel = Channel::Opens(vec![vec![refusal], vec![rows([1, 2]), done()]]);
        let outcome = Script::new([channel]).list(&filtered(&Filter::interface(1)));
        assert_eq!(outcome.numbers(), [1, 2], "{outcome:?}");
        assert_eq!(outcome.gaps(), []);
        assert_eq!(outcome.requests.len(), 2);
        assert!(outcome.requests[0].len() > outcome.requests[1].len());
    }
}

#[cfg(feature = "log")]
#[test]
fn omitting_a_refused_program_logs_one_line() {
    let refusal = Answer::Datagram(vec![Message::Error(-Errno::PERM.raw_os_error())]);
    let channel = Channel::Opens(vec![vec![refusal], vec![rows([1]), done()]]);
    let tables = filtered(&Filter::interface(1));
    let (outcome, lines) = crate::log::recorder::lines_of(|| Script::new([channel]).list(&tables));
    assert_eq!(outcome.numbers(), [1]);
    let cause = "Operation not permitted (os error 1)";
    assert_eq!(lines, [format!("sock_diag tcp: {cause}; the whole table is read, without a filter program")]);
}

#[test]
fn refused_program_is_an_error_where_only_it_can_decide() {
    let refusal = Answer::Datagram(vec![Message::Error(-Errno::PERM.raw_os_error())]);
    let channel = answers([refusal]);
    let outcome = Script::new([channel]).list(&filtered(&Filter::mark(1)));
    assert!(outcome.rows.is_empty());
    assert!(outcome.paths.is_empty(), "{:?}", outcome.paths);
    assert!(outcome.result.unwrap_err().is_permission_denied());
}

#[test]
fn table_is_not_read_from_proc_where_that_lacks_what_the_filter_needs() {
    for filter in [Filter::interface(1), !Filter::autobound()] {
        let outcome = Script::new([Channel::CannotOpen(Errno::ACCESS)]).list(&filtered(&filter));
        assert!(outcome.paths.is_empty() && outcome.rows.is_empty(), "{filter}");
        assert!(outcome.result.unwrap_err().is_permission_denied(), "{filter}");
    }
    // Conditions on ports can be decided from it.
    let outcome = Script::new([Channel::CannotOpen(Errno::ACCESS)])
        .file("/proc/thread-self/net/tcp", "heading\n")
        .file("/proc/thread-self/net/tcp6", "heading\n")
        .list(&filtered(&Filter::local_ports(1..9)));
    assert_eq!(outcome.gaps()[0].0, GapKind::Fallback);
}

/// A random combination of these.
fn combine(random: &mut Random, terms: &[Filter], depth: usize) -> Filter {
    match random.below(if depth == 0 { 1 } else { 5 }) {
        0 => random.pick(terms),
        1 => !combine(random, terms, depth - 1),
        2 | 3 => combine(random, terms, depth - 1) & combine(random, terms, depth - 1),
        _ => combine(random, terms, depth - 1) | combine(random, terms, depth - 1),
    }
}

fn rows_are_the_same_as_without_a_program() {
    let make: &[tcp_world::Make] = &[
        tcp_world::listener_v4,
        tcp_world::listener_dual_stack,
        tcp_world::pair_v4,
        tcp_world::pair_v6,
        tcp_world::pair_mapped,
        tcp_world::half_closed,
        udp_world::unconnected_v4,
        udp_world::unconnected_dual_stack,
        udp_world::pair_v4,
        udp_world::pair_v6,
        udp_world::pair_mapped,
    ];
    let bound = binding::ALL.iter().map(|(_, make)| make);
    let made: Vec<Made> = make.iter().chain(bound).map(|make| make().unwrap()).collect();
    let ours: BTreeSet<Option<u64>> =
        made.iter().flat_map(|made| &made.facts).map(|facts| facts.inode).collect();
    let rows = |filter: &Filter| -> Vec<Socket> {
        let listed = Query::new().filter(filter.clone()).snapshot().unwrap();
        assert!(listed.gaps.is_empty(), "{:?}", listed.gaps);
        listed
            .sockets
            .into_iter()
            .filter(|row| row.inode().is_some() && ours.contains(&row.inode()))
            .collect()
    };
    let everything = rows(&Filter::all());
    assert_eq!(everything.len(), ours.len());
    let mut terms =
        vec![Filter::tcp(), Filter::ipv6(), Filter::listening(), Filter::interface(1), Filter::connected()];
    for row in &everything {
        let width = if row.family == Family::Ipv4 { 24 } else { 104 };
        terms.push(Filter::local_ports(row.local.port().unwrap()..));
        terms.push(Filter::port(row.local.port().unwrap()));
        terms.push(Filter::local_net(row.local.ip().unwrap(), width));
        if let Some(remote) = row.remote_addr() {
            terms.push(Filter::remote_port(remote.port()));
            terms.push(Filter::remote_address(remote.ip()));
        }
    }
    terms.push(Filter::net([127, 0, 0, 0], 8));
    terms.push(Filter::remote_net([0, 0, 0, 0], 0));
    let mut random = Random::new(8);
    let (mut shown, mut hidden) = (0, 0);
    let inodes = |rows: &[Socket]| rows.iter().filter_map(Socket::inode).collect::<BTreeSet<u64>>();
    for n in 0..100 {
        let filter = combine(&mut random, &terms, n % 4);
        let expected: Vec<Socket> = everything.iter().filter(|row| filter.matches(row)).cloned().collect();
        assert_eq!(inodes(&rows(&filter)), inodes(&expected), "{filter}");
        shown += expected.len();
        hidden += everything.len() - expected.len();
    }
    assert!(shown > 300 && hidden > 300, "{shown} shown, {hidden} hidden");
}

#[test]
fn live_rows_are_the_same_with_and_without_a_program() {
    if in_network_namespace(rows_are_the_same_as_without_a_program).is_err() {
        rows_are_the_same_as_without_a_program();
    }
}

#[test]
fn live_terms_that_only_the_kernel_knows_are_decided() {
    let inodes = |filter: Filter| -> Result<BTreeSet<u64>, crate::Error> {
        Ok(Query::new().filter(filter).snapshot()?.sockets.iter().filter_map(Socket::inode).collect())
    };
    let named = binding::tcp_listener_of_named_port().unwrap();
    let chosen = tcp_world::listener_v4().unwrap();
    let inode = |made: &Made| made.facts[0].inode.unwrap();
    let (named, chosen) = (inode(&named), inode(&chosen));
    let automatically = inodes(Filter::tcp() & Filter::autobound()).unwrap();
    assert!(automatically.contains(&chosen) && !automatically.contains(&named));
    let explicitly = inodes(Filter::tcp() & !Filter::autobound() & !Filter::pid(1)).unwrap();
    assert!(!explicitly.contains(&chosen) && explicitly.contains(&named));

    match (binding::tcp_with_mark(0x4d4b), inodes(Filter::mark_masked(0x4d4b, 0xffff))) {
        (Ok(marked), Ok(found)) => {
            let marked = marked.facts.iter().filter_map(|facts| facts.inode);
            assert!(found.is_superset(&marked.collect()) && !found.contains(&named));
        }
        (_, Err(error)) if error.is_permission_denied() => {
            live_skip!("marks need CAP_NET_ADMIN: {error}");
        }
        (Err(error), _) => live_skip!("a mark cannot be set: {error}"),
        (Ok(_), Err(error)) => panic!("{error}"),
    }
}

#[test]
fn listeners_beside_connections_of_one_port_have_a_dump_of_their_own() {
    let wanted = |query: Query| tables(&query.tcp().peers(true), true).unwrap();
    let of_port = wanted(Query::new().local_port(443));
    let [table] = &of_port[..] else { panic!("{of_port:?}") };
    let [listeners, others] = table.in_parts().unwrap();
    let listen = states::mask(states::TCP_LISTEN);
    assert_eq!((listeners.selection.states, listeners.program), (listen, None));
    assert_eq!(others.selection.states, table.selection.states & !listen);
    assert_eq!((others.program.as_ref(), others.selection.local_port), (table.program.as_ref(), 0));
    assert!(table.program.is_some());
    let channel = Channel::Opens(vec![vec![rows([1]), done()], vec![rows([2]), done()]]);
    let outcome = Script::new([channel]).list(&of_port);
    assert_eq!((outcome.numbers(), outcome.gaps(), outcome.requests.len()), (vec![1, 2], vec![], 2));

    // Without a program one dump returns both.
    let all = wanted(Query::new().state(State::Established));
    assert_eq!(
        all.iter().map(|table| (table.in_parts(), table.program.clone())).collect::<Vec<_>>(),
        [(None, None)]
    );
    let listening = wanted(Query::new().listening());
    assert_eq!(listening.iter().map(|table| table.selection.states).collect::<Vec<_>>(), [listen]);
}

#[test]
fn dump_that_changed_before_the_last_part_of_a_table_is_interrupted() {
    let tables = tables(&Query::new().tcp().local_port(443).peers(true), true).unwrap();
    let changed = Answer::Datagram(vec![Message::RowOfInterruptedDump(1)]);
    let channel = Channel::Opens(vec![vec![changed, done()], vec![rows([2]), done()]]);
    let outcome = Script::new([channel]).list(&tables);
    assert_eq!(outcome.gaps(), [(GapKind::TableInterrupted, "sock_diag tcp")]);
}
