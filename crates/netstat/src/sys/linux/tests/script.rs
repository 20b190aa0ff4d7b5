//! A scripted kernel: its answers on each netlink socket, and its files in `/proc/net`.

use crate::model::details::DetailFields;
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::gap::{Gap, GapKind};
use crate::model::socket::Socket;
use crate::sys::linux::families::FamilyTable;
use crate::sys::linux::protocols;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::{Peer, Received};
use crate::sys::linux::sock_diag::request::{Source, Table};
use crate::sys::linux::sock_diag::selection::Selection;
use crate::sys::linux::sockets::list;
use netstat_wire::linux::inet_diag::{AF_INET, SOCK_DIAG_BY_FAMILY};
use netstat_wire::linux::netlink::{
    Header, Messages, NLM_F_DUMP_INTR, NLM_F_MULTI, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN,
};
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_ESTABLISHED};
use rustix::io::Errno;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

/// The port id of every scripted socket.
const PORT_ID: u32 = 4711;

/// A message of an answer. Its header matches the request unless the variant says otherwise.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// The record of a socket, which the number identifies: its cookie, and its port and inode.
    Row(u16),
    /// The same, with attributes after it.
    RowWith(u16, Vec<u8>),
    /// The same, with the flag that the table changed meanwhile.
    RowOfInterruptedDump(u16),
    RowForAnotherRequest(u16),
    RowForAnotherPort(u16),
    RowOfAnotherType(u16),
    /// A record as it is, without the flag that more follow, as those of associations.
    Record(Vec<u8>),
    /// The record of a connection.
    Established(u16),
    /// The record of a socket of this family in this state.
    RowIn(u16, u8, u8),
    /// The record of a connection between two ports of 127.0.0.1, local first.
    Connected(u16, u16),
    /// A record that is too short.
    BadRow,
    Done(i32),
    Error(i32),
    Noop,
    Overrun,
    /// Bytes that are no message.
    Garbage,
}

/// The result of one receive.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Datagram(Vec<Message>),
    /// The same, from another process.
    FromProcess(Vec<Message>),
    /// The same, truncated by the buffer.
    Truncated(Vec<Message>),
    Fails(Errno),
    /// Every receive, endlessly.
    ForeverFails(Errno),
    ForeverFromProcess,
    ForeverForAnotherRequest,
}

/// One netlink socket: its answers to successive requests, or why it cannot be opened.
#[derive(Clone, Debug)]
pub(super) enum Channel {
    Opens(Vec<Vec<Answer>>),
    /// What its `send` fails with, each once, before the rest.
    SendFails(Vec<Errno>, Vec<Vec<Answer>>),
    CannotOpen(Errno),
}

/// A datagram of rows.
pub(super) fn rows(numbers: impl IntoIterator<Item = u16>) -> Answer {
    Answer::Datagram(numbers.into_iter().map(Message::Row).collect())
}

/// The end of a dump.
pub(super) fn done() -> Answer {
    Answer::Datagram(vec![Message::Done(0)])
}

/// A socket that answers one request.
pub(super) fn answers(answers: impl Into<Vec<Answer>>) -> Channel {
    Channel::Opens(vec![answers.into()])
}

/// The whole script: the sockets in the order in which they are opened, and the files.
#[derive(Default)]
pub(super) struct Script {
    pub(super) channels: VecDeque<Channel>,
    /// The results of successive opens of a file, of which the last repeats; other paths do not exist.
    pub(super) files: HashMap<String, VecDeque<FileScript>>,
}

/// A file: the results of successive reads, or why it cannot be opened.
#[derive(Clone, Debug)]
pub(super) enum FileScript {
    Holds(Vec<Result<String, Errno>>),
    CannotOpen(Errno),
}

/// The result of a listing.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Socket>,
    pub(super) result: Result<Vec<Gap>, Error>,
    /// How many netlink sockets were opened or failed to open.
    pub(super) opened: usize,
    /// The requests that were sent.
    pub(super) requests: Vec<Vec<u8>>,
    /// The files that were opened or failed to open.
    pub(super) paths: Vec<String>,
}

impl Outcome {
    /// The rows by their numbers.
    pub(super) fn numbers(&self) -> Vec<u16> {
        self.rows.iter().map(|row| row.local.port().unwrap()).collect()
    }

    /// The kinds and sources of the gaps.
    pub(super) fn gaps(&self) -> Vec<(GapKind, &str)> {
        let gaps = self.result.as_ref().expect("a listing");
        gaps.iter().map(|gap| (gap.kind, gap.source.as_ref())).collect()
    }
}

pub(super) fn tcp() -> Table {
    let selection =
        Selection { info: &protocols::TCP, family: None, states: 0xfff, local_port: 0, remote_port: 0 };
    let details = DetailFields::empty();
    Table {
        selection,
        program: None,
        source: Source::Dump,
        is_in_proc: true,
        details,
        listeners_apart: false,
        connections: Vec::new(),
    }
}

