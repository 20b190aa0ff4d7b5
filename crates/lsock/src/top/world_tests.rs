use super::super::made::{connection, counting, listener, process, sample, world};
use super::*;
use netstat::{Gap, GapKind, State};

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn kinds(world: &World) -> Vec<Change> {
    world.events.iter().map(|event| event.change).collect()
}

#[test]
fn first_sample_has_nothing_new_and_later_ones_have_what_came_and_went() {
    let mut known = World::default();
    known.take(world(0), second(1));
    assert!(known.events.is_empty() && known.rows.iter().all(|row| row.born.is_none()));
    let mut next = world(0);
    next.sockets.remove(2);
    next.sockets.push(connection("192.0.2.2:50000", "203.0.113.9:22", &[20]));
    next.sockets[2].state = Some(State::CloseWait);
    known.take(next, second(2));
    let changes = [Change::State, Change::Opened, Change::Closed];
    assert_eq!(kinds(&known), changes);
    let texts: Vec<&str> = known.events.iter().map(|event| event.text.as_str()).collect();
    assert!(texts[0].ends_with("cargo (30) ESTABLISHED to CLOSE_WAIT"), "{texts:?}");
    assert_eq!(texts[1], "tcp 192.0.2.2:50000 203.0.113.9:22 postgres (20)");
    assert_eq!(texts[2], "tcp 192.0.2.2:80 198.51.100.7:40000 nginx (11)");
    let marked = |known: &World, now| {
        let new = known.rows.iter().filter(|row| row.is_new(now)).count();
        (new, known.rows.iter().filter(|row| row.gone.is_some()).count())
    };
    assert_eq!(marked(&known, second(3)), (1, 1));
    assert!(known.sweep(second(4)));
    assert_eq!(marked(&known, second(4)), (0, 0));
    assert!(!known.sweep(second(4)));
}

#[test]
fn rates_are_what_the_counters_grew_by_in_the_time_between() {
    let of = |received| {
        let socket = connection("192.0.2.2:1", "192.0.2.3:2", &[1]);
        sample(vec![counting(socket, received, received / 2)], vec![])
    };
    let mut world = World::default();
    world.take(of(1_000), second(1));
    assert_eq!(world.rows[0].rates, None);
    world.take(of(5_000), second(3));
    assert_eq!(world.rows[0].rates, Some(super::super::row::Rates { down: 2_000, up: 1_000 }));
    // Counters that are smaller than before are those of another socket with the same ends.
    world.take(of(10), second(4));
    assert_eq!(world.rows[0].rates, Some(super::super::row::Rates::default()));
}

#[test]
fn rows_of_a_table_that_was_not_read_are_not_gone() {
    let mut known = World::default();
    known.take(world(0), second(1));
    let mut cut = sample(vec![], vec![]);
    cut.gaps.push(Gap::new(GapKind::TableInterrupted, 1, "sock_diag tcp"));
    known.take(cut, second(2));
    assert!(known.rows.len() == 5 && known.rows.iter().all(|row| row.gone.is_none()));
    assert!(known.events.is_empty() && known.unseen.is_some());
    known.take(sample(vec![], vec![]), second(3));
    assert_eq!(kinds(&known), [Change::Closed; 5]);
}

#[test]
fn rows_of_another_filter_are_neither_gone_nor_new() {
    let mut known = World::default();
    known.take(world(0), second(1));
    known.forget();
    known.take(sample(vec![listener("0.0.0.0:81", &[])], vec![]), second(2));
    assert!(known.events.is_empty());
    assert_eq!(known.rows.len(), 1);
    assert!(!known.rows[0].is_new(second(2)));
}

#[test]
fn sockets_with_the_same_key_are_kept_apart() {
    let twice = || sample(vec![listener("0.0.0.0:80", &[]), listener("0.0.0.0:80", &[])], vec![]);
    let mut world = World::default();
    world.take(twice(), second(1));
    world.take(twice(), second(2));
    assert!(world.events.is_empty() && world.rows.len() == 2);
}

#[test]
fn only_the_last_events_are_kept_and_all_are_counted() {
    let mut known = World::default();
    known.take(sample(vec![], vec![]), second(1));
    let port = |n: u16| listener(&format!("127.0.0.1:{n}"), &[]);
    known.take(sample((1..=1_500).map(port).collect(), vec![]), second(2));
    assert_eq!((known.events.len(), known.events_seen), (MOST_EVENTS, 1_500));
    assert_eq!(known.events.back().unwrap().serial, 1_500);
}

#[test]
fn master_of_forked_processes_is_shown_with_the_number_of_the_others() {
    let mut known = World::default();
    let workers = vec![process(7, "nginx", 9), process(8, "nginx", 9), process(9, "nginx", 1)];
    known.take(sample(vec![listener("0.0.0.0:80", &[7, 8, 9])], workers), second(1));
    let row = &known.rows[0];
    assert_eq!((row.holder.as_ref().unwrap().pid(), row.others), (9, 2));
}
