//! Terminates the processes that listen on a port, but never a process that has reused the pid of one:
//! `cargo run --example kill_safely -- 8080` prints what it would do; with `--yes` it does it.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::error::Error;

const SIGTERM: i32 = 15;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("a port, please")?.parse()?;
    let confirmed = arguments.next().as_deref() == Some("--yes");
    let snapshot = netstat::find::listeners(port)?;
    for process in &snapshot.processes {
        match process.id() {
            None => println!("skipped, since its start time is not known: {process}"),
            Some(_) if !confirmed => println!("would terminate {process}"),
            Some(id) => match id.signal(SIGTERM) {
                Ok(()) => println!("terminated: {process}"),
                Err(error) if error.is_not_found() => println!("had already ended: {process}"),
                Err(error) => eprintln!("{error}"),
            },
        }
    }
    for gap in &snapshot.gaps {
        eprintln!("incomplete: {gap}");
    }
    Ok(())
}
