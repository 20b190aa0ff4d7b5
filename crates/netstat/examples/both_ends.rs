//! Prints both ends of each connection inside this machine, with their processes.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use netstat::{ProcessFields, Query, Snapshot, Socket};
use std::collections::HashMap;
use std::net::SocketAddr;

/// An end in canonical form: in a connection from an IPv4 socket to an IPv6 one only one end has `::ffff:a.b.c.d`.
fn plain(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

fn ends(socket: &Socket) -> Option<(SocketAddr, SocketAddr)> {
    Some((plain(socket.local_addr()?), plain(socket.remote_addr()?)))
}

fn holders(snapshot: &Snapshot, socket: &Socket) -> String {
    let holders: Vec<_> = snapshot.holders(socket).map(|holder| holder.to_string()).collect();
    if holders.is_empty() { "?".to_owned() } else { holders.join(", ") }
}

fn main() -> Result<(), netstat::Error> {
    let snapshot = Query::new().tcp().processes(ProcessFields::NAME).snapshot()?;
    let by_ends: HashMap<_, _> =
        snapshot.into_iter().filter_map(|socket| Some((ends(socket)?, socket))).collect();
    for ((local, remote), socket) in &by_ends {
        // Each pair once.
        if let Some(peer) = by_ends.get(&(*remote, *local)).filter(|_| local < remote) {
            println!("{local} {} <-> {remote} {}", holders(&snapshot, socket), holders(&snapshot, peer));
        }
    }
    for gap in &snapshot.gaps {
        eprintln!("incomplete: {gap}");
    }
    Ok(())
}
