//! The kernel's iteration over the descriptors of all processes, with a BPF program that does nothing.

use crate::Result;
use crate::ffi;
use netstat_wire::linux::btf::{Btf, Kind};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// The read buffer; the program writes nothing to it.
const BUFFER_BYTES: usize = 32 << 10;
/// The kernel returns after a million descriptors without output, and continues with the next read.
const MOST_READS: usize = 1000;

/// The program, loaded and attached.
pub(super) struct Iteration {
    link: OwnedFd,
}

impl Iteration {
    /// # Errors
    /// No rights for BPF; a kernel without it, or without BTF.
    pub(super) fn prepare() -> Result<Self> {
        const TYPES: &str = "/sys/kernel/btf/vmlinux";
        let file = std::fs::read(TYPES).map_err(|error| format!("{TYPES}: {error}"))?;
        let [function] = Btf::new(&file)?.find([(Kind::Func, "bpf_iter_task_file")])?;
        let function = function.ok_or("the kernel has no iterator over descriptors")?;
        let program = ffi::load_empty_iterator(function.number())
            .map_err(|error| format!("bpf(BPF_PROG_LOAD): {error}"))?;
        let link = ffi::link_iterator(&program).map_err(|error| format!("bpf(BPF_LINK_CREATE): {error}"))?;
        Ok(Self { link })
    }

    /// Iterates once over all descriptors.
    pub(super) fn run(&self) -> Result<()> {
        let iterator = ffi::create_iterator(&self.link)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        for _ in 0..MOST_READS {
            match rustix::io::read(&iterator, &mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err("the iteration over descriptors does not end".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket_world::{kernel, live_skip};

    #[test]
    fn iteration_ends_and_can_be_repeated() {
        if let Err(why) = kernel::bpf_iterators() {
            live_skip!("{why}");
        }
        let iteration = Iteration::prepare().expect("the kernel has iterators");
        (0..2).for_each(|_| iteration.run().expect("to the end"));
    }
}