pub(super) fn udp() -> Table {
    let Table { selection, .. } = tcp();
    Table { selection: Selection { info: &protocols::UDP, ..selection }, ..tcp() }
}

pub(super) fn over(family: Family, table: Table) -> Table {
    let selection = Selection { family: Some(family), ..table.selection };
    Table { selection, ..table }
}

impl Script {
    pub(super) fn new(channels: impl IntoIterator<Item = Channel>) -> Self {
        Self { channels: channels.into_iter().collect(), files: HashMap::new() }
    }

    pub(super) fn file(self, path: &str, text: &str) -> Self {
        self.file_script(path, [FileScript::Holds(vec![Ok(text.to_owned())])])
    }

    pub(super) fn file_script(mut self, path: &str, openings: impl IntoIterator<Item = FileScript>) -> Self {
        self.files.insert(path.to_owned(), openings.into_iter().collect());
        self
    }

    /// Lists the tables until the sink has had `most` rows.
    pub(super) fn list_at_most(self, tables: &[Table], most: usize) -> Outcome {
        self.list_all(tables, &[], most)
    }

    /// Lists the tables of the families beside IP.
    pub(super) fn list_families(self, tables: &[FamilyTable]) -> Outcome {
        self.list_all(&[], tables, usize::MAX)
    }

    fn list_all(self, tables: &[Table], families: &[FamilyTable], most: usize) -> Outcome {
        let mut kernel = Kernel { script: self, ..Kernel::default() };
        let mut paths = Vec::new();
        let mut rows = Vec::new();
        let Kernel { script: Script { channels, files }, requests, opened } = &mut kernel;
        let result = list(
            &mut Dumps::new(|| {
                *opened += 1;
                open(channels, requests)
            }),
            &mut |path| {
                paths.push(path.to_owned());
                open_file(files, path)
            },
            tables,
            families,
            &mut |socket| {
                rows.push(socket);
                if rows.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        );
        Outcome { rows, result, opened: kernel.opened, requests: take_requests(&kernel.requests), paths }
    }

    pub(super) fn list(self, tables: &[Table]) -> Outcome {
        self.list_at_most(tables, usize::MAX)
    }
}

/// The requests that were sent, by any of the sockets.
pub(super) type Requests = Arc<Mutex<Vec<Vec<u8>>>>;

pub(super) fn take_requests(requests: &Requests) -> Vec<Vec<u8>> {
    std::mem::take(&mut *requests.lock().unwrap())
}

#[derive(Default)]
struct Kernel {
    script: Script,
    requests: Requests,
    opened: usize,
}

/// Opens the next netlink socket.
pub(super) fn open(channels: &mut VecDeque<Channel>, requests: &Requests) -> Result<ScriptedPeer, Errno> {
    let (send_failures, answers) = match channels.pop_front() {
        None => return Err(Errno::PERM),
        Some(Channel::CannotOpen(errno)) => return Err(errno),
        Some(Channel::Opens(answers)) => (Vec::new(), answers),
        Some(Channel::SendFails(failures, answers)) => (failures, answers),
    };
    Ok(ScriptedPeer {
        send_failures: send_failures.into(),
        answers: answers.into(),
        current: VecDeque::new(),
        request_header: Header::default(),
        requests: Arc::clone(requests),
    })
}

pub(super) fn open_file(
    files: &mut HashMap<String, VecDeque<FileScript>>,
    path: &str,
) -> io::Result<Box<dyn Read>> {
    let openings = files.get_mut(path).ok_or(io::ErrorKind::NotFound)?;
    let opening = if openings.len() > 1 { openings.pop_front() } else { openings.front().cloned() };
    match opening {
        None => Err(io::ErrorKind::NotFound.into()),
        Some(FileScript::CannotOpen(errno)) => Err(errno.into()),
        Some(FileScript::Holds(reads)) => Ok(Box::new(ScriptedFile(reads.into()))),
    }
}

struct ScriptedFile(VecDeque<Result<String, Errno>>);

impl Read for ScriptedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.pop_front() {
            None => Ok(0),
            Some(Err(errno)) => Err(errno.into()),
            Some(Ok(text)) => {
                let length = text.len().min(buffer.len());
                let (read, rest) = text.split_at(length);
                buffer[..length].copy_from_slice(read.as_bytes());
                if !rest.is_empty() {
                    self.0.push_front(Ok(rest.to_owned()));
                }
                Ok(length)
            }
        }
    }
}

pub(super) struct ScriptedPeer {
    send_failures: VecDeque<Errno>,
    /// The answers to requests that are not sent yet.
    answers: VecDeque<Vec<Answer>>,
    /// The answers to the last request.
    current: VecDeque<Answer>,
    request_header: Header,
    requests: Requests,
}

