//! What the processes of a family do.

use super::ledger::{
    ADDRESS_OF_CLIENTS, ADDRESS_OF_LISTENER, FIRST, Ledger, MOST_SLOTS, port_of_client, port_of_listener,
    port_of_slot,
};
use super::turmoil::Turmoil;
use crate::child::Report;
use crate::facts::inode_of;
use crate::tcp::{accept_from, stream_socket};
use crate::{ffi, loopback};
use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, connect, ipproto, listen, socket_with, sockopt,
};
use rustix::process::{Pid, Signal, WaitOptions, getpid, set_parent_process_death_signal, waitpid};
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{Builder, Scope, scope};
use std::time::Duration;
use test_random::Random;

/// How many descriptors a family has whose table is to stay small.
const FEW: i32 = 24;
/// How many descriptors a forking family has at first, and how many connections an accepting one.
const MANY: i32 = 100;
const CONNECTIONS: usize = 64;

/// A process or thread of a family, and the sockets that it must keep an eye on.
pub(super) struct Member<'a> {
    ledger: &'a Ledger,
    family: u32,
    random: Random,
    /// The descriptors that are sockets, where the family moves them.
    filled: Vec<i32>,
    free: Vec<i32>,
    listener: Option<OwnedFd>,
    connections: Vec<(OwnedFd, OwnedFd)>,
    accepted: u32,
    null: Option<File>,
}

fn own_pid() -> u32 {
    number(getpid())
}

fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

impl<'a> Member<'a> {
    /// The calling process as the first one of its family.
    pub(super) fn new(ledger: &'a Ledger, family: u32) -> Self {
        ledger.note_process(own_pid(), 1 << family);
        Self::with(ledger, family, family.into())
    }

    fn with(ledger: &'a Ledger, family: u32, seed: u64) -> Self {
        Self {
            ledger,
            family,
            random: Random::new(seed),
            filled: Vec::new(),
            free: Vec::new(),
            listener: None,
            connections: Vec::new(),
            accepted: 0,
            null: None,
        }
    }

    /// Makes what the family begins with, and reports what stays.
    pub(super) fn begin(&mut self, kind: Turmoil, report: &mut Report) -> io::Result<()> {
        match kind {
            Turmoil::Forks | Turmoil::Threads => {
                for slot in (FIRST..).take(usize::try_from(MANY).unwrap_or(0)) {
                    self.put(slot)?;
                }
            }
            Turmoil::Flips => {
                for slot in FIRST..FIRST + FEW {
                    report.held(self.put(slot)?)?;
                }
            }
            Turmoil::Accepts => {
                let listener = self.tcp_socket(ADDRESS_OF_LISTENER, port_of_listener(self.family))?;
                listen(&listener, 64)?;
                self.note(&listener);
                self.listener = Some(listener);
            }
            Turmoil::Replaces => {
                for slot in FIRST..FIRST + FEW {
                    self.put(slot)?;
                }
                self.null = Some(File::open("/dev/null")?);
            }
            Turmoil::Moves => {
                for slot in FIRST..FIRST + FEW {
                    if slot % 2 == 0 {
                        self.put(slot)?;
                        self.filled.push(slot);
                    } else {
                        self.free.push(slot);
                    }
                }
            }
            Turmoil::Shares => self.ledger.note_process(own_pid(), 1 << self.family | 1 << (self.family + 1)),
        }
        Ok(())
    }

    /// One change. What the kernel refuses for a moment (memory, processes, a port) is not done.
    pub(super) fn change(&mut self, kind: Turmoil) {
        let _: io::Result<()> = match kind {
            Turmoil::Forks => self.fork_and_change(),
            Turmoil::Threads => self.start_threads(),
            Turmoil::Flips => self.flip(),
            Turmoil::Accepts => self.accept(),
            Turmoil::Replaces => self.replace(),
            Turmoil::Moves => self.move_one(),
            Turmoil::Shares => self.share(),
        };
    }

