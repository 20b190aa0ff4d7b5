//! Prints listeners that appear and disappear: `cargo run --example watch_listeners -- 60`, the number of seconds to watch
//! (default 10).

#![allow(clippy::print_stdout, reason = "a program that prints")]

use netstat::{Change, ProcessFields, Query, Watcher};
use std::error::Error;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(10), |seconds| seconds.parse())?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let query = Query::new().listening().processes(ProcessFields::NAME);
    let mut watcher = Watcher::new(query, Duration::from_secs(1))?;
    for gap in watcher.unseen() {
        eprintln!("{gap}");
    }
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        for event in watcher.wait(left)? {
            let (sign, socket) = match &event.change {
                Change::Opened { socket } => ('+', socket),
                Change::Closed { socket, .. } => ('-', socket),
                Change::Changed { after, .. } => ('=', after),
                _ => continue,
            };
            let holders: Vec<_> =
                socket.pids().filter_map(|pid| event.process(pid)).map(ToString::to_string).collect();
            println!("{sign} {socket} {}", holders.join(", "));
        }
    }
    println!("{} listeners", watcher.snapshot().sockets.len());
    Ok(())
}
