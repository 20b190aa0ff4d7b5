//! Long answers, received on a second thread.

use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::{Fault, Peer, Received, Receiver};
use netstat_wire::linux::inet_diag::RequestV2;
use netstat_wire::linux::netlink::{Header, Messages, NLM_F_DUMP, NLMSG_DONE};
use rustix::io::Errno;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

/// A socket that answers each dump with the numbers from 0, one in each datagram, and ends it after so many.
#[derive(Clone)]
struct Counter {
    end: u32,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    request: Header,
    next: u32,
    threads: HashSet<ThreadId>,
}

impl Counter {
    fn answer(&self, buffer: &mut Vec<u8>) -> Result<Received, Errno> {
        let mut state = self.state.lock().unwrap();
        state.threads.insert(thread::current().id());
        let header = Header { port_id: 1, ..state.request };
        let datagram = if state.next < self.end {
            header.encode(&state.next.to_ne_bytes())
        } else {
            Header { kind: NLMSG_DONE, ..header }.encode(&[0; 4])
        };
        assert!(state.next <= self.end, "nothing is received after the end");
        state.next += 1;
        *buffer = datagram;
        Ok(Received { truncated: false, from_kernel: true })
    }
}

impl Peer for Counter {
    fn port_id(&self) -> u32 {
        1
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        let mut state = self.state.lock().unwrap();
        state.request = Messages::new(request).next().unwrap().unwrap().header;
        state.next = 0;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut Vec<u8>) -> Result<Received, Errno> {
        self.answer(buffer)
    }

    fn receiver(&self) -> Option<Receiver> {
        let peer = self.clone();
        Some(Box::new(move |buffer| peer.answer(buffer)))
    }
}

/// The sockets that were opened.
type Opened = Arc<Mutex<Vec<Counter>>>;

fn dumps(end: u32) -> (Dumps<'static>, Opened) {
    let opened = Opened::default();
    let all = Arc::clone(&opened);
    let open = move || {
        let peer = Counter { end, state: Arc::default() };
        all.lock().unwrap().push(peer.clone());
        Ok(peer)
    };
    (Dumps::new(open), opened)
}

/// Reads the numbers of one dump, up to `most` of them.
fn read(dumps: &mut Dumps<'_>, most: usize) -> Result<Vec<u32>, Fault> {
    let mut answer = dumps.ask(|seq| RequestV2::default().encode(NLM_F_DUMP, seq))?;
    let mut numbers = Vec::new();
    while let Some(record) = answer.next()? {
        numbers.push(u32::from_ne_bytes(record.payload.try_into().unwrap()));
        assert_eq!(record.chunk, u32::try_from(numbers.len()).unwrap());
        if numbers.len() == most {
            break;
        }
    }
    Ok(numbers)
}

#[test]
fn long_answer_has_all_records_in_order_and_the_socket_is_kept() {
    for end in [0, 1, 7, 8, 9, 24, 25, 1000] {
        let (mut dumps, opened) = dumps(end);
        dumps.receive_ahead(true);
        for _ in 0..2 {
            assert!(read(&mut dumps, usize::MAX).unwrap().into_iter().eq(0..end), "{end}");
        }
        let opened = opened.lock().unwrap();
        assert_eq!(opened.len(), 1);
        // A second thread for each of the two dumps that is long enough for it.
        let threads = if end >= 8 { 3 } else { 1 };
        assert_eq!(opened[0].state.lock().unwrap().threads.len(), threads, "{end}");
    }
}

#[test]
fn answer_is_received_on_the_calling_thread_unless_permitted_otherwise() {
    let (mut dumps, opened) = dumps(1000);
    assert!(read(&mut dumps, usize::MAX).unwrap().into_iter().eq(0..1000));
    assert_eq!(opened.lock().unwrap()[0].state.lock().unwrap().threads.len(), 1);
}

#[test]
fn socket_of_a_long_answer_that_is_dropped_early_is_closed_and_its_thread_has_ended() {
    for most in [3, 8, 9, 100, 999] {
        let (mut dumps, opened) = dumps(1000);
        dumps.receive_ahead(true);
        assert_eq!(read(&mut dumps, most).unwrap().len(), most);
        // Only this list has it: neither the thread nor the next request does.
        assert_eq!(Arc::strong_count(&opened.lock().unwrap()[0].state), 1, "{most}");
        assert!(read(&mut dumps, usize::MAX).unwrap().into_iter().eq(0..1000), "{most}");
        assert_eq!(opened.lock().unwrap().len(), 2);
    }
}

#[test]
fn socket_of_a_long_answer_whose_reader_panicked_is_closed_and_its_thread_has_ended() {
    let (mut dumps, opened) = dumps(1000);
    dumps.receive_ahead(true);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut answer = dumps.ask(|seq| RequestV2::default().encode(NLM_F_DUMP, seq)).unwrap();
        for _ in 0..100 {
            assert!(answer.next().unwrap().is_some());
        }
        panic!("as a caller may");
    }));
    assert!(panicked.is_err());
    assert_eq!(Arc::strong_count(&opened.lock().unwrap()[0].state), 1);
    assert!(read(&mut dumps, usize::MAX).unwrap().into_iter().eq(0..1000));
    assert_eq!(opened.lock().unwrap().len(), 2);
}
