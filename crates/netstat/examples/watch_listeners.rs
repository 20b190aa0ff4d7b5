//! Tells listeners as they appear and disappear: `cargo run -p netstat --example watch_listeners -- 10`
//! looks ten times, once a second.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use netstat::{ProcessFields, Query};
use std::collections::BTreeSet;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let looks: u32 = std::env::args().nth(1).map_or(Ok(10), |text| text.parse())?;
    // A query is a value: made once, asked many times.
    let query = Query::new().listening().processes(ProcessFields::NAME);
    let mut known = BTreeSet::new();
    for look in 0..looks {
        if look > 0 {
            std::thread::sleep(Duration::from_secs(1));
        }
        let snapshot = query.snapshot()?;
        let mut now = BTreeSet::new();
        for socket in &snapshot {
            let names: Vec<_> = socket
                .owners()
                .iter()
                .filter_map(|owner| snapshot.process(owner.pid)?.name.as_deref())
                .map(|name| name.to_string_lossy().into_owned())
                .collect();
            now.insert((socket.protocol, socket.local, names));
        }
        for (protocol, local, names) in now.difference(&known) {
            println!("+ {protocol} {local} {names:?}");
        }
        for (protocol, local, names) in known.difference(&now) {
            println!("- {protocol} {local} {names:?}");
        }
        known = now;
    }
    Ok(())
}
