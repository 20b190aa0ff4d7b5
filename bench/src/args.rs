//! What was typed.

use crate::Result;
use crate::same_json::Scene;
use crate::world::{self, Named};
use lexopt::prelude::*;
use socket_world::WorldSpec;
use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
netstat and lsock beside their peers, measured in one run and in turns.

bench WORLD...             lists the sockets of worlds (needs root): tiny, small, large, many, refused, custom, and
                           by the number of their sockets 1k, 20k, 100k, 500k or any other
bench WORLD... --base DIR  ours beside the build of another checkout of this repository
bench same-json [WORLD...] --base DIR
                           where the JSON of lsock differs from that of another checkout's (then exit code 1); the
                           world `states` has a socket in every state (states small)
bench curve [WORLD...]     time and memory over the number of sockets, as a picture (1k to 500k)
bench render [WORLD]       what lsock takes to write its output to a file, beyond the listing (large)
bench micro                the decoders alone, in nanoseconds a record
bench build                a clean release build of the library alone, beside netsock's
bench compare OLD NEW      what got worse between two stored results of the same machine (then exit code 1)

    --rounds N             how often each takes its turn (7; with a base 31; curve 3; micro 15; build 3)
    --only NAME,NAME       only these contenders
    --patience SECONDS     a peer whose turn takes longer is skipped (20)
    --host-pids            among the machine's other processes, in place of a pid namespace
    --json FILE            stores the results
    --svg FILE             curve: the picture (docs/curve.svg of this repository)
    --lsock PATH           the program (else $LSOCK, else the release build of this repository)
    --base DIR             a checkout; it is built, lsock in DIR/target
    --except FIELD,FIELD   same-json: fields that may differ, such as sockets.owners.fd
    --threshold PERCENT    compare: how much worse is worse (15)
    --all                  compare: shows every figure
    --processes N --descriptors N --connections N --ipv6-connections N --udp N
                           the world `custom`: processes, and what each of them has
";

/// The worlds of the curve.
const CURVE: &[&str] = &["1k", "2k", "5k", "10k", "20k", "50k", "100k", "200k", "500k"];

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    Help,
    /// Measure in these worlds.
    Worlds(Vec<Named>),
    /// Draw these worlds over their size.
    Curve(Vec<Named>),
    /// Hold the documents of two builds against each other.
    SameJson {
        scenes: Vec<Scene>,
        base: PathBuf,
    },
    Micro,
    Build,
    Compare {
        old: PathBuf,
        new: PathBuf,
    },
    /// To itself: start this program; see `launch`.
    Launch(Vec<OsString>),
    /// To itself: be this contender; see `contenders`.
    Contender {
        name: String,
        /// The one that is asked about.
        port: u16,
    },
    /// To itself: write so many bytes.
    Write(usize),
}

/// What else was said.
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
/// It makes no sense.
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
        ["micro"] => Action::Micro,
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
    fn worlds_are_taken_in_their_order_and_a_custom_one_from_the_options() {
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
    fn what_follows_launch_is_not_looked_at() {
        let (action, _) = parsed("launch 20 nowhere ss --rounds -tunap").expect("a good line");
        let Action::Launch(command) = action else { panic!("not launch: {action:?}") };
        assert_eq!(command, ["20", "nowhere", "ss", "--rounds", "-tunap"]);
    }

    #[test]
    fn nonsense_is_refused() {
        let lines = ["huge", "custom", "compare one", "small --rounds often", "--fast"];
        for line in lines.into_iter().chain(["same-json tiny", "curve 1k --base .", "render --base ."]) {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_base_is_for_worlds_and_for_their_json() {
        let (action, options) = parsed("small --base there").expect("a good line");
        assert!(matches!(action, Action::Worlds(_)) && options.base == Some("there".into()));
        let line = "same-json states tiny --base there --except a.b,c";
        let (action, options) = parsed(line).expect("a good line");
        let Action::SameJson { scenes, base } = action else { panic!("not same-json: {action:?}") };
        assert!(matches!(&scenes[..], [Scene::States, Scene::World(world)] if world.name == "tiny"));
        assert_eq!((base, options.except), ("there".into(), vec!["a.b".to_owned(), "c".to_owned()]));
    }
}
