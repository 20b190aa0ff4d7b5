//! The descriptors of namespaces, found by a program of their own: it looks at a descriptor in a fifth of a microsecond, where its
//! link takes two or more.

use super::iterator::{attach, run};
use super::program::{self, RECORD_BYTES};
use super::record::{SocketFile, decode};
use super::types::Types;
use super::{BpfSource, OtherProgram, Refused, TYPES, kernel_types};
use crate::engine::parallel::lock;
use crate::log::debug;
use std::os::fd::OwnedFd;

impl BpfSource {
    /// The descriptors of namespaces of any kind, with the processes that have them. `None`: they cannot be found by a program.
    pub(crate) fn namespace_files(&self) -> Option<Vec<(u32, i32)>> {
        let mut program = lock(&self.namespace_files);
        if matches!(*program, OtherProgram::NotLoaded) {
            *program = match self.load_namespace_files() {
                Ok(link) => OtherProgram::Loaded(link),
                Err(refused) if refused.is_temporary() => return None,
                Err(refused) => {
                    debug!("descriptors of namespaces by procfs: {refused}");
                    OtherProgram::Refused
                }
            };
        }
        let OtherProgram::Loaded(link) = &*program else { return None };
        let mut files = Vec::new();
        let read = run::<RECORD_BYTES>(link, &mut |_, record| {
            // A task that ended while it was visited has no number any more.
            if let Some(SocketFile { pid, fd, .. }) = decode(&record).filter(|file| file.pid != 0) {
                files.push((pid, fd));
            }
        });
        read.ok().map(|()| files)
    }

    fn load_namespace_files(&self) -> Result<OwnedFd, Refused> {
        let file = kernel_types().map_err(|errno| Refused::errno(TYPES, errno))?;
        let types = Types::new(&file)?;
        attach(b"netstat_netns\0\0\0", &program::namespace_files(&types, self.level().number(&types)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Families;
    use super::*;
    use socket_world::{kernel, live_skip};
    use std::fs::File;
    use std::os::fd::AsRawFd;

    #[test]
    fn live_descriptors_of_namespaces_are_found_and_no_others() {
        if let Err(why) = kernel::bpf_iterators() {
            live_skip!("{why}");
        }
        let source = BpfSource::load(Families::Internet).unwrap_or_else(|refused| panic!("{refused}"));
        let namespaces =
            ["net", "mnt"].map(|kind| File::open(format!("/proc/thread-self/ns/{kind}")).unwrap());
        let others = ["/dev/null", "/proc/thread-self/status"].map(|path| File::open(path).unwrap());
        let found = source.namespace_files().unwrap();
        let is_found = |file: &File| found.contains(&(std::process::id(), file.as_raw_fd()));
        assert!(namespaces.iter().all(is_found), "{found:?}");
        assert!(!others.iter().any(is_found), "{found:?}");
    }
}
