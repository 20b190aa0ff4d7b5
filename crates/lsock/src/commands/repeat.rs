//! `lsock --watch`: the listing at every interval, on a terminal in place.

use crate::commands::hosts::resolve_hosts;
use crate::exit::{self, EarlyExit};
use crate::{ffi, pager, terminal};
use lsock::list_args::ListArgs;
use lsock::plan::Plan;
use lsock::render::Format;
use lsock::rights::Rights;
use lsock::screen::Screen;
use lsock::users::Users;
use lsock::view::View;
use lsock::{gaps, render, sort};
use netstat::Lister;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

const USUAL_INTERVAL: Duration = Duration::from_secs(1);

/// How long it can take until a reader that is gone is noticed.
const NOTICED: Duration = Duration::from_millis(500);

/// Lists until it is interrupted or the reader has closed the pipe.
pub(crate) fn run(args: &ListArgs) -> Result<(), EarlyExit> {
    let interval = args.interval.unwrap_or(USUAL_INTERVAL);
    let users = Users::of_system();
    let mut lister = Lister::new();
    let mut said = None;
    for nth in 0_u64.. {
        let began = Instant::now();
        let mut plan = Plan::new(args)?;
        // Its size may have changed.
        let screen = terminal::screen(args.color()).filter(|_| plan.output.format == Format::Table);
        if let Some(screen) = &screen {
            plan.show_on(screen.clone());
        }
        let snapshot = lister.snapshot(&plan.query).map_err(EarlyExit::Query)?;
        let mut view = View::new(&snapshot, &users);
        if plan.host_names {
            resolve_hosts(&mut view);
        }
        let unseen = gaps::line(&snapshot, plan.owner_source, || Rights::of_process(ffi::effective_uid()));
        let rows = sort::sorted(&view, &plan.sort);
        let color = if let Some(screen) = &screen {
            view.notes.extend(unseen);
            screen.color
        } else {
            if let Some(line) = unseen.filter(|line| said.as_ref() != Some(line)) {
                exit::eprint(&line);
                said = Some(line);
            }
            plan.output.format == Format::Table && plan.color.is_wanted()
        };
        let mut text = Vec::new();
        if nth > 0 && screen.is_none() && plan.output.format == Format::Table {
            text.push(b'\n');
        }
        render::write(&plan.output, color, &view, &rows, &mut text).map_err(EarlyExit::Output)?;
        let shown = match &screen {
            Some(screen) => repaint(&text, screen, nth == 0),
            None => pager::write_directly(&text, color),
        };
        shown.map_err(EarlyExit::Output)?;
        loop {
            if ffi::stdout_has_no_reader() {
                return Ok(());
            }
            let left = interval.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            thread::sleep(left.min(NOTICED));
        }
    }
    Ok(())
}

/// Writes over what is on the screen.
fn repaint(text: &[u8], screen: &Screen, is_first: bool) -> io::Result<()> {
    // With escape sequences even without colours.
    pager::write_directly(&frame(text, screen.height, is_first), true)
}

/// Text that fills a screen of this height, line by line, so that it does not flicker.
fn frame(text: &[u8], height: usize, is_first: bool) -> Vec<u8> {
    let mut frame = Vec::from(if is_first { &b"\x1b[2J\x1b[H"[..] } else { &b"\x1b[H"[..] });
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // The cursor stays on the last line of the screen.
    let room = height.saturating_sub(1);
    let (shown, is_cut) =
        if lines.len() > room { (room.saturating_sub(1), true) } else { (lines.len(), false) };
    for line in lines.iter().take(shown) {
        frame.extend_from_slice(line);
        frame.extend_from_slice(b"\x1b[K\n");
    }
    if is_cut {
        frame.extend_from_slice(format!("... {} more lines\x1b[K\n", lines.len() - shown).as_bytes());
    }
    frame.extend_from_slice(b"\x1b[J");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(frames: &[&str], height: u16) -> Vec<String> {
        let mut terminal = vt100::Parser::new(height, 20, 0);
        for (nth, text) in frames.iter().enumerate() {
            let frame = String::from_utf8(frame(text.as_bytes(), height.into(), nth == 0)).unwrap();
            terminal.process(frame.replace('\n', "\r\n").as_bytes());
        }
        terminal.screen().rows(0, 20).map(|row| row.trim_end().to_owned()).collect()
    }

    #[test]
    fn a_listing_replaces_the_one_before_and_what_does_not_fit_is_counted() {
        assert_eq!(shown(&["one\ntwo\nthree\n", "four\n\nfive\n"], 5), ["four", "", "five", "", ""]);
        assert_eq!(shown(&["1\n2\n3\n4\n5\n6\n"], 5), ["1", "2", "3", "... 3 more lines", ""]);
        assert_eq!(shown(&["1\n2\n3\n4\n"], 5), ["1", "2", "3", "4", ""]);
        assert_eq!(shown(&["1\n2\n", ""], 2), ["", ""]);
    }
}
