//! The command line of the bench.

use crate::Result;
use crate::same_json::Scene;
use crate::world::{self, Named};
use lexopt::prelude::*;
use socket_world::WorldSpec;
use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Measures netstat and lsock against their peers in one run, with interleaved rounds.

bench WORLD...             lists the sockets of worlds (needs root): tiny, small, large, many, plain, refused, custom,
                           and by the number of their sockets 1k, 20k, 100k, 500k, 1000k or any other
bench WORLD... --base DIR  compares this checkout with another checkout of this repository
bench same-json [WORLD...] --base DIR
                           prints where the JSON of lsock differs from that of another checkout (exit code 1); the
                           world `states` has a socket in every state (states small)
bench curve [WORLD...]     draws time and memory over the number of sockets (1k to 500k)
bench render [WORLD]       times how long lsock takes to write its output to a file, beyond the listing (large)
bench unix [PAIRS]         lists pairs of connected unix sockets (20,000), against ss -xap
bench micro                times the decoders alone, in nanoseconds a record
bench namespaces [WORLD]   times a listing of 200 network namespaces with 21 sockets each, beside a world (needs root)
bench build                times a clean release build of the library alone, and of netsock
bench compare OLD NEW      prints what got worse between two results of one machine (exit code 1)

    --rounds N             how many rounds there are (7; with a base 31; curve 3; micro 15; build 3)
    --only NAME,NAME       only these contenders
    --patience SECONDS     a peer with a longer run is skipped (20)
    --host-pids            lists the machine's other processes too, without a pid namespace
    --json FILE            stores the results
    --svg FILE             curve: where the picture is written (docs/curve.svg of this repository)
    --lsock PATH           the lsock to measure (else $LSOCK, else the release build of this repository)
    --base DIR             another checkout, which is built; its lsock in DIR/target
    --except FIELD,FIELD   same-json: fields that may differ, such as sockets.owners.fd
    --threshold PERCENT    compare: from which percentage a figure is worse (15)
    --all                  compare: shows every figure
    --processes N --descriptors N --connections N --ipv6-connections N --udp N
                           the world `custom`: processes, and what each of them has
";

/// The worlds of the curve.
const CURVE: &[&str] = &["1k", "2k", "5k", "10k", "20k", "50k", "100k", "200k", "500k"];

/// The action to run.
#[derive(Debug)]
pub(crate) enum Action {
    Help,
    /// Measure in these worlds.
    Worlds(Vec<Named>),
    /// Draw time and memory in these worlds over their size.
    Curve(Vec<Named>),
    /// Compare the documents of two builds.
    SameJson {
        scenes: Vec<Scene>,
        base: PathBuf,
    },
    /// List so many pairs of unix sockets.
    Unix {
        pairs: usize,
    },
    Micro,
    /// List many network namespaces, beside a world if there is one.
    Namespaces(Option<Named>),
    Build,
    Compare {
        old: PathBuf,
        new: PathBuf,
    },
    /// Internal: start this program; see `launch`.
    Launch(Vec<OsString>),
    /// Internal: run this contender; see `contenders`.
    Contender {
        name: String,
        /// The port of the query.
        port: u16,
    },
    /// Internal: write so many bytes.
    Write(usize),
}

/// The options.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: Option<usize>,
    pub(crate) only: Vec<String>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) lsock: Option<PathBuf>,
    /// Another checkout.
    pub(crate) base: Option<PathBuf>,
    /// Fields that may differ.
    pub(crate) except: Vec<String>,
    pub(crate) svg: Option<PathBuf>,
    /// In seconds.
    pub(crate) patience: u64,
    pub(crate) host_pids: bool,
    /// As a fraction.
    pub(crate) threshold: f64,
    pub(crate) all: bool,
    /// The contenders are those of `bench render`.
    pub(crate) render: bool,
}

