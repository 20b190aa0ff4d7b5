//! One-call functions for common tasks: listeners, ports of a process, the process at the other end.
//!
//! Each returns a [`Snapshot`] with the owners, their [names](ProcessFields::NAME) and their
//! [start](ProcessFields::START_TIME), so that [`Process::id`](crate::Process::id) is known, and
//! [`gaps`](Snapshot::gaps) says what could not be seen. They are short for a [`Query`], which is there for everything
//! else.
//!
//! Rights, errors and sources are those of [`Query::snapshot`].

use crate::model::error::Error;
use crate::model::process::ProcessFields;
use crate::model::snapshot::Snapshot;
use crate::query::Query;
use std::net::SocketAddr;

fn with_processes(query: Query) -> Result<Snapshot, Error> {
    query.processes(ProcessFields::NAME | ProcessFields::START_TIME).snapshot()
}

/// Who listens on this port: TCP sockets in LISTEN, and UDP sockets without a peer. Several sockets may share a port, and
/// several processes a socket.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), netstat::Error> {
/// let snapshot = netstat::find::listeners(8080)?;
/// for socket in &snapshot {
///     for holder in snapshot.holders(socket) { println!("{} {holder}", socket.local); }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`Query::snapshot`].
#[doc(alias = "lsof")]
#[doc(alias = "fuser")]
pub fn listeners(port: u16) -> Result<Snapshot, Error> {
    with_processes(Query::new().listening().local_port(port))
}

/// What this process listens on. Only this process is read, so a socket that others share names this one alone, and
/// [says so](crate::Ownership).
///
/// Without a row, [`gaps`](Snapshot::gaps) says whether the process could not be read or has ended.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), netstat::Error> {
/// for socket in &netstat::find::ports_of(std::process::id())? {
///     println!("{} {:?}", socket.protocol, socket.local.port());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`Query::snapshot`].
pub fn ports_of(pid: u32) -> Result<Snapshot, Error> {
    with_processes(Query::new().listening().pid(pid))
}

/// Which process of this machine is at the other end of a TCP connection. `local` and `peer` are what the caller's own
/// stream reports, for instance one that it has accepted; the row is that of the other end, so its
/// [`local`](crate::Socket::local) is `peer`.
///
/// Without a row, the other end is on another machine, in another network namespace, or closed already. The row is
/// found by [`Query::connection`]; the search for its owner costs as much as in any listing.
///
/// As `SO_PEERCRED` does for unix sockets, this identifies the client of a server on the same machine; but a process can
/// hand its end to another one, so it is no proof of who sent what arrives.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let (stream, _) = listener.accept()?;
/// let snapshot = netstat::find::peer_of(stream.local_addr()?, stream.peer_addr()?)?;
/// for socket in &snapshot {
///     for holder in snapshot.holders(socket) { println!("the client is {holder}"); }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`Query::snapshot`].
#[doc(alias = "SO_PEERCRED")]
#[doc(alias = "getpeereid")]
#[doc(alias = "LOCAL_PEERCRED")]
#[doc(alias = "identd")]
pub fn peer_of(local: SocketAddr, peer: SocketAddr) -> Result<Snapshot, Error> {
    with_processes(Query::new().connection(peer, local))
}
