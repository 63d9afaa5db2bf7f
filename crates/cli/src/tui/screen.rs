//! The terminal: taken over for a while, and given back whatever happens.

use std::{
    io::{self, Stdout, stdout},
    panic,
};

use crossterm::{
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend};

/// The terminal while the chat has it. It is given back when this is dropped, and before a panic
/// is told.
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    pub(crate) fn take() -> io::Result<Self> {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            give_back();
            told(panic);
        }));
        enable_raw_mode()?;
        // From here on whatever fails is made good by the drop.
        let screen = Self { terminal: Terminal::new(CrosstermBackend::new(stdout()))? };
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    // A terminal that is gone needs nothing back.
    execute!(stdout(), DisableBracketedPaste, LeaveAlternateScreen, crossterm::cursor::Show).ok();
    disable_raw_mode().ok();
}
