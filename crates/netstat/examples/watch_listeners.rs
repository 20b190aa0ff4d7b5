//! Prints listeners that appear and disappear, by comparing listings: `cargo run --example watch_listeners -- 60`,
//! the number of seconds to watch (default 10).

#![allow(clippy::print_stdout, reason = "a program that prints")]

use netstat::{Lister, ProcessFields, Query, Socket, SocketKey};
use std::collections::HashMap;
use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: u32 = std::env::args().nth(1).map_or(Ok(10), |seconds| seconds.parse())?;
    let query = Query::new().listening().processes(ProcessFields::NAME);
    let mut lister = Lister::new();
    let mut known: HashMap<SocketKey, Socket> = HashMap::new();
    for round in 0..=seconds {
        let snapshot = lister.snapshot(&query)?;
        let current: HashMap<_, _> =
            snapshot.sockets.iter().map(|socket| (socket.key(), socket.clone())).collect();
        for (key, socket) in &current {
            if round > 0 && !known.contains_key(key) {
                let holders: Vec<_> = snapshot.holders(socket).map(|holder| holder.to_string()).collect();
                println!("+ {socket} {}", holders.join(", "));
            }
        }
        for (_, socket) in known.iter().filter(|(key, _)| !current.contains_key(key)) {
            println!("- {socket}");
        }
        known = current;
        if round < seconds {
            sleep(Duration::from_secs(1));
        }
    }
    println!("{} listeners", known.len());
    Ok(())
}
