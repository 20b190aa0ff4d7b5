//! The address family of a socket.

use crate::model::spelling::{UnknownName, same_name};
use std::fmt;
use std::str::FromStr;

/// The address family that a socket was created with (`AF_*`, the first argument of `socket(2)`).
///
/// A family without a variant of its own is [`Family::Other`], with the number that the running system gives it.
/// A later version may give it a name: match on the named variants, and use `Other(_)` only to display it.
///
/// # Sources
/// Linux: `sdiag_family` of the reply, or the file in `/proc/net`. Windows: the table that the row is from.
/// macOS: `inp_vflag`, or `so_family` where libproc shows it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[doc(alias = "AF_INET")]
#[doc(alias = "AF_INET6")]
#[doc(alias = "AF_UNIX")]
#[doc(alias = "sa_family_t")]
pub enum Family {
    /// AF_INET.
    Ipv4,
    /// AF_INET6. IPv4 traffic on such a socket has addresses of the form `::ffff:a.b.c.d`.
    Ipv6,
    /// AF_UNIX.
    Unix,
    /// AF_NETLINK (Linux).
    Netlink,
    /// AF_PACKET (Linux).
    Packet,
    /// AF_VSOCK.
    Vsock,
    /// Any other family, by number.
    Other(u16),
}

const NAMED: [Family; 6] =
    [Family::Ipv4, Family::Ipv6, Family::Unix, Family::Netlink, Family::Packet, Family::Vsock];

impl Family {
    /// The stable, machine-readable name: `ipv4`, `ipv6`, `unix`, `netlink`, `packet`, `vsock`. `None` for
    /// [`Family::Other`], which is a number.
    pub fn as_str(self) -> Option<&'static str> {
        Some(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Unix => "unix",
            Self::Netlink => "netlink",
            Self::Packet => "packet",
            Self::Vsock => "vsock",
            Self::Other(_) => return None,
        })
    }

    /// Whether it is IPv4 or IPv6.
    pub fn is_ip(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }
}

/// The name, or `family N` for a family without one. Obeys width and precision.
impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.as_str(), self) {
            (Some(name), _) => f.pad(name),
            (None, Self::Other(number)) => f.pad(&format!("family {number}")),
            (None, _) => Ok(()),
        }
    }
}

/// Reads the name that [`Family::as_str`] has, and `inet`, `inet6`, `link` (packet) as `ss -f` has them, in any case.
impl FromStr for Family {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let alias = match text.to_ascii_lowercase().as_str() {
            "inet" | "4" => Some(Self::Ipv4),
            "inet6" | "6" => Some(Self::Ipv6),
            "link" => Some(Self::Packet),
            _ => None,
        };
        let named =
            || NAMED.into_iter().find(|family| family.as_str().is_some_and(|name| same_name(name, text)));
        alias.or_else(named).ok_or_else(|| UnknownName::new(text, "an address family"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_displayed() {
        for family in NAMED {
            assert_eq!(family.to_string().parse(), Ok(family));
        }
        assert_eq!("INET6".parse(), Ok(Family::Ipv6));
        assert!("inet7".parse::<Family>().is_err());
        assert_eq!(format!("{:>10}|", Family::Other(31)), " family 31|");
    }
}