    /// A bound UDP socket with this descriptor, and with no other while it is bound. Not closed on exec.
    pub(super) fn put(&mut self, slot: i32) -> io::Result<BorrowedFd<'static>> {
        self.put_of(self.family, slot)
    }

    fn put_of(&mut self, family: u32, slot: i32) -> io::Result<BorrowedFd<'static>> {
        let socket =
            socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::empty(), Some(ipproto::UDP))?;
        let socket = ffi::put_in_slot(socket, slot)?;
        // Copies of it, and what else the family has under this number, have the same port.
        sockopt::set_socket_reuseaddr(socket, true)?;
        self.ledger.note_socket(inode_of(socket), family, slot);
        let address = loopback(family << 16 | slot.unsigned_abs());
        bind(socket, &SocketAddr::from((address, port_of_slot(family, slot))))?;
        self.ledger.count_change();
        Ok(socket)
    }

    fn replace_with_another(&mut self, slot: i32) -> io::Result<()> {
        ffi::clear_slot(slot);
        self.put(slot).map(drop)
    }

    fn below(&mut self, end: i32) -> i32 {
        i32::try_from(self.random.below(usize::try_from(end).unwrap_or(1))).unwrap_or(0)
    }

    fn any_slot(&mut self) -> i32 {
        FIRST + self.below(250)
    }

    /// Lets the table grow.
    fn put_far_away(&mut self) -> io::Result<()> {
        let slot = 300 + self.below(MOST_SLOTS - 300);
        self.put(slot).map(drop)
    }

    fn fork_and_change(&mut self) -> io::Result<()> {
        let pid = ffi::fork_with(|| {
            self.become_child();
            // It ends in any case.
            let _ = self.live_as_a_child();
            0
        })?;
        self.ledger.note_process(number(pid), 1 << self.family);
        self.ledger.count_fork();
        if self.random.below(3) > 0 {
            retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()))?;
        }
        while let Ok(Some(_)) = waitpid(None, WaitOptions::NOHANG) {}
        Ok(())
    }

    /// Ends with the parent, which never waits for it before it has noted it.
    fn become_child(&mut self) {
        let pid = own_pid();
        self.ledger.note_process(pid, 1 << self.family);
        self.random = Random::new(u64::from(pid) << 32 | self.random.next_u64() >> 32);
        // Without it, it ends in some milliseconds.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }

    fn live_as_a_child(&mut self) -> io::Result<()> {
        for _ in 0..self.below(12) {
            let slot = self.any_slot();
            self.replace_with_another(slot)?;
        }
        match self.below(6) {
            0 => self.put_far_away()?,
            1 => return Err(Command::new("/bin/true").exec()),
            // The thread becomes the leader.
            2 => {
                let exec = || Command::new("/bin/true").exec();
                std::thread::spawn(exec).join().map_err(|_| io::ErrorKind::Other)?;
            }
            3 => {
                let (apart, wait) = (AtomicUsize::new(0), self.below(300));
                scope(|scope| -> io::Result<()> {
                    self.start_thread(scope, &apart)?;
                    std::thread::sleep(Duration::from_micros(wait.unsigned_abs().into()));
                    // Ends while the thread may still run.
                    ffi::exit_now(0)
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A thread that leaves the table, changes its copy and ends.
    fn start_thread<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        apart: &'scope AtomicUsize,
    ) -> io::Result<()>
    where
        'a: 'scope,
    {
        let mut other = Member::with(self.ledger, self.family, self.random.next_u64());
        let work = move || {
            let left = ffi::unshare_files();
            apart.fetch_add(1, SeqCst);
            if left.is_err() {
                return;
            }
            other.ledger.count_unshare();
            for _ in 0..6 {
                let slot = other.any_slot();
                let _ = other.replace_with_another(slot);
            }
            if other.below(3) == 0 {
                let _ = other.put_far_away();
            }
        };
        Builder::new().spawn_scoped(scope, work).map(drop)
    }

    fn start_threads(&mut self) -> io::Result<()> {
        let apart = AtomicUsize::new(0);
        scope(|scope| -> io::Result<()> {
            let mut started = 0;
            for _ in 0..4 {
                started += usize::from(self.start_thread(scope, &apart).is_ok());
            }
            // So that none of them gets a copy of a socket that is still on its way to its descriptor.
            while apart.load(SeqCst) < started {
                std::thread::yield_now();
            }
            for _ in 0..4 {
                let slot = self.any_slot();
                self.replace_with_another(slot)?;
            }
            Ok(())
        })
    }

    fn flip(&mut self) -> io::Result<()> {
        const LEFT: usize = 1;
        const FAILED: usize = 2;
        let done = AtomicUsize::new(0);
        scope(|scope| {
            // While it shares the table, leaving it makes a copy. The old one loses its sockets, and is freed when it ends.
            Builder::new().spawn_scoped(scope, || {
                while done.load(SeqCst) == 0 {
                    std::thread::yield_now();
                }
                if done.load(SeqCst) == LEFT {
                    (FIRST..FIRST + FEW).for_each(ffi::clear_slot);
                }
            })?;
            let left = ffi::unshare_files();
            done.store(if left.is_ok() { LEFT } else { FAILED }, SeqCst);
            self.ledger.count_unshare();
            left
        })
    }

    fn tcp_socket(&self, address: u32, port: u16) -> io::Result<OwnedFd> {
        let address = SocketAddr::from((loopback(self.family << 16 | address), port));
        let socket = stream_socket(address)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address)?;
        Ok(socket)
    }

    fn note(&self, socket: &OwnedFd) {
        self.ledger.note_socket(inode_of(socket), self.family, socket.as_raw_fd());
    }

    fn accept(&mut self) -> io::Result<()> {
        self.accepted = self.accepted.wrapping_add(1);
        if self.connections.len() >= CONNECTIONS {
            let old = self.random.below(self.connections.len());
            drop(self.connections.swap_remove(old));
        }
        let client = self.tcp_socket(ADDRESS_OF_CLIENTS, port_of_client(self.family, self.accepted))?;
        self.note(&client);
        // Its end is a reset, and the port is free at once.
        sockopt::set_socket_linger(&client, Some(Duration::ZERO))?;
        let listener = self.listener.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let to = SocketAddr::from((
            loopback(self.family << 16 | ADDRESS_OF_LISTENER),
            port_of_listener(self.family),
        ));
        retry_on_intr(|| connect(&client, &to))?;
        let server = accept_from(listener)?;
        self.note(&server);
        self.connections.push((client, server));
        self.ledger.count_accept();
        Ok(())
    }

    fn replace(&mut self) -> io::Result<()> {
        let slot = FIRST + self.below(FEW);
        if self.below(2) == 0 {
            return self.replace_with_another(slot);
        }
        let null = self.null.as_ref().ok_or(io::ErrorKind::NotFound)?;
        ffi::put_in_slot(null.try_clone()?.into(), slot)?;
        self.ledger.count_change();
        Ok(())
    }

    fn move_one(&mut self) -> io::Result<()> {
        let from = self.random.below(self.filled.len());
        let to = self.random.below(self.free.len());
        std::mem::swap(&mut self.filled[from], &mut self.free[to]);
        ffi::clear_slot(self.free[to]);
        self.put(self.filled[from]).map(drop)
    }

    /// The other process ends with the sockets of the first family in the common table. As soon as it has, they are
    /// replaced by those of the second, which it never held.
    fn share(&mut self) -> io::Result<()> {
        let slots = FIRST..FIRST + 8;
        for slot in slots.clone() {
            ffi::clear_slot(slot);
            self.put(slot)?;
        }
        let (ledger, of_first, wait) = (self.ledger, 1 << self.family, self.below(300));
        let pid = ffi::fork_sharing_table(0, || {
            ledger.note_process(own_pid(), of_first);
            let _ = set_parent_process_death_signal(Some(Signal::KILL));
            std::thread::sleep(Duration::from_micros(wait.unsigned_abs().into()));
            0
        })?;
        ledger.note_process(number(pid), of_first);
        ledger.count_fork();
        retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()))?;
        for slot in slots {
            ffi::clear_slot(slot);
            self.put_of(self.family + 1, slot)?;
        }
        Ok(())
    }
}
