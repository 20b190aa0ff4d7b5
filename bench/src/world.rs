//! The worlds by name.

use socket_world::WorldSpec;

/// A world to measure in.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) spec: WorldSpec,
}

/// The world of this name; `custom` is what `custom` is.
///
/// # Errors
/// There is none of this name, or `custom` has no processes.
pub(crate) fn named(name: &str, custom: WorldSpec) -> Result<Named, String> {
    let spec = match name {
        "tiny" => TINY,
        "small" => WorldSpec::small(),
        "large" => WorldSpec::large(),
        "custom" if custom.processes == 0 => return Err("the world custom needs --processes N".to_owned()),
        "custom" => custom,
        _ => {
            return Err(format!("there is no world {name:?}; there are tiny, small, large, custom"));
        }
    };
    Ok(Named { name: name.to_owned(), spec })
}

/// To see that the benchmark works: some of everything.
const TINY: WorldSpec =
    WorldSpec { processes: 5, plain_descriptors: 10, connections: 10, ipv6_connections: 3, udp_sockets: 5 };
