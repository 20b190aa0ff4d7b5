//! The terminal while it belongs to the view, and as it was before after any end: a return, an error, a panic.

use crossterm::cursor::Show;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use std::io;

/// Owns the terminal until it is dropped.
pub struct AlternateScreen;

impl AlternateScreen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Standard output is no terminal, or the terminal is gone.
    pub fn enter() -> io::Result<Self> {
        let usual = std::panic::take_hook();
        // The message of a panic is to be seen, on the screen on which the command was typed.
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            usual(panic);
        }));
        enable_raw_mode()?;
        let screen = Self;
        execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture)?;
        Ok(screen)
    }
}

impl Drop for AlternateScreen {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    // The terminal may be gone.
    let _ = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}
