//! What a column is.

use super::value::{Key, Value};
use crate::view::View;
use netstat::{DetailFields, ProcessFields, Socket};
use std::fmt;

/// One column.
pub struct Column {
    /// As `--columns` and `--sort` take it and the CSV's header has it; also without `_` or with `-`.
    pub name: &'static str,
    /// Other names, from other programs.
    pub(super) aliases: &'static [&'static str],
    /// The heading in the table.
    pub header: &'static str,
    /// A line for the help.
    pub help: &'static str,
    pub(crate) align: Align,
    pub(super) needs: Needs,
    /// What the table shows for a row without a value.
    pub(crate) absent: Absent,
    /// How a terminal shows it.
    pub(crate) on_screen: OnScreen,
    pub(super) value: Value,
}

/// How a terminal shows a column, where there is too little room for the text of a pipe.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnScreen {
    /// The same text, cut at its end.
    Text,
    /// The local end, cut in the middle of the address.
    Local,
    /// The remote end.
    Remote,
    /// The name of a host and a port, cut in the middle.
    Host,
    /// A state, of which the usual ones have short forms.
    State,
    /// The pid of the master and how many others there are.
    Pids,
    /// Names of processes; where there is room, what an interpreter runs.
    Processes,
    /// A user.
    User,
    /// When the processes started, short and local.
    Started,
    /// When the socket was made, short and local.
    Created,
    /// Below the line of the socket, on as many lines as it takes.
    Below,
}

/// The side on which a value is aligned.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// What the query must collect for a column.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// The rows alone.
    Nothing,
    /// The service of each row, which costs a system call each.
    Services,
    /// Names of the hosts, from a resolver that may have to ask the network.
    HostNames,
    /// The owners of each row.
    Owners,
    /// Details of their processes.
    ProcessDetails(ProcessFields),
    /// The other ends of connections.
    Peers,
    /// The other ends, with their owners and details of these.
    PeerDetails(ProcessFields),
    /// Details of the sockets, for which the kernel sends more data of each.
    SocketDetails(DetailFields),
}

/// What the table shows for a row without a value. The CSV has an empty field.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// `-`
    Dash,
    /// `*:*`: any remote endpoint, as in `ss` and `netstat`.
    AnyEndpoint,
    /// Why the row has no owner, in brackets.
    Reason,
}

impl Column {
    /// Appends the value of a row, escaped; nothing if the row has none.
    pub fn push(&self, view: &View<'_>, socket: &Socket, out: &mut String) {
        self.value.push(view, socket, out);
    }

    /// What a row is sorted by.
    pub(crate) fn key(&self, view: &View<'_>, socket: &Socket) -> Key {
        self.value.key(view, socket)
    }

    pub(crate) fn needs_owners(&self) -> bool {
        matches!(self.needs, Needs::Owners | Needs::ProcessDetails(_) | Needs::PeerDetails(_))
    }

    pub(crate) fn needs_peers(&self) -> bool {
        matches!(self.needs, Needs::Peers | Needs::PeerDetails(_))
    }

    pub(crate) fn needs_services(&self) -> bool {
        self.needs == Needs::Services
    }

    pub(crate) fn needs_host_names(&self) -> bool {
        self.needs == Needs::HostNames
    }

    pub(crate) fn process_fields(&self) -> ProcessFields {
        match self.needs {
            Needs::ProcessDetails(fields) | Needs::PeerDetails(fields) => fields,
            _ => ProcessFields::empty(),
        }
    }

    pub(crate) fn detail_fields(&self) -> DetailFields {
        match self.needs {
            Needs::SocketDetails(fields) => fields,
            _ => DetailFields::empty(),
        }
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({})", self.name)
    }
}

/// A column of text on the left side, which needs nothing and shows `-` for a row without a value. Most columns differ
/// from it in a few fields.
pub(super) const TEXT: Column = Column {
    name: "",
    aliases: &[],
    header: "",
    help: "",
    align: Align::Left,
    needs: Needs::Nothing,
    absent: Absent::Dash,
    on_screen: OnScreen::Text,
    value: Value::Word(|_| None),
};
