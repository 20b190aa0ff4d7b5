//! What processes belong to, in control groups that the test makes.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

use netstat::{
    ContainerEngine, DetailFields, Filter, GapKind, GroupKey, Lister, Process, ProcessFields, Query, Socket,
};
use socket_world::control_group::{self, Group};
use socket_world::{Child, kernel, live_skip};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The process and its socket.
fn list(lister: &mut Lister, child: &Child) -> (Process, Socket) {
    let fields = ProcessFields::NAME | ProcessFields::WORKLOAD;
    let query = Query::new().tcp().pid(child.pid()).processes(fields).details(DetailFields::CGROUP);
    let snapshot = lister.snapshot(&query).unwrap();
    let process = snapshot.process(child.pid()).unwrap().clone();
    (process, snapshot.sockets.first().unwrap().clone())
}

#[test]
fn live_process_in_the_group_of_a_container_shows_it_and_its_socket_keeps_its_group() {
    let group = match Group::new("", &format!("docker-{ID}.scope")) {
        Err(why) => live_skip!("control groups: {why}"),
        Ok(group) => group,
    };
    let number = fs::metadata(group.directory()).unwrap().ino();
    let child = group.listener("grouped", 0).unwrap();
    let mut lister = Lister::new();
    let (process, socket) = list(&mut lister, &child);
    let workload = process.workload.unwrap();
    assert_eq!(workload.cgroup, Some(group.path()));
    let container = workload.container.unwrap();
    assert_eq!((container.engine, container.id.as_str()), (ContainerEngine::Docker, ID));
    let cgroup = |socket: &Socket| socket.details().and_then(|details| details.cgroup_id);
    if kernel::is_before(5, 8) {
        assert_eq!(cgroup(&socket), None);
    } else {
        assert_eq!(cgroup(&socket), Some(number));
    }
    let of_group = netstat::cgroup_workloads([number, u64::MAX]);
    let (keys, said): (Vec<u64>, Vec<_>) = of_group.into_iter().unzip();
    assert_eq!((keys, &said[0].cgroup), (vec![number], &Some(group.path())));
    assert_eq!(said[0].container.as_ref().map(|container| container.id.as_str()), Some(ID));

    // It moves out of the container; what an earlier listing has read of it does not stay.
    group.leave(child.pid()).unwrap();
    let (process, moved) = list(&mut lister, &child);
    let workload = process.workload.unwrap();
    assert_eq!((workload.cgroup.as_deref(), workload.container), (group.path().parent(), None));
    assert_eq!(cgroup(&moved), cgroup(&socket), "the socket stays in the group where it was made");
    drop(child);
}

#[test]
fn live_filters_by_container_and_unit_select_the_sockets_of_its_processes() {
    let group = match Group::new("", &format!("docker-{ID}.scope")) {
        Err(why) => live_skip!("control groups: {why}"),
        Ok(group) => group,
    };
    let (inside, outside) =
        (group.listener("grouped", 0).unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let list = |filter: Filter| {
        let snapshot = Query::new().tcp().filter(filter).only_decided(true).snapshot().unwrap();
        snapshot.sockets.iter().filter_map(Socket::inode).collect::<Vec<_>>()
    };
    let inode = inside.held()[0].inode;
    for name in [ID, &ID[..12]] {
        assert_eq!(list(Filter::container(name)), [inode], "{name}");
        assert_eq!(list(Filter::workload(format!("docker:{name}"))), [inode], "{name}");
    }
    let path = group.path().to_str().unwrap().to_owned();
    assert_eq!(list(Filter::workload(path)), [inode]);
    assert_eq!(list(Filter::workload(format!("podman:{ID}"))), []);
    // The name is in no file, so any may be: the socket is neither listed nor surely another's.
    assert_eq!(list(Filter::container("no-such-container")), []);
    assert_eq!(list(Filter::unit("no-such-unit")), []);
    assert_eq!(list(Filter::container(ID) & Filter::pid(std::process::id())), []);
    drop(outside);
    drop(inside);
}

#[test]
fn live_filters_by_what_is_above_the_root_of_a_namespace_are_undecided() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // How many rows are listed, and how many are undecided.
    let list = move |filter: Filter| {
        let filter = Filter::pid(std::process::id()) & Filter::local_port(port) & filter;
        let snapshot = Query::new().tcp().filter(filter).snapshot().unwrap();
        let undecided = snapshot.gaps.iter().filter(|gap| gap.kind == GapKind::SocketsUndecided);
        (snapshot.sockets.len(), undecided.map(|gap| gap.count).sum::<u64>())
    };
    let own = move || {
        let query = Query::new().tcp().local_port(port).processes(ProcessFields::WORKLOAD);
        let snapshot = query.snapshot().unwrap();
        let workload = snapshot.process(std::process::id()).unwrap().workload.clone().unwrap();
        (workload.is_complete, snapshot.group_by(GroupKey::Container)[0].reason)
    };
    let name = "no-such-name";
    let any = [Filter::container(name), Filter::pod(name), Filter::unit(name), Filter::workload(name)];
    let is_whole =
        fs::read_link("/proc/thread-self/ns/cgroup").is_ok_and(|it| it.ends_with("cgroup:[4026531835]"));
    if is_whole && own().0 {
        for filter in &any {
            assert_eq!(list(filter.clone()), (0, 0), "{filter}");
        }
    }
    let inside = std::thread::spawn(move || {
        control_group::enter_namespace()?;
        for filter in any {
            assert_eq!(list(filter.clone()), (0, 1), "{filter}");
            assert_eq!(list(!filter.clone()).1, 1, "not {filter}");
        }
        Ok::<_, std::io::Error>(own())
    });
    match inside.join().unwrap() {
        Err(why) => live_skip!("control group namespaces: {why}"),
        Ok(own) => assert_eq!(own, (false, Some("not_read"))),
    }
    drop(listener);
}

#[test]
fn live_workload_is_read_only_on_request() {
    let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = |fields: ProcessFields| {
        let snapshot = Query::new().tcp().pid(std::process::id()).processes(fields).snapshot().unwrap();
        snapshot.process(std::process::id()).unwrap().workload.clone()
    };
    assert_eq!(own(ProcessFields::all().difference(ProcessFields::WORKLOAD)), None);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap();
    let workload = own(ProcessFields::WORKLOAD).unwrap();
    let path = workload.cgroup.as_ref().and_then(|path| path.to_str()).unwrap();
    assert!(groups.lines().any(|line| line.ends_with(&format!(":{path}"))), "{groups}{path}");
}
