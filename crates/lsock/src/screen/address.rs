//! The end of a socket, shortened in the middle of its address.

use super::Screen;
use super::text::{cut_middle, width_of};

/// An end of a socket in its parts, so that the port is the last thing to be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ShownEndpoint {
    /// Without brackets; `*` for all addresses of both families.
    pub(crate) address: String,
    /// `%eth0`, or nothing.
    pub(crate) device: String,
    /// `:80`, or nothing.
    pub(crate) port: String,
    /// Whether the address stands in brackets.
    pub(crate) in_brackets: bool,
}

impl ShownEndpoint {
    /// The whole text.
    pub(crate) fn full(&self) -> String {
        self.with_address(&self.address)
    }

    fn with_address(&self, address: &str) -> String {
        let Self { device, port, in_brackets, .. } = self;
        if *in_brackets { format!("[{address}{device}]{port}") } else { format!("{address}{device}{port}") }
    }

    /// The text in so many columns: the groups in the middle of an IPv6 address go first, then characters in the middle
    /// of any address, then the device.
    pub(crate) fn fitted(&self, screen: &Screen, width: usize) -> String {
        let full = self.full();
        let full_width = width_of(&full);
        if full_width <= width {
            return full;
        }
        let around = full_width - width_of(&self.address);
        let room = width.saturating_sub(around);
        if let Some(address) = without_middle_groups(screen, &self.address, room) {
            return self.with_address(&address);
        }
        const MIN_ADDRESS: usize = 5;
        if room >= MIN_ADDRESS {
            return self.with_address(&cut_middle(screen, &self.address, room));
        }
        let address = if self.in_brackets {
            format!("[{}{}]", self.address, self.device)
        } else {
            format!("{}{}", self.address, self.device)
        };
        match width.checked_sub(width_of(&self.port)) {
            Some(room) => format!("{}{}", cut_middle(screen, &address, room), self.port),
            None => cut_middle(screen, &full, width),
        }
    }
}

/// `fd12:3456:…:9abc:def0`, with as many groups as fit, at least one on each side; `None` for an address that is too long
/// even so, or has no groups.
fn without_middle_groups(screen: &Screen, address: &str, width: usize) -> Option<String> {
    let groups: Vec<&str> = address.split(':').collect();
    // An IPv4-mapped address keeps its last part, which is the IPv4 address.
    (2..groups.len()).rev().find_map(|kept| {
        let end = kept / 2;
        let (start, end) = (groups.get(..kept - end)?, groups.get(groups.len() - end..)?);
        if start.first()?.is_empty() || end.last()?.is_empty() {
            return None;
        }
        // Next to an empty group, which stands for zeros, the colon is there already.
        let (start, end) = (start.join(":"), end.join(":"));
        let (start, end) = (start.trim_end_matches(':'), end.trim_start_matches(':'));
        let short = format!("{start}:{}:{end}", screen.ellipsis());
        (width_of(&short) <= width).then_some(short)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        Screen { unicode: true, ..Screen::new(|_| None, None) }
    }

    fn v6(address: &str, device: &str) -> ShownEndpoint {
        ShownEndpoint {
            address: address.to_owned(),
            device: device.to_owned(),
            port: ":8000".to_owned(),
            in_brackets: true,
        }
    }

    #[test]
    fn long_addresses_lose_the_groups_in_their_middle() {
        let end = v6("fd12:3456:789a:bcde:1234:5678:9abc:def0", "");
        for (width, expected) in [
            (46, "[fd12:3456:789a:bcde:1234:5678:9abc:def0]:8000"),
            (45, "[fd12:3456:789a:bcde:…:5678:9abc:def0]:8000"),
            (38, "[fd12:3456:789a:…:5678:9abc:def0]:8000"),
            (37, "[fd12:3456:789a:…:9abc:def0]:8000"),
            (28, "[fd12:3456:…:9abc:def0]:8000"),
            (27, "[fd12:3456:…:def0]:8000"),
            (18, "[fd12:…:def0]:8000"),
            (17, "[fd12:…:ef0]:8000"),
            (10, "[fd…]:8000"),
            (5, ":8000"),
        ] {
            let fitted = end.fitted(&screen(), width);
            assert!(width_of(&fitted) <= width, "{width} {fitted}");
            assert!(fitted.ends_with(":8000"), "{fitted}");
            if width > 17 {
                assert_eq!(fitted, expected, "{width}");
            }
        }
    }

    #[test]
    fn every_width_is_kept_and_the_port_is_cut_last() {
        let v4 = ShownEndpoint {
            address: "203.0.113.180".to_owned(),
            device: String::new(),
            port: ":65535".to_owned(),
            in_brackets: false,
        };
        for end in [v6("fe80::1", "%a-long-device"), v6("::1", ""), v6("::ffff:203.0.113.7", ""), v4.clone()]
        {
            for width in 0..60 {
                let fitted = end.fitted(&screen(), width);
                assert!(width_of(&fitted) <= width, "{width} {fitted}");
                assert_eq!(fitted == end.full(), width_of(&end.full()) <= width);
                assert!(fitted.ends_with(&end.port) || width <= end.port.len(), "{width} {fitted}");
            }
        }
        assert_eq!(v4.fitted(&screen(), 15), "203.….180:65535");
        assert_eq!(v6("fe80::1:2:3", "").fitted(&screen(), 15), "[fe80:…:3]:8000");
    }
}