/// # Errors
/// The command line is not valid.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(Action, Options)> {
    let mut options = Options {
        rounds: None,
        only: Vec::new(),
        json: None,
        lsock: None,
        base: None,
        except: Vec::new(),
        svg: None,
        patience: 20,
        host_pids: false,
        threshold: 0.15,
        all: false,
        render: false,
    };
    let mut custom = WorldSpec::default();
    let mut words: Vec<String> = Vec::new();
    let mut help = false;
    let mut parser = lexopt::Parser::from_iter(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) if words.is_empty() && word == "launch" => {
                let command = parser.raw_args()?.collect();
                return Ok((Action::Launch(command), options));
            }
            Value(word) => words.push(word.string()?),
            Short('h') | Long("help") => help = true,
            Long("rounds") => options.rounds = Some(parser.value()?.parse::<usize>()?.max(1)),
            Long("only") => options.only.extend(parser.value()?.string()?.split(',').map(str::to_owned)),
            Long("json") => options.json = Some(parser.value()?.into()),
            Long("lsock") => options.lsock = Some(parser.value()?.into()),
            Long("base") => options.base = Some(parser.value()?.into()),
            Long("except") => {
                options.except.extend(parser.value()?.string()?.split(',').map(str::to_owned));
            }
            Long("svg") => options.svg = Some(parser.value()?.into()),
            Long("patience") => options.patience = parser.value()?.parse::<u64>()?.max(1),
            Long("host-pids") => options.host_pids = true,
            Long("threshold") => options.threshold = parser.value()?.parse::<f64>()? / 100.0,
            Long("all") => options.all = true,
            Long("processes") => custom.processes = parser.value()?.parse()?,
            Long("descriptors") => custom.plain_descriptors = parser.value()?.parse()?,
            Long("connections") => custom.connections = parser.value()?.parse()?,
            Long("ipv6-connections") => custom.ipv6_connections = parser.value()?.parse()?,
            Long("udp") => custom.udp_sockets = parser.value()?.parse()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let action = match words.as_slice() {
        [] => Action::Help,
        _ if help => Action::Help,
        ["contender", name, port] => Action::Contender { name: (*name).to_owned(), port: port.parse()? },
        ["write", bytes] => Action::Write(bytes.parse()?),
        ["unix"] => Action::Unix { pairs: 20_000 },
        ["unix", pairs] => Action::Unix { pairs: pairs.parse()? },
        ["micro"] => Action::Micro,
        ["namespaces"] => Action::Namespaces(None),
        ["namespaces", name] => Action::Namespaces(Some(world::named(name, custom)?)),
        ["build"] => Action::Build,
        ["compare", old, new] => Action::Compare { old: old.into(), new: new.into() },
        ["compare", ..] => return Err("compare takes two files of results".into()),
        ["same-json", names @ ..] => Action::SameJson {
            scenes: scenes(if names.is_empty() { &["states", "small"] } else { names }, custom)?,
            base: options.base.take().ok_or("same-json needs --base DIR")?,
        },
        _ if options.base.is_some() && ["curve", "render"].contains(&words[0]) => {
            return Err(format!("{} has no base", words[0]).into());
        }
        ["curve", names @ ..] => Action::Curve(worlds(if names.is_empty() { CURVE } else { names }, custom)?),
        ["render", names @ ..] => {
            options.render = true;
            Action::Worlds(worlds(if names.is_empty() { &["large"] } else { names }, custom)?)
        }
        names => Action::Worlds(worlds(names, custom)?),
    };
    Ok((action, options))
}

fn worlds(names: &[&str], custom: WorldSpec) -> Result<Vec<Named>> {
    names.iter().map(|name| world::named(name, custom).map_err(Into::into)).collect()
}

fn scenes(names: &[&str], custom: WorldSpec) -> Result<Vec<Scene>> {
    let scene = |name: &&str| match *name {
        "states" => Ok(Scene::States),
        name => Ok(Scene::World(world::named(name, custom)?)),
    };
    names.iter().map(scene).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Action, Options)> {
        parse(["bench"].into_iter().chain(line.split_whitespace()).map(OsString::from))
    }

    #[test]
    fn worlds_keep_their_order_and_custom_comes_from_the_options() {
        let line = "small custom --processes 3 --connections 2 --rounds 5 --only netstat,ss";
        let (action, options) = parsed(line).expect("a good line");
        let Action::Worlds(worlds) = action else { panic!("not worlds: {action:?}") };
        let names: Vec<&str> = worlds.iter().map(|world| world.name.as_str()).collect();
        assert_eq!(names, ["small", "custom"]);
        assert_eq!(worlds[1].spec.counts().sockets(), 15);
        assert_eq!(options.rounds, Some(5));
        assert_eq!(options.only, ["netstat", "ss"]);
    }

    #[test]
    fn arguments_after_launch_are_not_parsed() {
        let (action, _) = parsed("launch 20 nowhere ss --rounds -tunap").expect("a good line");
        let Action::Launch(command) = action else { panic!("not launch: {action:?}") };
        assert_eq!(command, ["20", "nowhere", "ss", "--rounds", "-tunap"]);
    }

    #[test]
    fn invalid_command_lines_are_refused() {
        let lines = ["huge", "custom", "compare one", "small --rounds often", "--fast"];
        for line in lines.into_iter().chain(["same-json tiny", "curve 1k --base .", "render --base ."]) {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn base_is_accepted_for_worlds_and_for_same_json() {
        let (action, options) = parsed("small --base other").expect("a good line");
        assert!(matches!(action, Action::Worlds(_)) && options.base == Some("other".into()));
        let line = "same-json states tiny --base other --except a.b,c";
        let (action, options) = parsed(line).expect("a good line");
        let Action::SameJson { scenes, base } = action else { panic!("not same-json: {action:?}") };
        assert!(matches!(&scenes[..], [Scene::States, Scene::World(world)] if world.name == "tiny"));
        assert_eq!((base, options.except), ("other".into(), vec!["a.b".to_owned(), "c".to_owned()]));
    }
}
