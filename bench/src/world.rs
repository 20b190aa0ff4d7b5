//! The worlds that can be measured, by name.

use crate::expected::Question;
use netstat_contender::Count;
use socket_world::{World, WorldSpec};

/// A world to measure in.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) spec: WorldSpec,
    /// The contenders may not read its processes.
    pub(crate) refused: bool,
}

impl Named {
    /// The expected answer to a query in this world.
    pub(crate) fn answer(&self, question: Question, world: &World, port: u16) -> Count {
        let count = question.answer(world, port);
        if self.refused { Count { owned: 0, pids: Some(0), ..count } } else { count }
    }
}

/// The world of this name; `custom` is that of the options.
///
/// # Errors
/// There is no world of this name, or `custom` has no processes.
pub(crate) fn named(name: &str, custom: WorldSpec) -> Result<Named, String> {
    let spec = match name {
        "tiny" => TINY,
        "small" => WorldSpec::small(),
        "large" => WorldSpec::large(),
        "many" => MANY,
        "plain" => PLAIN,
        REFUSED => WorldSpec::small(),
        "custom" if custom.processes == 0 => return Err("the world custom needs --processes N".to_owned()),
        "custom" => custom,
        _ => of_thousands(name).ok_or_else(|| {
            format!("there is no world {name:?}; there are tiny, small, large, many, plain, {REFUSED}, 1k to 2000k, custom")
        })?,
    };
    Ok(Named { name: name.to_owned(), spec, refused: name == REFUSED })
}

/// The sockets and processes of `small`, listed as root without the capabilities to inspect other processes, as in
/// a container. Their descriptors can be counted, but not read.
const REFUSED: &str = "refused";

/// A little of everything, to see that the benchmark works.
const TINY: WorldSpec =
    WorldSpec { processes: 5, plain_descriptors: 10, connections: 10, ipv6_connections: 3, udp_sockets: 5 };

/// As many sockets as in `20k`, in a hundred times as many processes.
const MANY: WorldSpec =
    WorldSpec { processes: 2000, plain_descriptors: 0, connections: 2, ipv6_connections: 0, udp_sockets: 5 };

/// Few sockets among many descriptors of files: a search for owners looks at each.
const PLAIN: WorldSpec = WorldSpec {
    processes: 10,
    plain_descriptors: 18_000,
    connections: 10,
    ipv6_connections: 0,
    udp_sockets: 5,
};

/// `20k`: 20,000 sockets. A process has 1,000 of them, so that sockets and processes grow together; below `10k`
/// there are ten processes.
fn of_thousands(name: &str) -> Option<WorldSpec> {
    let thousands = name.strip_suffix('k')?.parse().ok().filter(|number| (1..=2000).contains(number))?;
    let processes = 10.max(thousands);
    // Beside both ends of its connections a process has their listener and five UDP sockets.
    let connections = (1000 * thousands / processes - 6) / 2;
    Some(WorldSpec { processes, plain_descriptors: 0, connections, ipv6_connections: 0, udp_sockets: 5 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_by_its_number_has_as_many_thousand_sockets() {
        for thousands in [1, 2, 5, 9, 10, 20, 50, 100, 500, 2000] {
            let world = named(&format!("{thousands}k"), WorldSpec::default()).expect("a world");
            assert_eq!(world.spec.counts().sockets(), 1000 * thousands, "{world:?}");
        }
        for name in ["0k", "2001k", "k", "1.5k", "-1k"] {
            assert!(named(name, WorldSpec::default()).is_err(), "{name}");
        }
    }

    #[test]
    fn many_processes_have_the_sockets_of_the_world_it_is_compared_with() {
        let counts = |name| named(name, WorldSpec::default()).expect("a world").spec.counts();
        assert_eq!(counts("many").sockets(), counts("20k").sockets());
        assert_eq!(counts("many").processes, 2000);
    }
}
