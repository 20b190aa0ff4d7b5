//! Which network namespaces a query lists.

use super::find::Search;
use super::place::{NAMED, Place, number_of};
use super::process_net::namespace_of;
use super::spaces::Spaces;
use crate::model::error::Error;
use crate::model::scope::Scope;
use crate::query::Query;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The namespaces that a query lists; `None`: that of this thread alone, and rows do not name it.
pub(crate) fn spaces(query: &Query) -> Result<Option<Spaces>, Error> {
    let own = namespace_of("thread-self").ok();
    let one = match &query.scope {
        Scope::Current => return Ok(beside_own(query, own)),
        Scope::All => {
            let found = begin()?.all();
            return Ok(Some(Spaces::new(found.namespaces, found.gaps, own, true)));
        }
        Scope::Of(pid) => of_process(*pid)?,
        Scope::Path(path) => of_path(path)?,
        Scope::Named(name) => of_name(name)?,
    };
    let found = begin()?.describe([one]);
    Ok(Some(Spaces::new(found.namespaces, found.gaps, own, true)))
}

fn begin() -> Result<Search, Error> {
    Search::begin().map_err(|errno| Error::system("find", "network namespaces in /proc", errno))
}

/// The namespaces of the processes that a query names, beside this thread's own; `None` if these processes live in none
/// but that.
fn beside_own(query: &Query, own: Option<u64>) -> Option<Spaces> {
    let pids = query.filter.pids();
    if pids.is_empty() {
        return None;
    }
    let own = own?;
    let elsewhere: Vec<(u32, u64)> = pids
        .into_iter()
        .filter_map(|pid| Some((pid, namespace_of(&pid.to_string()).ok().filter(|number| *number != own)?)))
        .collect();
    if elsewhere.is_empty() {
        return None;
    }
    let mut search = Search::begin().ok()?;
    search.own();
    let found = search.of_processes(&elsewhere);
    Some(Spaces::new(found.namespaces, found.gaps, Some(own), false))
}

fn of_process(pid: u32) -> Result<(u64, Place), Error> {
    let failed = |errno: Errno| {
        // A zombie has the directory, and no namespace.
        let cause = match errno {
            Errno::NOENT | Errno::SRCH => io::Error::new(ErrorKind::NotFound, "there is no such process"),
            errno => errno.into(),
        };
        Error::system("list", format!("the network namespace of process {pid}"), cause)
    };
    let number = namespace_of(&pid.to_string()).map_err(failed)?;
    Ok((number, Place::File(format!("/proc/{pid}/ns/net").into())))
}

fn of_path(path: &Path) -> Result<(u64, Place), Error> {
    // A link that leads elsewhere in another thread is resolved in this one.
    let path = match path.starts_with("/proc/self") || path.starts_with("/proc/thread-self") {
        true => absolute_in_proc(path),
        false => path.to_owned(),
    };
    let number = number_of(path.as_os_str()).map_err(|errno| {
        let cause = match errno {
            Errno::INVAL => io::Error::new(ErrorKind::InvalidInput, "it is no network namespace"),
            errno => errno.into(),
        };
        Error::system("list", format!("the network namespace {}", path.display()), cause)
    })?;
    Ok((number, Place::File(path)))
}

/// The path in `/proc` by the numbers of this thread.
fn absolute_in_proc(path: &Path) -> PathBuf {
    let mut parts = path.components();
    // The root directory and "proc".
    parts.by_ref().take(2).for_each(drop);
    let link = parts.next().map(|part| Path::new("/proc").join(part));
    let number = link.and_then(|link| std::fs::read_link(link).ok());
    match number {
        Some(number) => Path::new("/proc").join(number).join(parts.as_path()),
        None => path.to_owned(),
    }
}

fn of_name(name: &OsStr) -> Result<(u64, Place), Error> {
    let is_name = Path::new(name).file_name() == Some(name);
    if !is_name {
        let cause = io::Error::new(ErrorKind::InvalidInput, "a name has no slash");
        return Err(Error::system("list", format!("the network namespace {}", name.display()), cause));
    }
    of_path(&Path::new(NAMED).join(name))
}
