//! Who holds a port? `cargo run -p netstat --example who_holds_port -- 8080`

#![allow(clippy::print_stdout, reason = "a program that prints")]

use netstat::{ProcessFields, Query};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).ok_or("usage: who_holds_port PORT")?.parse()?;
    let fields = ProcessFields::NAME | ProcessFields::PATH | ProcessFields::USER;
    let snapshot = Query::new().local_port(port).processes(fields).snapshot()?;
    for socket in &snapshot {
        println!("{} {} {:?}", socket.protocol, socket.local, socket.state);
        for owner in socket.owners() {
            println!("  {owner:?} {:?}", snapshot.process(owner.pid));
        }
        if socket.owners().is_empty() {
            // Never a shrug: the row says why.
            println!("  no owner: {:?}", socket.ownership());
        }
    }
    for gap in &snapshot.gaps {
        eprintln!("incomplete: {gap}");
    }
    Ok(())
}
