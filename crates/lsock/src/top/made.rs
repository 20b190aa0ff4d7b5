//! Sockets, samples and screens for tests.

use super::state::Top;
use super::{Effect, Settings};
use crate::targets::Protected;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use netstat::details::TcpMetrics;
use netstat::{Details, Family, Owner, OwnerRole, Ownership, Process, Protocol, Snapshot, Socket, State};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

pub(super) fn end(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn listener(local: &str, pids: &[u32]) -> Socket {
    let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, end(local));
    socket.state = Some(State::Listen);
    owned(&mut socket, pids);
    socket
}

pub(super) fn connection(local: &str, remote: &str, pids: &[u32]) -> Socket {
    let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, end(local));
    socket.state = Some(State::Established);
    socket.remote = Some(end(remote).into());
    owned(&mut socket, pids);
    socket
}

fn owned(socket: &mut Socket, pids: &[u32]) {
    let owners = pids.iter().map(|pid| Owner::new(*pid, Some(3), OwnerRole::Holder));
    socket.set_owners(owners, Ownership::Known { complete: true });
}

/// With these counters.
pub(super) fn counting(mut socket: Socket, received: u64, acked: u64) -> Socket {
    let mut tcp = TcpMetrics::default();
    (tcp.bytes_received, tcp.bytes_acked) = (Some(received), Some(acked));
    (tcp.rtt, tcp.rttvar) = (Some(Duration::from_millis(12)), Some(Duration::from_millis(3)));
    let mut details = Details::default();
    details.tcp = Some(Box::new(tcp));
    socket.set_details(Some(Box::new(details)));
    socket
}

pub(super) fn process(pid: u32, name: &str, parent: u32) -> Process {
    let mut process = Process::new(pid);
    process.name = Some(name.into());
    process.user = Some("root".to_owned());
    process.parent = Some(parent);
    process.command_line = Some(vec![format!("/usr/bin/{name}").into(), "-x".into()]);
    process.start_time = Some(taken_at() - Duration::from_secs(17 * 60));
    process
}

pub(super) fn taken_at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

pub(super) fn sample(sockets: Vec<Socket>, processes: Vec<Process>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    (snapshot.sockets, snapshot.processes, snapshot.taken_at) = (sockets, processes, taken_at());
    snapshot.join_peers();
    snapshot
}

/// Two listeners of nginx with a worker, its client, and a connection to elsewhere.
pub(super) fn world(received: u64) -> Snapshot {
    sample(
        vec![
            listener("0.0.0.0:80", &[10, 11]),
            listener("127.0.0.1:5432", &[20]),
            connection("192.0.2.2:80", "198.51.100.7:40000", &[11]),
            counting(connection("192.0.2.2:41956", "203.0.113.80:443", &[30]), received, 100),
            counting(connection("192.0.2.2:41957", "203.0.113.80:443", &[30]), 7, 100),
        ],
        vec![
            process(10, "nginx", 1),
            process(11, "nginx", 10),
            process(20, "postgres", 1),
            process(30, "cargo", 1),
        ],
    )
}

pub(super) fn top() -> Top {
    let settings = Settings { unicode: true, ..Settings::default() };
    Top::new(settings, Protected::new(1_000_000, |_| None), "")
}

/// After one sample.
pub(super) fn sampled() -> Top {
    let mut top = top();
    top.sample(world(0), Duration::from_secs(1));
    top
}

pub(super) fn press(top: &mut Top, code: KeyCode) -> Option<Effect> {
    top.key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// Presses the keys of a text.
pub(super) fn keys(top: &mut Top, text: &str) -> Vec<Effect> {
    text.chars().filter_map(|key| press(top, KeyCode::Char(key))).collect()
}

/// The screen, without blanks at the ends of lines.
pub(super) fn screen(top: &mut Top, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| top.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let cell = |x, y| buffer.cell((x, y)).unwrap().symbol().to_owned();
    let line = |y| (0..width).map(|x| cell(x, y)).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

impl Top {
    /// Takes a sample, `now` after the start.
    pub(super) fn sample(&mut self, sample: Snapshot, now: Duration) {
        let mut world = self.world.clone();
        world.take(sample, now);
        drop(self.take(world));
    }
}
