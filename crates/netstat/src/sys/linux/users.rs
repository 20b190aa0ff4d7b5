//! Names of users: `/etc/passwd`, then systemd's userdb, which also knows the users of LDAP, sssd and dynamic services.
//!
//! userdb has records in files, and a service behind a Unix socket. The service may have to wait for a network, so all
//! questions of one listing share a time limit; a user whose name has not come by then has none.
//!
//! Sources: <https://systemd.io/USER_GROUP_API/>, systemd-userdbd.service(8), nss-systemd(8).

use crate::log::debug;
use crate::model::error::Error;
use crate::sys::users;
use netstat_wire::linux::userdb::UserRecord;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const TIME_LIMIT: Duration = Duration::from_millis(200);

/// Longer than any record without pictures and keys.
const MAX_RECORD: usize = 64 * 1024;

/// The names of these users, ascending and without repeats; those without one are absent.
pub(crate) fn names(wanted: &[u32]) -> HashMap<u32, String> {
    let mut names = users::names(wanted);
    let mut userdb = UserDb::of_system();
    for uid in wanted {
        if !names.contains_key(uid) {
            names.extend(userdb.find(User::Number(*uid)).map(|record| (*uid, record.name)));
        }
    }
    names
}

/// The number of the user with this name.
pub(crate) fn user_id(name: &str) -> Result<u32, Error> {
    users::user_id(name)
        .or_else(|error| UserDb::of_system().find(User::Name(name)).map(|record| record.uid).ok_or(error))
}

/// What a record is looked up by.
#[derive(Copy, Clone)]
enum User<'n> {
    Number(u32),
    Name(&'n str),
}

impl User<'_> {
    fn is(self, record: &UserRecord) -> bool {
        match self {
            Self::Number(uid) => record.uid == uid,
            Self::Name(name) => record.name == name,
        }
    }
}

/// The sources of records.
struct UserDb {
    /// Directories with a file `<uid>.user` and a link `<name>.user` for each record.
    directories: Vec<PathBuf>,
    /// The sockets of services; the first that accepts a connection is used.
    sockets: Vec<PathBuf>,
    connection: Connection,
    deadline: Instant,
}

enum Connection {
    NotTried,
    Open {
        stream: UnixStream,
        service: String,
    },
    /// There is no service, or it did not answer.
    Failed,
}

impl UserDb {
    fn of_system() -> Self {
        let directories = ["/etc", "/run", "/run/host", "/usr/local/lib", "/usr/lib"];
        Self {
            directories: directories.map(|parent| Path::new(parent).join("userdb")).to_vec(),
            // The first asks all the others.
            sockets: ["io.systemd.Multiplexer", "io.systemd.DynamicUser"]
                .map(|service| Path::new("/run/systemd/userdb").join(service))
                .to_vec(),
            connection: Connection::NotTried,
            deadline: Instant::now() + TIME_LIMIT,
        }
    }

    fn find(&mut self, user: User<'_>) -> Option<UserRecord> {
        // Text that needs no escape in JSON, and is one component of a path.
        let is_plain = |name: &str| {
            !name.is_empty() && !name.contains(['"', '\\', '/']) && !name.contains(char::is_control)
        };
        if matches!(user, User::Name(name) if !is_plain(name)) {
            return None;
        }
        self.in_files(user).or_else(|| self.of_service(user)).filter(|record| user.is(record))
    }

    fn in_files(&self, user: User<'_>) -> Option<UserRecord> {
        let file = match user {
            User::Number(uid) => format!("{uid}.user"),
            User::Name(name) => format!("{name}.user"),
        };
        self.directories.iter().take_while(|_| Instant::now() < self.deadline).find_map(|directory| {
            let path = directory.join(&file);
            if !fs::metadata(&path).ok()?.is_file() {
                return None;
            }
            let mut record = Vec::new();
            File::open(path).ok()?.take(MAX_RECORD as u64).read_to_end(&mut record).ok()?;
            UserRecord::decode(&record)
        })
    }

    fn of_service(&mut self, user: User<'_>) -> Option<UserRecord> {
        if let Connection::NotTried = self.connection {
            let opened = self.sockets.iter().find_map(|path| {
                let service = path.file_name()?.to_str()?.to_owned();
                Some(Connection::Open { stream: open(path)?, service })
            });
            self.connection = opened.unwrap_or(Connection::Failed);
        }
        let Connection::Open { stream, service } = &mut self.connection else { return None };
        let condition = match user {
            User::Number(uid) => format!("\"uid\":{uid}"),
            User::Name(name) => format!("\"userName\":\"{name}\""),
        };
        let reply = call(
            stream,
            &format!(
                "{{\"method\":\"io.systemd.UserDatabase.GetUserRecord\",\
                 \"parameters\":{{{condition},\"service\":\"{service}\"}}}}\0"
            ),
            self.deadline,
        );
        if reply.is_none() {
            debug!("the service of user records has not answered in time");
            // A late reply would be taken for that to the next question.
            self.connection = Connection::Failed;
        }
        UserRecord::decode_reply(&reply?)
    }
}

/// Connects without waiting, even if the service accepts no connections.
fn open(path: &Path) -> Option<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    connect(&socket, &SocketAddrUnix::new(path).ok()?).ok()?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false).ok()?;
    Some(stream)
}

