//! Tests of `lsock top` on a terminal: its keys act, it fits, and the terminal is as it was after any end.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(feature = "top", any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

use lsock::alternate_screen::AlternateScreen;
use socket_world::namespace::in_network_namespace;
use socket_world::terminal::{Session, Signal};
use socket_world::{Child, kernel, live_skip, tcp};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longer than anything takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

const DOWN: &str = "\x1b[B";
const ESC: &str = "\x1b";

/// The view on a terminal that a test reads.
struct View {
    session: Session,
    columns: u16,
    rows: u16,
}

impl View {
    fn start(args: &[&str], columns: u16, rows: u16) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lsock"));
        for name in ["COLUMNS", "LINES", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "LC_ALL", "LC_CTYPE"] {
            command.env_remove(name);
        }
        command.args(["top", "--interval", "50ms"]).args(args);
        command
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("XDG_CONFIG_HOME", "/no/such/directory");
        Self { session: Session::start(command, columns, rows).unwrap(), columns, rows }
    }

    fn press(&mut self, keys: &str) {
        self.session.type_in(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen is as it should be.
    fn shows(&mut self, what: &str, is_there: impl Fn(&str) -> bool) {
        self.shows_cells(what, |screen| is_there(&screen.contents()));
    }

    fn shows_cells(&mut self, what: &str, is_there: impl Fn(&vt100::Screen) -> bool) {
        let mut shown = vt100::Parser::new(self.rows, self.columns, 0);
        let mut read = 0;
        let is = self.session.read_until(LIMIT, |output| {
            shown.process(&output[read..]);
            read = output.len();
            is_there(shown.screen())
        });
        assert!(is.unwrap(), "{what}:\n{}", shown.screen().contents());
    }

    /// Waits until the line of headings is as it should be.
    fn heading(&mut self, what: &str, is_right: impl Fn(&str) -> bool) {
        self.shows(what, |screen| screen.lines().nth(2).is_some_and(&is_right));
    }

    /// Waits until this line of the screen, and no other of the list, is chosen.
    fn chosen(&mut self, what: &str, line: u16) {
        let rows = self.rows;
        let is_chosen = |screen: &vt100::Screen, row| screen.cell(row, 2).is_some_and(vt100::Cell::inverse);
        self.shows_cells(what, |screen| (3..rows - 1).all(|row| is_chosen(screen, row) == (row == line)));
    }

    /// Where a text begins in a line of the screen.
    fn column_of(&mut self, line: usize, text: &str) -> u16 {
        let mut at = None;
        self.shows(text, |_| true);
        let mut shown = vt100::Parser::new(self.rows, self.columns, 0);
        shown.process(self.session.output());
        let contents = shown.screen().contents();
        if let Some(line) = contents.lines().nth(line) {
            at = line.find(text).map(|byte| line[..byte].chars().count());
        }
        u16::try_from(at.unwrap_or_else(|| panic!("{text}: {contents}"))).unwrap()
    }

    /// Presses and releases the first button of a mouse.
    fn click(&mut self, column: u16, line: u16) {
        let (column, line) = (column + 1, line + 1);
        self.press(&format!("\x1b[<0;{column};{line}M\x1b[<0;{column};{line}m"));
    }

    fn has(&mut self, wanted: &str) {
        self.shows(wanted, |screen| screen.contains(wanted));
    }
}

/// In a network namespace, one at a time: children that another test forks hold the sockets of this world too.
fn in_namespace(test: impl FnOnce() + Send) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(why) = in_network_namespace(test) {
        live_skip!("a network namespace: {why}");
    }
}

fn server() -> (Child, u16) {
    let server = Child::fork(Some(b"test-server"), &[], |report| report.made(tcp::listener_v4()?)).unwrap();
    let port = server.sockets()[0].local.port();
    (server, port)
}

#[test]
fn live_sockets_appear_and_vanish_and_tabs_show_them() {
    in_namespace(|| {
        let (server, port) = server();
        let mut view = View::start(&[], 120, 30);
        view.has(&format!("127.0.0.1:{port}"));
        view.has("test-server");
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let local = client.local_addr().unwrap().port();
        view.press("2");
        view.has(&format!("127.0.0.1:{local}"));
        view.has(&format!("→ 127.0.0.1:{port}"));
        view.press("3");
        view.has("1 socket");
        view.press("5");
        view.has(&format!("tcp 127.0.0.1:{local} 127.0.0.1:{port}"));
        drop(client);
        server.stop();
        view.press("1");
        view.has("no sockets");
        view.press("q");
        assert!(view.session.finish().unwrap().0.success());
    });
}

