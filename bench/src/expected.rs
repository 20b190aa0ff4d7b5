//! What netstat and lsock must find in a world, from what its processes report of themselves.

use netstat_contender::Count;
use socket_world::{SocketFacts, State, World};

/// The query of a contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// All sockets, without owners.
    Sockets,
    /// All sockets with their owners.
    Owners,
    /// The holders of the port of [`port_of`].
    Port,
    /// Listeners, with owners.
    Listeners,
    /// A filter that no socket passes.
    Nothing,
    /// One connection, without owners.
    Connection,
}

impl Question {
    fn is_about(self, socket: &SocketFacts, port: u16) -> bool {
        match self {
            Self::Sockets | Self::Owners => true,
            Self::Nothing | Self::Connection => false,
            Self::Port => socket.local.port() == port,
            Self::Listeners => matches!(socket.state, State::Listen | State::UdpUnconnected),
        }
    }

    /// The expected answer. Each socket has one owner, the process that made it.
    pub(crate) fn answer(self, world: &World, port: u16) -> Count {
        let mut count = Count { pids: Some(0), ..Count::default() };
        if self == Self::Connection {
            return Count { rows: 1, ..count };
        }
        for child in world.children() {
            let about = child.sockets().iter().filter(|socket| self.is_about(socket, port)).count();
            let rows = u64::try_from(about).unwrap_or(u64::MAX);
            count.rows += rows;
            if self != Self::Sockets {
                count.owned += rows;
                count.pids = count.pids.map(|pids| pids + rows * u64::from(child.pid()));
            }
        }
        count
    }
}

/// The port of the queries: that of the first listener, so that its connections are found too.
pub(crate) fn port_of(world: &World) -> u16 {
    let sockets = || world.children().iter().flat_map(|child| child.sockets());
    let listener = sockets().find(|socket| socket.state == State::Listen);
    listener.or_else(|| sockets().next()).map_or(0, |socket| socket.local.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket_world::WorldSpec;

    #[test]
    fn expected_answers_are_counted_from_the_reports_of_the_processes() {
        let spec = WorldSpec { processes: 2, connections: 3, udp_sockets: 5, ..WorldSpec::default() };
        let world = World::build(&spec).expect("a small world");
        let port = port_of(&world);
        let pids: u64 = world.children().iter().map(|child| u64::from(child.pid())).sum();
        let answer = |question: Question| question.answer(&world, port);
        assert_eq!(answer(Question::Sockets), Count { rows: 24, owned: 0, pids: Some(0) });
        assert_eq!(answer(Question::Owners), Count { rows: 24, owned: 24, pids: Some(12 * pids) });
        // A listener and four of the five UDP sockets in each process.
        assert_eq!(answer(Question::Nothing), Count { rows: 0, owned: 0, pids: Some(0) });
        assert_eq!(answer(Question::Connection), Count { rows: 1, owned: 0, pids: Some(0) });
        assert_eq!(answer(Question::Listeners), Count { rows: 10, owned: 10, pids: Some(5 * pids) });
        // The listener, and the ends of the connections that came through it.
        assert!(answer(Question::Port).rows >= 4, "{:?}", answer(Question::Port));
    }
}
