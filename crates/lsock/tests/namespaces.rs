//! Tests of the options about network namespaces, with one that the test makes.
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

mod common;

use common::{listed, run};
use serde_json::Value;
use socket_world::namespace::{enter_network_namespace, in_network_namespace};
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
fn live_name_of_an_interface_is_not_looked_up_for_a_row_of_another_namespace() {
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
    assert_eq!(row["interface"], serde_json::json!({ "index": 1, "name": null }));
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