#[test]
fn live_filter_applies_and_is_cleared() {
    in_namespace(|| {
        let (_one, first) = server();
        let (_other, second) = server();
        let mut view = View::start(&[], 80, 24);
        let (first, second) = (format!("127.0.0.1:{first}"), format!("127.0.0.1:{second}"));
        view.shows("both", |screen| screen.contains(&first) && screen.contains(&second));
        view.press(&format!("/{}\r", first.replace("127.0.0.1", "")));
        view.shows("one", |screen| screen.contains(&first) && !screen.contains(&second));
        view.press(ESC);
        view.shows("both", |screen| screen.contains(&first) && screen.contains(&second));
        view.press("/(");
        view.has("filter: (_ !");
        view.press(ESC);
        view.shows("no filter", |screen| !screen.contains("filter:"));
        view.press("q");
        assert!(view.session.finish().unwrap().0.success());
    });
}

#[test]
fn live_process_is_ended_and_a_socket_closed_after_a_question() {
    in_namespace(|| {
        let (server, port) = server();
        let mut view = View::start(&[], 100, 24);
        view.has(&format!("127.0.0.1:{port}"));
        view.press("K");
        view.has("End them?");
        view.press("n");
        view.has("nothing was done");
        view.press("K");
        view.has("End them?");
        view.press("y");
        view.has(&format!("signal 15 sent to test-server ({})", server.pid()));
        view.has("no sockets");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        view.has(&listener.local_addr().unwrap().to_string());
        view.press("K");
        view.has("this program runs in it");
        view.press("x");
        view.has("Close this socket?");
        if kernel::destroys_sockets().is_err() {
            view.press("n");
        } else {
            view.press("y");
            view.has(&format!("closed tcp {}", listener.local_addr().unwrap()));
        }
        view.press("q");
        assert!(view.session.finish().unwrap().0.success());
    });
}

#[test]
fn live_export_writes_a_file_and_overwrites_none() {
    in_namespace(|| {
        let (_server, port) = server();
        let path = std::env::temp_dir().join(format!("lsock-top-{}.csv", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut view = View::start(&[], 120, 24);
        view.has(&format!("127.0.0.1:{port}"));
        let name = format!("e{}{}\r", "\x7f".repeat("lsock.csv".len()), path.display());
        view.press(&name);
        view.has("1 lines written to ");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().count() == 2 && text.contains(&port.to_string()), "{text}");
        view.press(&name);
        view.has("cannot write ");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        std::fs::remove_file(&path).unwrap();
        view.press("q");
        assert!(view.session.finish().unwrap().0.success());
    });
}

#[test]
fn live_screen_follows_the_size_of_the_terminal() {
    in_namespace(|| {
        let (_server, port) = server();
        let mut view = View::start(&[], 200, 50);
        view.has(&format!("127.0.0.1:{port}"));
        for (columns, rows) in [(40, 12), (80, 24), (200, 50), (30, 5)] {
            view.session.resize(columns, rows).unwrap();
            (view.columns, view.rows) = (columns, rows);
            // What was written for the size before is not of this one.
            let from = view.session.output().len();
            let mut shown = vt100::Parser::new(rows, columns, 0);
            let mut read = from;
            let fits = view.session.read_until(LIMIT, |output| {
                shown.process(&output[read..]);
                read = output.len();
                let screen = shown.screen().contents();
                if columns < 40 {
                    screen.contains("top needs 40")
                } else {
                    screen.contains(&port.to_string())
                }
            });
            assert!(fits.unwrap(), "{columns}: {}", shown.screen().contents());
            assert!((0..rows).all(|row| !shown.screen().row_wrapped(row)), "{}", shown.screen().contents());
        }
        view.press("q");
        assert!(view.session.finish().unwrap().0.success());
    });
}

/// The attributes that a program in raw mode changes.
fn modes(session: &Session) -> String {
    let attributes = session.attributes().unwrap();
    format!("{:?} {:?}", attributes.local_modes, attributes.input_modes)
}

#[test]
fn live_terminal_is_as_it_was_after_any_end() {
    in_namespace(|| {
        for end in ["q", "\x03", "TERM", "HUP", "INT", "QUIT"] {
            let mut view = View::start(&[], 80, 24);
            view.has("Listening");
            let raw = modes(&view.session);
            match end {
                "TERM" => view.session.signal(Signal::TERM).unwrap(),
                "HUP" => view.session.signal(Signal::HUP).unwrap(),
                "INT" => view.session.signal(Signal::INT).unwrap(),
                "QUIT" => view.session.signal(Signal::QUIT).unwrap(),
                key => view.press(key),
            }
            let is_left = |output: &[u8]| String::from_utf8_lossy(output).contains("\x1b[?1049l");
            assert!(view.session.read_until(LIMIT, is_left).unwrap(), "{end}");
            let output = String::from_utf8_lossy(view.session.output()).into_owned();
            let after = output.rsplit("\x1b[?1049l").next().unwrap();
            assert!(after.contains("\x1b[?25h") && output.contains("\x1b[?1000l"), "{end}: {after:?}");
            let restored = socket_world::wait_until(LIMIT, || {
                view.session.attributes().is_err() || modes(&view.session) != raw
            });
            assert!(restored, "{end}");
            let (status, _) = view.session.finish().unwrap();
            match end {
                "q" | "\x03" => assert!(status.success(), "{end}: {status}"),
                _ => assert!(status.signal().is_some(), "{end}: {status}"),
            }
        }
    });
}

/// The test that is run again, on a terminal, with this variable set.
const PANIC_TEST: &str = "live_panic_leaves_the_screen_before_it_says_what_happened";
const PANIC_INSIDE: &str = "LSOCK_TEST_PANICS";
const PANIC: &str = "a panic on purpose";
const GO_ON: &str = "go on";

/// Panics with the terminal taken, and does not unwind to what would give it back: a release build does not either.
fn panic_inside() {
    std::mem::forget(AlternateScreen::enter().unwrap());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), GO_ON);
    panic!("{PANIC}");
}

