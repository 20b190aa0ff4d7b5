//! `lsock top`: the live view on a terminal.

use crate::cli::TopArgs;
use crate::commands::kill;
use crate::exit::EarlyExit;
use crate::{ffi, terminal};
use crossterm::event::{self, Event};
use lsock::alternate_screen::AlternateScreen;
use lsock::host_names::{HostNames, TIMEOUT};
use lsock::targets::{Target, ends};
use lsock::top::{self, Effect, Settings, Top, World};
use lsock::usage::UsageError;
use netstat::{Filter, Lister, Query, Socket};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often the screen looks for samples, names and signals. Keys are answered at once.
const TICK: Duration = Duration::from_millis(50);

/// The time between two samples, unless it is set.
const INTERVAL: Duration = Duration::from_secs(1);

/// Runs until the user quits, or a signal ends it.
pub(crate) fn run(args: &TopArgs) -> Result<(), EarlyExit> {
    let words = args.filters.filter(false)?;
    let base = args.filters.filter_with(false, Filter::all())?;
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(UsageError::new("top needs a terminal; in a pipe: lsock").into());
    }
    let settings = settings(args)?;
    let interval = args.interval.or(settings.interval).unwrap_or(INTERVAL);
    let sampler = Sampler { query: top::query(args.filters.query()?).filter(base) };
    let start = Instant::now();
    let source = sampler.start(words, interval, start).map_err(EarlyExit::Output)?;
    let typed = args.filters.filter.join(" ");
    let signal = ffi::ending_signals();
    let result = {
        let _restored = AlternateScreen::enter().map_err(EarlyExit::Output)?;
        let top = Top::new(settings, kill::protected(), &typed);
        let names = channel();
        Live { top, source, names, generation: 0, start }.run(&signal)
    };
    match result {
        Ok(0) => Ok(()),
        // As if there had been no handler, now that the terminal is as it was.
        Ok(number) => {
            ffi::end_by(number);
            Err(EarlyExit::Reported)
        }
        Err(Stop::Query(error)) => Err(EarlyExit::Query(error)),
        Err(Stop::Terminal(error)) => Err(EarlyExit::Output(error)),
    }
}

fn settings(args: &TopArgs) -> Result<Settings, EarlyExit> {
    let usual = || Settings::usual_path(|name| std::env::var_os(name), std::env::consts::OS == "windows");
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path);
        text.map_err(|error| UsageError::new(format!("cannot read {}: {error}", path.display())))
    };
    let text = match &args.config {
        Some(path) => read(path)?,
        None => match usual().filter(|path| path.is_file()) {
            Some(path) => read(&path)?,
            None => String::new(),
        },
    };
    let screen = terminal::any_screen(args.color);
    let mut settings = Settings::parse(&text)?;
    (settings.is_plain, settings.unicode) = (!screen.color, screen.unicode);
    settings.utc_offset = Some(screen.utc_offset);
    Ok(settings)
}

/// What the thread that samples is asked for.
enum Request {
    /// A sample with another filter, at once.
    Filter(Filter),
    /// A sample at once.
    Now,
    Pause(bool),
}

/// What is known after a sample, or why there is none, with the number of filters that were asked for by then.
struct Sampled {
    generation: u64,
    result: Result<World, netstat::Error>,
}

/// The ends of the thread that samples.
struct Source {
    requests: Sender<Request>,
    samples: Receiver<Sampled>,
    /// What was known before, to be freed.
    spent: Sender<World>,
}

struct Sampler {
    query: Query,
}

impl Sampler {
    /// Samples on another thread, which ends when the requests do. It compares the samples too, so that keys are answered
    /// meanwhile. `start`: from when on time is counted.
    fn start(self, mut filter: Filter, interval: Duration, start: Instant) -> io::Result<Source> {
        let (requests, inbox) = channel();
        let (spent, of_before) = channel();
        // One sample waits at most: a view that is slow gets fewer.
        let (out, samples) = sync_channel(1);
        thread::Builder::new().name("sampler".to_owned()).spawn(move || {
            let mut lister = Lister::new();
            let mut world = World::default();
            let (mut generation, mut is_paused) = (0, false);
            loop {
                of_before.try_iter().for_each(drop::<World>);
                let sample = lister.snapshot(&self.query.clone().filter(filter.clone()));
                let result = sample.map(|sample| {
                    world.take(sample, start.elapsed());
                    world.clone()
                });
                if out.send(Sampled { generation, result }).is_err() {
                    return;
                }
                let first = if is_paused {
                    inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
                } else {
                    inbox.recv_timeout(interval)
                };
                if first.as_ref().is_err_and(|error| *error == RecvTimeoutError::Disconnected) {
                    return;
                }
                // Of several filters that were typed meanwhile, only the last is of use.
                for request in first.into_iter().chain(inbox.try_iter()) {
                    match request {
                        Request::Filter(new) => {
                            (filter, generation) = (new, generation + 1);
                            world.forget();
                        }
                        Request::Pause(paused) => is_paused = paused,
                        Request::Now => {}
                    }
                }
            }
        })?;
        Ok(Source { requests, samples, spent })
    }
}

