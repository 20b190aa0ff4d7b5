use super::super::made::{keys, press, sample, sampled, screen, top, world};
use super::super::overlay::{Action, Confirm};
use super::*;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use netstat::GapKind;

fn has(lines: &[String], wanted: &str) -> bool {
    lines.iter().any(|line| line.contains(wanted))
}

#[test]
fn every_tab_shows_its_lines() {
    let mut top = sampled();
    top.sample(world(2_048), Duration::from_secs(2));
    let listening = screen(&mut top, 100, 24);
    assert!(listening[0].starts_with(" lsock 5 sockets · 2 listening"), "{listening:#?}");
    assert!(listening[1].starts_with(" [1 Listening] [2 Connections]"), "{listening:#?}");
    assert!(has(&listening, " ● ") && has(&listening, "0.0.0.0:80") && has(&listening, "10+1"));
    keys(&mut top, "2");
    let connections = screen(&mut top, 120, 24);
    assert!(has(&connections, "→ 203.0.113.80:443") && has(&connections, "← 198.51.100.7:40000"));
    assert!(has(&connections, "12ms") && has(&connections, " 2.0K"), "{connections:#?}");
    keys(&mut top, "3");
    let processes = screen(&mut top, 120, 24);
    assert!(has(&processes, "▸  cargo") && has(&processes, "2 sockets"), "{processes:#?}");
    keys(&mut top, "4");
    assert!(has(&screen(&mut top, 120, 24), "203.0.113.80"));
    let mut gone = world(2_048);
    gone.sockets.pop();
    top.sample(gone, Duration::from_secs(3));
    keys(&mut top, "5");
    let events = screen(&mut top, 120, 24);
    assert!(
        has(&events, "tcp 192.0.2.2:41957 203.0.113.80:443 cargo (30), received 7, sent 100"),
        "{events:#?}"
    );
}

#[test]
fn no_width_or_height_breaks_the_screen() {
    let mut top = sampled();
    for tab in "12345".chars() {
        press(&mut top, KeyCode::Char(tab));
        for (width, height) in
            [(1, 1), (40, 8), (41, 9), (60, 12), (80, 24), (119, 50), (200, 60), (500, 100)]
        {
            for overlay in ["", "?", "x", "K", "e", "/"] {
                keys(&mut top, overlay);
                let lines = screen(&mut top, width, height);
                assert_eq!(lines.len(), usize::from(height));
                press(&mut top, KeyCode::Esc);
            }
            press(&mut top, KeyCode::Enter);
        }
    }
}

#[test]
fn narrow_screens_leave_out_columns_and_keep_process_and_peer() {
    let mut top = sampled();
    keys(&mut top, "2");
    let narrow = screen(&mut top, 40, 12);
    assert!(has(&narrow, "PROCESS") && has(&narrow, "PEER") && has(&narrow, "IN/S"), "{narrow:#?}");
    assert!(!has(&narrow, "USER") && has(&narrow, "cargo"), "{narrow:#?}");
}

#[test]
fn chosen_line_stays_chosen_when_others_come_and_go() {
    let mut top = sampled();
    keys(&mut top, "2jj");
    let chosen = |top: &Top| top.chosen_rows()[0].socket.local.port();
    assert_eq!(chosen(&top), Some(80));
    let mut more = world(0);
    more.sockets.push(super::super::made::connection("192.0.2.2:9", "192.0.2.3:1", &[20]));
    more.sockets.remove(4);
    top.sample(more, Duration::from_secs(2));
    assert_eq!(chosen(&top), Some(80));
    // What is gone leaves its place to the next.
    top.sample(sample(vec![], vec![]), Duration::from_secs(9));
    top.tick(Duration::from_secs(12));
    assert!(top.chosen_rows().is_empty() && top.place().at == 0);
    screen(&mut top, 80, 24);
}

#[test]
fn keys_move_sort_group_fold_and_switch() {
    let mut top = sampled();
    screen(&mut top, 100, 12);
    press(&mut top, KeyCode::Tab);
    assert_eq!(top.tab, Tab::Connections);
    press(&mut top, KeyCode::BackTab);
    press(&mut top, KeyCode::BackTab);
    assert_eq!(top.tab, Tab::Events);
    keys(&mut top, "2");
    press(&mut top, KeyCode::End);
    assert_eq!(top.place().at, 2);
    press(&mut top, KeyCode::Home);
    press(&mut top, KeyCode::PageDown);
    assert_eq!(top.place().at, 2);
    keys(&mut top, "k");
    assert_eq!(top.place().at, 1);
    assert_eq!(top.place().order.column, Column::Process);
    keys(&mut top, "s");
    assert_eq!(top.place().order.column, Column::Pid);
    keys(&mut top, "S");
    assert!(top.place().order.is_reverse);
    keys(&mut top, "g");
    assert_eq!((top.list.lines.len(), top.list.groups.len()), (2, 2));
    press(&mut top, KeyCode::Home);
    press(&mut top, KeyCode::Right);
    let unfolded = top.list.lines.len();
    press(&mut top, KeyCode::Down);
    press(&mut top, KeyCode::Left);
    assert!(unfolded > 2 && top.list.lines.len() == 2 && top.place().at == 0);
    keys(&mut top, " ");
    assert_eq!(top.list.lines.len(), unfolded);
}

