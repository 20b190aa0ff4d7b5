//! What a terminal of several sizes shows, compared with checked-in screens, and lines that never wrap.
//!
//! After an intended change: `UPDATE_GOLDEN=1 cargo test -p lsock --lib screen_tests`, and read the difference.

mod random_worlds;
mod trial;

use crate::list_args::ListArgs;
use crate::overview::{self, Extent};
use crate::plan::Plan;
use crate::screen::Screen;
use crate::users::Users;
use crate::view::View;
use crate::{render, sort};
use netstat::{Snapshot, Socket};
use std::path::PathBuf;

/// The sizes of terminals whose screens are checked in.
const SIZES: [(usize, usize); 4] = [(80, 24), (120, 40), (200, 50), (40, 20)];

fn screen(width: usize, height: usize) -> Screen {
    Screen {
        width,
        height,
        unicode: true,
        color: true,
        marks_incomplete: true,
        more_rights: Some("sudo"),
        utc_offset: |_| Some(3600),
    }
}

fn users() -> Users {
    Users::known(&[(0, "root"), (33, "www-data"), (101, "postgres"), (65_534, "nobody")])
}

/// A snapshot as it is shown on terminals of any size: what does not depend on the size is made once.
struct Shown<'v> {
    view: View<'v>,
    plan: Plan,
    rows: Vec<&'v Socket>,
}

impl<'v> Shown<'v> {
    /// `typed`: the options of the table.
    fn new(snapshot: &'v Snapshot, users: &'v Users, typed: &str) -> Self {
        let words = std::iter::once("lsock").chain(typed.split_whitespace());
        let plan = Plan::new(&ListArgs::try_parse_from(words).unwrap()).unwrap();
        let view = View::new(snapshot, users);
        trial::name_interfaces(&view);
        view.name_services("http 80/tcp\nhttps 443/tcp\nsmtp 25/tcp\npostgresql 5432/tcp\nmdns 5353/udp\n");
        let rows = sort::sorted(&view, &plan.sort);
        Self { view, plan, rows }
    }

    fn table(&mut self, screen: &Screen) -> String {
        self.plan.show_on(screen.clone());
        self.plan.show_namespaces_of(self.view.snapshot);
        let mut out = Vec::new();
        render::write(&self.plan.output, screen.color, &self.view, &self.rows, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn overview(&self, screen: &Screen, extent: Extent) -> String {
        overview::text(&self.view, screen, extent, None)
    }
}

fn table(snapshot: &Snapshot, typed: &str, screen: &Screen) -> String {
    Shown::new(snapshot, &users(), typed).table(screen)
}

fn overview(snapshot: &Snapshot, screen: &Screen, extent: Extent) -> String {
    let mut snapshot = snapshot.clone();
    snapshot.join_peers();
    Shown::new(&snapshot, &users(), "").overview(screen, extent)
}

/// What a terminal shows, with room for every line of the text.
fn shown(text: &str, width: usize) -> vt100::Parser {
    let rows = u16::try_from(text.lines().count() + 1).unwrap();
    let mut terminal = vt100::Parser::new(rows, u16::try_from(width).unwrap(), 0);
    terminal.process(text.replace('\n', "\r\n").as_bytes());
    terminal
}

fn contents(text: &str, width: usize) -> String {
    let terminal = shown(text, width);
    let wrapped = (0..terminal.screen().size().0).find(|row| terminal.screen().row_wrapped(*row));
    assert_eq!(wrapped, None, "{}", terminal.screen().contents());
    terminal.screen().contents().trim_end().to_owned() + "\n"
}

fn check(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/screen_tests/screens").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(actual == expected, "{name} is now\n{actual}");
}

#[test]
fn trial_world_has_the_sockets_of_the_trial() {
    let snapshot = trial::world();
    assert_eq!(snapshot.sockets.len(), 171);
    let listeners = snapshot.sockets.iter().filter(|socket| socket.is_listening()).count();
    assert_eq!(listeners, 19);
}

#[test]
fn overview_is_as_checked_in_at_every_size() {
    for (width, height) in SIZES {
        let text = overview(&trial::world(), &screen(width, height), Extent::Screen);
        check(&format!("overview_{width}x{height}.txt"), &contents(&text, width));
    }
}

#[test]
fn overview_of_the_trial_world_fits_on_24_lines_of_80_columns() {
    let text = overview(&trial::world(), &screen(80, 24), Extent::Screen);
    assert!(text.lines().count() <= 24, "{text}");
}

#[test]
fn overview_of_everything_leaves_nothing_out() {
    let text = overview(&trial::world(), &screen(80, 24), Extent::All);
    check("overview_all_80.txt", &contents(&text, 80));
}

#[test]
fn direction_of_a_connection_is_known_even_if_the_listener_is_filtered_out() {
    let mut world = trial::world();
    world.join_peers();
    world.sockets.retain(|socket| !socket.is_listening());
    let users = users();
    let view = View::new(&world, &users);
    let text = overview::text(&view, &screen(200, 50), Extent::All, None);
    assert_eq!(text.matches('←').count(), 6);
}

#[test]
fn overview_without_utf8_and_colour_is_ascii() {
    let plain = Screen { unicode: false, color: false, ..screen(80, 24) };
    let text = overview(&trial::world(), &plain, Extent::Screen);
    assert!(text.is_ascii(), "{text}");
    assert!(!text.contains('\x1b'));
    check("overview_ascii_80x24.txt", &text);
}

#[test]
fn table_is_as_checked_in_at_every_size() {
    for (width, height) in SIZES {
        for (name, typed) in [("listening", "-tulpn"), ("port_8080", "-t --port 8080 --sort remote")] {
            let mut world = trial::world();
            // The library applies the filter.
            world.sockets.retain(|socket| match name {
                "listening" => socket.is_listening(),
                _ => [socket.local.port(), socket.remote.as_ref().and_then(|it| it.port())]
                    .contains(&Some(8080)),
            });
            if name != "listening" {
                world.sockets.truncate(12);
            }
            let text = table(&world, typed, &screen(width, height));
            check(&format!("{name}_{width}x{height}.txt"), &contents(&text, width));
        }
    }
}

#[test]
fn one_socket_is_one_line_of_the_table() {
    let snapshot = trial::world();
    for (width, height) in SIZES {
        let text = table(&snapshot, "", &screen(width, height));
        let body = text.lines().skip(1).take_while(|line| !line.is_empty()).count();
        assert_eq!(body, 171, "{width}\n{text}");
    }
}

#[test]
fn nothing_wraps_at_any_width_for_a_thousand_random_worlds() {
    random_worlds::never_wrap(1_000);
}

#[test]
fn marks_and_hidden_owners_are_coloured() {
    use vt100::Color::Idx;
    let text = overview(&trial::world(), &screen(80, 24), Extent::Screen);
    let terminal = shown(&text, 80);
    let screen = terminal.screen();
    let (rows, columns) = screen.size();
    let cells =
        || (0..rows).flat_map(move |row| (0..columns).filter_map(move |column| screen.cell(row, column)));
    let of = |mark: &str| cells().find(|cell| cell.contents() == mark).unwrap();
    assert_eq!(of("●").fgcolor(), Idx(1));
    assert_eq!(of("◐").fgcolor(), Idx(3));
    assert_eq!((of("○").fgcolor(), of("○").dim()), (Idx(2), true));
    assert_eq!(of("?").fgcolor(), Idx(5));
    // Sixteen colours only.
    let colours = cells().map(|cell| cell.fgcolor());
    assert!(colours.into_iter().all(|colour| matches!(colour, vt100::Color::Default | Idx(0..16))));
}