/// Why the view ends early.
enum Stop {
    Query(netstat::Error),
    Terminal(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Terminal(error)
    }
}

/// The name of a host.
type Name = (IpAddr, String);

/// The view with what feeds it.
struct Live {
    top: Top,
    source: Source,
    names: (Sender<Name>, Receiver<Name>),
    /// How many filters were asked for: samples of others before are of no use.
    generation: u64,
    start: Instant,
}

impl Live {
    /// Returns the number of the signal that ended it, or 0.
    fn run(mut self, signal: &ffi::EndingSignal) -> Result<i32, Stop> {
        let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        let mut is_stale = true;
        loop {
            if let Some(number) = signal.seen() {
                return Ok(number);
            }
            if is_stale {
                terminal.draw(|frame| self.top.draw(frame))?;
                self.look_up_names();
            }
            is_stale = false;
            let mut wait = TICK;
            while event::poll(wait)? {
                wait = Duration::ZERO;
                is_stale = true;
                match event::read()? {
                    Event::Key(key) => {
                        let effect = self.top.key(key);
                        if let Some(effect) = effect
                            && self.is_over(effect)
                        {
                            return Ok(0);
                        }
                    }
                    Event::Mouse(mouse) => self.top.mouse(mouse),
                    _ => {}
                }
            }
            is_stale |= self.take_samples()?;
            for (ip, name) in self.names.1.try_iter() {
                self.top.name(ip, name);
                is_stale = true;
            }
            is_stale |= self.top.tick(self.start.elapsed());
        }
    }

    fn take_samples(&mut self) -> Result<bool, Stop> {
        let mut is_new = false;
        loop {
            let Sampled { generation, result } = match self.source.samples.try_recv() {
                Ok(sampled) => sampled,
                Err(TryRecvError::Empty) => return Ok(is_new),
                // It has panicked, with its message on the screen.
                Err(TryRecvError::Disconnected) => return Err(io::Error::other("no more samples").into()),
            };
            match result {
                _ if generation != self.generation => {}
                Ok(world) => {
                    let before = self.top.take(world);
                    // Freed by the other thread: that takes as long as some keys may wait.
                    let _ = self.source.spent.send(before);
                    is_new = true;
                }
                Err(error) => return Err(Stop::Query(error)),
            }
        }
    }

    /// Does what is asked for. Returns whether that is to end.
    fn is_over(&mut self, effect: Effect) -> bool {
        match effect {
            Effect::Quit => return true,
            Effect::Filter(filter) => {
                self.generation += 1;
                self.top.forget();
                let _ = self.source.requests.send(Request::Filter(filter));
            }
            Effect::Pause(is_paused) => {
                let _ = self.source.requests.send(Request::Pause(is_paused));
            }
            Effect::Destroy(sockets) => {
                self.top.report(destroyed(&sockets));
                let _ = self.source.requests.send(Request::Now);
            }
            Effect::Signal(targets, number) => {
                self.top.report(signalled(&targets, number));
                let _ = self.source.requests.send(Request::Now);
            }
            Effect::Export(path) => {
                let report = self
                    .export(&path)
                    .unwrap_or_else(|error| format!("cannot write {}: {error}", path.display()));
                self.top.report(report);
            }
        }
        false
    }

    /// Writes a file that is not there yet.
    fn export(&self, path: &PathBuf) -> io::Result<String> {
        let (text, count) = self.top.export(path)?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(&text)?;
        Ok(format!("{count} lines written to {}", path.display()))
    }

    /// Looks up the names of the addresses on the screen, on another thread.
    fn look_up_names(&mut self) {
        let wanted = self.top.unnamed();
        if wanted.is_empty() {
            return;
        }
        let names = self.names.0.clone();
        // Without a thread there are no names.
        let _ = thread::Builder::new().spawn(move || {
            let mut known = HostNames::default();
            known.resolve(wanted.iter().copied(), TIMEOUT);
            for ip in wanted {
                if let Some(name) = known.get(ip)
                    && names.send((ip, name.to_owned())).is_err()
                {
                    return;
                }
            }
        });
    }
}

fn destroyed(sockets: &[Socket]) -> String {
    let mut closed = 0;
    let mut failure = None;
    for socket in sockets {
        match socket.destroy() {
            Ok(()) => closed += 1,
            Err(error) if error.is_not_found() => {}
            Err(error) => failure = Some(error.to_string()),
        }
    }
    match (failure, sockets) {
        (Some(failure), _) => lsock::escape::escaped(failure.as_bytes()),
        (None, [socket]) if closed == 1 => format!("closed {}", ends(socket)),
        (None, _) => format!("closed {closed} of {}, the others were gone", sockets.len()),
    }
}

fn signalled(targets: &[Target], number: i32) -> String {
    let mut done = Vec::new();
    for target in targets {
        match target.id.signal(number) {
            Ok(()) => done.push(target.name.as_str()),
            Err(error) if error.is_not_found() => {}
            Err(error) => return lsock::escape::escaped(error.to_string().as_bytes()),
        }
    }
    match done.as_slice() {
        [] => "they had ended already".to_owned(),
        done => format!("signal {number} sent to {}", done.join(", ")),
    }
}
