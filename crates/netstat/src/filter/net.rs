//! A network: an address and how many of its bits count.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Net {
    /// Zero in the bits that do not count.
    address: IpAddr,
    prefix: u8,
}

impl Net {
    /// The prefix is no longer than the address is.
    pub(crate) fn new(address: IpAddr, prefix: u8) -> Self {
        let width = Self::width(address);
        let prefix = prefix.min(width);
        // All bits shifted out leave none.
        let address = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(u32::from(width - prefix)).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(u32::from(width - prefix)).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        };
        Self { address, prefix }
    }

    /// The number of bits of an address.
    pub(crate) fn width(address: IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    pub(crate) fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether an address of a socket is in it. An IPv4 address that an IPv6 socket carries is in the networks
    /// of IPv4 as well as in those of IPv6.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = match (self.address, address) {
            (IpAddr::V4(_), IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(mapped) => mapped.into(),
                None => return false,
            },
            _ => address,
        };
        self.address.is_ipv4() == address.is_ipv4() && Self::new(address, self.prefix) == *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(address: &str, prefix: u8) -> Net {
        Net::new(address.parse().unwrap(), prefix)
    }

    #[test]
    fn addresses_are_compared_in_the_bits_that_count() {
        let cases = [
            (net("10.1.2.3", 8), "10.255.0.1", true),
            (net("10.0.0.0", 8), "11.0.0.0", false),
            (net("10.0.0.0", 8), "::ffff:10.9.9.9", true),
            (net("10.0.0.0", 8), "::10.9.9.9", false),
            (net("0.0.0.0", 0), "255.1.1.1", true),
            (net("0.0.0.0", 0), "::1", false),
            (net("2001:db8::", 33), "2001:db8:7fff::1", true),
            (net("2001:db8::", 33), "2001:db8:8000::1", false),
            (net("::", 0), "::ffff:1.2.3.4", true),
            (net("::", 0), "1.2.3.4", false),
            (net("::1", 200), "::1", true),
            (net("1.2.3.4", 200), "1.2.3.5", false),
        ];
        for (net, address, expected) in cases {
            assert_eq!(net.contains(address.parse().unwrap()), expected, "{net:?} {address}");
        }
    }
}
