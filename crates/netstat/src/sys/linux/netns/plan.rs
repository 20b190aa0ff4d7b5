//! Which network namespaces a query lists.

use super::find::{Search, SeenByBpf};
use super::place::{NAMED, Place, number_of};
use super::process_net::namespace_of;
use super::readers::NamespaceReaders;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::identity::NetnsId;
use crate::model::scope::Scope;
use crate::query::Query;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

/// The namespaces that a query lists; `None`: that of this thread alone, and rows do not name it.
pub(crate) fn readers(
    query: &Query,
    with_name: WithName<'_>,
    seen: &dyn SeenByBpf,
) -> Result<Option<NamespaceReaders>, Error> {
    let own = || namespace_of("thread-self").ok();
    let one = match &query.scope {
        Scope::Current if query.filter.needs_netns() => return by_number(query, own(), seen).map(Some),
        Scope::Current => return Ok(beside_own(query, &own, with_name)),
        Scope::All => {
            let found = begin()?.all(seen);
            let readers = NamespaceReaders::new(found.namespaces, found.gaps, own(), true);
            return Ok(Some(if found.more { readers.with_more() } else { readers }));
        }
        Scope::Of(pid) => of_process(*pid)?,
        Scope::Path(path) => of_path(path)?,
        Scope::Named(name) => of_name(name)?,
    };
    let found = begin()?.describe([one]);
    Ok(Some(NamespaceReaders::new(found.namespaces, found.gaps, own(), true)))
}

/// The namespace with this name or path.
pub(crate) fn netns_id(name: &str) -> Result<NetnsId, Error> {
    let (number, _) = match name.contains('/') {
        true => of_path(Path::new(name))?,
        false => of_name(OsStr::new(name))?,
    };
    // No namespace has the number 0.
    NonZeroU64::new(number).map(NetnsId).ok_or_else(|| Error::system("find", name.to_owned(), Errno::INVAL))
}

/// Those of some processes that have a name.
pub(crate) type WithName<'a> = &'a dyn Fn(&OsStr, &[u32]) -> Vec<u32>;

/// The namespaces that a query names by their numbers; this thread's own if it names none that must be one's. Rows name
/// theirs, since they are compared by it.
fn by_number(query: &Query, own: Option<u64>, seen: &dyn SeenByBpf) -> Result<NamespaceReaders, Error> {
    let wanted: Vec<u64> = query.filter.namespaces().into_iter().map(|id| id.0.get()).collect();
    if own.is_none() && wanted.is_empty() {
        return Err(Error::system("find", "the network namespace of this thread in /proc", Errno::NOENT));
    }
    let mut search = begin()?;
    search.own();
    if wanted.is_empty() || own.is_some_and(|own| wanted == [own]) {
        let place = || Place::File("/proc/thread-self/ns/net".into());
        let found = search.describe(own.map(|own| (own, place())));
        return Ok(NamespaceReaders::new(found.namespaces, found.gaps, own, true));
    }
    let mut found = search.only(&wanted, seen);
    for number in wanted {
        if !found.namespaces.contains_key(&number) {
            let source = format!("network namespace {number} is not found");
            found.gaps.push(Gap::new(GapKind::NamespacesSkipped, 1, source));
        }
    }
    Ok(NamespaceReaders::new(found.namespaces, found.gaps, own, true))
}

fn begin() -> Result<Search, Error> {
    Search::begin().map_err(|errno| Error::system("find", "network namespaces in /proc", errno))
}

/// The namespaces of the processes that a query names, beside this thread's own; `None` if these processes live in none
/// but that.
fn beside_own(
    query: &Query,
    own: &dyn Fn() -> Option<u64>,
    with_name: WithName<'_>,
) -> Option<NamespaceReaders> {
    if !query.needs_owners() {
        return None;
    }
    let (pids, names) = query.filter.named_processes();
    if pids.is_empty() && names.is_empty() {
        return None;
    }
    let own = own()?;
    let mut search = Search::begin().ok()?;
    let mut foreign_processes = in_other_namespaces(&pids, own);
    if !names.is_empty() {
        let foreign = in_other_namespaces(&search.pids(), own);
        let pids: Vec<u32> = foreign.iter().map(|(pid, _)| *pid).collect();
        let named: Vec<u32> = names.iter().flat_map(|name| with_name(name, &pids)).collect();
        foreign_processes.extend(foreign.into_iter().filter(|(pid, _)| named.contains(pid)));
        foreign_processes.sort_unstable();
        foreign_processes.dedup();
    }
    if foreign_processes.is_empty() {
        return None;
    }
    search.own();
    let found = search.of_processes(&foreign_processes);
    Some(NamespaceReaders::new(found.namespaces, found.gaps, Some(own), false))
}

/// Those of these processes that live in another namespace, with its number.
fn in_other_namespaces(pids: &[u32], own: u64) -> Vec<(u32, u64)> {
    let number = |pid: &u32| namespace_of(&pid.to_string()).ok().filter(|number| *number != own);
    pids.iter().filter_map(|pid| Some((*pid, number(pid)?))).collect()
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
        return Err(Error::system(
            "list",
            format!("the network namespace {}", Path::new(name).display()),
            cause,
        ));
    }
    of_path(&Path::new(NAMED).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    #[test]
    fn filter_that_names_no_namespace_is_of_the_own_one_and_an_error_where_that_is_not_known() {
        let other = NetnsId(NonZeroU64::MAX);
        let query = Query::new().filter(!Filter::netns(other));
        let sockets = || Err(String::new());
        assert!(by_number(&query, None, &sockets).is_err());
        let own = namespace_of("thread-self").unwrap();
        assert_eq!(by_number(&query, Some(own), &sockets).unwrap().describe().len(), 1);
    }
}
