//! Prints the listeners of a port with their processes: `cargo run --example who_holds_port -- 8080`.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("a port, please")?.parse()?;
    let snapshot = netstat::find::listeners(port)?;
    for socket in &snapshot {
        for holder in snapshot.holders(socket) {
            println!("{socket} {holder}");
        }
        if socket.owners().is_empty() {
            println!("{socket} by no known process: {:?}", socket.ownership());
        }
    }
    if snapshot.sockets.is_empty() {
        println!("nothing listens on port {port}");
    }
    for gap in &snapshot.gaps {
        eprintln!("incomplete: {gap}");
    }
    Ok(())
}
