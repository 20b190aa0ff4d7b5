//! Counts sockets by protocol and state: `cargo run -p netstat --example count_sockets`.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use netstat::Query;

fn main() -> Result<(), netstat::Error> {
    let counts = Query::new().count()?;
    for (protocol, state, count) in counts.iter() {
        println!("{protocol} {} {count}", state.map_or_else(|| "-".to_owned(), |state| state.to_string()));
    }
    for gap in &counts.gaps {
        eprintln!("incomplete: {gap}");
    }
    Ok(())
}
