//! Prints both ends of each connection inside this machine, with their processes.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use netstat::{ProcessFields, Query, Snapshot, Socket};

fn holders(snapshot: &Snapshot, socket: &Socket) -> String {
    let holders: Vec<_> = snapshot.holders(socket).map(|holder| holder.to_string()).collect();
    if holders.is_empty() { "?".to_owned() } else { holders.join(", ") }
}

fn main() -> Result<(), netstat::Error> {
    let snapshot = Query::new().tcp().processes(ProcessFields::NAME).peers(true).snapshot()?;
    for socket in &snapshot {
        // Each pair once.
        if let Some(peer) = snapshot.peer(socket).filter(|peer| socket.local < peer.local) {
            let [one, other] = [socket, peer].map(|end| holders(&snapshot, end));
            println!("{} {one} <-> {} {other}", socket.local, peer.local);
        }
    }
    for gap in &snapshot.gaps {
        eprintln!("incomplete: {gap}");
    }
    Ok(())
}
