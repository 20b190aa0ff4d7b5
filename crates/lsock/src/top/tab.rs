//! The tabs.

use super::column::Column;
use super::row::Row;

/// A tab.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tab {
    Listening,
    Connections,
    Processes,
    Peers,
    Events,
}

impl Tab {
    pub(super) const ALL: [Self; 5] =
        [Self::Listening, Self::Connections, Self::Processes, Self::Peers, Self::Events];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Listening => "Listening",
            Self::Connections => "Connections",
            Self::Processes => "Processes",
            Self::Peers => "Peers",
            Self::Events => "Events",
        }
    }

    /// The columns, unless the settings have others.
    pub(super) fn columns(self) -> Vec<Column> {
        use Column::{
            Age, Connections, Down, Listening, Local, Peer, Pid, Process, Proto, Queue, Rtt, State, Up, User,
        };
        match self {
            Self::Listening => vec![Proto, Local, Process, Pid, User, Queue, Age],
            Self::Connections => vec![Process, Pid, Proto, Local, Peer, State, Rtt, Down, Up],
            Self::Processes => vec![Process, Pid, User, Local, Peer, Listening, Connections, Down, Up, Age],
            Self::Peers => vec![Peer, Process, Local, Connections, Down, Up],
            Self::Events => Vec::new(),
        }
    }

    pub(super) fn sorted_by(self) -> Column {
        match self {
            Self::Listening => Column::Local,
            Self::Connections | Self::Events => Column::Process,
            Self::Processes | Self::Peers => Column::Connections,
        }
    }

    pub(super) fn has(self, row: &Row) -> bool {
        match self {
            Self::Listening => row.socket.is_listening(),
            Self::Connections => !row.socket.is_listening(),
            Self::Processes => true,
            Self::Peers => row.socket.remote.is_some(),
            Self::Events => false,
        }
    }
}