/// The reply to a request, up to its NUL; `None` if it is too long or not complete before the deadline.
fn call(stream: &mut UnixStream, request: &str, deadline: Instant) -> Option<Vec<u8>> {
    let remaining = || deadline.checked_duration_since(Instant::now()).filter(|time| !time.is_zero());
    stream.set_write_timeout(Some(remaining()?)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut reply = Vec::new();
    let mut buffer = [0; 4096];
    while !reply.ends_with(b"\0") && reply.len() < MAX_RECORD {
        stream.set_read_timeout(Some(remaining()?)).ok()?;
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        reply.extend_from_slice(buffer.get(..length)?);
    }
    reply.ends_with(b"\0").then_some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::thread;

    /// A directory that is removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("netstat-userdb-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn userdb(&self) -> UserDb {
            UserDb {
                directories: vec![self.0.join("none"), self.0.clone()],
                sockets: vec![self.0.join("none"), self.0.join("io.systemd.Multiplexer")],
                connection: Connection::NotTried,
                deadline: Instant::now() + TIME_LIMIT,
            }
        }

        fn listener(&self) -> UnixListener {
            UnixListener::bind(self.0.join("io.systemd.Multiplexer")).unwrap()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn record(name: &str, uid: u32) -> Option<UserRecord> {
        Some(UserRecord { name: name.to_owned(), uid })
    }

    #[test]
    fn record_in_a_file_is_found_by_number_and_name_and_nothing_else_is_opened() {
        let directory = Directory::new("files");
        let file = |name: &str| directory.0.join(name);
        fs::write(file("61500.user"), r#"{"userName":"dynsvc","uid":61500}"#).unwrap();
        std::os::unix::fs::symlink("61500.user", file("dynsvc.user")).unwrap();
        fs::write(file("7.user"), r#"{"userName":"dynsvc","uid":61500}"#).unwrap();
        fs::create_dir(file("8.user")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            file("9.user"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let mut userdb = directory.userdb();
        assert_eq!(userdb.find(User::Number(61500)), record("dynsvc", 61500));
        assert_eq!(userdb.find(User::Name("dynsvc")), record("dynsvc", 61500));
        for uid in [7, 8, 9, 10] {
            assert_eq!(userdb.find(User::Number(uid)), None, "{uid}");
        }
        for name in ["", "other", "../userdb/dynsvc", "a\"b", "a\\", "a\0"] {
            assert_eq!(userdb.find(User::Name(name)), None, "{name}");
        }
    }

    #[test]
    fn service_is_asked_over_one_connection() {
        let directory = Directory::new("service");
        let listener = directory.listener();
        let service = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut requests = Vec::new();
            let error = "{\"error\":\"io.systemd.UserDatabase.NoRecordFound\",\"parameters\":{}}\0";
            let found =
                "{\"parameters\":{\"record\":{\"userName\":\"ann\",\"uid\":70001},\"incomplete\":false}}\0";
            for reply in [error, found, found, found] {
                let mut request = Vec::new();
                while !request.ends_with(b"\0") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.extend(byte);
                }
                requests.push(String::from_utf8(request).unwrap());
                for byte in reply.as_bytes() {
                    stream.write_all(&[*byte]).unwrap();
                }
            }
            requests
        });
        let mut userdb = directory.userdb();
        userdb.deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(userdb.find(User::Number(5)), None);
        assert_eq!(userdb.find(User::Number(70001)), record("ann", 70001));
        assert_eq!(userdb.find(User::Name("ann")), record("ann", 70001));
        assert_eq!(userdb.find(User::Number(5)), None, "the reply is about another user");
        let requests = service.join().unwrap();
        let request = |condition: &str| {
            format!(
                "{{\"method\":\"io.systemd.UserDatabase.GetUserRecord\",\"parameters\":{{{condition},\
                 \"service\":\"io.systemd.Multiplexer\"}}}}\0"
            )
        };
        assert_eq!(requests[1..3], [request("\"uid\":70001"), request("\"userName\":\"ann\"")]);
    }

    #[test]
    fn service_that_does_not_answer_costs_the_time_limit_once() {
        let directory = Directory::new("silent");
        let listener = directory.listener();
        // One that neither accepts nor reads, one that accepts and is silent, one that never ends its reply.
        for endless in [false, true] {
            let mut userdb = directory.userdb();
            let begin = Instant::now();
            let service = endless.then(|| {
                let listener = listener.try_clone().unwrap();
                thread::spawn(move || {
                    let (mut stream, _) = listener.accept().unwrap();
                    while stream.write_all(&[b'x'; 4096]).is_ok() {}
                })
            });
            for uid in 0..1000 {
                assert_eq!(userdb.find(User::Number(uid)), None);
            }
            assert!(begin.elapsed() < 20 * TIME_LIMIT, "{:?}", begin.elapsed());
            drop(userdb);
            if let Some(service) = service {
                // It may have accepted the connection of the round before, which is closed too.
                service.join().unwrap();
            }
        }
    }

    #[test]
    fn full_backlog_does_not_block() {
        let directory = Directory::new("backlog");
        let _listener = directory.listener();
        let path = directory.0.join("io.systemd.Multiplexer");
        let mut waiting = Vec::new();
        while let Some(stream) = open(&path) {
            waiting.push(stream);
            assert!(waiting.len() < 100_000);
        }
        let begin = Instant::now();
        assert_eq!(directory.userdb().find(User::Number(1)), None);
        assert!(begin.elapsed() < TIME_LIMIT, "{:?}", begin.elapsed());
    }
}