#[test]
fn mouse_chooses_scrolls_sorts_and_switches() {
    let mut top = sampled();
    keys(&mut top, "2");
    screen(&mut top, 100, 20);
    let click = |top: &mut Top, kind, column, row| {
        top.mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
    };
    let left = MouseEventKind::Down(MouseButton::Left);
    click(&mut top, left, 5, 4);
    assert_eq!(top.place().at, 1);
    click(&mut top, left, 5, 15);
    assert_eq!(top.place().at, 1, "there is no line");
    click(&mut top, MouseEventKind::ScrollDown, 5, 4);
    assert_eq!(top.place().at, 2);
    let (start, _, column) = top.areas.headings[1];
    click(&mut top, left, start, 2);
    assert_eq!(top.place().order.column, column);
    click(&mut top, left, 2, 1);
    assert_eq!(top.tab, Tab::Listening);
}

#[test]
fn filter_applies_while_it_is_typed_and_an_error_is_shown() {
    let mut top = sampled();
    let effects = keys(&mut top, "/:80");
    let last = effects.last();
    assert!(matches!(last, Some(Effect::Filter(filter)) if *filter == Filter::port(80)), "{effects:?}");
    assert!(has(&screen(&mut top, 100, 12), "filter: :80_"));
    keys(&mut top, "x(");
    let lines = screen(&mut top, 100, 12);
    assert!(has(&lines, "filter: :80x(_ !") && has(&lines, "is not"), "{lines:#?}");
    assert!(matches!(press(&mut top, KeyCode::Esc), Some(Effect::Filter(filter)) if filter == Filter::all()));
    keys(&mut top, "/tcp");
    assert!(press(&mut top, KeyCode::Enter).is_none());
    assert!(matches!(press(&mut top, KeyCode::Esc), Some(Effect::Filter(filter)) if filter == Filter::all()));
}

#[test]
fn sockets_are_closed_after_a_question_alone() {
    let mut top = sampled();
    keys(&mut top, "2x");
    let lines = screen(&mut top, 100, 20);
    assert!(has(&lines, "tcp 192.0.2.2:41956 203.0.113.80:443") && has(&lines, "Close this socket?"));
    assert!(keys(&mut top, "nx2").is_empty(), "other keys do nothing");
    let effects = keys(&mut top, "y");
    assert!(matches!(&effects[..], [Effect::Destroy(sockets)] if sockets.len() == 1), "{effects:?}");
    assert!(top.overlay.is_none());
    keys(&mut top, "3x");
    let wanted = |overlay: &Option<Overlay>| match overlay {
        Some(Overlay::Confirm(Confirm { action: Action::Destroy(sockets), .. })) => sockets.len(),
        _ => 0,
    };
    assert_eq!(wanted(&top.overlay), 2, "those of the process");
}

#[test]
fn process_whose_start_is_not_known_is_not_ended() {
    let mut top = sampled();
    assert!(keys(&mut top, "2Ky").is_empty());
    assert!(top.message().unwrap().contains("cargo (30): its start could not be read"));
}

#[test]
#[cfg(not(netstat_test_unsupported))]
fn process_is_ended_after_a_question_alone_and_never_this_one() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let query =
        super::super::query(netstat::Query::new().listening().local_port(port).pid(std::process::id()));
    let own = || query.snapshot().unwrap();
    let mut other = top();
    other.sample(own(), Duration::from_secs(1));
    keys(&mut other, "K");
    let lines = screen(&mut other, 100, 20);
    assert!(has(&lines, "End them? y: TERM  9: KILL") && has(&lines, &std::process::id().to_string()));
    assert!(matches!(&keys(&mut other, "9")[..], [Effect::Signal(targets, 9)] if targets.len() == 1));
    keys(&mut other, "K");
    press(&mut other, KeyCode::Esc);
    assert_eq!((&other.overlay, other.message()), (&None, Some("nothing was done")));
    let mut own_view = Top::new(Settings::default(), Protected::new(std::process::id(), |_| None), "");
    own_view.sample(own(), Duration::from_secs(1));
    assert!(keys(&mut own_view, "Ky").is_empty());
    assert!(own_view.message().unwrap().contains("it is this program"));
}

