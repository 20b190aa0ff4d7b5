//! Tests of the options about network namespaces, with one that the test makes.
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

mod common;

use common::{listed, run};
use serde_json::Value;
use socket_world::binding::udp_of_port_on_device;
use socket_world::namespace::{add_devices, enter_network_namespace, in_network_namespace};
use socket_world::{Child, Held, live_skip};
use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;

fn document(args: &[&str]) -> Value {
    serde_json::from_str(&listed(&[args, &["--json"]].concat())).expect("JSON")
}

#[test]
fn live_namespace_of_a_process_is_listed_by_every_option_with_its_column() {
    let child = Child::fork(Some(b"lsock-netns"), &[], |report| {
        enter_network_namespace()?;
        report.keep(TcpListener::bind("127.0.0.1:4713")?)?;
        Ok(())
    });
    let child = match child {
        Ok(child) => child,
        Err(why) => live_skip!("a network namespace: {why}"),
    };
    let (pid, inode) = (child.pid().to_string(), child.held()[0].inode);
    let netns = std::fs::read_link(format!("/proc/{pid}/ns/net")).expect("a link");
    let netns = netns.to_str().expect("text").trim_start_matches("net:[").trim_end_matches(']').to_owned();
    let id: u64 = netns.parse().expect("a number");
    let path = format!("/proc/{pid}/ns/net");
    for args in
        [&["-N", &pid][..], &["--netns", &path], &["-N", "all"], &["--all-namespaces"], &["--pid", &pid]]
    {
        let document = document(args);
        let rows: Vec<&Value> = document["sockets"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|row| row["inode"] == inode)
            .collect();
        assert_eq!(rows.len(), 1, "{args:?}: {document}");
        assert_eq!(rows[0]["netns"], id, "{args:?}");
        assert_eq!(rows[0]["owners"][0]["pid"].to_string(), pid);
        let mut namespaces = document["namespaces"].as_array().expect("a list").iter();
        assert!(namespaces.any(|namespace| namespace["id"] == id && namespace["source"] == "sock_diag"));
    }
    let table = listed(&["-N", &pid]);
    let mut lines = table.lines();
    assert!(lines.next().expect("a header").ends_with("NETNS"), "{table}");
    assert!(lines.next().expect("a row").ends_with(&netns), "{table}");
    let by_filter = listed(&["--no-header", "--columns", "local", "netns", &netns]);
    assert_eq!(by_filter, "127.0.0.1:4713\n");
    // The program's own namespace alone has no such fields.
    let own = document(&["-t", "-l"]);
    assert_eq!(own["namespaces"], serde_json::json!([]));
    assert!(own["sockets"].as_array().expect("a list").iter().all(|row| row.get("netns").is_none()));
}

#[test]
fn live_overview_of_connections_in_a_namespace_knows_its_listeners() {
    let child = Child::fork(Some(b"both-ends"), &[], |report| {
        enter_network_namespace()?;
        let listener = TcpListener::bind("127.0.0.1:4714")?;
        report.keep(TcpStream::connect("127.0.0.1:4714")?)?;
        report.keep(listener.accept()?.0)?;
        report.keep(listener)?;
        Ok(())
    });
    let child = match child {
        Ok(child) => child,
        Err(why) => live_skip!("a network namespace: {why}"),
    };
    let pid = child.pid().to_string();
    for args in [&["-N", &pid][..], &["-N", "all", "--pid", &pid], &["--pid", &pid]] {
        let text = listed(&[&["overview"], args, &["state", "established"]].concat());
        // The port stands beside the process that accepted, else it is a part of the address.
        assert!(text.contains("both-ends") && text.contains(" :4714"), "{args:?}: {text}");
    }
}

#[test]
fn live_name_of_an_interface_is_looked_up_in_a_namespace_that_only_a_descriptor_keeps() {
    let made = in_network_namespace(|| {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket_world::binding::bind_to_device(&socket, "lo")?;
        let namespace = File::open("/proc/thread-self/ns/net")?;
        Ok::<_, std::io::Error>((Held::of(socket.as_fd())?.inode, namespace, socket))
    });
    let (inode, _namespace, _socket) = match made {
        Ok(Ok(made)) => made,
        Ok(Err(why)) | Err(why) => live_skip!("a network namespace: {why}"),
    };
    let document = document(&["-N", "all"]);
    let mut rows = document["sockets"].as_array().expect("a list").iter();
    let row = rows.find(|row| row["inode"] == inode).expect("the row");
    assert_eq!(row["interface"], serde_json::json!({ "index": 1, "name": "lo" }));
}

#[test]
fn namespace_that_is_not_there_is_an_error_that_names_it() {
    for (typed, said) in [
        ("no-such-namespace", "/run/netns/no-such-namespace"),
        ("/dev/null", "it is no network namespace"),
        ("4194304999", "network namespace"),
    ] {
        let output = run(&["-N", typed]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && text.contains(said), "{typed}: {text}");
    }
}

#[test]
fn live_devices_are_those_of_the_listed_namespace_in_filters_and_in_rows() {
    let with_device = |first: &'static str, second: &'static str| {
        Child::fork(Some(b"lsock-devices"), &[], |report| {
            enter_network_namespace()?;
            add_devices(first, second)?;
            report.keep(udp_of_port_on_device("red", 4715)?)?;
            Ok(())
        })
    };
    // The same name has another index in the other namespace: devices are numbered in the order in which they are made.
    let (one, other) = match (with_device("red", "blue"), with_device("blue", "red")) {
        (Ok(one), Ok(other)) => (one, other),
        (Err(why), _) | (_, Err(why)) => live_skip!("network devices: {why}"),
    };
    let pids = [one.pid().to_string(), other.pid().to_string()];
    let local = |args: &[&str]| listed(&[&["--no-header", "--columns", "local"], args].concat());
    for pid in &pids {
        assert_eq!(local(&["-N", pid, "dev", "red"]), "0.0.0.0%red:4715\n");
        assert_eq!(local(&["-N", pid, "dev", "blue"]), "");
        assert_eq!(local(&["--pid", pid, "dev", "red"]), "0.0.0.0%red:4715\n");
        let file = format!("/proc/{pid}/ns/net");
        assert_eq!(local(&["netns", &file, "and", "dev", "red"]), "0.0.0.0%red:4715\n");
    }
    assert_eq!(local(&["--all-namespaces", "dev", "red"]), "0.0.0.0%red:4715\n".repeat(2));
    assert_eq!(local(&["--all-namespaces", "dev", "blue"]), "");
    let both = document(&["-N", "all", "dev", "red"]);
    let rows = both["sockets"].as_array().expect("a list");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["interface"]["name"] == "red"), "{both}");
    assert_ne!(rows[0]["interface"]["index"], rows[1]["interface"]["index"]);
    let unknown = run(&["-N", &pids[0], "dev", "no-such"]);
    assert_eq!(unknown.status.code(), Some(2));
}
