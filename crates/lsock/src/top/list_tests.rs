use super::super::made::world as sample;
use super::*;
use std::time::Duration;

fn world() -> World {
    let mut world = World::default();
    world.take(sample(0), Duration::from_secs(1));
    world.take(sample(5_000), Duration::from_secs(2));
    world
}

fn order(column: Column) -> Order {
    Order { column, is_reverse: false, is_grouped: false, open: HashSet::new() }
}

/// The lines of a list: local ends of rows, keys of groups.
fn shown(world: &World, list: &List) -> Vec<String> {
    list.lines
        .iter()
        .map(|line| match line {
            Line::Row { index, inside } => {
                format!("{}{}", if *inside { " " } else { "" }, world.rows[*index].socket.local)
            }
            Line::Group(group) => {
                let group = &list.groups[*group];
                format!("{:?} {} {}", group.key, group.members.len(), group.listening)
            }
            Line::Event(event) => world.events[*event].text.clone(),
        })
        .collect()
}

#[test]
fn tabs_list_their_sockets_in_order() {
    let world = world();
    let list = |tab, column| shown(&world, &List::new(&world, tab, &order(column)));
    assert_eq!(list(Tab::Listening, Column::Local), ["0.0.0.0:80", "127.0.0.1:5432"]);
    let by_process = ["192.0.2.2:41956", "192.0.2.2:41957", "192.0.2.2:80"];
    assert_eq!(list(Tab::Connections, Column::Process), by_process);
    // The largest first, and what is not known last.
    assert_eq!(list(Tab::Connections, Column::Down), by_process);
    let reverse = Order { is_reverse: true, ..order(Column::Down) };
    let reverse = shown(&world, &List::new(&world, Tab::Connections, &reverse));
    assert_eq!(reverse, ["192.0.2.2:41957", "192.0.2.2:41956", "192.0.2.2:80"]);
}

#[test]
fn groups_are_one_line_and_unfold() {
    let world = world();
    let mut order = order(Column::Connections);
    let list = |tab, order: &Order| shown(&world, &List::new(&world, tab, order));
    let processes = ["Process(30) 2 0", "Process(11) 1 0", "Process(10) 1 1", "Process(20) 1 1"];
    assert_eq!(list(Tab::Processes, &order), processes);
    assert_eq!(list(Tab::Peers, &order), ["Peer(203.0.113.80) 2 0", "Peer(198.51.100.7) 1 0"]);
    order.open.insert(GroupKey::Process(30));
    let unfolded = [processes[0], " 192.0.2.2:41956", " 192.0.2.2:41957"];
    assert_eq!(list(Tab::Processes, &order)[..3], unfolded);
    order.is_grouped = true;
    assert_eq!(list(Tab::Connections, &order)[..3], unfolded);
}

#[test]
fn line_is_found_again_by_what_it_is() {
    let mut known = world();
    let list = List::new(&known, Tab::Connections, &order(Column::Process));
    let id = list.id(&known, 2).unwrap();
    known.take(sample(9), Duration::from_secs(3));
    let list = List::new(&known, Tab::Connections, &order(Column::Local));
    let at = list.find(&known, &id).unwrap();
    assert_eq!(list.id(&known, at), Some(id));
    assert_eq!(list.rows_of(&known, at)[0].socket.local.port(), Some(80));
    assert_eq!(list.find(&known, &LineId::Event(99)), None);
}
