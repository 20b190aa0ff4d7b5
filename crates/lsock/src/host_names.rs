//! Names of hosts by address, from the system's resolver: on several threads, for a bounded time.
//!
//! A resolver may take seconds for each address, and nothing can interrupt it. So the lookups run on threads that are
//! not joined after the bound; they end with the process.

use crate::escape;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many lookups run at a time.
const THREADS: usize = 32;

/// The length of a name in the DNS. A longer one is none.
const LONGEST: usize = 255;

/// How long a listing waits for the names of its hosts.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// The names that were found, and the addresses that have none.
#[derive(Debug, Default)]
pub struct HostNames {
    /// Escaped; `None` for an address without a name.
    names: HashMap<IpAddr, Option<String>>,
}

impl HostNames {
    /// Looks up those of the addresses that are not known yet, and returns for how many there was no answer in time.
    pub fn resolve(&mut self, addresses: impl IntoIterator<Item = IpAddr>, timeout: Duration) -> usize {
        self.resolve_by(addresses, timeout, |address| dns_lookup::lookup_addr(&address).ok())
    }

    fn resolve_by(
        &mut self,
        addresses: impl IntoIterator<Item = IpAddr>,
        timeout: Duration,
        look_up: impl Fn(IpAddr) -> Option<String> + Send + Sync + 'static,
    ) -> usize {
        let has_host = |address: &IpAddr| !address.is_unspecified() && !address.is_multicast();
        let wanted: HashSet<IpAddr> = addresses.into_iter().map(|address| address.to_canonical()).collect();
        let wanted: Vec<IpAddr> =
            wanted.into_iter().filter(|it| has_host(it) && !self.names.contains_key(it)).collect();
        let count = wanted.len();
        let until = Instant::now() + timeout;
        let (sender, receiver) = mpsc::channel();
        let work = Arc::new((Mutex::new(wanted), look_up));
        for _ in 0..count.min(THREADS) {
            let (work, sender) = (Arc::clone(&work), sender.clone());
            // Without a thread the others have more to do; without any, no name is found.
            if thread::Builder::new().spawn(move || look_up_all(&work.0, &work.1, &sender)).is_err() {
                break;
            }
        }
        drop(sender);
        let mut answers = 0;
        while answers < count {
            let left = until.saturating_duration_since(Instant::now());
            let Ok((address, name)) = receiver.recv_timeout(left) else { break };
            self.names.insert(address, name);
            answers += 1;
        }
        // Threads that are still waiting for an answer have nothing more to ask for.
        work.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        count - answers
    }

    /// The escaped name of a host.
    pub fn get(&self, address: IpAddr) -> Option<&str> {
        self.names.get(&address.to_canonical())?.as_deref()
    }
}

fn look_up_all(
    wanted: &Mutex<Vec<IpAddr>>,
    look_up: &dyn Fn(IpAddr) -> Option<String>,
    answers: &Sender<(IpAddr, Option<String>)>,
) {
    loop {
        let next = wanted.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(address) = next else { return };
        let name = look_up(address).filter(|name| !name.is_empty() && name.len() <= LONGEST);
        let name = name.map(|name| escape::escaped(name.as_bytes()));
        if answers.send((address, name)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn host(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn names_are_looked_up_once_and_escaped() {
        let count = Arc::new(AtomicUsize::new(0));
        let look_up = {
            let count = Arc::clone(&count);
            move |address| {
                count.fetch_add(1, Ordering::Relaxed);
                (address != host(2)).then(|| "a\x1b.example".to_owned())
            }
        };
        let mut names = HostNames::default();
        let mapped = IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201]);
        for _ in 0..2 {
            let all = [host(1), mapped, host(2), host(1), IpAddr::from([0, 0, 0, 0]), IpAddr::from([0; 16])];
            assert_eq!(names.resolve_by(all, Duration::from_secs(60), look_up.clone()), 0);
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
        assert_eq!(names.get(host(1)), Some("a\\x1b.example"));
        assert_eq!(names.get(mapped), Some("a\\x1b.example"));
        assert_eq!(names.get(host(2)), None);
    }

    #[test]
    fn resolver_that_hangs_is_not_waited_for() {
        let (blocked, answer) = mpsc::channel::<()>();
        let answer = Mutex::new(answer);
        let begin = Instant::now();
        let mut names = HostNames::default();
        let late = names.resolve_by((0..100).map(host), Duration::from_millis(50), move |address| {
            if address == host(7) {
                return Some("seven.example".to_owned());
            }
            let _ = answer.lock().unwrap().recv();
            None
        });
        assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
        // Host 7 may be behind the ones that hang.
        assert!((99..=100).contains(&late), "{late}");
        drop(blocked);
    }

    #[test]
    fn overlong_names_are_none() {
        let mut names = HostNames::default();
        assert_eq!(names.resolve_by([host(1)], Duration::from_secs(60), |_| Some("x".repeat(256))), 0);
        assert_eq!(names.get(host(1)), None);
    }
}
