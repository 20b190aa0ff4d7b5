//! Names of ports, from the system's list of services.

use crate::escape;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The size up to which the list is read: ten times that of Debian's complete one.
const LARGEST: u64 = 4 << 20;

/// The names of ports by protocol.
#[derive(Debug, Default)]
pub(crate) struct ServiceNames {
    /// Escaped.
    by_port: HashMap<(String, u16), String>,
}

impl ServiceNames {
    /// The services of this system; none where there is no list.
    pub(crate) fn of_system() -> Self {
        let windows = std::env::var_os("SystemRoot").map(PathBuf::from);
        let windows = windows.map(|root| root.join("System32/drivers/etc/services"));
        let files = [Some(PathBuf::from("/etc/services")), windows];
        files
            .into_iter()
            .flatten()
            .find_map(|file| read(&file))
            .map_or_else(Self::default, |text| Self::parse(&text))
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut by_port = HashMap::new();
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let (Some(name), Some((port, protocol))) =
                (words.next(), words.next().and_then(|it| it.split_once('/')))
            else {
                continue;
            };
            if let Ok(port) = port.parse() {
                // The first name of a port is the official one.
                let name = || escape::escaped(name.as_bytes());
                by_port.entry((protocol.to_ascii_lowercase(), port)).or_insert_with(name);
            }
        }
        Self { by_port }
    }

    /// The escaped name of a port.
    pub(crate) fn get(&self, protocol: &str, port: u16) -> Option<&str> {
        self.by_port.get(&(protocol.to_owned(), port)).map(String::as_str)
    }
}

/// The text of a regular file that is not too large.
fn read(path: &Path) -> Option<String> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_name_of_a_port_counts_and_comments_do_not() {
        let text = "# head\nhttp\t80/tcp www # WorldWideWeb\nwww 80/tcp\nbad\nx 99999/tcp\ndomain 53/UDP\ny\x1b 7/tcp\n#ssh 22/tcp";
        let names = ServiceNames::parse(text);
        assert_eq!(names.get("tcp", 80), Some("http"));
        assert_eq!(names.get("udp", 80), None);
        assert_eq!(names.get("udp", 53), Some("domain"));
        assert_eq!(names.get("tcp", 7), Some("y\\x1b"));
        assert_eq!(names.get("tcp", 22), None);
    }
}
