//! Why BPF cannot be used to find owners.

use netstat_wire::DecodeError;
use rustix::io::Errno;
use std::fmt;

/// The operation that failed, and why: `bpf(BPF_PROG_LOAD): Operation not permitted (os error 1)`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The call, the file or the check.
    what: &'static str,
    why: Why,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Why {
    Errno(Errno),
    /// The kernel's types cannot be read.
    Decode(DecodeError),
    /// The kernel's types lack a member, or define it differently.
    Types {
        fault: &'static str,
        name: &'static str,
    },
    Other(&'static str),
}

impl Refused {
    pub(crate) const fn errno(what: &'static str, errno: Errno) -> Self {
        Self { what, why: Why::Errno(errno) }
    }

    pub(crate) const fn decode(error: DecodeError) -> Self {
        Self { what: "BTF", why: Why::Decode(error) }
    }

    /// `fault` comes before the name it concerns, as in `no member i_sb`.
    pub(crate) const fn types(fault: &'static str, name: &'static str) -> Self {
        Self { what: "BTF", why: Why::Types { fault, name } }
    }

    pub(crate) const fn other(what: &'static str, why: &'static str) -> Self {
        Self { what, why: Why::Other(why) }
    }
}

impl Refused {
    /// Whether another attempt may succeed: the kernel or this process lacked something for the moment.
    pub(crate) const fn is_temporary(&self) -> bool {
        let Why::Errno(errno) = self.why else { return false };
        matches!(errno, Errno::AGAIN | Errno::INTR | Errno::MFILE | Errno::NFILE | Errno::NOMEM)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, why } = self;
        match why {
            Why::Errno(errno) => write!(f, "{what}: {}", std::io::Error::from(*errno)),
            Why::Decode(error) => write!(f, "{what}: {error}"),
            Why::Types { fault, name } => write!(f, "{what}: {fault} {name}"),
            Why::Other(why) => write!(f, "{what}: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_the_operation_and_why_it_failed() {
        let text = |refused: Refused| refused.to_string();
        assert_eq!(
            text(Refused::errno("bpf(BPF_PROG_LOAD)", Errno::PERM)),
            "bpf(BPF_PROG_LOAD): Operation not permitted (os error 1)"
        );
        assert_eq!(text(Refused::types("no member", "i_sb")), "BTF: no member i_sb");
        assert_eq!(text(Refused::other("capabilities", "no CAP_BPF")), "capabilities: no CAP_BPF");
        assert!(Refused::errno("bpf(BPF_PROG_LOAD)", Errno::AGAIN).is_temporary());
        assert!(!Refused::errno("bpf(BPF_PROG_LOAD)", Errno::PERM).is_temporary());
        assert!(!Refused::other("capabilities", "no CAP_BPF").is_temporary());
        let error = netstat_wire::linux::btf::Btf::new(&[0, 0]).unwrap_err();
        assert_eq!(text(Refused::decode(error)), "BTF: btf_header: not BTF at offset 0");
    }
}
