//! The options that select families: `-4`, `-6`, `-x`, `-f`.

use crate::usage::UsageError;
use netstat::{Family, Filter, ProtocolKind, Query};

/// `AF_TIPC` and `AF_XDP` of Linux.
const OTHERS: [(&str, Family); 2] = [("tipc", Family::Other(30)), ("xdp", Family::Other(44))];

/// The families that were named.
#[derive(Debug, Default)]
pub(crate) struct FamilyArgs {
    /// Every socket there is.
    all: bool,
    ip: Vec<Family>,
    others: Vec<Family>,
}

impl FamilyArgs {
    /// Those whose options are set, and those that were typed.
    pub(crate) fn new(flags: &[(bool, Family)], typed: &[String]) -> Result<Self, UsageError> {
        let mut named = Self::default();
        flags.iter().filter(|(is_set, _)| *is_set).for_each(|(_, family)| named.add(*family));
        for typed in typed {
            if typed.eq_ignore_ascii_case("all") {
                named.all = true;
            } else {
                named.add(parse(typed)?);
            }
        }
        Ok(named)
    }

    fn add(&mut self, family: Family) {
        let families = if family.is_ip() { &mut self.ip } else { &mut self.others };
        if !families.contains(&family) {
            families.push(family);
        }
    }

    /// Selects these families. `names_ip_protocol`: the query names protocols of IP; beside them, and beside a family of
    /// IP, the others are added.
    pub(crate) fn select(self, mut query: Query, names_ip_protocol: bool) -> Result<Query, UsageError> {
        if self.all && names_ip_protocol {
            // One of them would be without effect.
            return Err(UsageError::new(
                "--family all lists every protocol; leave it out, or -t, -u, -w, -S, -M and --protocol",
            ));
        }
        if self.all {
            return Ok(query.all_protocols());
        }
        if self.others.is_empty() {
            return Ok(self.ip.into_iter().fold(query, Query::family));
        }
        if !self.ip.is_empty() && !names_ip_protocol {
            query = query.tcp().udp();
        }
        for kind in self.others.iter().map(|family| kind_of(*family)) {
            query = query.protocol_kind(kind);
        }
        // Families that share a protocol, and IP beside others.
        let any_of =
            |families: Vec<Family>| families.into_iter().map(Filter::family).reduce(|any, one| any | one);
        let is_ip = || Filter::ipv4() | Filter::ipv6();
        let ip = any_of(self.ip).unwrap_or_else(is_ip);
        let others = any_of(self.others).unwrap_or_else(Filter::none);
        Ok(query.filter(ip | others))
    }
}

/// The protocol of the sockets of a family that is not IP.
fn kind_of(family: Family) -> ProtocolKind {
    match family {
        Family::Unix => ProtocolKind::Unix,
        Family::Netlink => ProtocolKind::Netlink,
        Family::Packet => ProtocolKind::Packet,
        Family::Vsock => ProtocolKind::Vsock,
        _ => ProtocolKind::Other,
    }
}

fn parse(typed: &str) -> Result<Family, UsageError> {
    let other = OTHERS.iter().find(|(name, _)| typed.eq_ignore_ascii_case(name)).map(|(_, family)| *family);
    // 4 and 6 are IP versions; a family by its number is one without a name.
    let numbered = || typed.parse().ok().filter(|number| *number > 6).map(Family::Other);
    other.or_else(|| typed.parse().ok()).or_else(numbered).ok_or_else(|| {
        UsageError::new(format!(
            "--family: {typed:?} is not inet, inet6, unix, netlink, link, vsock, xdp, tipc, a number or all"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(typed: &[&str]) -> Result<Vec<Family>, UsageError> {
        let typed: Vec<String> = typed.iter().map(|it| (*it).to_owned()).collect();
        let named = FamilyArgs::new(&[], &typed)?;
        Ok(named.ip.into_iter().chain(named.others).collect())
    }

    #[test]
    fn families_have_the_names_of_ss() {
        for (typed, family) in [
            ("inet", Family::Ipv4),
            ("INET6", Family::Ipv6),
            ("unix", Family::Unix),
            ("link", Family::Packet),
            ("netlink", Family::Netlink),
            ("vsock", Family::Vsock),
            ("xdp", Family::Other(44)),
            ("tipc", Family::Other(30)),
            ("38", Family::Other(38)),
        ] {
            assert_eq!(named(&[typed, typed]).unwrap(), [family], "{typed}");
        }
        for typed in ["inet7", "5", "65536", ""] {
            let error = named(&[typed]).unwrap_err().to_string();
            assert!(error.contains(&format!("{typed:?} is not inet")), "{error}");
        }
    }

    #[test]
    fn all_families_beside_a_protocol_are_refused() {
        let all = || FamilyArgs::new(&[], &["ALL".to_owned(), "unix".to_owned()]).unwrap();
        let error = all().select(Query::new().tcp(), true).unwrap_err().to_string();
        assert!(error.contains("--family all lists every protocol"), "{error}");
        let query = all().select(Query::new(), false).unwrap();
        assert_eq!(format!("{query:?}"), format!("{:?}", Query::new().all_protocols()));
    }
}
