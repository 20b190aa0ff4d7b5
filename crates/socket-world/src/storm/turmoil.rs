//! What processes may do to their descriptor tables.

/// What the processes of a family do to their tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turmoil {
    /// Fork; the children change sockets, let their table grow, execute a program from either thread, start a thread that
    /// leaves the table, and end.
    Forks,
    /// Four threads at a time leave the common table, change their copies and end.
    Threads,
    /// The table goes from one address to another and back: a copy is made each time, and the old one loses its sockets and
    /// is freed.
    Flips,
    /// Connections are accepted and closed.
    Accepts,
    /// Descriptors are replaced: a socket by a file, and a file or a socket by another socket.
    Replaces,
    /// A socket is closed, and one with another descriptor opened, which gets the same `struct file`.
    Moves,
    /// A process shares its table with another that ends, and then replaces the sockets in it.
    Shares,
}

impl Turmoil {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Forks, Self::Threads, Self::Flips, Self::Accepts, Self::Replaces, Self::Moves, Self::Shares];
}
