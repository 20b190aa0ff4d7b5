//! What one of ours must find in a world, by what its processes have said of themselves.

use netstat_contender::Count;
use socket_world::{SocketFacts, State, World};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// All sockets, without owners.
    Sockets,
    /// All sockets with their owners.
    Owners,
    /// Who holds the port of [`port_of`].
    Port,
    /// What listens, with owners.
    Listeners,
    /// What passes a filter that nothing passes.
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

    /// The right answer. Each socket has one owner, the process that made it.
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

/// The port that is asked about: that of the first listener, so that its connections are found too.
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
    fn right_answers_are_counted_from_what_the_processes_said() {
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