#[test]
fn live_panic_leaves_the_screen_before_it_says_what_happened() {
    if std::env::var_os(PANIC_INSIDE).is_some() {
        return panic_inside();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", PANIC_TEST, "--nocapture"]).env(PANIC_INSIDE, "1").env("RUST_BACKTRACE", "0");
    let mut session = Session::start(command, 80, 24).unwrap();
    let has_entered = |output: &[u8]| String::from_utf8_lossy(output).contains("\x1b[?1049h");
    assert!(session.read_until(LIMIT, has_entered).unwrap());
    let raw = modes(&session);
    // The line ends with a newline, which Enter is not in raw mode.
    session.type_in(format!("{GO_ON}\n").as_bytes()).unwrap();
    let has_said = |output: &[u8]| String::from_utf8_lossy(output).contains(PANIC);
    assert!(session.read_until(LIMIT, has_said).unwrap());
    assert_ne!(modes(&session), raw);
    let output = String::from_utf8_lossy(session.output()).into_owned();
    let said = output.find(PANIC).unwrap();
    for off in ["\x1b[?1000l", "\x1b[?1049l", "\x1b[?25h"] {
        assert!(output.find(off).is_some_and(|at| at < said), "{off:?}: {output:?}");
    }
    assert!(!session.finish().unwrap().0.success());
}

/// The keys of the help, in the order in which they are pressed. A test below compares them with the help itself.
const PRESSED: &[&str] = &[
    "1-5",
    "Tab",
    "Shift-Tab",
    "Up",
    "Down",
    "j",
    "k",
    "PageUp",
    "PageDown",
    "Home",
    "End",
    "Right",
    "Left",
    "Space",
    "Enter",
    "/",
    "Esc",
    "s",
    "S",
    "g",
    "n",
    "p",
    "x",
    "K",
    "e",
    "?",
    "q",
    "Ctrl-C",
];

#[test]
fn every_key_of_the_help_is_pressed() {
    let is_key = |word: &&str| !word.is_empty() && *word != "also" && !word.starts_with("the");
    for (keys, what) in lsock::top::KEYS {
        for key in keys.split(", ") {
            assert!(PRESSED.contains(&key), "{key}");
        }
        let more = what.split_once("also ").map_or("", |(_, more)| more);
        for key in more.split(", ").filter(is_key) {
            assert!(PRESSED.contains(&key), "{key}");
        }
    }
}

#[test]
fn live_every_key_of_the_help_does_what_it_says_at_every_width() {
    in_namespace(|| {
        let (server, port) = server();
        let clients: Vec<TcpStream> =
            (0..3).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
        for columns in [40, 80, 200] {
            let mut view = View::start(&[], columns, 24);
            let (listening, connections) = (["PROTO", "LOCAL"], ["PROCESS", "PEER", "IN/S"]);
            view.heading("the first tab", |line| listening.iter().all(|it| line.contains(it)));

            // Tabs.
            view.press("2");
            view.heading("2", |line| {
                connections.iter().all(|it| line.contains(it)) && !line.contains("LISTEN")
            });
            view.press("3");
            view.heading("3", |line| line.contains("PROCESS") && line.contains("LISTEN"));
            view.press("4");
            view.heading("4", |line| line.trim_start_matches([' ', '+', '-']).starts_with("PEER"));
            view.press("5");
            view.heading("5", |line| line.contains("TIME      EVENT"));
            view.press("1");
            view.heading("1", |line| listening.iter().all(|it| line.contains(it)));
            view.press("\x1b[Z");
            view.heading("Shift-Tab", |line| line.contains("TIME      EVENT"));
            view.press("\t");
            view.heading("Tab", |line| listening.iter().all(|it| line.contains(it)));

            // The chosen line: both ends of three connections, from the fourth line of the screen on.
            view.press("2");
            view.chosen("2", 3);
            for (keys, line) in [
                ("j", 4),
                (DOWN, 5),
                ("k", 4),
                ("\x1b[A", 3),
                ("\x1b[F", 8),
                ("\x1b[H", 3),
                ("\x1b[6~", 8),
                ("\x1b[5~", 3),
            ] {
                view.press(keys);
                view.chosen(keys, line);
            }

            // Groups.
            view.press("g");
            view.has("▸");
            view.press("\x1b[H\x1b[C");
            view.has("▾");
            view.press("\x1b[D");
            view.shows("Left", |screen| !screen.contains("▾"));
            view.press(" ");
            view.has("▾");
            view.press(" ");
            view.shows("Space", |screen| !screen.contains("▾"));
            view.press("g");
            view.shows("g", |screen| !screen.contains("▸"));

            // Details.
            view.press("\r");
            view.shows("Enter", |screen| screen.contains("────") && screen.contains("rtt "));
            view.press("\r");
            view.shows("Enter", |screen| !screen.contains("────"));

            // The filter, which is seen while it is typed.
            view.press("/:1");
            view.shows("/", |screen| screen.contains("filter: :1_") && screen.contains("no socket matches"));
            view.press("\r");
            view.shows("Enter", |screen| screen.contains("filter: :1") && !screen.contains(":1_"));
            view.press("/2");
            view.has("filter: :12_");
            view.press(ESC);
            view.shows("Esc restores", |screen| screen.contains("filter: :1") && !screen.contains(":12"));
            view.press(ESC);
            view.shows("Esc clears", |screen| !screen.contains("filter:") && screen.contains("127."));

            // The order.
            view.heading("sorted", |line| line.contains("+PROCESS"));
            view.press("S");
            view.heading("S", |line| line.contains("-PROCESS"));
            view.press("s");
            view.heading("s", |line| {
                !line.contains("+PROCESS") && !line.contains("-PROCESS") && line.contains(['+', '-'])
            });

            // Names: with the usual /etc/hosts that of the loopback address.
            let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
            if hosts.lines().any(|line| line.split_whitespace().take(2).eq(["127.0.0.1", "localhost"])) {
                view.press("n");
                view.shows("n", |screen| screen.lines().nth(3).is_some_and(|line| line.contains("local")));
                view.press("n");
                view.shows("n", |screen| !screen.contains("local"));
            }

            view.press("p");
            view.has("paused");
            view.press("p");
            view.shows("p", |screen| !screen.contains("paused"));

            // Questions, which are answered in a test above.
            view.press("x");
            view.has("Close this socket?");
            view.press("n");
            view.has("nothing was done");
            view.press("1\x1b[H");
            view.heading("1", |line| listening.iter().all(|it| line.contains(it)));
            view.press("K");
            view.has("End them?");
            view.press(ESC);
            view.shows("Esc", |screen| !screen.contains("End them?"));
            view.press("e");
            view.has("Export to a file");
            view.press(ESC);
            view.shows("Esc", |screen| !screen.contains("Export to a file"));

            view.press("?");
            view.shows("the help", |screen| screen.contains(" Keys ") && screen.contains("Esc: close"));
            view.press(ESC);
            view.shows("Esc", |screen| !screen.contains(" Keys "));

            // The mouse: the second tab, a line, the wheel, a heading.
            let tab = view.column_of(1, "[2");
            view.click(tab + 1, 1);
            view.heading("a click", |line| line.contains("PEER") && !line.contains("LISTEN"));
            view.click(5, 5);
            view.chosen("a click", 5);
            view.press("\x1b[<65;5;5M");
            view.chosen("the wheel", 8);
            view.press("\x1b[<64;5;5M");
            view.chosen("the wheel", 5);
            let heading = view.column_of(2, "PROCESS");
            view.click(heading, 2);
            view.heading("a click", |line| line.contains("+PROCESS"));

            view.press(if columns == 80 { "\x03" } else { "q" });
            let (status, output) = view.session.finish().unwrap();
            assert!(status.success(), "{}", String::from_utf8_lossy(&output));
        }
        drop((server, clients));
    });
}

#[test]
fn settings_that_are_none_are_refused_before_the_screen_is_taken() {
    let path = std::env::temp_dir().join(format!("lsock-top-{}.conf", std::process::id()));
    std::fs::write(&path, "interval = soon\n").unwrap();
    let view = View::start(&["--config", path.to_str().unwrap()], 80, 24);
    let (status, output) = view.session.finish().unwrap();
    std::fs::remove_file(&path).unwrap();
    let output = String::from_utf8(output).unwrap();
    assert_eq!(status.code(), Some(2), "{output}");
    assert!(output.starts_with("lsock: settings, line 1: ") && !output.contains('\x1b'), "{output:?}");
}
