//! What a `Watcher` costs on Linux: processor time for each event, and while nothing happens, by its sources.
//!
//! ```sh
//! cargo run --release --example watch_cost -- 20000     # connections; as root for BPF
//! ```
//!
//! In a network namespace of its own (`unshare -n`, with `lo` up) the listings at the interval cost nearly nothing.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use netstat::{OwnerSource, Query, Watcher};
use std::error::Error;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const SOURCES: [OwnerSource; 2] = [OwnerSource::Procfs, OwnerSource::Auto];

fn main() -> Result<(), Box<dyn Error>> {
    let query = |source| Query::new().tcp().owner_source(source);
    let count = std::env::args().nth(1).map_or(Ok(20_000), |count| count.parse())?;
    for _ in 0..3 {
        println!("without a watcher: {:.2} us a connection", microseconds(connections(count)?, count));
        for source in SOURCES {
            let watcher = Watcher::new(query(source), Duration::from_secs(1))?;
            let (events, watching, connecting) = watched(watcher, count)?;
            println!(
                "{source}: {events} events, {:.2} us each in the watcher; {:.2} us a connection beside it",
                microseconds(watching, events),
                microseconds(connecting, count),
            );
        }
    }
    for source in SOURCES {
        let mut watcher = Watcher::new(query(source), Duration::from_secs(3600))?;
        let start = time_of_thread()?;
        let events = watcher.wait(Duration::from_secs(5))?.len();
        let used = time_of_thread()?.saturating_sub(start);
        println!("{source}: {used:?} of processor time in 5 s with {events} events");
    }
    Ok(())
}

/// Makes connections, one after the other: the processor time of this thread.
fn connections(count: u32) -> Result<Duration, Box<dyn Error>> {
    let start = time_of_thread()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    for _ in 0..count {
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (mut server, _) = listener.accept()?;
        // What is closed with bytes that were not read is reset, and leaves no TIME_WAIT.
        server.write_all(b"!")?;
        drop(client);
    }
    Ok(time_of_thread()?.saturating_sub(start))
}

/// Watches while connections are made: the number of events, the processor time of this thread, and that of the one which
/// makes them.
fn watched(mut watcher: Watcher, count: u32) -> Result<(u32, Duration, Duration), Box<dyn Error>> {
    thread::scope(|scope| {
        let maker = scope.spawn(move || connections(count).map_err(|error| error.to_string()));
        let (start, mut events, mut idle) = (time_of_thread()?, 0, 0);
        while idle < 5 {
            let read = watcher.wait(Duration::from_millis(20))?.len();
            events += u32::try_from(read)?;
            idle = if read == 0 && maker.is_finished() { idle + 1 } else { 0 };
        }
        let watching = time_of_thread()?.saturating_sub(start);
        let connecting = maker.join().map_err(|_| "the thread has panicked")??;
        Ok((events, watching, connecting))
    })
}

/// The processor time of this thread: the first number of `schedstat`, in nanoseconds.
fn time_of_thread() -> Result<Duration, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().ok_or("an empty schedstat")?;
    Ok(Duration::from_nanos(first.parse()?))
}

fn microseconds(time: Duration, count: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(count.max(1))
}
