//! What a `Watcher` costs: processor time for each event and while nothing happens, by each of its sources.
//!
//! ```sh
//! cargo run --release --example watch_cost              # as root for BPF; in `unshare -n` with `ip link set lo up`
//! ```

#![allow(clippy::print_stdout, reason = "a program that prints")]

use netstat::{OwnerSource, Query, Watcher};
use std::error::Error;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("Linux only");
}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn Error>> {
    use std::time::Duration;
    let query = |source| Query::new().tcp().owner_source(source);
    let count = std::env::args().nth(1).map_or(Ok(20_000), |count| count.parse())?;
    for _ in 0..3 {
        let without = of_process(|| connections(count))?.0;
        println!("without a watcher: {:.2} us a connection", microseconds(without, count));
        for source in [OwnerSource::Procfs, OwnerSource::Auto] {
            let watcher = Watcher::new(query(source), Duration::from_secs(1))?;
            let (all, (events, thread)) = of_process(|| watched(watcher, count))?;
            println!(
                "{source}: {events} events, {:.2} us each in the watcher; {:.2} us a connection",
                microseconds(thread, events),
                microseconds(all, count),
            );
        }
    }
    for source in [OwnerSource::Procfs, OwnerSource::Auto] {
        let mut watcher = Watcher::new(query(source), Duration::from_secs(3600))?;
        let (time, events) = of_process(|| Ok(watcher.wait(Duration::from_secs(5))?.len()))?;
        println!("{source}: {time:?} of processor time in 5 s with {events} events");
    }
    Ok(())
}

/// Makes connections, one after the other.
#[cfg(target_os = "linux")]
fn connections(count: u32) -> Result<(), Box<dyn Error>> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    for _ in 0..count {
        let client = std::net::TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        // Without a TIME_WAIT that a listing would show.
        rustix::net::sockopt::set_socket_linger(&server, Some(std::time::Duration::ZERO))?;
        drop((server, client));
    }
    Ok(())
}

/// Watches while connections are made: the number of events, and the processor time of this thread.
#[cfg(target_os = "linux")]
fn watched(mut watcher: Watcher, count: u32) -> Result<(u32, std::time::Duration), Box<dyn Error>> {
    use rustix::time::ClockId::ThreadCPUTime;
    std::thread::scope(|scope| {
        let maker = scope.spawn(move || connections(count).map_err(|error| error.to_string()));
        let (start, mut events, mut idle) = (time(ThreadCPUTime)?, 0, 0);
        while idle < 5 {
            let read = watcher.wait(std::time::Duration::from_millis(20))?.len();
            events += u32::try_from(read)?;
            idle = if read == 0 && maker.is_finished() { idle + 1 } else { 0 };
        }
        let used = time(ThreadCPUTime)?.saturating_sub(start);
        maker.join().map_err(|_| "the thread has panicked")??;
        Ok((events, used))
    })
}

/// The processor time of this process for something.
#[cfg(target_os = "linux")]
fn of_process<T>(
    work: impl FnOnce() -> Result<T, Box<dyn Error>>,
) -> Result<(std::time::Duration, T), Box<dyn Error>> {
    use rustix::time::ClockId::ProcessCPUTime;
    let start = time(ProcessCPUTime)?;
    let done = work()?;
    Ok((time(ProcessCPUTime)?.saturating_sub(start), done))
}

#[cfg(target_os = "linux")]
fn time(of: rustix::time::ClockId) -> Result<std::time::Duration, Box<dyn Error>> {
    let now = rustix::time::clock_gettime(of);
    Ok(std::time::Duration::new(now.tv_sec.try_into()?, now.tv_nsec.try_into()?))
}

#[cfg(target_os = "linux")]
fn microseconds(time: std::time::Duration, count: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(count.max(1))
}