#[test]
fn details_have_command_parents_measurements_and_rates() {
    let mut top = sampled();
    keys(&mut top, "2");
    top.sample(world(3_000), Duration::from_secs(2));
    top.sample(world(9_000), Duration::from_secs(3));
    press(&mut top, KeyCode::Enter);
    let lines = screen(&mut top, 120, 30);
    for wanted in [
        "tcp ESTABLISHED 192.0.2.2:41956 -> 203.0.113.80:443",
        "command    /usr/bin/cargo -x   user root",
        "parents    ",
        "rtt 12ms/3.0ms",
        "received 8.7K",
        "in ▄█ 5.8K/s   out ▁▁ 0/s",
    ] {
        assert!(has(&lines, wanted), "{wanted}: {lines:#?}");
    }
}

#[test]
fn names_are_asked_for_once_and_shown() {
    let mut top = sampled();
    keys(&mut top, "2");
    screen(&mut top, 120, 24);
    assert!(top.unnamed().is_empty());
    keys(&mut top, "n");
    assert_eq!(top.unnamed().len(), 2);
    assert!(top.unnamed().is_empty());
    top.name("203.0.113.80".parse().unwrap(), "crates.example".to_owned());
    assert!(has(&screen(&mut top, 140, 24), "→ crates.example:443"));
}

#[test]
fn pause_drops_samples() {
    let mut top = sampled();
    assert!(matches!(keys(&mut top, "p")[..], [Effect::Pause(true)]));
    top.sample(sample(vec![], vec![]), Duration::from_secs(2));
    let lines = screen(&mut top, 100, 12);
    assert!(has(&lines, "5 sockets") && has(&lines, "paused"), "{lines:#?}");
    keys(&mut top, "p");
    top.sample(sample(vec![], vec![]), Duration::from_secs(2));
    assert!(has(&screen(&mut top, 100, 12), " 0 sockets"));
}

#[test]
fn export_has_the_sockets_of_the_tab_in_their_order() {
    let mut top = sampled();
    keys(&mut top, "2e");
    assert!(has(&screen(&mut top, 100, 12), "lsock.csv_"));
    for _ in 0.."csv".len() {
        press(&mut top, KeyCode::Backspace);
    }
    keys(&mut top, "json");
    let effect = press(&mut top, KeyCode::Enter);
    assert!(matches!(&effect, Some(Effect::Export(path)) if path == &PathBuf::from("lsock.json")));
    let text = |name: &str| {
        let (text, count) = top.export(name.as_ref()).unwrap();
        assert_eq!(count, 3, "{name}");
        String::from_utf8(text).unwrap()
    };
    let csv = text("a.csv");
    assert!(csv.lines().count() == 4 && csv.lines().nth(1).unwrap().contains("41956"), "{csv}");
    assert!(text("a.json").starts_with("{\"schema\":\"lsock/1\""));
    assert_eq!(text("a.JSONL").lines().count(), 3);
    assert!(text("a").starts_with("PROTO"));
}

#[test]
fn control_c_quits_everywhere_and_q_where_nothing_is_typed() {
    let mut top = sampled();
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for keys_before in ["", "/", "?", "e"] {
        keys(&mut top, keys_before);
        assert!(matches!(top.key(control_c), Some(Effect::Quit)), "{keys_before}");
        press(&mut top, KeyCode::Esc);
    }
    assert!(matches!(keys(&mut top, "q")[..], [Effect::Quit]));
    assert!(keys(&mut top, "/q").iter().all(|effect| !matches!(effect, Effect::Quit)));
}

#[test]
fn every_key_of_the_help_is_on_its_screen() {
    let mut top = sampled();
    keys(&mut top, "?");
    let lines = screen(&mut top, 120, 24);
    for (key, what) in super::super::KEYS {
        assert!(lines.iter().any(|line| line.contains(key) && line.contains(what)), "{key}: {lines:#?}");
    }
    // On narrow screens in more lines, which scroll.
    for (width, height) in [(40, 24), (60, 12), (80, 24)] {
        let mut shown = String::new();
        for _ in 0..4 * super::super::KEYS.len() {
            shown.push_str(&screen(&mut top, width, height).join("\n"));
            press(&mut top, KeyCode::Down);
        }
        for (key, what) in super::super::KEYS {
            let last = what.split(' ').next_back().unwrap();
            assert!(shown.contains(key) && shown.contains(last), "{width}: {key}: {shown}");
        }
        (0..4 * super::super::KEYS.len()).for_each(|_| drop(press(&mut top, KeyCode::Up)));
    }
    let mut gaps = world(0);
    gaps.gaps.push(netstat::Gap::new(GapKind::ProcessesUnreadable, 3, "/proc"));
    press(&mut top, KeyCode::Esc);
    top.sample(gaps, Duration::from_secs(2));
    assert!(has(&screen(&mut top, 200, 24), "3 processes could not be read"));
}