impl Peer for ScriptedPeer {
    fn port_id(&self) -> u32 {
        PORT_ID
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        if let Some(errno) = self.send_failures.pop_front() {
            return Err(errno);
        }
        self.request_header = Messages::new(request).next().unwrap().unwrap().header;
        self.requests.lock().unwrap().push(request.to_vec());
        // What is unread of the last answer stays.
        self.current.extend(self.answers.pop_front().unwrap_or_default());
        Ok(())
    }

    fn receive(&mut self, buffer: &mut Vec<u8>) -> Result<Received, Errno> {
        let mut received = Received { truncated: false, from_kernel: true };
        let answer = match self.current.front() {
            // Nothing more: the time-out.
            None => return Err(Errno::AGAIN),
            Some(Answer::ForeverFails(errno)) => return Err(*errno),
            Some(Answer::ForeverFromProcess) => Answer::FromProcess(vec![Message::Row(1)]),
            Some(Answer::ForeverForAnotherRequest) => {
                Answer::Datagram(vec![Message::RowForAnotherRequest(1)])
            }
            Some(_) => self.current.pop_front().unwrap(),
        };
        let messages = match answer {
            Answer::Fails(errno) => return Err(errno),
            Answer::Truncated(messages) => {
                received.truncated = true;
                messages
            }
            Answer::FromProcess(messages) => {
                received.from_kernel = false;
                messages
            }
            Answer::Datagram(messages) => messages,
            _ => Vec::new(),
        };
        *buffer = messages.iter().flat_map(|message| encode(message, self.request_header)).collect();
        Ok(received)
    }
}

fn encode(message: &Message, request_header: Header) -> Vec<u8> {
    let header =
        Header { kind: request_header.kind, flags: NLM_F_MULTI, seq: request_header.seq, port_id: PORT_ID };
    let control = |kind, body: &[u8]| Header { kind, ..header }.encode(body);
    match message {
        Message::Row(number) => header.encode(&record(*number)),
        Message::Connected(local, remote) => header.encode(&connected(*local, *remote)),
        Message::RowWith(number, attributes) => header.encode(&[&record(*number)[..], attributes].concat()),
        Message::Record(payload) => Header { flags: 0, ..header }.encode(payload),
        Message::Established(number) => header.encode(&with_state(*number, TCP_ESTABLISHED)),
        Message::RowIn(number, family, state) => {
            let mut bytes = with_state(*number, *state);
            if let Some(first) = bytes.first_mut() {
                *first = *family;
            }
            header.encode(&bytes)
        }
        Message::RowOfInterruptedDump(number) => {
            Header { flags: NLM_F_MULTI | NLM_F_DUMP_INTR, ..header }.encode(&record(*number))
        }
        Message::RowForAnotherRequest(number) => {
            Header { seq: request_header.seq.wrapping_sub(1), ..header }.encode(&record(*number))
        }
        Message::RowForAnotherPort(number) => {
            Header { port_id: PORT_ID + 1, ..header }.encode(&record(*number))
        }
        Message::RowOfAnotherType(number) => {
            Header { kind: SOCK_DIAG_BY_FAMILY + 1, ..header }.encode(&record(*number))
        }
        Message::BadRow => header.encode(&record(1)[..71]),
        Message::Done(code) => control(NLMSG_DONE, &code.to_ne_bytes()),
        Message::Error(code) => {
            // The code, and the header of the request.
            control(NLMSG_ERROR, &[&code.to_ne_bytes()[..], &[0; 16]].concat())
        }
        Message::Noop => control(NLMSG_NOOP, &[]),
        Message::Overrun => control(NLMSG_OVERRUN, &[]),
        Message::Garbage => vec![5, 0, 0, 0, 1, 2, 3, 4],
    }
}

/// `struct inet_diag_msg` of a connection over 127.0.0.1.
fn connected(local: u16, remote: u16) -> Vec<u8> {
    let mut record = with_state(local, TCP_ESTABLISHED);
    record[6..8].copy_from_slice(&remote.to_be_bytes());
    record[24..28].copy_from_slice(&[127, 0, 0, 1]);
    record
}

fn record(number: u16) -> Vec<u8> {
    with_state(number, TCP_CLOSE)
}

fn with_state(number: u16, state: u8) -> Vec<u8> {
    let mut bytes = vec![AF_INET, state, 0, 0];
    bytes.extend(number.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend([127, 0, 0, 1]);
    bytes.extend([0; 12 + 16 + 4]);
    // The cookie: its low half comes first on every machine.
    bytes.extend(u32::from(number).to_ne_bytes());
    bytes.extend([0; 4]);
    // expires, rqueue, wqueue, uid, inode
    for field in [0, 0, 0, 0, u32::from(number)] {
        bytes.extend(field.to_ne_bytes());
    }
    bytes
}
